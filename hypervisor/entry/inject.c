// SPDX-License-Identifier: Apache-2.0
#include "entry/inject.h"

#include "arch/sysreg.h"
#include "vm/vcpu.h"

#define FSC_EXTERNAL  0x10
#define VECTOR_SP0    0x000
#define VECTOR_SPX    0x200
#define VECTOR_LOW64  0x400
#define VECTOR_LOW32  0x600

static uint64_t vector_offset(uint64_t pstate)
{
    if (pstate & PSTATE_NRW)
        return VECTOR_LOW32;
    switch (pstate & PSTATE_MODE_MASK) {
    case PSTATE_EL1h:
        return VECTOR_SPX;
    case PSTATE_EL1t:
        return VECTOR_SP0;
    default:
        return VECTOR_LOW64;
    }
}

static bool from_el1(uint64_t pstate)
{
    return !(pstate & PSTATE_NRW) && (pstate & PSTATE_MODE_MASK) != PSTATE_EL0t;
}

/* SP_EL0 and SP_EL1 stay where they are: EL2 has its own. */
static void enter_vector(struct vcpu *v, uint64_t esr)
{
    write_sysreg(esr, esr_el1);
    write_sysreg(v->regs.pc, elr_el1);
    write_sysreg(v->regs.pstate, spsr_el1);
    v->regs.pc = read_sysreg(vbar_el1) + vector_offset(v->regs.pstate);
    v->regs.pstate = PSTATE_EL1h | PSTATE_DAIF;
}

void inject_undefined(struct vcpu *v)
{
    enter_vector(v, ESR_IL);
}

static void inject_abort(struct vcpu *v, uint64_t address, unsigned class_low)
{
    uint64_t class = class_low + (from_el1(v->regs.pstate) ? 1 : 0);

    write_sysreg(address, far_el1);
    enter_vector(v, class << 26 | ESR_IL | FSC_EXTERNAL);
}

void inject_data_abort(struct vcpu *v, uint64_t address)
{
    inject_abort(v, address, ESR_EC_DABT_LOW);
}

void inject_instruction_abort(struct vcpu *v, uint64_t address)
{
    inject_abort(v, address, ESR_EC_IABT_LOW);
}
