// SPDX-License-Identifier: Apache-2.0
/* The grant table, version 1 (xen/include/public/grant_table.h): frames mapped at the place the device tree names. */
#pragma once
#include "dormouse/xen/hypercall.h"

enum { GRANT_FRAMES = 4, GRANT_PER_FRAME = 4096 / sizeof(struct grant_entry_v1) };

extern struct grant_entry_v1 *grant_table;

/* Maps GRANT_FRAMES frames; 0 or -errno. */
long grant_init(void);
/* Writes entry `ref` so that `to` may use the frame; the entry must not be in use. */
void grant_access(grant_ref_t ref, domid_t to, gfn_t frame, bool readonly);
/* Takes the permission back; false while the other domain still has it mapped. */
bool grant_end(grant_ref_t ref);
