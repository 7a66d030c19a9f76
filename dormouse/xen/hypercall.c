// SPDX-License-Identifier: Apache-2.0
/* The few hypercalls that need more than a register each. */
#include "dormouse/xen/hypercall.h"
#include "dormouse/xen/console.h"
#include "machine/start.h"

uint64_t hvm_param(unsigned index)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

    return hvm_op(HVMOP_get_param, &p) ? 0 : p.value;
}

long physmap_add(unsigned space, unsigned long idx, gfn_t at)
{
    struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = at.gfn };

    return memory_op(XENMEM_add_to_physmap, &a);
}

void shutdown(unsigned reason)
{
    struct sched_shutdown s = { .reason = reason };

    console_flush();
    sched_op(SCHEDOP_shutdown, &s);
    machine_stop();
}
