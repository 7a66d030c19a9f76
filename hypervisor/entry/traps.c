// SPDX-License-Identifier: Apache-2.0
/*
 * Where guests come in: each trap is decoded, given to its handler, and returns the vCPU to go on with.
 *
 * Called by hypervisor/entry/vectors.S on the CPU's empty stack with the guest's registers saved in the vCPU. On the
 * way back everything that others asked of this CPU or vCPU meanwhile is done (leave).
 */
#include "abi/abi.h"
#include "arch/stage2.h"
#include "arch/sysreg.h"
#include "arch/translate.h"
#include "base/cpu.h"
#include "cpu/sched.h"
#include "vm/domain.h"
#include "entry/inject.h"
#include "entry/serror.h"
#include "dev/irq.h"
#include "mm/p2m_dirty.h"
#include "vm/mmio.h"
#include "entry/sysregs.h"
#include "entry/traps.h"
#include "vm/vcpu.h"
#include "vm/arm64/vpsci.h"

#define HVC_XEN  0xea1   /* XEN_HYPERCALL_TAG */
#define WFX_WFE  1u
#define WFX_TIMED 2u     /* WFIT, WFET: FEAT_WFxT, which is not shown */
#define RT_ZERO  31

static NOINLINE struct vcpu *leave_slowly(struct vcpu *v)
{
    struct cpu *cpu = this_cpu();

    for (;;) {
        uint32_t work;

        if (cpu->need_schedule)
            v = sched_next();
        work = __atomic_exchange_n(&v->work, 0, __ATOMIC_ACQ_REL);
        if (work & WORK_VGIC)
            vgic_update_running(v);
        if (!cpu->need_schedule && !v->work)
            return v;
    }
}

static inline struct vcpu *leave(struct vcpu *v)
{
    if (likely(!(__atomic_load_n(&v->work, __ATOMIC_RELAXED) | this_cpu()->need_schedule)))
        return v;
    return leave_slowly(v);
}

static uint64_t faulting_page_address(void)
{
    return (read_sysreg(hpfar_el2) & UINT64_C(0xfffffffff0)) << 8 | (read_sysreg(far_el2) & ~PAGE_MASK);
}

/*
 * The guest-physical address of a stage-2 fault. HPFAR_EL2 is not valid for permission faults outside a walk (Arm ARM
 * DDI 0487, HPFAR_EL2).
 */
static bool fault_address(uint64_t esr, uint64_t *gpa)
{
    if ((ESR_FSC(esr) & 0x3c) == FSC_PERMISSION && !(esr & ESR_S1PTW))
        return translate_stage1(read_sysreg(far_el2), false, gpa);
    *gpa = faulting_page_address();
    return true;
}

static uint64_t sign_extend(uint64_t value, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (uint64_t)((int64_t)(value << shift) >> shift);
}

/*
 * The faulting load or store, done by an emulated device or refused by it; false: there is none. Only for an access
 * that the syndrome describes (access_is_described).
 */
static bool emulate_access(struct vcpu *v, uint64_t esr, uint64_t gpa)
{
    struct mmio_access *a = &v->access;
    unsigned rt = (unsigned)ESR_SRT(esr);

    a->size = 1u << ESR_SAS(esr);
    a->write = esr & ESR_WNR;
    a->value = 0;
    if (a->write && rt != RT_ZERO)
        a->value = a->size == 8 ? v->regs.x[rt] : v->regs.x[rt] & (BIT(8 * a->size) - 1);
    switch (mmio_emulate(v, gpa, a)) {
    case MMIO_NOBODY:
        return false;
    case MMIO_REFUSED:
        inject_data_abort(v, read_sysreg(far_el2));
        return true;
    default:
        break;
    }
    if (!a->write && rt != RT_ZERO) {
        if (esr & ESR_SSE)
            a->value = sign_extend(a->value, a->size);
        v->regs.x[rt] = esr & ESR_SF ? a->value : (uint32_t)a->value;
    }
    v->regs.pc += 4;
    return true;
}

/*
 * The page is there after all: the entry was being replaced when the guest came by. A walk that was refused wanted to
 * write, or read a device (HCR_EL2.PTW).
 */
static bool fault_is_over(struct vcpu *v, uint64_t esr, uint64_t gpa)
{
    bool walk = esr & ESR_S1PTW, write = !walk && (esr & ESR_WNR) && !(esr & ESR_CM);
    struct p2m_entry e;

    if (!p2m_lookup(&v->domain->p2m, GFN(gpa >> PAGE_SHIFT), &e))
        return false;
    if (walk && (ESR_FSC(esr) & 0x3c) == FSC_PERMISSION)
        return e.type == P2M_RAM_RW;
    return !write || (e.type != P2M_RAM_RO && e.type != P2M_FOREIGN_RO && e.type != P2M_GRANT_RO);
}

/*
 * A page that nobody had written since it was cleaned, or since it was mapped; a walk that was refused wanted to write,
 * too. Or another vCPU took the address away meanwhile. True: the guest goes back, and finds out by itself.
 */
static NOINLINE bool permission_is_given(struct vcpu *v, uint64_t esr)
{
    uint64_t gpa;
    gfn_t gfn;

    if (!fault_address(esr, &gpa))
        return true;
    gfn = GFN(gpa >> PAGE_SHIFT);
    if (!p2m_write_fault(&v->domain->p2m, gfn))
        return false;
    stage2_forget_here(gfn, read_sysreg(far_el2));
    return true;
}

static bool access_is_described(uint64_t esr)
{
    return (esr & (ESR_ISV | ESR_S1PTW | ESR_CM)) == ESR_ISV;
}

#define NO_ADDRESS UINT64_MAX   /* no guest-physical one: no device is there, and no memory */

static NOINLINE uint64_t abort_address_slowly(uint64_t esr)
{
    unsigned fault = ESR_FSC(esr) & 0x3c;
    uint64_t gpa;

    if ((fault != FSC_TRANSLATION && fault != FSC_PERMISSION && fault != FSC_ACCESS) || !fault_address(esr, &gpa))
        return NO_ADDRESS;
    return gpa;
}

/* No device is there. */
static NOINLINE void memory_abort(struct vcpu *v, uint64_t esr, uint64_t gpa)
{
    uint64_t far = read_sysreg(far_el2);

    if (gpa == NO_ADDRESS || !fault_is_over(v, esr, gpa))
        inject_data_abort(v, far);
}

/*
 * Most are of emulated devices, where nothing is mapped. Not inlined: trap_sync() is the hypercalls' way, and stays
 * without a large frame.
 */
static NOINLINE void data_abort(struct vcpu *v, uint64_t esr)
{
    bool described = access_is_described(esr);
    uint64_t gpa;

    if (unlikely((ESR_FSC(esr) & 0x3c) == FSC_PERMISSION) && permission_is_given(v, esr))
        return;
    gpa = likely(described && (ESR_FSC(esr) & 0x3c) == FSC_TRANSLATION) ? faulting_page_address()
                                                                        : abort_address_slowly(esr);
    if (!described || !emulate_access(v, esr, gpa))
        memory_abort(v, esr, gpa);
}

/* An executable page that is there again; a device or a foreign page cannot be executed. */
static NOINLINE void instruction_abort(struct vcpu *v, uint64_t esr)
{
    struct p2m_entry e;
    uint64_t gpa;

    if ((ESR_FSC(esr) & 0x3c) == FSC_PERMISSION && (esr & ESR_S1PTW) && permission_is_given(v, esr))
        return;
    if (fault_address(esr, &gpa) && p2m_lookup(&v->domain->p2m, GFN(gpa >> PAGE_SHIFT), &e) &&
        (e.type == P2M_RAM_RW || e.type == P2M_RAM_RO || e.type == P2M_XENHEAP || (esr & ESR_S1PTW)) &&
        (ESR_FSC(esr) & 0x3c) == FSC_TRANSLATION)
        return;
    inject_instruction_abort(v, read_sysreg(far_el2));
}

static void wait_trap(struct vcpu *v, uint64_t esr)
{
    if (ESR_ISS(esr) & WFX_TIMED) {
        inject_undefined(v);
        return;
    }
    v->regs.pc += 4;
    if (ESR_ISS(esr) & WFX_WFE)
        sched_yield(&v->sched);
    else
        vcpu_block(v);
}

struct vcpu *trap_sync(struct vcpu *v)
{
    uint64_t esr = read_sysreg(esr_el2);

    switch (ESR_EC(esr)) {
    case ESR_EC_HVC64:
        if (likely((esr & 0xffff) == HVC_XEN))
            abi_hypercall(v);
        else if ((esr & 0xffff) == 0)
            vpsci_call(v);
        else
            inject_undefined(v);
        break;
    case ESR_EC_DABT_LOW:
        data_abort(v, esr);
        break;
    case ESR_EC_WFX:
        wait_trap(v, esr);
        break;
    case ESR_EC_SYS64:
        sysreg_trap(v, esr);
        break;
    case ESR_EC_FP:
        core_fpu_trap(v);
        break;
    case ESR_EC_SMC64:
        v->regs.pc += 4;
        vpsci_call(v);
        break;
    case ESR_EC_IABT_LOW:
        instruction_abort(v, esr);
        break;
    default:
        inject_undefined(v);
        break;
    }
    return leave(v);
}

struct vcpu *trap_irq(struct vcpu *v)
{
    irq_handle_all();
    return leave(v);
}

struct vcpu *trap_serror(struct vcpu *v)
{
    serror_of_guest(v, ESR_ISS(read_sysreg(esr_el2)));
    return leave(v);
}

NORETURN void trap_from_el2(const struct cpu_regs *regs, unsigned vector)
{
    static const char *const kinds[] = { "synchronous exception", "interrupt", "fast interrupt", "system error" };

    uint64_t far = read_sysreg(far_el2);
    bool overflow = far - (uint64_t)cpu_stack_guard(this_cpu()->id) < CPU_STACK_GUARD;

    panic("%s at EL2: pc 0x%lx, ESR 0x%lx, FAR 0x%lx, x0 0x%lx, x1 0x%lx, lr 0x%lx, vector %u",
          overflow ? "stack overflow" : kinds[vector % 4], regs->pc, read_sysreg(esr_el2), far, regs->x[0], regs->x[1],
          regs->x[30], vector);
}
