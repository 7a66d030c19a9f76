// SPDX-License-Identifier: Apache-2.0
/*
 * VMIDs, by which CPUs tell guests' translations apart, and many of them their branch predictions too. There are more
 * than there can be domains where every CPU has 16 bits of them, and 255 elsewhere (Arm ARM DDI 0487,
 * ID_AA64MMFR1_EL1.VMIDBits); with more domains than that some share one. For TLBs that is sound because CPUs do not
 * share translations (we never set VTTBR_EL2.CnP): a CPU on which a domain with a shared VMID is switched in forgets
 * all of that VMID before, and whoever tells TLBs to forget a VMID tells them more than is needed. What a branch
 * predictor has learnt under a VMID cannot be forgotten so: a CPU that relies on it forbids to share.
 */
#pragma once

#include "lib/base.h"

/*
 * This CPU comes, before it runs a guest. -EXDEV: it has 8 bits, and there are wider ones in use, or it forbids to
 * share, and some are shared.
 */
int vmid_cpu_on(bool may_share);
/* One that as few as possible have. 0: none is left, and none may be shared. */
uint16_t vmid_take(void);
/*
 * Its holder will not run any more, nor be walked. Others may have it, and be alone with it from now on: of this one
 * nothing may be left in any TLB.
 */
void vmid_put(uint16_t vmid);
/* Another holds it, too, or may have until a moment ago. */
bool vmid_is_shared(uint16_t vmid);
