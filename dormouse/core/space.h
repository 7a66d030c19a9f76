// SPDX-License-Identifier: Apache-2.0
/*
 * Address spaces of user programs: SPACE_SIZE bytes from SPACE_BASE on, each with a page-table root of its own. The
 * kernel's memory is not in reach of programs there, and the kernel reaches a space's pages by their own addresses.
 *
 * A CPU keeps the space that it ran last until it runs another one, or has to let go: the idle thread and the kernel's
 * threads need none.
 */
#pragma once
#include "lib/base.h"
#include "machine/pagetable.h"
#include "sleep/sleep.h"

#define SPACE_BASE (UINT64_C(1) << 38)
#define SPACE_SIZE (UINT64_C(1) << 30)

struct space;

/* From threads; an empty one, not yet pinned. NULL: no memory, or SPACES_MAX of them are there. */
struct space *space_new(void);
/* No thread runs in it any more. Its pages are freed with it. */
void space_free(struct space *s);

/* From here on a CPU may load it. 0 or -errno. */
int space_pin(struct space *s);

/*
 * The page, from pages_alloc(), becomes the space's. `va` is in the space. -EEXIST: there is one; -EINVAL: not in the
 * space; -ENOMEM.
 */
int space_map(struct space *s, uint64_t va, void *page, unsigned rights);
/* The page is the caller's again; NULL: there is none. */
void *space_unmap(struct space *s, uint64_t va);

/* On this CPU, with interrupts masked. A space that is loaded is pinned. */
void space_load(struct space *s);
void space_let_go(void);

/* No CPU has a space loaded, and all roots are pinned: the tools see which tables are tables by that. And back. */
extern const struct sleep_stage spaces_stage;
