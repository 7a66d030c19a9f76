// SPDX-License-Identifier: Apache-2.0
/*
 * A machine that is only memory, for the tests of mm/: RAM at guest-like addresses with a hole in it, the real frame
 * table on top, and owners. Taken up as it is used, so it may be larger than the host's.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/errno.h"
#include "mm/frames.h"

#define MACHINE_OWNERS 4

/* Neither end is aligned to a large block. */
#define RAM_FIRST  UINT64_C(0x40007)    /* frames */
#define RAM_END    UINT64_C(0x140000)   /* 4 GiB above 1 GiB */
#define HOLE_FIRST UINT64_C(0x44000)
#define HOLE_END   UINT64_C(0x45123)

/* cmocka's group set-up: the machine, and its owners with numbers 1 .. MACHINE_OWNERS. */
int machine_start(void **state);
/* Each test's end: nothing is anybody's, every free block is whole again. */
int machine_is_whole(void **state);

extern struct machine_owner { struct frame_owner *frames; unsigned refs; } owners[MACHINE_OWNERS];
/* A new owner in place of the n-th, until the test ends. */
void machine_owner_is(unsigned n, struct frame_owner *o);
extern unsigned machine_flushes;        /* of all of stage 2's TLB entries */
extern unsigned machine_entry_flushes;  /* of a few of them */
extern unsigned machine_lines_cleaned;  /* calls of cache_clean_invalidate() */

extern unsigned machine_vmid_bits;
extern bool machine_dirty_state;         /* as of a CPU with FEAT_HAFDBS */
extern unsigned machine_icache_clears;
bool machine_cleaned(mfn_t mfn);         /* its zeros went to memory, since asked last */
bool machine_has(uint64_t mfn);          /* RAM that was given to the allocator */
/* While nobody is at it: how many references a frame has; whether [first, first + 2^order) is free. */
unsigned frame_refs(mfn_t mfn);
bool frame_range_free(mfn_t first, unsigned order);
bool never_preempt(void);
bool always_preempt(void);
bool sometimes_preempt(void);

/*
 * Another vCPU in the middle of things: act(), once, when the last lock is let go of for the nr-th time from now on
 * (from 1), until machine_act_no_more().
 */
void machine_act_at_unlock(unsigned nr, void (*act)(void));
void machine_act_no_more(void);
bool machine_has_acted(void);            /* it came to that */

uint32_t random_below(uint32_t n);
void random_seed(uint32_t seed);
