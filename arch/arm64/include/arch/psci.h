// SPDX-License-Identifier: Apache-2.0
/*
 * Function identifiers and results of PSCI 1.1 (DEN0022D, 5.1, 5.2.2 and 5.7) and of the calling convention (DEN0028),
 * for code that calls them, answers them, or passes them on.
 */
#pragma once

#define SMCCC_64BIT              0x40000000u
#define SMCCC_FAST               0x80000000u
#define SMCCC_VERSION            0x80000000u
#define SMCCC_ARCH_FEATURES      0x80000001u
#define SMCCC_ARCH_WORKAROUND_1  0x80008000u
#define SMCCC_ARCH_WORKAROUND_2  0x80007fffu
#define SMCCC_ARCH_WORKAROUND_3  0x80003fffu

#define PSCI_VERSION             0x84000000u
#define PSCI_CPU_SUSPEND_32      0x84000001u
#define PSCI_CPU_SUSPEND_64      0xc4000001u
#define PSCI_CPU_OFF             0x84000002u
#define PSCI_CPU_ON_32           0x84000003u
#define PSCI_CPU_ON_64           0xc4000003u
#define PSCI_AFFINITY_INFO_32    0x84000004u
#define PSCI_AFFINITY_INFO_64    0xc4000004u
#define PSCI_MIGRATE_32          0x84000005u
#define PSCI_MIGRATE_64          0xc4000005u
#define PSCI_MIGRATE_INFO_TYPE   0x84000006u
#define PSCI_MIGRATE_INFO_CPU_32 0x84000007u
#define PSCI_SYSTEM_OFF          0x84000008u
#define PSCI_SYSTEM_RESET        0x84000009u
#define PSCI_FEATURES            0x8400000au
#define PSCI_SYSTEM_SUSPEND_32   0x8400000eu
#define PSCI_SYSTEM_SUSPEND_64   0xc400000eu

#define PSCI_SUCCESS             0
#define PSCI_NOT_SUPPORTED       (-1)
#define PSCI_INVALID_PARAMETERS  (-2)
#define PSCI_DENIED              (-3)
#define PSCI_ALREADY_ON          (-4)
#define PSCI_ON_PENDING          (-5)
#define PSCI_INTERNAL_FAILURE    (-6)
#define PSCI_NOT_PRESENT         (-7)
#define PSCI_DISABLED            (-8)
#define PSCI_INVALID_ADDRESS     (-9)

/* AFFINITY_INFO's */
#define PSCI_AFFINITY_ON         0
#define PSCI_AFFINITY_OFF        1
#define PSCI_AFFINITY_ON_PENDING 2
