// SPDX-License-Identifier: Apache-2.0
#include "vm/params.h"

#include <xen/xen.h>
#include <xen/hvm/params.h>

#include "arch/nospec.h"
#include "vm/domain.h"

_Static_assert(DOMAIN_PARAMS == HVM_NR_PARAMS, "there is room for each parameter");

void params_set(struct domain *d, unsigned index, uint64_t value)
{
    __atomic_store_n(&d->params.value[index_nospec(index, DOMAIN_PARAMS)], value, __ATOMIC_RELAXED);
}

uint64_t params_get(const struct domain *d, unsigned index)
{
    return __atomic_load_n(&d->params.value[index_nospec(index, DOMAIN_PARAMS)], __ATOMIC_RELAXED);
}
