// SPDX-License-Identifier: Apache-2.0
/* Which CPUs run, as dom0 wants it: `xl vcpu-set` writes online or offline to cpu/N/availability. */
#pragma once

/*
 * Starts those of the first `most` CPUs that dom0 says nothing else about, and from now on does as it says. Returns
 * when they are online.
 */
void cpus_init(unsigned most);
