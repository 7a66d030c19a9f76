// SPDX-License-Identifier: Apache-2.0
/*
 * Firmware has to let EL2 at these (SCR_EL3.FGTEn, FGTEn2, HXEn), as for Linux (Documentation/arch/arm64/booting.rst).
 * CNTPOFF_EL2 is not among them: nothing tells whether SCR_EL3.ECVEn is set, so the physical counter traps everywhere,
 * and its reader gets the guest's time.
 */
#include "arch/traps.h"

#include "arch/sysreg.h"

#define MMFR1_HCX(v)  (((v) >> 40) & 0xf)
#define MMFR0_FGT(v)  (((v) >> 56) & 0xf)
#define PFR0_AMU(v)   (((v) >> 44) & 0xf)

/* Names that no assembler for Armv8.0 knows (Arm ARM DDI 0487, by name) */
#define HCRX_EL2      s3_4_c1_c2_2
#define HFGRTR_EL2    s3_4_c1_c1_4
#define HFGWTR_EL2    s3_4_c1_c1_5
#define HFGITR_EL2    s3_4_c1_c1_6
#define HDFGRTR_EL2   s3_4_c3_c1_4
#define HDFGWTR_EL2   s3_4_c3_c1_5
#define HAFGRTR_EL2   s3_4_c3_c1_6
#define HDFGRTR2_EL2  s3_4_c3_c1_0
#define HDFGWTR2_EL2  s3_4_c3_c1_1
#define HFGRTR2_EL2   s3_4_c3_c1_2
#define HFGWTR2_EL2   s3_4_c3_c1_3
#define HFGITR2_EL2   s3_4_c3_c1_7
#define clear_named(name) write_sysreg(0, name)

/*
 * Zero is right for each: a bit of a feature that a guest may have traps when it is 1, a bit of a later one (nXXX,
 * EnXXX) when it is 0.
 */
void traps_cpu_init(void)
{
    uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);

    write_sysreg(0, cnthctl_el2);
    if (MMFR1_HCX(read_sysreg(id_aa64mmfr1_el1)))
        clear_named(HCRX_EL2);
    if (MMFR0_FGT(mmfr0)) {
        clear_named(HFGRTR_EL2);
        clear_named(HFGWTR_EL2);
        clear_named(HFGITR_EL2);
        clear_named(HDFGRTR_EL2);
        clear_named(HDFGWTR_EL2);
        if (PFR0_AMU(read_sysreg(id_aa64pfr0_el1)))
            clear_named(HAFGRTR_EL2);
    }
    if (MMFR0_FGT(mmfr0) >= 2) {
        clear_named(HDFGRTR2_EL2);
        clear_named(HDFGWTR2_EL2);
        clear_named(HFGRTR2_EL2);
        clear_named(HFGWTR2_EL2);
        clear_named(HFGITR2_EL2);
    }
}
