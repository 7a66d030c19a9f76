// SPDX-License-Identifier: Apache-2.0
/*
 * Trapped system registers, by their encoding (Arm ARM DDI 0487; ESR_EL2 for the syndrome). A register that is not
 * listed here does not exist: a guest that uses a feature that its ID registers do not show finds the instruction
 * undefined.
 */
#include "entry/sysregs.h"

#include "arch/sysreg.h"
#include "vm/domain.h"
#include "entry/inject.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/cpu_view.h"
#include "vm/arm64/vtimer.h"

/* op0, op1, CRn, CRm, op2 in the places where the syndrome has them. */
#define ENCODE(op0, op1, crn, crm, op2) ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define ENCODING_MASK ENCODE(3u, 7u, 15u, 15u, 7u)
#define ISS_RT(iss)   (((iss) >> 5) & 0x1f)
#define ISS_READ      1u

enum {
    CNTPCT_EL0     = ENCODE(3u, 3u, 14u, 0u, 1u),
    CNTP_TVAL_EL0  = ENCODE(3u, 3u, 14u, 2u, 0u),
    CNTP_CTL_EL0   = ENCODE(3u, 3u, 14u, 2u, 1u),
    CNTP_CVAL_EL0  = ENCODE(3u, 3u, 14u, 2u, 2u),
    ICC_SGI1R_EL1  = ENCODE(3u, 0u, 12u, 11u, 5u),
    ICC_ASGI1R_EL1 = ENCODE(3u, 0u, 12u, 11u, 6u),
    ICC_SGI0R_EL1  = ENCODE(3u, 0u, 12u, 11u, 7u),
    ICC_SRE_EL1    = ENCODE(3u, 0u, 12u, 12u, 5u),
    ACTLR_EL1      = ENCODE(3u, 0u, 1u, 0u, 1u),
    OSLSR_EL1      = ENCODE(2u, 0u, 1u, 1u, 4u),
};

#define OSLSR_IMPLEMENTED 8u   /* the OS lock is there, and not locked */

static bool is_id_register(unsigned iss)
{
    return (iss & ENCODE(3u, 7u, 15u, 0u, 0u)) == ENCODE(3u, 0u, 0u, 0u, 0u) && ((iss >> 1) & 0xf) >= 1 &&
           ((iss >> 1) & 0xf) <= 7;
}

/*
 * Debug registers (op0 2, op1 0): read as zero, writes ignored, so that a guest may reset them as it likes; EL1 only.
 */
static bool is_debug_register(unsigned iss)
{
    return (iss & ENCODE(3u, 7u, 0u, 0u, 0u)) == ENCODE(2u, 0u, 0u, 0u, 0u);
}

static bool at_el1(const struct vcpu *v)
{
    return (v->regs.pstate & PSTATE_MODE_MASK) != PSTATE_EL0t;
}

static bool sysreg_read(struct vcpu *v, unsigned iss, uint64_t *value)
{
    unsigned encoding = iss & ENCODING_MASK;

    switch (encoding) {
    case CNTPCT_EL0:   /* from EL0 too, where CNTKCTL_EL1 allows it; otherwise it did not come here */
        *value = vtimer_now(v);
        return true;
    case CNTP_TVAL_EL0:
        *value = vtimer_phys_read(v, CNTP_TVAL);
        return true;
    case CNTP_CTL_EL0:
        *value = vtimer_phys_read(v, CNTP_CTL);
        return true;
    case CNTP_CVAL_EL0:
        *value = vtimer_phys_read(v, CNTP_CVAL);
        return true;
    case ICC_SRE_EL1:
        *value = VGIC_ICC_SRE;
        return at_el1(v) && v->domain->vgic.version == 3;
    case OSLSR_EL1:
        *value = OSLSR_IMPLEMENTED;
        return at_el1(v);
    case ACTLR_EL1:
        *value = read_sysreg(actlr_el1);
        return true;
    }
    if (is_id_register(iss)) {
        *value = cpu_view_read(v->domain, (iss >> 1) & 0xf, (iss >> 17) & 7);
        return at_el1(v);
    }
    *value = 0;
    return is_debug_register(iss) && at_el1(v);
}

static bool sysreg_write(struct vcpu *v, unsigned iss, uint64_t value)
{
    switch (iss & ENCODING_MASK) {
    case CNTP_TVAL_EL0:
        vtimer_phys_write(v, CNTP_TVAL, value);
        return true;
    case CNTP_CTL_EL0:
        vtimer_phys_write(v, CNTP_CTL, value);
        return true;
    case CNTP_CVAL_EL0:
        vtimer_phys_write(v, CNTP_CVAL, value);
        return true;
    case ICC_SGI1R_EL1:
        return at_el1(v) && vgic_write_sgi1r(v, value);
    case ICC_ASGI1R_EL1:
    case ICC_SGI0R_EL1:
        return at_el1(v) && vgic_write_sgi0r(v, value);
    case ICC_SRE_EL1:
        return at_el1(v) && v->domain->vgic.version == 3;
    case ACTLR_EL1:
        return true;
    }
    return is_debug_register(iss) && at_el1(v);
}

void sysreg_trap(struct vcpu *v, uint64_t esr)
{
    unsigned iss = (unsigned)ESR_ISS(esr), rt = ISS_RT(iss);
    uint64_t value = 0;
    bool done;

    if (iss & ISS_READ) {
        done = sysreg_read(v, iss, &value);
        if (done && rt != 31)
            v->regs.x[rt] = value;
    } else {
        done = sysreg_write(v, iss, rt == 31 ? 0 : v->regs.x[rt]);
    }
    if (done)
        v->regs.pc += 4;
    else
        inject_undefined(v);
}
