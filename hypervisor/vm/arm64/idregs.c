// SPDX-License-Identifier: Apache-2.0
/*
 * A guest sees of the machine's features those that are named here (Arm ARM DDI 0487, ID_AA64*_EL1), each up to the
 * value named: features of later architectures stay hidden until somebody has looked at the state that they bring. So
 * two hosts show the same virtual CPU in all that both have. A feature is left out where its state is not kept for a
 * guest (SVE, SME, pointer authentication, memory tagging, guarded control stacks, activity and performance monitors,
 * RAS, tracing, profiling, transactions), where it is EL2's (VHE, nesting, fine-grained traps, ECV, HCX), or where it
 * needs something of EL2 that is not given (WFxT, MOPS, LS64, XS, NMI, common-not-private).
 *
 * A register's limits are one constant: the digit at a field's place is the field's highest value, and 0 hides it. In
 * the fields of the second constant 15 means "not there" and is the lowest value of all.
 */
#include "vm/arm64/idregs.h"

#include "arch/sysreg.h"
#include "vm/domain.h"

#define F(shift, max) (UINT64_C(max) << (shift))
#define ID_AA64ISAR2_EL1 s3_0_c0_c6_2
#define read_named_sysreg(name) read_sysreg(name)

/* EL0 (AArch32 there), EL1, FP, AdvSIMD, DIT, CSV2 (without SCXTNUM), CSV3; GIC is the domain's */
#define PFR0_LIMITS   (F(0, 2) | F(4, 1) | F(16, 1) | F(20, 1) | F(48, 1) | F(56, 1) | F(60, 1))
#define PFR0_SIGNED   (F(16, 15) | F(20, 15))
#define PFR0_GIC      F(24, 1)
/* BT, SSBS */
#define PFR1_LIMITS   (F(0, 1) | F(4, 2))
/*
 * Armv8 debug with the fewest breakpoints that there may be: two, and two watchpoints. Their registers are there, and
 * do nothing.
 */
#define DFR0_VALUE    (F(0, 6) | F(12, 1) | F(20, 1))
/* AES, SHA1, SHA2, CRC32, Atomic, RDM, SHA3, SM3, SM4, DP, FHM, TS, TLB, RNDR */
#define ISAR0_LIMITS \
    (F(4, 2) | F(8, 1) | F(12, 2) | F(16, 1) | F(20, 2) | F(28, 1) | F(32, 1) | F(36, 1) | F(40, 1) | F(44, 1) | \
     F(48, 1) | F(52, 2) | F(56, 2) | F(60, 1))
/* DPB, JSCVT, FCMA, LRCPC, FRINTTS, SB, SPECRES, BF16, DGH, I8MM */
#define ISAR1_LIMITS \
    (F(0, 2) | F(12, 1) | F(16, 1) | F(20, 2) | F(32, 1) | F(36, 1) | F(40, 1) | F(44, 1) | F(48, 1) | F(52, 1))
/* BC, CLRBHB, CSSC */
#define ISAR2_LIMITS  (F(20, 1) | F(28, 1) | F(52, 1))
/*
 * ASIDBits, BigEnd, BigEndEL0, TGran16, TGran64, TGran4; PARange is 40 bits, but for dom0, whose devices are where they
 * are: it sees what its stage 2 has
 */
#define MMFR0_LIMITS  (F(4, 2) | F(8, 1) | F(16, 1) | F(20, 1))
#define MMFR0_SIGNED  (F(24, 15) | F(28, 15))
/* HAFDBS, HPDS, PAN, ETS, ECBHB */
#define MMFR1_LIMITS  (F(0, 2) | F(12, 2) | F(20, 3) | F(36, 2) | F(60, 1))
/* UAO, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD */
#define MMFR2_LIMITS  (F(4, 1) | F(16, 1) | F(20, 1) | F(28, 1) | F(32, 1) | F(36, 1) | F(48, 1) | F(52, 2) | F(60, 1))

/* AArch32's, at EL0 only: State0 to State3, CSV2, DIT; without monitors and RAS */
#define PFR0_32_LIMITS  (F(0, 15) | F(4, 15) | F(8, 15) | F(12, 15) | F(16, 1) | F(24, 1))
/* ProgMod, MProgMod, GenTimer; neither Security nor Virtualization */
#define PFR1_32_LIMITS  (F(0, 15) | F(8, 15) | F(16, 1))
/* CSV3, SSBS */
#define PFR2_32_LIMITS  (F(0, 1) | F(4, 2))
/* CopDbg: Armv8 */
#define DFR0_32_VALUE   F(0, 6)
/* AC2, HPDS, LSM, CCIDX; neither XNX nor CnP nor EVT */
#define MMFR4_32_LIMITS (F(4, 1) | F(16, 2) | F(20, 1) | F(24, 1))
/* JSCVT, DP, FHM, SB, SPECRES, BF16, I8MM; CLRBHB */
#define ISAR6_32_LIMITS (F(0, 1) | F(4, 1) | F(8, 1) | F(12, 1) | F(16, 1) | F(20, 1) | F(24, 1) | F(28, 1))
#define ALL_32          UINT64_C(0xffffffff)

static uint64_t limited(uint64_t here, uint64_t limits, uint64_t signed_fields)
{
    uint64_t shown = 0;

    for (unsigned shift = 0; shift < 64; shift += 4) {
        uint64_t bias = (signed_fields >> shift & 15) ? 8 : 0;   /* 15, that is -1, becomes less than 0 */
        uint64_t value = (here >> shift ^ bias) & 15, limit = (limits >> shift ^ bias) & 15;

        shown |= ((value < limit ? value : limit) ^ bias) << shift;
    }
    return shown;
}

static uint64_t pfr0(const struct domain *d)
{
    return limited(read_sysreg(id_aa64pfr0_el1), PFR0_LIMITS | (d->vgic.version == 3 ? PFR0_GIC : 0), PFR0_SIGNED);
}

static uint64_t mmfr0(const struct domain *d)
{
    uint64_t range = !d->privileged || d->p2m.address_bits <= 40 ? 2 : d->p2m.address_bits <= 42 ? 3 : 4;

    return limited(read_sysreg(id_aa64mmfr0_el1), MMFR0_LIMITS | range, MMFR0_SIGNED);
}

uint64_t idreg_read(const struct domain *d, unsigned crm, unsigned op2)
{
    switch (crm << 3 | op2) {
    case 4 << 3 | 0: return pfr0(d);
    case 4 << 3 | 1: return limited(read_sysreg(id_aa64pfr1_el1), PFR1_LIMITS, 0);
    case 5 << 3 | 0: return DFR0_VALUE;
    case 6 << 3 | 0: return limited(read_sysreg(id_aa64isar0_el1), ISAR0_LIMITS, 0);
    case 6 << 3 | 1: return limited(read_sysreg(id_aa64isar1_el1), ISAR1_LIMITS, 0);
    case 6 << 3 | 2: return limited(read_named_sysreg(ID_AA64ISAR2_EL1), ISAR2_LIMITS, 0);
    case 7 << 3 | 0: return mmfr0(d);
    case 7 << 3 | 1: return limited(read_sysreg(id_aa64mmfr1_el1), MMFR1_LIMITS, 0);
    case 7 << 3 | 2: return limited(read_sysreg(id_aa64mmfr2_el1), MMFR2_LIMITS, 0);
    case 1 << 3 | 0: return limited(read_sysreg(id_pfr0_el1), PFR0_32_LIMITS, 0);
    case 1 << 3 | 1: return limited(read_sysreg(id_pfr1_el1), PFR1_32_LIMITS, 0);
    case 3 << 3 | 4: return limited(read_sysreg(s3_0_c0_c3_4), PFR2_32_LIMITS, 0);
    case 1 << 3 | 2: return read_sysreg(id_pfr0_el1) ? DFR0_32_VALUE : 0;
    case 1 << 3 | 4: return read_sysreg(id_mmfr0_el1) & ALL_32;
    case 1 << 3 | 5: return read_sysreg(id_mmfr1_el1) & ALL_32;
    case 1 << 3 | 6: return read_sysreg(id_mmfr2_el1) & ALL_32;
    case 1 << 3 | 7: return read_sysreg(id_mmfr3_el1) & ALL_32;
    case 2 << 3 | 0: return read_sysreg(id_isar0_el1) & ALL_32;
    case 2 << 3 | 1: return read_sysreg(id_isar1_el1) & ALL_32;
    case 2 << 3 | 2: return read_sysreg(id_isar2_el1) & ALL_32;
    case 2 << 3 | 3: return read_sysreg(id_isar3_el1) & ALL_32;
    case 2 << 3 | 4: return read_sysreg(id_isar4_el1) & ALL_32;
    case 2 << 3 | 5: return read_sysreg(id_isar5_el1) & ALL_32;
    case 2 << 3 | 6: return limited(read_sysreg(id_mmfr4_el1), MMFR4_32_LIMITS, 0);
    case 2 << 3 | 7: return limited(read_sysreg(s3_0_c0_c2_7), ISAR6_32_LIMITS, 0);
    case 3 << 3 | 0: return read_sysreg(mvfr0_el1) & ALL_32;
    case 3 << 3 | 1: return read_sysreg(mvfr1_el1) & ALL_32;
    case 3 << 3 | 2: return read_sysreg(mvfr2_el1) & ALL_32;
    default: return 0;
    }
}

uint64_t idreg_common(unsigned crm, unsigned op2, uint64_t one, uint64_t other)
{
    switch (crm << 3 | op2) {
    case 4 << 3 | 0: return limited(one, other, PFR0_SIGNED);
    case 7 << 3 | 0: return limited(one, other, MMFR0_SIGNED);
    default: return limited(one, other, 0);
    }
}
