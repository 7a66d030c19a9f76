// SPDX-License-Identifier: Apache-2.0
#include "power/handover.h"

#include "arch/layout.h"
#include "arch/sleep.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/time.h"
#include "lib/handover.h"
#include "lib/print.h"
#include "mm/el2.h"
#include "mm/frames.h"
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

void handover_leave(void)
{
    struct handover *h = &handover;
    uint64_t image = image_start_address().pa;

    h->address = handover_address().pa;
    h->back_entry = image_to_paddr(jump_back_entry).pa;
    h->context = image_to_paddr(&jump_context).pa;
    h->image = (struct handover_range){ image, image_end_address().pa - image };
    h->counter_frequency = counter_frequency();
    h->counter_bias = (uint64_t)counter_bias();
    h->left_mpidr = this_cpu()->mpidr;
    h->boot_mpidr = cpus[0].mpidr;
    h->restored = 0;
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
