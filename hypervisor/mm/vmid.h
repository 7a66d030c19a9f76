// SPDX-License-Identifier: Apache-2.0
/*
 * VMIDs, by which TLBs tell guests' translations apart. There are 255, as on every CPU (Arm ARM DDI 0487,
 * ID_AA64MMFR1_EL1.VMIDBits); where there are more domains some share one. For TLBs that is sound because CPUs do not
 * share translations (we never set VTTBR_EL2.CnP): a CPU on which a domain with a shared VMID is switched in forgets
 * all of that VMID before, and whoever tells TLBs to forget a VMID tells them more than is needed.
 */
#pragma once

#include "lib/base.h"

/* One that as few as possible have. */
uint16_t vmid_take(void);
/*
 * Its holder will not run any more, nor be walked. Others may have it, and be alone with it from now on: of this one
 * nothing may be left in any TLB.
 */
void vmid_put(uint16_t vmid);
/* Another holds it, too, or may have until a moment ago. */
bool vmid_is_shared(uint16_t vmid);
