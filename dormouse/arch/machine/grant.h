// SPDX-License-Identifier: Apache-2.0
/* Where the grant table is. */
#pragma once
#include "dormouse/xen/xen.h"

/* Maps its first frames, in each life anew, at one place for ever; 0 or -errno. At most GRANT_FRAMES. */
long grant_table_map(unsigned frames, struct grant_entry_v1 **table);
void grant_table_unmap(unsigned frames);
