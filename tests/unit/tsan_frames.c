// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/threads.c hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/*
 * Sections of the frame table are set up by one CPU while others take and give back frames around them, and ask about
 * numbers that nobody vouches for. Run as build/unit/tsan_frames [SEED [ROUNDS]].
 */
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/relax.h"
#include "mm/el2.h"
#include "mm/frame_table.h"

#define THREADS   4
#define ORDER     (SECTION_ORDER + 3)   /* of the whole machine */
#define FIRST_MFN UINT64_C(0x40000)
#define FRAMES    BIT(ORDER)

static struct { struct frame_owner frames; unsigned refs; } owners[THREADS];
static char page[PAGE_SIZE];

/* No frame's content is looked at. */
void *mfn_to_virt(mfn_t mfn) { (void)mfn; return page; }
mfn_t virt_to_mfn(const void *va) { (void)va; return MFN(FIRST_MFN); }
void cache_clean(const void *va, size_t size) { (void)va; (void)size; }
void icache_invalidate_all(void) { }

struct frame_owner *frame_owner_of_id(domid_t id)
{
    threads_expect(id >= 1 && id <= THREADS);
    return &owners[id - 1].frames;
}

bool frame_owner_hold(struct frame_owner *o)
{
    return __atomic_add_fetch(&owners[o->id - 1].refs, 1, __ATOMIC_RELAXED);
}

void frame_owner_put(struct frame_owner *o)
{
    __atomic_sub_fetch(&owners[o->id - 1].refs, 1, __ATOMIC_RELAXED);
}

static void probe(void)
{
    mfn_t mfn = MFN(FIRST_MFN + threads_random(FRAMES));

    if (threads_random(2))
        (void)frame_is_ram(mfn);
    else if (frame_get_any(mfn))
        frame_put(mfn);
}

static void release(struct frame_owner *o, mfn_t first, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++)
        threads_expect(frame_release(mfn_add(first, i), o));
}

static void cpu(unsigned thread)
{
    static const unsigned orders[] = { 0, 0, 0, 1, 4, SECTION_ORDER - 1, SECTION_ORDER, SECTION_ORDER + 1 };
    struct frame_owner *o = &owners[thread].frames;

    for (unsigned n = 0; n < 12; n++) {
        unsigned order = orders[threads_random(ARRAY_SIZE(orders))];
        mfn_t mfn = MFN(FIRST_MFN + align_down(threads_random(FRAMES), BIT(order)));
        bool anywhere = threads_random(2);

        probe();
        if (anywhere ? !frames_alloc_domain(o, order, 0, FRAME_KEEP_CONTENT, &mfn)
                     : !frames_alloc_domain_at(o, mfn, order)) {
            threads_expect(frame_owner(mfn) == o);
            if (threads_random(2))
                release(o, mfn, order);
        }
    }
    while (frames_release_all(o, threads_preempt))
        probe();
}

/* A machine that was never used: from its table anything can be read. */
static void machine_begins(void *table)
{
    paddr_t start = PADDR(FIRST_MFN << PAGE_SHIFT), end = PADDR((FIRST_MFN + FRAMES) << PAGE_SHIFT);

    memset(table, 0x5a, frames_table_size(start, end));
    frames_init(table, start, end, FRAMES << PAGE_SHIFT);
    frames_add(start, FRAMES << PAGE_SHIFT);
    for (unsigned i = 0; i < THREADS; i++) {
        memset(&owners[i], 0, sizeof(owners[i]));
        owners[i].refs = 1;
        frames_owner_init(&owners[i].frames, (domid_t)(i + 1), FRAMES);
    }
}

int main(int argc, char **argv)
{
    unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : 1, rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 30;
    void *table = aligned_alloc(PAGE_SIZE, frames_table_size(PADDR(FIRST_MFN << PAGE_SHIFT),
                                                             PADDR((FIRST_MFN + FRAMES) << PAGE_SHIFT)));
    struct thread threads[THREADS];

    for (unsigned n = 0; n < rounds; n++) {
        uint64_t before;

        machine_begins(table);
        before = frames_free();
        threads_start(threads, THREADS, cpu, (seed * 1000 + n) * THREADS);
        threads_join(threads, THREADS);
        threads_expect(frames_free() == before);
        threads_expect(frame_begins_free(frame_table.frames, ORDER));
    }
    printf("%u threads, %u rounds, seed %u: nothing is left\n", THREADS, rounds, seed);
    free(table);
    return 0;
}
