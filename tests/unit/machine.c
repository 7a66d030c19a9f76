// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/el2.h"
#include "mm/frame_table.h"
#include "mm/heap.h"
#include "arch/lock.h"
#include "arch/stage2.h"

struct machine_owner owners[MACHINE_OWNERS];
static struct frame_owner own[MACHINE_OWNERS];
unsigned machine_flushes, machine_entry_flushes, machine_lines_cleaned, machine_icache_clears;
static char *ram;
static uint64_t free_at_start;
static uint32_t random_state = 1;

uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

void random_seed(uint32_t seed) { random_state = seed; }

void *mfn_to_virt(mfn_t mfn)
{
    assert_true(machine_has(mfn.mfn));
    return ram + ((mfn.mfn - RAM_FIRST) << PAGE_SHIFT);
}

mfn_t virt_to_mfn(const void *va)
{
    return MFN((uint64_t)((const char *)va - ram) / PAGE_SIZE + RAM_FIRST);
}

bool machine_has(uint64_t mfn)
{
    return (mfn >= RAM_FIRST && mfn < HOLE_FIRST) || (mfn >= HOLE_END && mfn < RAM_END);
}

bool frame_owner_hold(struct frame_owner *o)
{
    owners[o->id - 1].refs++;
    return true;
}

void frame_owner_put(struct frame_owner *o)
{
    assert_true(owners[o->id - 1].refs > 1);   /* the test's own stays */
    owners[o->id - 1].refs--;
}

struct frame_owner *frame_owner_of_id(domid_t id)
{
    return id >= 1 && id <= MACHINE_OWNERS ? owners[id - 1].frames : NULL;
}

unsigned stage2_address_bits(void) { return 40; }
unsigned machine_vmid_bits = 8;
unsigned stage2_vmid_bits(void) { return machine_vmid_bits; }
bool machine_dirty_state;
bool stage2_has_dirty_state(void) { return machine_dirty_state; }
void stage2_flush(uint64_t vttbr)
{
    assert_true(vttbr >> 48);
    machine_flushes++;
}

void stage2_flush_entries(uint64_t vttbr, const gfn_t *gfns, unsigned n)
{
    assert_true(vttbr >> 48);
    assert_true(n > 0);
    (void)gfns;
    machine_entry_flushes++;
}

void cache_clean_invalidate(const void *va, size_t size)
{
    assert_int_equal(size, PAGE_SIZE);
    assert_true(machine_has(virt_to_mfn(va).mfn));
    machine_lines_cleaned++;
}

static uint8_t cleaned[RAM_END - RAM_FIRST];

void cache_clean(const void *va, size_t size)
{
    for (uint64_t mfn = virt_to_mfn(va).mfn; size; mfn++, size -= PAGE_SIZE)
        cleaned[mfn - RAM_FIRST] = *(uint64_t *)mfn_to_virt(MFN(mfn)) == 0;
}

bool machine_cleaned(mfn_t mfn)
{
    bool was = cleaned[mfn.mfn - RAM_FIRST];

    cleaned[mfn.mfn - RAM_FIRST] = false;
    return was;
}

void icache_invalidate_all(void) { machine_icache_clears++; }

bool never_preempt(void) { return false; }
bool always_preempt(void) { return true; }
bool sometimes_preempt(void) { return random_below(3) == 0; }

void machine_owner_is(unsigned n, struct frame_owner *o)
{
    memset(o, 0, sizeof(*o));
    owners[n] = (struct machine_owner){ .frames = o, .refs = 1 };
    frames_owner_init(o, (domid_t)(n + 1), RAM_END);
}

int machine_start(void **state)
{
    paddr_t start = PADDR(RAM_FIRST << PAGE_SHIFT), end = PADDR(RAM_END << PAGE_SHIFT);
    uint64_t size = frames_table_size(start, end), hole = HOLE_END - HOLE_FIRST;
    void *table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    ram = mmap(NULL, end.pa - start.pa, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram == MAP_FAILED || table == MAP_FAILED)
        return -1;
    /* Not in the RAM that it describes, so that every frame is the tests'; as if the last kernel had used it. */
    memset(table, 0x5a, size);
    frames_init(table, start, end, end.pa - start.pa - (hole << PAGE_SHIFT));
    frames_add(start, (HOLE_FIRST - RAM_FIRST) << PAGE_SHIFT);
    frames_add(PADDR(HOLE_END << PAGE_SHIFT), (RAM_END - HOLE_END) << PAGE_SHIFT);
    free_at_start = frames_free();
    if (free_at_start != frames_total() || free_at_start != RAM_END - RAM_FIRST - hole)
        return -1;
    for (unsigned i = 0; i < MACHINE_OWNERS; i++)
        machine_owner_is(i, &own[i]);
    return 0;
}

unsigned frame_refs(mfn_t mfn) { return frame_find(mfn) ? word_refs(word_of(frame_find(mfn))) : 0; }

bool frame_range_free(mfn_t first, unsigned order)
{
    for (unsigned o = order; o <= FRAMES_LARGE_ORDER; o++) {
        const struct frame *f = frame_at(MFN(align_down(first.mfn, BIT(o))));

        if (f && frame_begins_free(f, o))
            return true;
    }
    return false;
}

int machine_is_whole(void **state)
{
    (void)state;
    assert_int_equal(frames_free(), free_at_start);
    assert_int_equal(frames_claimed(NULL), 0);
    for (uint64_t mfn = RAM_FIRST; mfn < RAM_END; mfn++)
        if (machine_has(mfn) && !frame_range_free(MFN(mfn), 0))
            fail_msg("frame %lx is not free", (unsigned long)mfn);
    for (uint64_t mfn = 0x80000; mfn < RAM_END; mfn += 0x40000)
        assert_true(frame_range_free(MFN(mfn), 18));
    for (unsigned i = 0; i < MACHINE_OWNERS; i++) {
        assert_int_equal(owners[i].refs, 1);
        assert_int_equal(owners[i].frames->total, 0);
        assert_true(owners[i].frames->list == FRAME_NONE);
        machine_owner_is(i, &own[i]);
    }
    return 0;
}

/* --- Another vCPU --- */

static struct { unsigned nr, unlocks; void (*act)(void); } another;

static void unlocked(void)
{
    if (++another.unlocks != another.nr)
        return;
    host_after_unlock = NULL;   /* it is not interrupted itself */
    another.act();
    host_after_unlock = unlocked;
}

void machine_act_at_unlock(unsigned nr, void (*act)(void))
{
    another.nr = nr, another.unlocks = 0, another.act = act;
    host_after_unlock = unlocked;
}

void machine_act_no_more(void) { host_after_unlock = NULL; }
bool machine_has_acted(void) { return another.unlocks >= another.nr; }
