// SPDX-License-Identifier: Apache-2.0
/* EL2's address space (48 bits, one range), and the offsets in C's structures that assembly uses. */
#pragma once

#define IMAGE_BASE        0x008000000000  /* torpor.lds */
#define DEVICE_BASE       0x010000000000
#define DEVICE_SIZE       0x000040000000  /* 1 GiB: one level-1 entry */
#define DIRECT_MAP_BASE   0x800000000000
#define DIRECT_MAP_BITS   47

/* torpor.lds: what UEFI takes for the file's head, and where its sections may begin and end in the file */
#define PE_HEAD_SIZE      4096
#define PE_FILE_ALIGN     512

/* Memory attribute indices of MAIR_EL2 */
#define MAIR_DEVICE_nGnRE 0
#define MAIR_NORMAL_WB    1
#define MAIR_EL2_VALUE    0xff04

/* A CPU's stack, and the page below it that is not mapped. */
#define CPU_STACK_SIZE    16384
#define CPU_STACK_GUARD   4096

/* offsetof(struct cpu, ...), checked in base/cpu.c */
#define CPU_STACK_TOP     8
#define CPU_WORKAROUND    16
/* offsetof(struct cpu_regs, ...), checked in vm/arm64/core.c */
#define REGS_PC           248
#define REGS_PSTATE       256
