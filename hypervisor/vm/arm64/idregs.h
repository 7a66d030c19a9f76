// SPDX-License-Identifier: Apache-2.0
/* The ID registers of the virtual CPU. */
#pragma once

#include "lib/base.h"

struct domain;

/*
 * The value for vCPUs of d of the register op0 3, op1 0, CRn 0 with these CRm (1 to 7) and op2: of each field no more
 * than this hypervisor knows and keeps the state of, and no more than this CPU has. Unallocated registers, and those
 * that came later, read as zero.
 */
uint64_t idreg_read(const struct domain *d, unsigned crm, unsigned op2);

/* That register's common value on two CPUs: of each field the value that both can do. */
uint64_t idreg_common(unsigned crm, unsigned op2, uint64_t one, uint64_t other);
