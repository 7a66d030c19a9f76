// SPDX-License-Identifier: Apache-2.0
/*
 * A list of hypercalls in one (xen/include/public/xen.h, struct multicall_entry). Each entry is made as if the guest
 * had called it: its arguments stand in the vCPU's registers while it runs, so that a call that stops half-way leaves
 * its new arguments there, and they are put back into the entry. Between entries the list itself may stop: x0 and
 * x1 then name the rest of it. Registers other than these two come back as they were.
 */
#include "abi/abi.h"

#include <xen/xen.h>

#include "cpu/cpu.h"
#include "lib/string.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define MULTICALL_ARGS ARRAY_SIZE(((struct multicall_entry *)NULL)->args)

static long multicall_continue(struct vcpu *v, uint64_t list_va, uint64_t count)
{
    v->regs.x[0] = list_va;
    v->regs.x[1] = count;
    return -ERESTART;
}

/* Makes the call of *entry; after -ERESTART entry->args has the argument registers as the call left them. */
static long multicall_run(struct vcpu *v, struct multicall_entry *entry)
{
    uint64_t saved[MULTICALL_ARGS];
    long result;

    /* A list in a list would nest this function as deep as the guest likes. */
    if (entry->op == __HYPERVISOR_multicall)
        return -ENOSYS;

    memcpy(saved, v->regs.x, sizeof(saved));
    memcpy(v->regs.x, entry->args, sizeof(saved));
    result = abi_dispatch(entry->op, entry->args);
    if (result == -ERESTART)
        memcpy(entry->args, v->regs.x, sizeof(saved));
    memcpy(v->regs.x, saved, sizeof(saved));
    return result;
}

long abi_multicall(uint64_t list_va, uint64_t count)
{
    struct vcpu *v = current_vcpu();

    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry_va = list_va + i * sizeof(struct multicall_entry);
        struct multicall_entry entry;
        long result;

        if (i > 0 && preempt_pending())
            return multicall_continue(v, entry_va, count - i);
        if (copy_from_guest(&entry, entry_va, sizeof(entry)))
            return -EFAULT;
        result = multicall_run(v, &entry);
        if (result == -ERESTART) {
            if (copy_to_guest(entry_va, &entry, sizeof(entry)))
                return -EFAULT;
            return multicall_continue(v, entry_va, count - i);
        }
        entry.result = (uint64_t)result;
        if (copy_to_guest(entry_va + offsetof(struct multicall_entry, result), &entry.result, sizeof(entry.result)))
            return -EFAULT;
    }
    return 0;
}
