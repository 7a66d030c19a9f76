// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's parameters (HVM_PARAM_*, xen/include/public/hvm/params.h): the toolstack writes them, the guest reads
 * them.
 */
#pragma once

#include "lib/base.h"

struct domain;

#define DOMAIN_PARAMS 39   /* HVM_NR_PARAMS */

/* params.c's */
struct domain_params {
    uint64_t value[DOMAIN_PARAMS];   /* each is atomic */
};

/* One that means something on Arm. */
bool params_known(uint32_t index);
/* index < DOMAIN_PARAMS. */
void params_set(struct domain *d, unsigned index, uint64_t value);
uint64_t params_get(const struct domain *d, unsigned index);

struct record_kind;
extern const struct record_kind params_record;
