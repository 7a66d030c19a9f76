// SPDX-License-Identifier: Apache-2.0
/*
 * The CPU that a domain believes to run on. A new domain sees this host's, as idregs.h limits it. One that was restored
 * goes on seeing the CPU of the host where it began; a host that lacks any of its features cannot take the domain.
 */
#pragma once

#include "lib/base.h"

struct domain;

#define CPU_VIEW_REGISTERS 56   /* CRm 1 to 7, op2 0 to 7, of the ID registers */

/* cpu_view.c's */
struct domain_cpu_view {
    uint64_t midr;              /* MIDR_EL1's value; 0: as on this host */
    uint64_t *id_registers;     /* CPU_VIEW_REGISTERS of a restored domain, CRm * 8 + op2 - 8; NULL: this host's */
};

/* The value that a vCPU of d reads from the ID register with these CRm (1 to 7) and op2. */
uint64_t cpu_view_read(const struct domain *d, unsigned crm, unsigned op2);
/* Programs at EL0 may be 32-bit ones. */
bool cpu_view_has_aarch32(const struct domain *d);
void cpu_view_free(struct domain *d);

struct record_kind;
extern const struct record_kind cpu_view_record;
