// SPDX-License-Identifier: Apache-2.0
/*
 * The SMMUv3 (IHI 0070), an IOMMU: dom0's devices reach what dom0 may (mm/dma.h), and nothing else. All of an SMMU's
 * streams that the device tree names have that one translation; others, and those of devices that are kept for guests,
 * reach nothing. What a device tried in vain is told on the console.
 *
 * An SMMU without stage 1, with tables out of our caches' reach, or otherwise not as this needs it, is left alone: one
 * line, and its devices reach everything.
 */
#pragma once

#include "lib/base.h"

struct dma;

/*
 * Boot: drives all SMMUs of the device tree. What the devices behind them may reach, nothing yet; NULL: there is no
 * SMMU that is driven, so nobody asks. One line in either case, if there is one.
 */
struct dma *smmu_init(const void *fdt);

/*
 * A host sleep: leave sets up anew what was lost. Before a jump they are switched off besides, for the other kernel
 * expects devices that reach everything.
 */
struct sleep_stage;
extern const struct sleep_stage smmu_stage, smmu_jump_stage;
/* The same for a machine that has crashed: no lock is taken. */
void smmu_silence(void);
