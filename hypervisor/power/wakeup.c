// SPDX-License-Identifier: Apache-2.0
/*
 * Wake sources. gic_stage, which is entered before, brings the enables and targets back that are changed here.
 */
#include "power/wakeup.h"

#include "base/cpu.h"
#include "dev/gic.h"
#include "vm/irq.h"

#define SGIS      16u
#define FIRST_SPI 32u
#define WORDS     32u

static struct {
    uint32_t sources[WORDS];   /* bitmap of interrupts */
    unsigned irq;              /* the one that woke the host; 0: none did */
    domid_t domain;
} wakeup;   /* the sleeping CPU's alone */

static int wakeup_enter(struct sleep *s)
{
    domid_t domain;

    (void)s;
    wakeup = (typeof(wakeup)){ 0 };
    /*
     * SGIs that the others sent on their way off only say: look again. This CPU will, and must not be woken for them.
     */
    gic_clear_sgis();
    for (unsigned irq = SGIS; irq < gic.nr_irqs; irq++) {
        if (!gic_is_enabled(irq))
            continue;
        if (irq >= FIRST_SPI && irq_is_wake_source(irq, &domain)) {
            wakeup.sources[irq / 32] |= 1u << irq % 32;
            gic_set_target(irq, this_cpu()->id);
        } else {
            gic_disable_irq(irq);
        }
    }
    return 0;
}

static void wakeup_leave(struct sleep *s)
{
    (void)s;
    for (unsigned irq = FIRST_SPI; irq < gic.nr_irqs && !wakeup.irq; irq++)
        if ((wakeup.sources[irq / 32] >> irq % 32 & 1) && gic_is_pending(irq) &&
            irq_is_wake_source(irq, &wakeup.domain))
            wakeup.irq = irq;
}

const struct sleep_stage wakeup_stage = { .name = "wakeup", .enter = wakeup_enter, .leave = wakeup_leave };

bool wakeup_source(unsigned *irq, domid_t *d)
{
    *irq = wakeup.irq;
    *d = wakeup.domain;
    return wakeup.irq != 0;
}
