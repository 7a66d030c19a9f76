// SPDX-License-Identifier: Apache-2.0
/*
 * System errors (SError) and the part of FEAT_RAS that tells whose they are (Arm ARM DDI 0487: ESB, DISR_EL1,
 * VDISR_EL2, VSESR_EL2; "RAS PE architecture"). An ESB waits until the outcome of all accesses before it is known. If
 * an error is pending then and masked, the ESB notes it in DISR_EL1, and it is pending no more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Names that no assembler for Armv8.0 knows */
#define DISR_EL1  s3_0_c12_c1_1
#define VDISR_EL2 s3_4_c12_c1_1
#define VSESR_EL2 s3_4_c5_c2_3
#define read_ras(name)         read_ras_(name)
#define write_ras(value, name) write_ras_(value, name)
#define read_ras_(name)         read_sysreg(name)
#define write_ras_(value, name) write_sysreg(value, name)

#define PFR0_RAS(v) (((v) >> 28) & 0xf)

/* ISS of an SError, and the same bits of DISR_EL1 (Arm ARM, ESR_EL2) */
#define SERROR_IDS     (UINT64_C(1) << 24)   /* the other bits are the implementation's */
#define SERROR_AET(s)  (((s) >> 10) & 7)
#define SERROR_DFSC(s) ((s) & 0x3f)
#define AET_UNCONTAINABLE 0
#define AET_RESTARTABLE   2
#define AET_CORRECTED     6
#define DFSC_ASYNCHRONOUS 0x11

/*
 * Takes the physical SError that ISR_EL1 shows, at EL2, where it does nothing. TPIDR_EL0 and TPIDRRO_EL0 are lost
 * (entry/vectors.S).
 */
void serror_take(void);
