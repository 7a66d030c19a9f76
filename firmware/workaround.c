// SPDX-License-Identifier: Apache-2.0
#include "firmware/workaround.h"

#include "arch/psci.h"

#define IMPLEMENTED_NOT_NEEDED 1
#define LOST UINT64_C(0x10570105710571)

int64_t workaround_features(uint64_t function, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    switch (function) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
        return PSCI_SUCCESS;
    case SMCCC_ARCH_WORKAROUND_1:
    case SMCCC_ARCH_WORKAROUND_2:
    case SMCCC_ARCH_WORKAROUND_3:
        return FIRMWARE_WORKAROUND == WORKAROUND_NEEDED ? PSCI_SUCCESS : IMPLEMENTED_NOT_NEEDED;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

bool workaround_call(uint32_t function, uint64_t *x)
{
    if (function != SMCCC_ARCH_WORKAROUND_1 && function != SMCCC_ARCH_WORKAROUND_2 &&
        function != SMCCC_ARCH_WORKAROUND_3)
        return false;
    if (FIRMWARE_WORKAROUND == WORKAROUND_NEEDED)
        x[0] = x[1] = x[2] = x[3] = LOST;
    return true;
}
