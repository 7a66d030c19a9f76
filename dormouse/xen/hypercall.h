// SPDX-License-Identifier: Apache-2.0
/* Hypercalls by name; machine/hypercall.h has how one is made. Errors are negative errno values. */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include "machine/hypercall.h"

static inline long event_channel_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_event_channel_op, cmd, (uintptr_t)arg);
}
static inline long sched_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_sched_op, cmd, (uintptr_t)arg);
}
static inline long memory_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_memory_op, cmd, (uintptr_t)arg);
}
static inline long xen_version(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_xen_version, cmd, (uintptr_t)arg);
}
static inline long hvm_op(unsigned cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_hvm_op, cmd, (uintptr_t)arg);
}
static inline long vcpu_op(unsigned cmd, unsigned vcpu, void *arg)
{
    return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, (uintptr_t)arg);
}
static inline long grant_table_op(unsigned cmd, void *arg, unsigned count)
{
    return hypercall3(__HYPERVISOR_grant_table_op, cmd, (uintptr_t)arg, count);
}

/* One HVM parameter of this domain; 0 when the hypervisor refuses to tell. */
uint64_t hvm_param(unsigned index);

/* Maps `space` (XENMAPSPACE_*) page `idx` at the guest frame; 0 or -errno. */
long physmap_add(unsigned space, unsigned long idx, gfn_t at);

/* Ends this domain; the console is written out first. Without Xen there is nobody to tell the reason. */
NORETURN void shutdown(unsigned reason);
