// SPDX-License-Identifier: Apache-2.0
/*
 * Other vCPUs (xen/include/public/vcpu.h): one is loaded with its whole initial context, its events masked, and set
 * running. Segments are Xen's flat ones, so there is no descriptor table of ours to keep read-only.
 */
#include "machine/smp.h"
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "lib/errno.h"
#include "machine/cpu.h"
#include "machine/memory.h"

bool machine_cpu_is_possible(unsigned cpu)
{
    return vcpu_op(VCPUOP_is_up, cpu, NULL) >= 0;
}

/* One that stood still goes on behind the call that stopped it; one that has not run in this life, at cpu_entry. */
void machine_cpu_stop(void)
{
    vcpu_op(VCPUOP_down, cpu_id(), NULL);
    cpu_again(stacks[cpu_id()] + STACK_SIZE);
}

bool machine_cpu_is_running(unsigned cpu)
{
    return vcpu_op(VCPUOP_is_up, cpu, NULL) == 1;
}

void cpu_main(void)
{
    evtchn_init_cpu();
    smp_begin();
}

static void context_fill(struct vcpu_guest_context *context, unsigned cpu)
{
    uint64_t stack = (uintptr_t)stacks[cpu] + STACK_SIZE;

    context->flags = VGCF_in_kernel | VGCF_syscall_disables_events;
    context->user_regs.rip = (uintptr_t)cpu_entry;
    context->user_regs.rsp = stack;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = stack;
    context->ctrlreg[3] = xen_pfn_to_cr3(frame_of((void *)start_info->pt_base));
    context->event_callback_eip = (uintptr_t)upcall_entry;
    context->failsafe_callback_eip = (uintptr_t)failsafe_entry;
    context->syscall_callback_eip = (uintptr_t)syscall_entry;
    context->gs_base_kernel = (uintptr_t)&cpus[cpu];
    traps_copy(context->trap_ctxt);
}

int machine_cpu_start(unsigned cpu)
{
    enum { PAGES = (sizeof(struct vcpu_guest_context) + PAGE_SIZE - 1) / PAGE_SIZE };
    struct vcpu_guest_context *context = pages_alloc(PAGES);
    long error;

    if (!context)
        return -ENOMEM;
    cpu_prepare(cpu);
    context_fill(context, cpu);
    error = vcpu_op(VCPUOP_initialise, cpu, context);
    pages_free(context, PAGES);
    if (!error || error == -EEXIST)         /* it has run in this life */
        error = vcpu_op(VCPUOP_up, cpu, NULL);
    return (int)error;
}
