// SPDX-License-Identifier: Apache-2.0
/*
 * The grant table, version 1 (xen/include/public/grant_table.h). Its entries are those of one life: in a new domain the
 * table is empty, and each giver of a page gives it again.
 */
#pragma once
#include "dormouse/xen/hypercall.h"
#include "sleep/sleep.h"

enum { GRANT_FRAMES = 4, GRANT_PER_FRAME = 4096 / sizeof(struct grant_entry_v1) };

extern struct grant_entry_v1 *grant_table;

/* Maps GRANT_FRAMES frames; 0 or -errno. grant_give() does it by itself. */
long grant_init(void);
/* Writes entry `ref` so that `to` may use the frame; the entry must not be in use. */
void grant_access(grant_ref_t ref, domid_t to, gfn_t frame, bool readonly);
/* Takes the permission back; false while the other domain still has it mapped. */
bool grant_end(grant_ref_t ref);

/*
 * Has `to` use a page of ours, to read and to write: the reference, or -errno (-ENOSPC: all are in use). By threads
 * that no suspend comes in between of: the watches' own (xenbus.h), or one that holds.
 */
long grant_give(domid_t to, const void *page);
/*
 * Ends it. False: the other domain still has the page mapped, so neither the page nor the reference may be used again.
 * In a new domain true, for nobody has.
 */
bool grant_take_back(grant_ref_t ref);

/* The same for n pages in a row: all or none. 0 or -errno. */
int grant_give_pages(domid_t to, const char *pages, unsigned n, grant_ref_t *refs);
/* False: not all. */
bool grant_take_back_pages(unsigned n, const grant_ref_t *refs);

/* The table is not mapped while the guest sleeps. */
extern const struct sleep_stage grant_stage;
