// SPDX-License-Identifier: Apache-2.0
/* TLB maintenance for unit tests: the test is told of each. */
#pragma once

#include "lib/base.h"

/* The test's; only programs with sources that do TLB maintenance need it. */
void host_tlb_flush(void);

static inline void tlb_flush_guest(void) { host_tlb_flush(); }
static inline void tlb_flush_guest_entries(const gfn_t *gfns, unsigned n) { (void)gfns, (void)n, host_tlb_flush(); }
static inline void tlb_flush_guest_local(void) { host_tlb_flush(); }
static inline void tlb_flush_vmid_local(void) { host_tlb_flush(); }
static inline void tlb_flush_guest_page_local(gfn_t gfn, uint64_t va) { (void)gfn, (void)va, host_tlb_flush(); }
