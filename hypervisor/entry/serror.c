// SPDX-License-Identifier: Apache-2.0
/*
 * System errors: an access failed, and that is told when its instruction is long past. EL2 takes the physical ones
 * (HCR_EL2.AMO), which a guest cannot mask, and masks its own.
 *
 * Whose one is: where there is FEAT_RAS, an ESB is the first thing at an entry from a guest and the last on the way
 * out, so an error that the first finds is the guest's and one that the second finds is EL2's. Elsewhere an error is
 * that of the vCPU that is on the CPU when it arrives, EL2's work for it included; when the vCPU leaves the CPU, all
 * its accesses are waited for (vcpu_switch_out), so the next one gets none of it. Without RAS no software can know
 * whether EL2's own access or the guest's was wrong, nor wait for an error that the machine only tells after the access
 * was completed (an early acknowledged write).
 *
 * The guest gets a virtual SError (HCR_EL2.VSE), as it would have without us. It is not shown FEAT_RAS, so the syndrome
 * is an implementation's.
 */
#include "entry/serror.h"

#include "arch/ras.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

/* Corrected, or put off so that the interrupted program may go on. */
static bool nothing_is_lost(uint64_t syndrome)
{
    unsigned aet = SERROR_AET(syndrome);

    return !(syndrome & SERROR_IDS) && SERROR_DFSC(syndrome) == DFSC_ASYNCHRONOUS &&
           (aet == AET_CORRECTED || aet == AET_RESTARTABLE);
}

static bool anything_may_be_lost(uint64_t syndrome)
{
    return !(syndrome & SERROR_IDS) && SERROR_DFSC(syndrome) == DFSC_ASYNCHRONOUS &&
           SERROR_AET(syndrome) == AET_UNCONTAINABLE;
}

void serror_of_guest(struct vcpu *v, uint64_t syndrome)
{
    if (this_cpu()->has_ras && nothing_is_lost(syndrome))
        return;
    if (this_cpu()->has_ras && anything_may_be_lost(syndrome))
        panic("uncontainable system error while d%uv%u ran: syndrome 0x%lx", v->domain->id, v->id, syndrome);
    write_sysreg(read_sysreg(hcr_el2) | HCR_VSE, hcr_el2);
}

void serror_deferred(struct vcpu *v, uint64_t disr)
{
    write_ras(0, DISR_EL1);
    serror_of_guest(v, disr);
}

void serror_of_el2(uint64_t disr)
{
    write_ras(0, DISR_EL1);
    if (!nothing_is_lost(disr))
        panic("system error of the hypervisor's own: DISR_EL1 0x%lx", disr);
}
