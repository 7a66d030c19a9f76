// SPDX-License-Identifier: Apache-2.0
#include "power/handover.h"

#include "arch/layout.h"
#include "arch/sleep.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/time.h"
#include "lib/handover.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "sleep/sleep.h"
#include "vm/kexec.h"

static struct handover handover = { .magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .size = sizeof(handover),
                                    .image_base = IMAGE_BASE, .direct_map = DIRECT_MAP_BASE };

void handover_init(const char *version, paddr_t tree, uint64_t tree_size)
{
    uint64_t first = align_down(tree.pa, PAGE_SIZE);

    snprintf(handover.program, sizeof(handover.program), "Torpor %s", version);
    handover.tree = (struct handover_range){ first, align_up(tree.pa + tree_size, PAGE_SIZE) - first };
}

paddr_t handover_address(void) { return image_to_paddr(&handover); }

_Static_assert(MAX_CPUS <= HANDOVER_CPUS_MAX, "the keeper takes so many");

void handover_leave(bool crashed)
{
    struct handover *h = &handover;
    uint64_t image = image_start_address().pa;

    h->address = handover_address().pa;
    h->back_entry = image_to_paddr(jump_back_entry).pa;
    h->contexts = (struct handover_contexts){
        .first = image_to_paddr(&cpus[0].left.context).pa, .registers = image_to_paddr(&cpus[0].left.el2).pa,
        .stride = sizeof(cpus[0]), .count = cpus_present(), .left = this_cpu()->id };
    h->image = (struct handover_range){ image, image_end_address().pa - image };
    h->counter_frequency = counter_frequency();
    h->counter_bias = (uint64_t)counter_bias();
    h->left_mpidr = this_cpu()->mpidr;
    h->boot_mpidr = cpus[0].mpidr;
    h->crashed = crashed;
    h->restored = 0;
    memset(h->deeds, 0, sizeof(h->deeds));
    h->deeds[HANDOVER_STARTING].start = counter_now();
    frames_describe(&h->frames);
    (void)kexec_window(&h->window.start, &h->window.size);
}

bool handover_return(void)
{
    bool restored = handover.restored;

    if (restored)
        counter_set_bias((int64_t)handover.restored_bias);
    handover.restored = 0;
    return restored;
}

/* Whatever the other kernel has written there: within what is known of its time. */
static uint64_t deed_time(uint64_t counter, uint64_t down_ns, uint64_t up_ns)
{
    uint64_t began = system_time_boot_counter(), ns = counter > began ? ticks_to_ns(counter - began) : 0;

    return ns < down_ns ? down_ns : ns > up_ns ? up_ns : ns;
}

void handover_note_deeds(struct sleep *s, uint64_t down_ns, uint64_t up_ns)
{
    static const char *const names[HANDOVER_DEEDS] = {
        [HANDOVER_STARTING] = "starting", [HANDOVER_SAVING] = "saving", [HANDOVER_OFF] = "off",
        [HANDOVER_CHECKING] = "checking", [HANDOVER_RESTORING] = "restoring",
    };

    for (unsigned i = 0; i < HANDOVER_DEEDS; i++) {
        const struct handover_times *t = &handover.deeds[i];
        uint64_t start = deed_time(t->start, down_ns, up_ns);

        if (t->end)
            sleep_note(s, SLEEP_ASLEEP, names[i], 0, 0, start, deed_time(t->end, start, up_ns));
    }
}
