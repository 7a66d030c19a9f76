// SPDX-License-Identifier: Apache-2.0
/*
 * Trapped system registers, by their encoding (Arm ARM DDI 0487, D17.2 for ID registers, D13.2.37 for the syndrome).
 *
 * A guest sees the machine's ID registers without the features whose state is not kept for it (SVE, SME, pointer
 * authentication, memory tagging, activity and performance monitors, RAS, tracing, statistical profiling): it then does
 * not use them, and their instructions trap as undefined.
 */
#include "entry/sysregs.h"

#include "arch/sysreg.h"
#include "vm/domain.h"
#include "entry/inject.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/vtimer.h"

/* op0, op1, CRn, CRm, op2 in the places where the syndrome has them. */
#define ENCODE(op0, op1, crn, crm, op2) ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define ENCODING_MASK ENCODE(3u, 7u, 15u, 15u, 7u)
#define ISS_RT(iss)   (((iss) >> 5) & 0x1f)
#define ISS_READ      1u

#define FIELD(shift)  (UINT64_C(0xf) << (shift))

enum {
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

static uint64_t without(uint64_t value, uint64_t fields) { return value & ~fields; }

/* ID_AA64PFR0_EL1: at most CSV2 version 1, for SCXTNUM is not kept; AArch32 at EL0 only. */
static uint64_t pfr0(void)
{
    uint64_t v = without(read_sysreg(id_aa64pfr0_el1), FIELD(32) | FIELD(28) | FIELD(40) | FIELD(44) | FIELD(12) | FIELD(8));

    if (((v >> 4) & 0xf) == 2)      /* EL1 in AArch32: not offered */
        v = without(v, FIELD(4)) | 1u << 4;
    if (((v >> 56) & 0xf) > 1)
        v = without(v, FIELD(56)) | UINT64_C(1) << 56;
    return v;
}

/* MTE, RAS fraction, MPAM fraction, SME, CSV2 fraction, random number trapping */
static uint64_t pfr1(void)
{
    return without(read_sysreg(id_aa64pfr1_el1), FIELD(8) | FIELD(12) | FIELD(16) | FIELD(24) | FIELD(28) | FIELD(32));
}

/* PMU, SPE, trace, trace filter, double lock, MTPMU: not there; breakpoint counts stay, as their accesses are answered */
static uint64_t dfr0(void)
{
    return without(read_sysreg(id_aa64dfr0_el1), FIELD(4) | FIELD(8) | FIELD(32) | FIELD(36) | FIELD(40) | FIELD(44) | FIELD(48) |
                                                 FIELD(52));
}

/* Pointer authentication, both algorithms, address and generic */
static uint64_t isar1(void)
{
    return without(read_sysreg(id_aa64isar1_el1), FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28));
}

static uint64_t isar2(void)
{
    uint64_t v;

    __asm__("mrs %0, s3_0_c0_c6_2" : "=r"(v));
    return without(v, FIELD(8) | FIELD(12));
}

/* Physical addresses are guest-physical ones, of 40 bits */
static uint64_t mmfr0(void)
{
    uint64_t v = read_sysreg(id_aa64mmfr0_el1);

    return (v & 0xf) > 2 ? without(v, FIELD(0)) | 2 : without(v, FIELD(60));
}

/* Limited ordering regions, virtual host extensions */
static uint64_t mmfr1(void)
{
    return without(read_sysreg(id_aa64mmfr1_el1), FIELD(8) | FIELD(16));
}

/* Nested virtualisation, common-not-private */
static uint64_t mmfr2(void)
{
    return without(read_sysreg(id_aa64mmfr2_el1), FIELD(24));
}

/* op0 3, op1 0, CRn 0: CRm 1-3 are AArch32's, which exist for EL0; 4-7 AArch64's. Unallocated ones read as zero. */
static uint64_t id_register(unsigned crm, unsigned op2)
{
    switch (crm << 3 | op2) {
    case 4 << 3 | 0: return pfr0();
    case 4 << 3 | 1: return pfr1();
    case 5 << 3 | 0: return dfr0();
    case 5 << 3 | 1: return read_sysreg(id_aa64dfr1_el1);
    case 6 << 3 | 0: return read_sysreg(id_aa64isar0_el1);
    case 6 << 3 | 1: return isar1();
    case 6 << 3 | 2: return isar2();
    case 7 << 3 | 0: return mmfr0();
    case 7 << 3 | 1: return mmfr1();
    case 7 << 3 | 2: return mmfr2();
    case 1 << 3 | 0: return read_sysreg(id_pfr0_el1);
    case 1 << 3 | 1: return read_sysreg(id_pfr1_el1);
    case 1 << 3 | 2: return without(read_sysreg(id_dfr0_el1), FIELD(24) | FIELD(12) | FIELD(16) | FIELD(20));
    case 1 << 3 | 4: return read_sysreg(id_mmfr0_el1);
    case 1 << 3 | 5: return read_sysreg(id_mmfr1_el1);
    case 1 << 3 | 6: return read_sysreg(id_mmfr2_el1);
    case 1 << 3 | 7: return read_sysreg(id_mmfr3_el1);
    case 2 << 3 | 0: return read_sysreg(id_isar0_el1);
    case 2 << 3 | 1: return read_sysreg(id_isar1_el1);
    case 2 << 3 | 2: return read_sysreg(id_isar2_el1);
    case 2 << 3 | 3: return read_sysreg(id_isar3_el1);
    case 2 << 3 | 4: return read_sysreg(id_isar4_el1);
    case 2 << 3 | 5: return read_sysreg(id_isar5_el1);
    case 2 << 3 | 6: return read_sysreg(id_mmfr4_el1);
    case 3 << 3 | 0: return read_sysreg(mvfr0_el1);
    case 3 << 3 | 1: return read_sysreg(mvfr1_el1);
    case 3 << 3 | 2: return read_sysreg(mvfr2_el1);
    default: return 0;
    }
}

static bool is_id_register(unsigned iss)
{
    return (iss & ENCODE(3u, 7u, 15u, 0u, 0u)) == ENCODE(3u, 0u, 0u, 0u, 0u) && ((iss >> 1) & 0xf) >= 1 && ((iss >> 1) & 0xf) <= 7;
}

/* Debug registers (op0 2, op1 0): read as zero, writes ignored, so that a guest may reset them as it likes; EL1 only. */
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
        *value = id_register((iss >> 1) & 0xf, (iss >> 17) & 7);
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
