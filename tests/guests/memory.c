// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that a domain gives back and takes again (the balloon's calls), the counts that follow from it, and the
 * special pages that can be put into its address space (xen/include/public/memory.h).
 */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "tests/guests/tap.h"

enum { PAGES = 16 };

static uint64_t pages[PAGES][512] __attribute__((aligned(4096)));
static xen_pfn_t list[PAGES];

static long reservation_op(unsigned cmd, unsigned long n, unsigned order, domid_t domid)
{
    struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = domid };

    for (unsigned i = 0; i < PAGES; i++)
        list[i] = (uintptr_t)pages[i] >> PAGE_SHIFT;
    set_xen_guest_handle(r.extent_start, list);
    return memory_op(cmd, &r);
}

static long current_pages(void)
{
    domid_t d = DOMID_SELF;

    return memory_op(XENMEM_current_reservation, &d);
}

static bool faults(uint64_t *p)
{
    trap_catch();
    __asm__ volatile("ldr xzr, [%0]" : : "r"(p) : "memory");
    return trap_caught();
}

static void balloon(void)
{
    long before = current_pages();
    domid_t self = DOMID_SELF;

    expect_true("current_reservation_covers_the_ram", before >= (long)(platform.ram_size / PAGE_SIZE));
    expect_true("maximum_reservation_covers_the_current", memory_op(XENMEM_maximum_reservation, &self) >= before);
    expect_true("maximum_gpfn_covers_the_ram", memory_op(XENMEM_maximum_gpfn, &self) >=
                                                   (long)((platform.ram_base + platform.ram_size) / PAGE_SIZE - 1));

    expect_equal("decrease_reservation_takes_all", reservation_op(XENMEM_decrease_reservation, PAGES, 0, DOMID_SELF),
                 PAGES);
    expect_equal("the_count_follows", before - current_pages(), PAGES);
    expect_true("a_page_given_back_is_gone", faults(pages[3]));
    expect_equal("giving_back_what_is_gone", reservation_op(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 0);
    expect_equal("a_pointer_to_it_is_bad", xen_version(XENVER_extraversion, pages[3]), -EFAULT);
    expect_equal("populate_gives_all", reservation_op(XENMEM_populate_physmap, PAGES, 0, DOMID_SELF), PAGES);
    expect_equal("the_count_is_as_before", current_pages(), before);
    expect_true("a_populated_page_is_there", !faults(pages[3]));

    unsigned n = 0;
    for (unsigned i = 0; i < 64; i++)
        n += reservation_op(XENMEM_decrease_reservation, PAGES, 0, DOMID_SELF) == PAGES &&
             reservation_op(XENMEM_populate_physmap, PAGES, 0, DOMID_SELF) == PAGES;
    expect_equal("sixty_four_times", n, 64);
    expect_equal("nothing_is_lost", current_pages(), before);
}

static void refusals(void)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = 0x30000 };
    domid_t zero = 0, nobody = 0x7000;

    expect_equal("decrease_of_dom0_is_refused", reservation_op(XENMEM_decrease_reservation, 1, 0, 0) <= 0, true);
    expect_true("populate_over_the_limit_gives_less",
                reservation_op(XENMEM_populate_physmap, PAGES, 9, DOMID_SELF) < PAGES);
    expect_true("populate_of_a_huge_order_gives_nothing",
                reservation_op(XENMEM_populate_physmap, 1, 30, DOMID_SELF) <= 0);
    expect_equal("current_reservation_of_dom0_is_refused", memory_op(XENMEM_current_reservation, &zero), -EPERM);
    expect_equal("current_reservation_of_nobody", memory_op(XENMEM_current_reservation, &nobody), -ESRCH);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)0x30000000ul);
    expect_true("a_list_that_is_not_there_gives_nothing", memory_op(XENMEM_populate_physmap, &r) <= 0);
    expect_true("remove_of_what_is_not_there", memory_op(XENMEM_remove_from_physmap, &rm) < 0);
    rm.domid = 0;
    expect_equal("remove_from_dom0_is_refused", memory_op(XENMEM_remove_from_physmap, &rm), -EPERM);
}

static void special_pages(void)
{
    uint64_t base = platform.grant_base / PAGE_SIZE;
    struct xen_remove_from_physmap rm = { .domid = DOMID_SELF };

    /* a page of the hypervisor's is in one place at a time */
    rm.gpfn = (uintptr_t)shared_info >> PAGE_SHIFT;
    expect_equal("shared_info_can_be_taken_away", memory_op(XENMEM_remove_from_physmap, &rm), 0);
    expect_equal("shared_info_can_be_put_elsewhere", physmap_add(XENMAPSPACE_shared_info, 0, GFN(base + 64)), 0);
    struct shared_info *there = (struct shared_info *)((base + 64) << PAGE_SHIFT);
    expect_true("and_is_there", !faults((uint64_t *)there) && there->evtchn_mask[60] == ~0ul);
    expect_equal("shared_info_has_one_page", physmap_add(XENMAPSPACE_shared_info, 1, GFN(base + 65)), -EINVAL);
    expect_equal("an_unknown_space", physmap_add(77, 0, GFN(base + 65)), -ENOSYS);
    expect_equal("a_grant_frame_beyond_the_last", physmap_add(XENMAPSPACE_grant_table, 5000, GFN(base + 65)), -EINVAL);
    rm.gpfn = base + 64;
    expect_equal("remove_takes_it_away", memory_op(XENMEM_remove_from_physmap, &rm), 0);
    expect_true("then_it_is_gone", faults((uint64_t *)there));
    expect_equal("and_can_be_put_back",
                 physmap_add(XENMAPSPACE_shared_info, 0, GFN((uintptr_t)shared_info >> PAGE_SHIFT)), 0);
}

void guest_main(void)
{
    tap_begin("memory");
    balloon();
    refusals();
    special_pages();
    tap_end();
}
