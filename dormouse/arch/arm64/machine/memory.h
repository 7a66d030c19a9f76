// SPDX-License-Identifier: Apache-2.0
/* Memory is mapped where it is, and the hypervisor takes the guest's own frame numbers. */
#pragma once
#include "lib/base.h"

enum { SPACE_LEVELS = 3 };          /* of a user program's page tables */

static inline gfn_t gfn_of(const void *p) { return GFN((uintptr_t)p >> PAGE_SHIFT); }
static inline void *gfn_pointer(gfn_t gfn) { return (void *)(gfn.gfn << PAGE_SHIFT); }

/* The number by which the hypervisor knows the frame in hypercalls and grants. */
static inline uint64_t frame_of(const void *p) { return gfn_of(p).gfn; }
