// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/abi/kexec.c hypervisor/vm/kexec.c */
/*
 * HYPERVISOR_kexec_op: what may be loaded where, what a wrong load leaves behind (nothing), loads in several calls and
 * those that stop anywhere. The window is host memory whose physical address is its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <xen/kexec.h>

#include "abi/abi.h"
#include "base/cpu.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/kexec.h"
#include "vm/vcpu.h"

#define PAGES     70    /* more than a word of bits */
#define EM_ARM64  183
#define APPEND    0x80
#define CRASH     KEXEC_TYPE_CRASH

static uint8_t memory[(PAGES + 2) * PAGE_SIZE] __attribute__((aligned(4096)));
#define WINDOW    ((uint64_t)(uintptr_t)memory + PAGE_SIZE)
#define AT(n)     (WINDOW + (n) * PAGE_SIZE)

bool panic_under_way(void) { return false; }

static struct domain domain;
static struct vcpu vcpu = { .domain = &domain };
static unsigned held, preempt_every, preempt_calls, cleaned;
static uint64_t not_owned, unreadable;
static size_t heap_used;
static bool no_memory;

struct cpu cpus[MAX_CPUS] = { { .current = &vcpu } };
bool preempt_pending(void) { return preempt_every && ++preempt_calls % preempt_every == 0; }
void *mfn_to_virt(mfn_t mfn) { return (void *)(uintptr_t)(mfn.mfn << PAGE_SHIFT); }
void frame_mark_dirty(mfn_t mfn) { assert_true((mfn.mfn << PAGE_SHIFT) - WINDOW < PAGES * PAGE_SIZE); }
void frame_put(mfn_t mfn) { (void)mfn; held--; }
paddr_t image_start_address(void) { return PADDR(0x40200000); }
paddr_t image_to_paddr(const void *va) { return PADDR((uintptr_t)va); }
paddr_t image_end_address(void) { return PADDR(0x40280000); }

bool frame_get(mfn_t mfn, const struct frame_owner *o)
{
    assert_ptr_equal(o, &domain.frames);
    if (mfn.mfn << PAGE_SHIFT == not_owned)
        return false;
    held++;
    return true;
}

void *heap_alloc(size_t size)
{
    heap_used += no_memory ? 0 : size;
    return no_memory ? NULL : calloc(1, size);
}

void heap_free(void *p, size_t size)
{
    heap_used -= size;
    free(p);
}

void cache_clean_invalidate(const void *va, size_t size)
{
    assert_int_equal(size, PAGE_SIZE);
    assert_true((uint64_t)(uintptr_t)va - WINDOW < PAGES * PAGE_SIZE);
    cleaned++;
}

int copy_from_guest(void *to, uint64_t guest_va, size_t n)
{
    if (!guest_va || (unreadable && guest_va <= unreadable && unreadable < guest_va + n))
        return -EFAULT;
    memcpy(to, (const void *)(uintptr_t)guest_va, n);
    return 0;
}

int copy_to_guest(uint64_t guest_va, const void *from, size_t n)
{
    if (!guest_va)
        return -EFAULT;
    memcpy((void *)(uintptr_t)guest_va, from, n);
    return 0;
}

static uint8_t source[4 * PAGE_SIZE];

static struct xen_kexec_segment segment(uint64_t at, uint64_t size, uint64_t from_size)
{
    return (struct xen_kexec_segment){
        .buf._pad = from_size ? (uintptr_t)source : 0, .buf_size = from_size, .dest_maddr = at, .dest_size = size,
    };
}

/* As the trap path does: called again with the same arguments until it is done. */
static long call(uint64_t cmd, void *arg)
{
    long result;

    do
        result = abi_kexec_op(cmd, (uintptr_t)arg);
    while (result == -ERESTART);
    return result;
}

static long load_as(unsigned type, unsigned arch, uint64_t entry, const struct xen_kexec_segment *segments, unsigned n)
{
    struct xen_kexec_segment copy[40];   /* a call that stops writes to them */
    struct xen_kexec_load load = { .type = (uint8_t)type, ._pad = 0x5a, .arch = (uint16_t)arch, .nr_segments = n,
                                   .segments._pad = (uintptr_t)copy, .entry_maddr = entry };

    if (n)
        memcpy(copy, segments, n * sizeof(*segments));
    return call(KEXEC_CMD_kexec_load, &load);
}

static long load(uint64_t entry, struct xen_kexec_segment s) { return load_as(CRASH, EM_ARM64, entry, &s, 1); }

static long append(uint64_t entry, struct xen_kexec_segment s)
{
    return load_as(CRASH | APPEND, EM_ARM64, entry, &s, 1);
}

static long of_type(uint64_t cmd, uint8_t type)
{
    struct xen_kexec_status status = { type };

    return call(cmd, &status);
}

static long status(void) { return of_type(KEXEC_CMD_kexec_status, CRASH); }
static long unload(void) { return of_type(KEXEC_CMD_kexec_unload, CRASH); }

static long exec_type(int type)
{
    struct xen_kexec_exec exec = { type };

    return call(KEXEC_CMD_kexec, &exec);
}


static int setup(void **state)
{
    (void)state;
    domain.privileged = true;
    preempt_every = cleaned = 0;
    unreadable = 0;
    memset(memory, 0xee, sizeof(memory));
    for (unsigned i = 0; i < sizeof(source); i++)
        source[i] = (uint8_t)(i / PAGE_SIZE * 64 + i % 61);
    kexec_unload(KEXEC_DEFAULT);
    kexec_unload(KEXEC_CRASH);
    return 0;
}

/* No byte outside the window, ever. */
static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(memory[i], 0xee);
        assert_int_equal(memory[sizeof(memory) - 1 - i], 0xee);
    }
    return 0;
}

/* --- before there is a window */

static void without_a_window_nothing_is_loaded(void **state)
{
    struct xen_kexec_range range = { .range = KEXEC_RANGE_MA_CRASH, .start = 1, .size = 1 };

    (void)state;
    domain.privileged = true;
    assert_int_equal(load(AT(0), segment(AT(0), PAGE_SIZE, 8)), -EADDRNOTAVAIL);
    assert_int_equal(status(), 0);
    assert_int_equal(unload(), 0);
    assert_int_equal(exec_type(CRASH), -ENOENT);
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), 0);
    assert_int_equal(range.size, 0);
    assert_false(kexec_is_armed());
}

static void a_window_is_all_the_owners_or_none(void **state)
{
    (void)state;
    not_owned = AT(PAGES - 1);
    assert_int_equal(kexec_window_init(&domain, WINDOW, PAGES * PAGE_SIZE), -EINVAL);
    assert_int_equal(held, 0);
    assert_int_equal(heap_used, 0);
    not_owned = 0;
    no_memory = true;
    assert_int_equal(kexec_window_init(&domain, WINDOW, PAGES * PAGE_SIZE), -ENOMEM);
    assert_int_equal(held, 0);
    no_memory = false;
    assert_int_equal(kexec_window_init(&domain, WINDOW, PAGES * PAGE_SIZE), 0);
    assert_int_equal(held, PAGES);
}

/* --- with it */

static void a_segment_is_copied_and_its_rest_cleared(void **state)
{
    (void)state;
    assert_int_equal(load(AT(2) + 8, segment(AT(2), 3 * PAGE_SIZE, PAGE_SIZE + 100)), 0);
    assert_memory_equal((void *)(uintptr_t)AT(2), source, PAGE_SIZE + 100);
    for (uint64_t at = AT(3) + 100; at < AT(5); at++)
        assert_int_equal(*(uint8_t *)(uintptr_t)at, 0);
    assert_int_equal(*(uint8_t *)(uintptr_t)(AT(2) - 1), 0xee);
    assert_int_equal(*(uint8_t *)(uintptr_t)AT(5), 0xee);
    assert_int_equal(status(), 1);
    assert_int_equal(of_type(KEXEC_CMD_kexec_status, KEXEC_TYPE_DEFAULT), 0);
    assert_int_equal(kexec_crash_entry(), AT(2) + 8);
    kexec_clean_caches(KEXEC_CRASH);
    assert_int_equal(cleaned, 3);
}

static void a_segment_without_a_source_keeps_its_content(void **state)
{
    (void)state;
    assert_int_equal(load(AT(69), segment(AT(69), PAGE_SIZE, 0)), 0);
    assert_int_equal(*(uint8_t *)(uintptr_t)AT(69), 0xee);
    assert_int_equal(status(), 1);
}

/* As Debian's kexec-tools ask for the first MiB. */
static void memory_that_is_only_to_be_accessible_is_no_part_of_the_image(void **state)
{
    struct xen_kexec_segment some[3] = {
        segment(0, 0x100000, 0), segment(AT(4), PAGE_SIZE, 10), segment(AT(PAGES), PAGE_SIZE, 0),
    };

    (void)state;
    assert_int_equal(load_as(CRASH, EM_ARM64, AT(4), some, 3), 0);
    kexec_clean_caches(KEXEC_CRASH);
    assert_int_equal(cleaned, 1);
    assert_int_equal(load(0x1000, segment(0, 0x100000, 0)), -EINVAL);
    assert_int_equal(load(AT(0), segment(AT(0) - PAGE_SIZE, 2 * PAGE_SIZE, 0)), -EADDRNOTAVAIL);
}

static void what_is_wrong_with_a_segment_unloads_the_image(void **state)
{
    const struct { struct xen_kexec_segment s; long error; } wrong[] = {
        { segment(AT(0), 0, 0), -EINVAL },                                     /* empty */
        { segment(AT(0), PAGE_SIZE - 1, 10), -EINVAL },
        { segment(AT(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE + 1), -EINVAL },         /* more than it has room for */
        { segment(AT(0) + 8, PAGE_SIZE, 10), -EINVAL },
        { segment(AT(0) - PAGE_SIZE, PAGE_SIZE, 10), -EADDRNOTAVAIL },
        { segment(AT(0) - PAGE_SIZE, 2 * PAGE_SIZE, 10), -EADDRNOTAVAIL },
        { segment(AT(PAGES), PAGE_SIZE, 10), -EADDRNOTAVAIL },
        { segment(AT(PAGES - 1), 2 * PAGE_SIZE, 10), -EADDRNOTAVAIL },         /* begins inside */
        { segment(AT(4), UINT64_MAX & PAGE_MASK, 10), -EADDRNOTAVAIL },
        { segment(UINT64_MAX & PAGE_MASK, 2 * PAGE_SIZE, 0), -EADDRNOTAVAIL },
        { segment(0, PAGE_SIZE, 10), -EADDRNOTAVAIL },
        { segment(AT(3), PAGE_SIZE, 10), -EINVAL },                            /* overlaps the one that is there */
        { segment(AT(2), 3 * PAGE_SIZE, 10), -EINVAL },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct xen_kexec_segment two[2] = { segment(AT(3), PAGE_SIZE, 10), wrong[i].s };

        assert_int_equal(load(AT(3), two[0]), 0);
        assert_int_equal(load_as(CRASH, EM_ARM64, AT(3), two, 2), wrong[i].error);
        assert_int_equal(status(), 0);
        assert_int_equal(load(AT(3), two[0]), 0);
        assert_int_equal(append(AT(3), wrong[i].s), wrong[i].error);
        assert_int_equal(status(), 0);
    }
    assert_int_equal(load(AT(0), segment(AT(0), PAGES * PAGE_SIZE, 10)), 0);   /* no page was left behind taken */
}

static void an_entry_lies_in_the_image(void **state)
{
    (void)state;
    assert_int_equal(load(AT(1), segment(AT(0), PAGE_SIZE, 10)), -EINVAL);
    assert_int_equal(load(AT(0) - 4, segment(AT(0), PAGE_SIZE, 10)), -EINVAL);
    assert_int_equal(load(AT(PAGES), segment(AT(PAGES - 1), PAGE_SIZE, 10)), -EINVAL);
    assert_int_equal(load(AT(0) + 2, segment(AT(0), PAGE_SIZE, 10)), -EINVAL);
    assert_int_equal(load(UINT64_MAX & ~3ull, segment(AT(0), PAGE_SIZE, 10)), -EINVAL);
    assert_int_equal(status(), 0);
    assert_int_equal(load_as(CRASH, EM_ARM64, AT(0), NULL, 0), -EINVAL);
    assert_int_equal(load(AT(1) - 4, segment(AT(0), PAGE_SIZE, 10)), 0);
}

static void kernels_of_others_and_types_that_are_none_are_refused(void **state)
{
    struct xen_kexec_segment s = segment(AT(0), PAGE_SIZE, 10);

    (void)state;
    assert_int_equal(load_as(CRASH, 62, AT(0), &s, 1), -EINVAL);
    assert_int_equal(load_as(2, EM_ARM64, AT(0), &s, 1), -EINVAL);
    assert_int_equal(load_as(0x7f, EM_ARM64, AT(0), &s, 1), -EINVAL);
    assert_int_equal(of_type(KEXEC_CMD_kexec_status, 2), -EINVAL);
    assert_int_equal(of_type(KEXEC_CMD_kexec_unload, 255), -EINVAL);
    assert_int_equal(exec_type(2), -EINVAL);
    assert_int_equal(exec_type(-2), -EINVAL);
    assert_int_equal(abi_kexec_op(7, (uintptr_t)&s), -ENOSYS);
    assert_int_equal(abi_kexec_op(KEXEC_CMD_kexec_load_v1, (uintptr_t)&s), -ENOSYS);
    assert_int_equal(abi_kexec_op(KEXEC_CMD_kexec_unload_v1, (uintptr_t)&s), -ENOSYS);
}

static void more_segments_than_any_call_of_linux_takes(void **state)
{
    struct xen_kexec_segment many[40];

    (void)state;
    for (unsigned i = 0; i < 35; i++)
        many[i] = segment(AT(2 * i), PAGE_SIZE, 10);
    assert_int_equal(load_as(CRASH, EM_ARM64, AT(68), many, 35), 0);
    for (unsigned i = 0; i < 35; i++)
        assert_int_equal(append(0, segment(AT(2 * i + 1), PAGE_SIZE, 10)), 0);
    assert_int_equal(status(), 0);
    assert_int_equal(load_as(CRASH | APPEND, EM_ARM64, AT(69), NULL, 0), 0);
    assert_int_equal(status(), 1);
    kexec_clean_caches(KEXEC_CRASH);
    assert_int_equal(cleaned, PAGES);
}

static void a_load_that_is_never_finished_is_no_image(void **state)
{
    (void)state;
    assert_int_equal(load(0, segment(AT(0), PAGE_SIZE, 10)), 0);
    assert_int_equal(status(), 0);
    assert_int_equal(exec_type(CRASH), -ENOENT);
    /* and does not stand in the way of the next */
    assert_int_equal(load(AT(0), segment(AT(0), PAGE_SIZE, 10)), 0);
    assert_int_equal(status(), 1);
}

static void absurd_counts_end_at_the_first_segment_that_is_wrong(void **state)
{
    struct xen_kexec_segment s = segment(AT(0), PAGE_SIZE, 10);
    struct xen_kexec_load load = { .type = CRASH, .arch = EM_ARM64, .nr_segments = UINT32_MAX,
                                   .segments._pad = (uintptr_t)&s, .entry_maddr = AT(0) };

    (void)state;
    unreadable = (uintptr_t)(&s + 1);
    assert_int_equal(call(KEXEC_CMD_kexec_load, &load), -EFAULT);
    assert_int_equal(status(), 0);
}

static void bad_pointers_are_refused(void **state)
{
    struct xen_kexec_segment s = segment(AT(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE);

    (void)state;
    for (uint64_t cmd = 0; cmd < 7; cmd++)
        if (cmd != KEXEC_CMD_kexec_load_v1 && cmd != KEXEC_CMD_kexec_unload_v1)
            assert_int_equal(abi_kexec_op(cmd, 0), -EFAULT);
    unreadable = (uintptr_t)source + PAGE_SIZE + 5;
    assert_int_equal(load(AT(0), s), -EFAULT);
    assert_int_equal(status(), 0);
    unreadable = 0;
    assert_int_equal(load(AT(0), s), 0);
}

static void a_load_that_stops_anywhere_loads_the_same(void **state)
{
    (void)state;
    for (unsigned every = 1; every < 8; every++) {
        struct xen_kexec_segment some[3] = {
            segment(AT(0), 3 * PAGE_SIZE, 2 * PAGE_SIZE + 7),
            segment(AT(10), 4 * PAGE_SIZE, 4 * PAGE_SIZE),
            segment(AT(20), 2 * PAGE_SIZE, 0),
        };

        memset((void *)(uintptr_t)WINDOW, 0xee, PAGES * PAGE_SIZE);
        preempt_every = every;
        assert_int_equal(load_as(CRASH, EM_ARM64, AT(10), some, 3), 0);
        assert_memory_equal((void *)(uintptr_t)AT(0), source, 2 * PAGE_SIZE + 7);
        for (uint64_t at = AT(2) + 7; at < AT(3); at++)
            assert_int_equal(*(uint8_t *)(uintptr_t)at, 0);
        assert_memory_equal((void *)(uintptr_t)AT(10), source, 4 * PAGE_SIZE);
        assert_int_equal(*(uint8_t *)(uintptr_t)AT(20), 0xee);
        assert_int_equal(status(), 1);
        cleaned = 0;
        kexec_clean_caches(KEXEC_CRASH);
        assert_int_equal(cleaned, 9);
    }
}

/* Another vCPU begins a load of its own while the first one's has stopped. */
static void of_two_who_load_at_once_neither_takes_the_others_pages(void **state)
{
    struct xen_kexec_segment s = segment(AT(0), 4 * PAGE_SIZE, 4 * PAGE_SIZE);
    struct xen_kexec_load first = { .type = CRASH, .arch = EM_ARM64, .nr_segments = 1,
                                    .segments._pad = (uintptr_t)&s, .entry_maddr = AT(0) };

    (void)state;
    preempt_every = 2;
    preempt_calls = 0;
    assert_int_equal(abi_kexec_op(KEXEC_CMD_kexec_load, (uintptr_t)&first), -ERESTART);
    assert_int_equal(first.type, CRASH | APPEND);
    assert_int_equal(s.dest_maddr, AT(2));
    preempt_every = 0;
    assert_int_equal(load(AT(3), segment(AT(3), PAGE_SIZE, 10)), 0);
    assert_int_equal(status(), 1);
    assert_int_equal(abi_kexec_op(KEXEC_CMD_kexec_load, (uintptr_t)&first), -EINVAL);
    assert_int_equal(status(), 0);
}

static void images_of_both_types_share_the_window(void **state)
{
    struct xen_kexec_segment one = segment(AT(0), 2 * PAGE_SIZE, 10), beside = segment(AT(2), PAGE_SIZE, 10);

    (void)state;
    assert_int_equal(load(AT(0), one), 0);
    assert_int_equal(load_as(KEXEC_TYPE_DEFAULT, EM_ARM64, AT(0), &one, 1), -EINVAL);
    assert_int_equal(load_as(KEXEC_TYPE_DEFAULT, EM_ARM64, AT(2), &beside, 1), 0);
    assert_int_equal(status(), 1);
    assert_int_equal(unload(), 0);
    assert_int_equal(of_type(KEXEC_CMD_kexec_status, KEXEC_TYPE_DEFAULT), 1);
    assert_int_equal(load_as(KEXEC_TYPE_DEFAULT, EM_ARM64, AT(0), &one, 1), 0);
}

static void a_jump_is_of_the_image_that_was_asked_for_and_once(void **state)
{
    enum kexec_type type;
    uint64_t entry;

    (void)state;
    assert_int_equal(exec_type(CRASH), -ENOENT);
    assert_int_equal(load(AT(1) + 64, segment(AT(1), PAGE_SIZE, 10)), 0);
    assert_false(kexec_is_armed());
    assert_int_equal(exec_type(KEXEC_TYPE_DEFAULT), -ENOENT);
    assert_int_equal(exec_type(CRASH), 0);
    assert_true(kexec_is_armed());
    assert_true(kexec_take_armed(&type, &entry));
    assert_int_equal(type, KEXEC_CRASH);
    assert_int_equal(entry, AT(1) + 64);
    assert_false(kexec_take_armed(&type, &entry));
    /* a change of the image takes the wish back */
    assert_int_equal(exec_type(CRASH), 0);
    assert_int_equal(append(AT(1), segment(AT(5), PAGE_SIZE, 10)), 0);
    assert_false(kexec_is_armed());
    assert_int_equal(exec_type(CRASH), 0);
    assert_int_equal(unload(), 0);
    assert_false(kexec_is_armed());
    /* as does dom0 */
    assert_int_equal(load(AT(1), segment(AT(1), PAGE_SIZE, 10)), 0);
    assert_int_equal(exec_type(CRASH), 0);
    assert_int_equal(exec_type(-1), 0);
    assert_false(kexec_is_armed());
    assert_int_equal(status(), 1);
}

static void ranges_are_told(void **state)
{
    static const uint32_t head[] = { sizeof("TORPOR"), 16, 1 };
    static const uint64_t image[] = { 0x40200000, 0x40280000 };
    struct xen_kexec_range range = { .range = KEXEC_RANGE_MA_CRASH };

    (void)state;
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), 0);
    assert_int_equal(range.start, WINDOW);
    assert_int_equal(range.size, PAGES * PAGE_SIZE);
    range.range = KEXEC_RANGE_MA_XEN;
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), 0);
    assert_int_equal(range.start, 0x40200000);
    assert_int_equal(range.size, 0x80000);
    range.range = KEXEC_RANGE_MA_VMCOREINFO;
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), 0);
    assert_int_equal(range.start % 4, 0);
    assert_int_equal(range.size, 12 + 8 + 16 + 12);
    assert_memory_equal((void *)range.start, head, sizeof(head));
    assert_string_equal((char *)range.start + 12, "TORPOR");
    assert_memory_equal((void *)(range.start + 20), image, sizeof(image));
    kexec_set_note((struct kexec_note){ WINDOW - PAGE_SIZE, 0x1024 });
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), 0);
    assert_int_equal(range.start, WINDOW - PAGE_SIZE);
    assert_int_equal(range.size, 0x1024);
    kexec_set_note((struct kexec_note){ 0 });
    range.range = KEXEC_RANGE_MA_CPU;
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), -EINVAL);
    range.range = -1;
    assert_int_equal(call(KEXEC_CMD_kexec_get_range, &range), -EINVAL);
}

static void a_guest_without_privilege_is_refused(void **state)
{
    (void)state;
    domain.privileged = false;
    for (uint64_t cmd = 0; cmd < 8; cmd++)
        assert_int_equal(abi_kexec_op(cmd, 0), -EPERM);
}

int main(void)
{
    static const struct CMUnitTest before[] = {
        cmocka_unit_test(without_a_window_nothing_is_loaded),
        cmocka_unit_test(a_window_is_all_the_owners_or_none),
    };
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_is_copied_and_its_rest_cleared, setup, teardown),
        cmocka_unit_test_setup_teardown(a_segment_without_a_source_keeps_its_content, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_that_is_only_to_be_accessible_is_no_part_of_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_segment_unloads_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_lies_in_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(kernels_of_others_and_types_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(more_segments_than_any_call_of_linux_takes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_load_that_is_never_finished_is_no_image, setup, teardown),
        cmocka_unit_test_setup_teardown(absurd_counts_end_at_the_first_segment_that_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_pointers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_load_that_stops_anywhere_loads_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_who_load_at_once_neither_takes_the_others_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(images_of_both_types_share_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(a_jump_is_of_the_image_that_was_asked_for_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_without_privilege_is_refused, setup, teardown),
    };

    /* in this order: the window is for good */
    return cmocka_run_group_tests(before, NULL, NULL) || cmocka_run_group_tests(tests, NULL, NULL);
}
