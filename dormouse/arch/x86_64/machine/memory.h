// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of a PV guest. Its frames have two numbers: the guest's own, from 0 up (GFN, which Xen's headers call PFN),
 * and the machine's (MFN), which page tables hold and which is another in each life. All frames are mapped in order
 * from virt_base on: a pointer is a GFN and back without a look. No MFN is kept anywhere but in page tables, in the p2m
 * list and, while the guest runs, in the start info.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"

enum { SPACE_LEVELS = 4 };          /* of a user program's page tables */

extern char virt_base[];            /* image.ld */

static inline gfn_t gfn_of(const void *p) { return GFN(((uintptr_t)p - (uintptr_t)virt_base) >> PAGE_SHIFT); }
static inline void *gfn_pointer(gfn_t gfn) { return virt_base + (gfn.gfn << PAGE_SHIFT); }

/* The p2m list, and the machine's reverse one (read-only, shared by all domains). */
mfn_t gfn_to_mfn(gfn_t gfn);
static inline gfn_t mfn_to_gfn(mfn_t mfn) { return GFN(machine_to_phys_mapping[mfn.mfn]); }

/* The number by which the hypervisor knows the frame in hypercalls and grants. */
static inline uint64_t frame_of(const void *p) { return gfn_to_mfn(gfn_of(p)).mfn; }

/*
 * All of the guest's memory is mapped, the image's code and constants are read-only, and the pages that nothing uses
 * are free.
 */
void memory_map_init(void);
/* Puts one of the machine's pages, or with the page's own frame the page itself, at a page of the linear map. */
void page_map(void *at, mfn_t mfn);
