// SPDX-License-Identifier: Apache-2.0
/* Events and faults in C. A fault that nobody expects ends the guest with one line. */
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include <xen/callback.h>
#include "machine/cpu.h"
#include "machine/start.h"
#include "machine/user.h"

enum { TRAP_MASKS_EVENTS = 4 };     /* struct trap_info's flags */

void traps_copy(struct trap_info *table)
{
    for (unsigned i = 0; i < TRAPS; i++)
        table[i] = (struct trap_info){ .vector = (uint8_t)i, .flags = TRAP_MASKS_EVENTS, .cs = FLAT_KERNEL_CS,
                                       .address = (uintptr_t)trap_entries + i * TRAP_SIZE };
}

void traps_init(void)
{
    static struct trap_info table[TRAPS + 1];   /* ends with an empty one */

    traps_copy(table);
    hypercall2(__HYPERVISOR_set_trap_table, (uintptr_t)table, 0);
    hypercall3(__HYPERVISOR_set_callbacks, (uintptr_t)upcall_entry, (uintptr_t)failsafe_entry, 0);
    struct callback_register syscall = {
        .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events, .address = (uintptr_t)syscall_entry,
    };
    if (hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, (uintptr_t)&syscall))
        panic("Xen takes no entry for user programs' calls");
}

void upcall_init_cpu(void)
{
}

void trap_handle(struct frame *f)
{
    if (f->vector == TRAP_UPCALL) {
        evtchn_upcall();
        if (f->rflags & RFLAGS_IF)
            thread_preempt();
        return;
    }
    if (frame_is_user(f)) {
        struct user *u = thread_user();

        u->frame = *f;
        user_leave(u, f->vector == TRAP_SYSCALL ? USER_CALL : USER_FAULT);
    }
    print("unexpected trap: vCPU %u vector %lu error %lx cr2 %lx rip %lx rsp %lx\n", cpu_id(), f->vector, f->error,
          vcpu_info_of(cpu_id())->arch.cr2, f->rip, f->rsp);
    shutdown(SHUTDOWN_crash);
}
