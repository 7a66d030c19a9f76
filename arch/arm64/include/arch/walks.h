// SPDX-License-Identifier: Apache-2.0
/*
 * Walks of EL1's tables, kept from happening while the registers that say where the tables are belong to two guests.
 *
 * The architecture forbids speculative walks by them at EL2, but a walk that the guest had begun may go on until a DSB
 * (Arm ARM DDI 0487I.a, D8.1.5 "Out-of-context translation regimes", R_LFHQG). And CPUs that execute AT speculatively
 * keep its result, found by the registers as they stood, in the TLBs: Cortex-A53 (erratum 1530924), A55 (1530923), A57
 * (1319537), A72 (1319367), A76 (1165522), by Arm's Software Developers Errata Notices; that is nearly every CPU that
 * this runs on, so it is done everywhere. With TCR_EL1.EPD0 and EPD1 a walk ends before it begins, and with SCTLR_EL1.M
 * an address does not go to stage 2 as it is.
 */
#pragma once

#include <stdint.h>

#include "arch/barrier.h"
#include "arch/sysreg.h"

#define TCR_EPD0 (UINT64_C(1) << 7)
#define TCR_EPD1 (UINT64_C(1) << 23)
#define SCTLR_M  (UINT64_C(1) << 0)

/* From here on no walk is under way on this CPU, and none begins, until walks_start(). */
static inline void walks_stop(void)
{
    dsb_nsh();
    write_sysreg(TCR_EPD0 | TCR_EPD1, tcr_el1);
    isb();
    write_sysreg(SCTLR_M, sctlr_el1);
    isb();
}

/*
 * VTTBR_EL2 and all else that a walk uses are those of the guest whose these are, since the last isb(). TCR_EL1 is in
 * effect after the next context synchronization.
 */
static inline void walks_start(uint64_t sctlr, uint64_t tcr)
{
    write_sysreg(sctlr, sctlr_el1);
    isb();
    write_sysreg(tcr, tcr_el1);
}
