// SPDX-License-Identifier: Apache-2.0
/*
 * The writes that tests/dom0/dirty.c tells its guest to make: pages are counted from the start of RAM, and all that is
 * looked at is in the window, which begins behind the guest's own image, stacks and tables. dom0 writes the command
 * last; the guest answers with the same number.
 */
#pragma once
#include "lib/base.h"

enum {
    MAIL_PAGE = 2048,
    WINDOW_PAGE = 4096,
    WINDOW_PAGES = 4096,
    DIRTY_RAM_PAGES = 8192,
    DIRTY_VCPUS = 4,
    DIRTY_REF = 8
};

enum mail_command {
    MAIL_WRITE = 1,      /* a word of each page that draws from `seed` name, `count` times */
    MAIL_WRITE_IN_TURN,  /* `seed` words of each of `count` pages from `page` on; how long it took is `ticks` */
    MAIL_WRITE_EVERY,    /* a word of each of `count` pages from `page` on, `seed` pages apart */
    MAIL_GRANT,          /* lets dom0 write to `page` by the reference DIRTY_REF */
    MAIL_GRANT_END,
    MAIL_HYPERCALL,      /* has the hypervisor write into `page` */
    MAIL_RUN_STATE,      /* and do so whenever a vCPU comes or goes */
    MAIL_DECREASE,       /* gives 2^order pages from `page` back */
    MAIL_POPULATE,
    MAIL_STORM,          /* the other vCPUs write as fast as they can, to pages of the window at random */
    MAIL_CALM,           /* ... and no more */
};

struct mail {
    uint64_t number;     /* of the command; 0 at first */
    uint64_t command, page, count, seed;
    uint64_t answered;   /* the number of the last command that was done */
    uint64_t result, ticks;
    uint64_t writes;     /* how many the storm made so far */
};

/* The next page of the window that a seed names. */
static inline uint64_t mail_draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
static inline uint64_t mail_page(uint64_t *state) { return WINDOW_PAGE + mail_draw(state) % WINDOW_PAGES; }
