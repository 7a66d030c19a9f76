// SPDX-License-Identifier: Apache-2.0
/*
 * Which memory a domain's devices may reach, where an IOMMU is between: a stage-1 translation (Arm ARM DDI 0487,
 * "Translation table descriptor formats") of machine addresses to themselves. Devices are told machine addresses: the
 * domain is mapped 1:1, and so does Linux call others' pages that it has mapped (swiotlb-xen).
 *
 * It follows a p2m (p2m_serve_devices()): devices may do to a frame what the domain may, as long as it has it mapped as
 * RAM, of its own or others', however often. Under that p2m's lock, all of it.
 *
 * Tables that were made stay: 4 KiB of entries and 4 KiB of counts for each 2 MiB of which the domain has some pages
 * and not all, 1/256 of the machine's memory at worst.
 */
#pragma once

#include "lib/base.h"

#define DMA_ADDRESS_BITS 48

/* Attributes in an entry's AttrIndx: for MAIR_EL1 and what is like it. */
#define DMA_MAIR UINT64_C(0x04ff)   /* 0: normal memory, write-back; 1: device, nGnRE */

struct dma {
    uint64_t *root;                              /* of level 0 */
    bool has_blocks;                             /* the IOMMU lets a block become a table while it is in use */
    void (*forget)(mfn_t first, uint64_t nr);    /* has the IOMMU forget what it knows of them */
};

/* -ENOMEM */
MUST_CHECK int dma_init(struct dma *d, bool has_blocks, void (*forget)(mfn_t first, uint64_t nr));

/*
 * Makes the tables that dma_allow() or dma_forbid() of these frames will need, in calls for single ones and for whole
 * blocks of 2 MiB that begin at a multiple of that; `whole`: only for such blocks where there are some, and in them no
 * frame was allowed before. -ENOMEM.
 */
MUST_CHECK int dma_prepare(struct dma *d, mfn_t first, uint64_t nr, bool whole);
/* Once more; and once less, which is so for the devices when it returns. */
void dma_allow(struct dma *d, mfn_t first, uint64_t nr, bool write);
void dma_forbid(struct dma *d, mfn_t first, uint64_t nr, bool write);

/* Boot: a page of device registers that devices write to, to interrupt. -ENOMEM. */
MUST_CHECK int dma_allow_doorbell(struct dma *d, paddr_t page);

/* Whether a device that reads, or writes, there gets through: for tests, which have no IOMMU. */
bool dma_reaches(const struct dma *d, mfn_t mfn, bool write);
