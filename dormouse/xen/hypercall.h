// SPDX-License-Identifier: Apache-2.0
/*
 * Hypercalls (xen/include/public/arch-arm.h): `hvc #0xEA1`, the number in x16, arguments in x0 to x4, the result
 * in x0. Only x0 to x4 and x16 may change. Pointers have to lie in normal write-back memory, as all of Dormouse does.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"

static inline long hypercall5(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t x0 __asm__("x0") = a1;
    register uint64_t x1 __asm__("x1") = a2;
    register uint64_t x2 __asm__("x2") = a3;
    register uint64_t x3 __asm__("x3") = a4;
    register uint64_t x4 __asm__("x4") = a5;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     : : "memory");
    return (long)x0;
}

static inline long hypercall2(unsigned long number, uint64_t a1, uint64_t a2)
{
    register uint64_t x0 __asm__("x0") = a1;
    register uint64_t x1 __asm__("x1") = a2;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1" : "+r"(x0), "+r"(x1), "+r"(x16) : : "x2", "x3", "x4", "memory");
    return (long)x0;
}

static inline long hypercall3(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return hypercall5(number, a1, a2, a3, 0, 0);
}

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
