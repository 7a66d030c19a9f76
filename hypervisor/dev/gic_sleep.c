// SPDX-License-Identifier: Apache-2.0
/*
 * The interrupt controller through a host sleep. State that the hypervisor's tables have (priorities, groups, list
 * registers) is set up anew by the same code as at the start; kept here is the state that only the registers have:
 * which interrupts are enabled, active, configured as edges, where they go, and which edges wait.
 */
#include "arch/io.h"
#include "dev/gic_ops.h"
#include "dev/its.h"
#include "sleep/sleep.h"

#define WORDS    32     /* of 32 interrupts each; INTIDs up to 1019 */
#define NR_SPIS  (1020 - 32)

static struct {
    uint32_t enabled[WORDS], active[WORDS], pending[WORDS];
    uint32_t config[2 * WORDS];
    uint64_t target[NR_SPIS];
} kept;   /* the sleeping CPU's alone */

static unsigned nr_words(void) { return (gic.nr_irqs + 31) / 32; }

static gic_frame bitmap_of(unsigned word, unsigned reg)
{
    return gic_operations()->frame(word * 32) + reg + word * 4;
}

static gic_frame config_of(unsigned half)
{
    return gic_operations()->frame(half * 16) + GICD_ICFGR + half * 4;
}

/* The edge-triggered interrupts: only their pending state is kept, a level is asserted by its device. */
static uint32_t edges_of(unsigned word)
{
    uint32_t edges = 0;

    for (unsigned i = 0; i < 32; i++)
        if (kept.config[2 * word + i / 16] & 2u << i % 16 * 2)
            edges |= 1u << i;
    return edges;
}

static void keep_word(unsigned word)
{
    kept.enabled[word] = mmio_read32(bitmap_of(word, GICD_ISENABLER));
    kept.active[word] = mmio_read32(bitmap_of(word, GICD_ISACTIVER));
    kept.config[2 * word] = mmio_read32(config_of(2 * word));
    kept.config[2 * word + 1] = mmio_read32(config_of(2 * word + 1));
    kept.pending[word] = mmio_read32(bitmap_of(word, GICD_ISPENDR)) & edges_of(word);
}

/* An edge that came since then, and that the hardware has kept, stays. */
static void restore_word(unsigned word, uint32_t pending)
{
    /* SGIs' configuration is fixed. */
    if (word)
        mmio_write32(kept.config[2 * word], config_of(2 * word));
    mmio_write32(kept.config[2 * word + 1], config_of(2 * word + 1));
    mmio_write32(kept.active[word], bitmap_of(word, GICD_ISACTIVER));
    mmio_write32(pending, bitmap_of(word, GICD_ISPENDR));
    mmio_write32(kept.enabled[word], bitmap_of(word, GICD_ISENABLER));
}

static int gic_enter(struct sleep *s)
{
    (void)s;
    for (unsigned word = 0; word < nr_words(); word++)
        keep_word(word);
    for (unsigned irq = 32; irq < gic.nr_irqs; irq++)
        kept.target[irq - 32] = gic_operations()->read_target(irq);
    return 0;
}

static void gic_leave(struct sleep *s)
{
    (void)s;
    for (unsigned word = 0; word < nr_words(); word++)
        kept.pending[word] |= mmio_read32(bitmap_of(word, GICD_ISPENDR)) & edges_of(word);
    gic_operations()->distributor_init();
    BUG_ON(gic_operations()->cpu_init());   /* it could before */
    for (unsigned irq = 32; irq < gic.nr_irqs; irq++)
        gic_operations()->write_target(irq, kept.target[irq - 32]);
    for (unsigned word = 0; word < nr_words(); word++)
        restore_word(word, kept.pending[word]);
}

const struct sleep_stage gic_stage = { .name = "gic", .enter = gic_enter, .leave = gic_leave };

void gic_evict(unsigned from, unsigned to)
{
    const struct gic_ops *ops = gic_operations();

    for (unsigned irq = 32; irq < gic.nr_irqs; irq++)
        if (ops->read_target(irq) == ops->target_of(from))
            ops->write_target(irq, ops->target_of(to));
    its_evict(from, to);
}
