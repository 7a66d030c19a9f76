// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's memory as guests and toolstacks change it: extents of 2^order frames that it gets or gives back, and pages
 * that are there already and are put into its address space. d is held by the caller; errors are negative errno values.
 */
#pragma once

#include "lib/base.h"

struct domain;

/*
 * The largest extents: 2 MiB, which is made at once, and 1 GiB (FRAMES_LARGE_ORDER), which is made in slices. Nothing
 * in between.
 */
#define MEMORY_EXTENT_ORDER 9

/*
 * Zeroed frames below 2^address_bits (0: any) for d, mapped at gfn: all or none. A direct-mapped domain gets those of
 * its own frames back that belong there. -ERESTART (1 GiB only): call again with the same. -ENOMEM: no frames, too many
 * for d, or no tables; -EINVAL.
 */
MUST_CHECK int memory_populate(struct domain *d, gfn_t gfn, unsigned order, unsigned address_bits,
                               bool (*preempt)(void));
/*
 * The same frames, mapped nowhere: legal, and good for nothing on Arm, where only memory_populate() makes memory
 * reachable.
 */
MUST_CHECK int memory_increase(struct domain *d, unsigned order, unsigned address_bits);
/*
 * The extent at gfn, which has to be d's own RAM, is d's no longer: all or none. A direct-mapped domain keeps the
 * frames. -EINVAL, -ENOMEM.
 */
MUST_CHECK int memory_decrease(struct domain *d, gfn_t gfn, unsigned order);

/*
 * Pages at gfn of d, in place of an earlier one, which stays its owner's. A page of another domain is held until its
 * mapping goes: the RAM that `from` has at from_gfn (not writable here if not there), or a frame that the hypervisor
 * shares with it. -EINVAL, -ENOMEM.
 */
MUST_CHECK int memory_map_foreign(struct domain *d, gfn_t gfn, struct domain *from, gfn_t from_gfn);
MUST_CHECK int memory_map_shared(struct domain *d, gfn_t gfn, struct domain *with, mfn_t mfn);
/* A page of device memory. -EPERM: d may not, or it is RAM. */
MUST_CHECK int memory_map_device(struct domain *d, gfn_t gfn, mfn_t mfn);

/* Takes away the mapping at gfn; RAM stays d's, and device registers stay. -EINVAL: there is nothing; -ENOMEM. */
MUST_CHECK int memory_unmap(struct domain *d, gfn_t gfn);
