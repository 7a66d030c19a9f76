// SPDX-License-Identifier: Apache-2.0
/*
 * Of the Arm ARM (DDI 0487, by name): bits of EL3's registers, fields of ID registers, and registers by their encoding
 * that the assembler does not know for a plain Armv8.0.
 */
#pragma once

#include "arch/sysreg.h"

/* For names that are defined here: expanded before the instruction is put together. */
#define read_named_sysreg(name)         read_sysreg(name)
#define write_named_sysreg(value, name) write_sysreg(value, name)

/* SCR_EL3 */
#define SCR_NS        (UINT64_C(1) << 0)
#define SCR_IRQ       (UINT64_C(1) << 1)
#define SCR_FIQ       (UINT64_C(1) << 2)
#define SCR_RES1      (UINT64_C(3) << 4)
#define SCR_HCE       (UINT64_C(1) << 8)
#define SCR_RW        (UINT64_C(1) << 10)
#define SCR_APK       (UINT64_C(1) << 16)
#define SCR_API       (UINT64_C(1) << 17)
#define SCR_FIEN      (UINT64_C(1) << 21)
#define SCR_ENSCXT    (UINT64_C(1) << 25)
#define SCR_ATA       (UINT64_C(1) << 26)
#define SCR_FGTEN     (UINT64_C(1) << 27)
#define SCR_ECVEN     (UINT64_C(1) << 28)
#define SCR_TME       (UINT64_C(1) << 34)
#define SCR_AMVOFFEN  (UINT64_C(1) << 35)
#define SCR_ENAS0     (UINT64_C(1) << 36)
#define SCR_ADEN      (UINT64_C(1) << 37)
#define SCR_HXEN      (UINT64_C(1) << 38)
#define SCR_GCSEN     (UINT64_C(1) << 39)
#define SCR_ENTP2     (UINT64_C(1) << 41)
#define SCR_TCR2EN    (UINT64_C(1) << 43)
#define SCR_SCTLR2EN  (UINT64_C(1) << 44)
#define SCR_PIEN      (UINT64_C(1) << 45)

/* CPTR_EL3: 0 traps SVE and SME, and nothing else */
#define CPTR3_EZ      (UINT64_C(1) << 8)
#define CPTR3_ESM     (UINT64_C(1) << 12)

/* MDCR_EL3: no debugging of the secure world, profiling and trace buffers are the non-secure world's */
#define MDCR3_NSPB    (UINT64_C(3) << 12)
#define MDCR3_SDD     (UINT64_C(1) << 16)
#define MDCR3_NSTB    (UINT64_C(3) << 24)

#define HCR_E2H       (UINT64_C(1) << 34)
#define ISR_F         (UINT64_C(1) << 6)
#define SCTLR_EL2_OFF 0x30c50830u   /* RES1; MMU, caches and alignment checks off, little endian */

#define ZCR_EL1       S3_0_C1_C2_0
#define ZCR_EL2       S3_4_C1_C2_0
#define ZCR_EL3       S3_6_C1_C2_0
#define ZCR_LEN       0xfu          /* as long as the hardware has them */
#define SMCR_EL1      S3_0_C1_C2_6
#define SMCR_EL2      S3_4_C1_C2_6
#define SMCR_EL3      S3_6_C1_C2_6
#define SMCR_FA64     (UINT64_C(1) << 31)
#define SMCR_LEN      0xfu
#define SVCR          S3_3_C4_C2_2
#define TPIDR2_EL0    S3_3_C13_C0_5
#define SMPRI_EL1     S3_0_C1_C2_4
#define SMPRIMAP_EL2  S3_4_C1_C2_5

#define HCRX_EL2      S3_4_C1_C2_2
#define HFGRTR_EL2    S3_4_C1_C1_4
#define HFGWTR_EL2    S3_4_C1_C1_5
#define HFGITR_EL2    S3_4_C1_C1_6
#define HDFGRTR_EL2   S3_4_C3_C1_4
#define HDFGWTR_EL2   S3_4_C3_C1_5
#define HAFGRTR_EL2   S3_4_C3_C1_6
#define CNTPOFF_EL2   S3_4_C14_C0_6

#define TTBR1_EL2       S3_4_C2_C0_1
#define CONTEXTIDR_EL2  S3_4_C13_C0_1
#define CNTHV_CTL_EL2   S3_4_C14_C3_1
#define CNTHV_CVAL_EL2  S3_4_C14_C3_2
#define LORC_EL1        S3_0_C10_C4_3

#define APIAKEYLO_EL1 S3_0_C2_C1_0
#define APIAKEYHI_EL1 S3_0_C2_C1_1
#define APIBKEYLO_EL1 S3_0_C2_C1_2
#define APIBKEYHI_EL1 S3_0_C2_C1_3
#define APDAKEYLO_EL1 S3_0_C2_C2_0
#define APDAKEYHI_EL1 S3_0_C2_C2_1
#define APDBKEYLO_EL1 S3_0_C2_C2_2
#define APDBKEYHI_EL1 S3_0_C2_C2_3
#define APGAKEYLO_EL1 S3_0_C2_C3_0
#define APGAKEYHI_EL1 S3_0_C2_C3_1

#define TFSR_EL1      S3_0_C5_C6_0
#define TFSR_EL2      S3_4_C5_C6_0
#define TFSRE0_EL1    S3_0_C5_C6_1
#define RGSR_EL1      S3_0_C1_C0_5
#define GCR_EL1       S3_0_C1_C0_6

#define SCXTNUM_EL0   S3_3_C13_C0_7
#define SCXTNUM_EL1   S3_0_C13_C0_7
#define SCXTNUM_EL2   S3_4_C13_C0_7

#define ID_AA64SMFR0_EL1 S3_0_C0_C4_5
#define SMFR0_FA64       (UINT64_C(1) << 63)
#define ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3

/* A field of an ID register: four bits from `shift` on. */
static inline unsigned id_field(uint64_t id, unsigned shift) { return (id >> shift) & 0xf; }

/* ID_AA64PFR0_EL1 */
#define PFR0_EL1      4      /* 2: AArch32 too */
#define PFR0_GIC      24     /* the CPU interface as system registers */
#define PFR0_RAS      28
#define PFR0_SVE      32
#define PFR0_AMU      44
#define PFR0_CSV2     56     /* 2: SCXTNUM */
/* ID_AA64PFR1_EL1 */
#define PFR1_MTE      8
#define PFR1_SME      24
#define PFR1_GCS      44
/* ID_AA64DFR0_EL1 */
#define DFR0_PMUVER   8
#define DFR0_BRPS     12
#define DFR0_WRPS     20
#define DFR0_PMSVER   32
#define DFR0_TRBE     44
/* ID_AA64ISAR0_EL1, ISAR1, ISAR2 */
#define ISAR0_TME     24
#define ISAR1_APA     4
#define ISAR1_API     8
#define ISAR1_LS64    60
#define ISAR2_APA3    12
/* ID_AA64MMFR0_EL1, MMFR1, MMFR3 */
#define MMFR0_FGT     56
#define MMFR0_ECV     60
#define MMFR1_VH      8
#define MMFR1_LO      16
#define MMFR1_HCX     40
#define MMFR3_TCRX    0
#define MMFR3_SCTLRX  4
#define MMFR3_S1PIE   8
