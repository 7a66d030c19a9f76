// SPDX-License-Identifier: Apache-2.0
/* System registers by their assembler names, and the bits of them that we use (Arm ARM DDI 0487, by name). */
#pragma once

#include <stdint.h>

#define read_sysreg(name) \
    ({ \
        uint64_t value_; \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)); \
        value_; \
    })
#define write_sysreg(value, name) __asm__ volatile("msr " #name ", %x0" : : "rZ"((uint64_t)(value)))

/* HCR_EL2 */
#define HCR_VM     (UINT64_C(1) << 0)
#define HCR_SWIO   (UINT64_C(1) << 1)
#define HCR_PTW    (UINT64_C(1) << 2)
#define HCR_FMO    (UINT64_C(1) << 3)
#define HCR_IMO    (UINT64_C(1) << 4)
#define HCR_AMO    (UINT64_C(1) << 5)
#define HCR_VSE    (UINT64_C(1) << 8)
#define HCR_BSU_IS (UINT64_C(1) << 10)
#define HCR_FB     (UINT64_C(1) << 9)
#define HCR_TWI    (UINT64_C(1) << 13)
#define HCR_TWE    (UINT64_C(1) << 14)
#define HCR_TID3   (UINT64_C(1) << 18)
#define HCR_TSC    (UINT64_C(1) << 19)
#define HCR_TIDCP  (UINT64_C(1) << 20)
#define HCR_TACR   (UINT64_C(1) << 21)
#define HCR_TSW    (UINT64_C(1) << 22)
#define HCR_RW     (UINT64_C(1) << 31)
#define HCR_TLOR   (UINT64_C(1) << 35)
#define HCR_TERR   (UINT64_C(1) << 36)

/* CPTR_EL2 (HCR_EL2.E2H 0) */
#define CPTR_RES1  0x32ffu
#define CPTR_TZ    (UINT64_C(1) << 8)
#define CPTR_TFP   (UINT64_C(1) << 10)
#define CPTR_TTA   (UINT64_C(1) << 20)
#define CPTR_TAM   (UINT64_C(1) << 30)

/* MDCR_EL2 */
#define MDCR_HPMN_MASK 0x1fu
#define MDCR_TPMCR (UINT64_C(1) << 5)
#define MDCR_TPM   (UINT64_C(1) << 6)
#define MDCR_TDE   (UINT64_C(1) << 8)
#define MDCR_TDA   (UINT64_C(1) << 9)
#define MDCR_TDOSA (UINT64_C(1) << 10)
#define MDCR_TDRA  (UINT64_C(1) << 11)
#define MDCR_TPMS  (UINT64_C(1) << 14)
#define MDCR_TTRF  (UINT64_C(1) << 19)

/* CNT*_CTL_EL0 */
#define CNT_CTL_ENABLE  (UINT64_C(1) << 0)
#define CNT_CTL_IMASK   (UINT64_C(1) << 1)
#define CNT_CTL_ISTATUS (UINT64_C(1) << 2)

/* ESR_EL2 */
#define ESR_EC(esr)       (((esr) >> 26) & 0x3f)
#define ESR_IL            (UINT64_C(1) << 25)
#define ESR_ISS(esr)      ((esr) & 0x1ffffff)
#define ESR_EC_UNKNOWN    0x00
#define ESR_EC_WFX        0x01
#define ESR_EC_FP         0x07
#define ESR_EC_ILLEGAL    0x0e
#define ESR_EC_SVE        0x19
#define ESR_EC_HVC64      0x16
#define ESR_EC_SMC64      0x17
#define ESR_EC_SYS64      0x18
#define ESR_EC_IABT_LOW   0x20
#define ESR_EC_IABT_SAME  0x21
#define ESR_EC_PC_ALIGN   0x22
#define ESR_EC_DABT_LOW   0x24
#define ESR_EC_DABT_SAME  0x25
#define ESR_EC_SP_ALIGN   0x26
#define ESR_EC_BRK64      0x3c
/* ... of a data abort */
#define ESR_ISV           (UINT64_C(1) << 24)
#define ESR_SAS(esr)      (((esr) >> 22) & 3)
#define ESR_SSE           (UINT64_C(1) << 21)
#define ESR_SRT(esr)      (((esr) >> 16) & 0x1f)
#define ESR_SF            (UINT64_C(1) << 15)
#define ESR_FNV           (UINT64_C(1) << 10)
#define ESR_CM            (UINT64_C(1) << 8)
#define ESR_S1PTW         (UINT64_C(1) << 7)
#define ESR_WNR           (UINT64_C(1) << 6)
#define ESR_FSC(esr)      ((esr) & 0x3f)
#define FSC_TRANSLATION   0x04  /* levels in the low two bits */
#define FSC_PERMISSION    0x0c
#define FSC_ACCESS        0x08

/* SPSR/PSTATE */
#define PSTATE_MODE_MASK 0xfu
#define PSTATE_EL0t      0x0u
#define PSTATE_EL1t      0x4u
#define PSTATE_EL1h      0x5u
#define PSTATE_EL2h      0x9u
#define PSTATE_NRW       0x10u  /* AArch32 */
#define PSTATE_DAIF      0x3c0u
#define PSTATE_I         0x80u

#define ISR_I (UINT64_C(1) << 7)
#define ISR_A (UINT64_C(1) << 8)

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)
