// SPDX-License-Identifier: Apache-2.0
/*
 * Grant tables, version 1 (xen/include/public/grant_table.h). Alone, a domain grants to itself; given `peer` the runner
 * has started a second instance right after the first, so that their numbers are neighbours: the first ("giver")
 * grants frames, the second ("taker") maps, writes and copies them. They meet on an event channel whose number the
 * giver's first allocation fixes.
 */
#include "dormouse/xen/grant.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/guests/tap.h"

enum { REF = 20, REF_RO = 21, REF_OTHER = 22, REF_FREE = 23, REF_SELF = 24, MEET_PORT = 3 };

static uint64_t shared[512] __attribute__((aligned(4096)));
static uint64_t readonly[512] __attribute__((aligned(4096)));
static uint64_t local[1024] __attribute__((aligned(4096)));

static gfn_t frame_of(const void *p) { return GFN((uintptr_t)p >> PAGE_SHIFT); }

/* Where the other's frames are put: in the grant range, past the table. */
static uint64_t map_address(unsigned n) { return platform.grant_base + (0x400 + n) * PAGE_SIZE; }

static struct gnttab_map_grant_ref map(domid_t dom, grant_ref_t ref, uint64_t at, uint32_t flags)
{
    struct gnttab_map_grant_ref m = { .host_addr = at, .flags = flags, .ref = ref, .dom = dom };

    if (grant_table_op(GNTTABOP_map_grant_ref, &m, 1))
        m.status = 99;
    return m;
}

static int unmap(uint64_t at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref u = { .host_addr = at, .handle = handle };

    return grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1) ? 99 : u.status;
}

static int copy(domid_t from, uint64_t source, unsigned source_offset, domid_t to, uint64_t dest, unsigned dest_offset,
                unsigned len, unsigned flags)
{
    struct gnttab_copy c = { .source = { .domid = from, .offset = (uint16_t)source_offset },
                             .dest = { .domid = to, .offset = (uint16_t)dest_offset },
                             .len = (uint16_t)len, .flags = (uint16_t)flags };

    if (flags & GNTCOPY_source_gref)
        c.source.u.ref = (grant_ref_t)source;
    else
        c.source.u.gmfn = source;
    if (flags & GNTCOPY_dest_gref)
        c.dest.u.ref = (grant_ref_t)dest;
    else
        c.dest.u.gmfn = dest;
    return grant_table_op(GNTTABOP_copy, &c, 1) ? 99 : c.status;
}

static bool write_faults(uint64_t at)
{
    trap_catch();
    __asm__ volatile("str xzr, [%0]" : : "r"(at) : "memory");
    return trap_caught();
}

static void table(void)
{
    struct gnttab_query_size q = { .dom = DOMID_SELF };
    struct gnttab_get_version v = { .dom = DOMID_SELF };
    struct gnttab_set_version sv = { .version = 1 };

    expect_equal("query_size", grant_table_op(GNTTABOP_query_size, &q, 1), 0);
    expect_equal("query_size_status", q.status, GNTST_okay);
    expect_true("table_has_the_frames_that_were_mapped", q.nr_frames >= GRANT_FRAMES && q.nr_frames <= q.max_nr_frames);
    expect_equal("xl_gives_64_frames", q.max_nr_frames, 64);
    expect_equal("get_version", grant_table_op(GNTTABOP_get_version, &v, 1), 0);
    expect_equal("version_is_1", v.version, 1);
    expect_equal("set_version_1", grant_table_op(GNTTABOP_set_version, &sv, 1), 0);
    sv.version = 2;
    expect_equal("version_2_is_not_for_arm", grant_table_op(GNTTABOP_set_version, &sv, 1), -ENOSYS);
    q.dom = 0;
    grant_table_op(GNTTABOP_query_size, &q, 1);
    expect_equal("query_of_dom0_is_refused", q.status, GNTST_permission_denied);
    q.dom = 0x7000;
    grant_table_op(GNTTABOP_query_size, &q, 1);
    expect_equal("query_of_nobody", q.status, GNTST_bad_domain);
    expect_equal("first_entry_is_the_consoles", grant_table[0].flags & GTF_type_mask, GTF_permit_access);
    expect_equal("second_entry_is_xenstores", grant_table[1].flags & GTF_type_mask, GTF_permit_access);
}

static void copies_alone(domid_t self)
{
    uint64_t s = frame_of(shared).gfn, l = frame_of(local).gfn;

    for (unsigned i = 0; i < 512; i++)
        shared[i] = i * 0x100000001ul, local[i] = 0;
    expect_equal("copy_frame_to_frame", copy(DOMID_SELF, s, 8, DOMID_SELF, l, 16, 80, 0), GNTST_okay);
    expect_true("copies_just_that",
                local[1] == 0 && local[2] == shared[1] && local[11] == shared[10] && local[12] == 0);
    grant_access(REF_SELF, self, frame_of(shared), true);
    expect_equal("copy_from_a_grant_to_oneself",
                 copy(DOMID_SELF, REF_SELF, 0, DOMID_SELF, l, 0, 4096, GNTCOPY_source_gref), GNTST_okay);
    expect_equal("copies_the_page", memcmp(local, shared, 4096), 0);
    expect_equal("copy_into_a_read_only_grant", copy(DOMID_SELF, l, 0, DOMID_SELF, REF_SELF, 0, 8, GNTCOPY_dest_gref),
                 GNTST_general_error);
    expect_true("a_grant_ends_after_the_copy", grant_end(REF_SELF));
    expect_equal("copy_from_an_ended_grant", copy(DOMID_SELF, REF_SELF, 0, DOMID_SELF, l, 0, 8, GNTCOPY_source_gref),
                 GNTST_general_error);
    expect_equal("copy_that_leaves_its_source_page", copy(DOMID_SELF, s, 4090, DOMID_SELF, l, 0, 8, 0),
                 GNTST_bad_copy_arg);
    expect_equal("copy_that_leaves_its_destination_page", copy(DOMID_SELF, s, 0, DOMID_SELF, l, 4090, 8, 0),
                 GNTST_bad_copy_arg);
    expect_equal("copy_from_a_frame_of_another_domain", copy(0, s, 0, DOMID_SELF, l, 0, 8, 0), GNTST_permission_denied);
    expect_equal("copy_from_nobody", copy(0x7000, 1, 0, DOMID_SELF, l, 0, 8, GNTCOPY_source_gref), GNTST_bad_domain);
    expect_equal("copy_from_a_frame_that_is_not_there", copy(DOMID_SELF, 0x60000, 0, DOMID_SELF, l, 0, 8, 0),
                 GNTST_bad_page);
    expect_equal("copy_from_a_reference_beyond_the_last",
                 copy(DOMID_SELF, 1u << 20, 0, DOMID_SELF, l, 0, 8, GNTCOPY_source_gref), GNTST_bad_gntref);
    expect_equal("copy_of_nothing", copy(DOMID_SELF, s, 0, DOMID_SELF, l, 0, 0, 0), GNTST_okay);
}

static void map_refusals(domid_t self)
{
    (void)self;
    expect_equal("map_of_nobodys", map(0x7000, 0, map_address(0), GNTMAP_host_map).status, GNTST_bad_domain);
    expect_equal("map_of_a_reference_beyond_the_last", map(0, 1u << 20, map_address(0), GNTMAP_host_map).status,
                 GNTST_bad_gntref);
    expect_true("map_of_what_was_not_granted", map(0, 5, map_address(0), GNTMAP_host_map).status < 0);
    expect_true("map_without_a_place", map(0, 0, map_address(0), 0).status < 0);
    expect_equal("unmap_of_no_handle", unmap(map_address(0), 0x7777), GNTST_bad_handle);
    expect_equal("unmap_of_a_huge_handle", unmap(map_address(0), ~0u), GNTST_bad_handle);
    struct gnttab_transfer t = { .mfn = frame_of(local).gfn, .domid = 0 };
    expect_true("transfer_is_not_for_arm", grant_table_op(GNTTABOP_transfer, &t, 1) < 0 || t.status < 0);
    struct gnttab_swap_grant_ref s = { .ref_a = REF, .ref_b = REF_FREE };
    grant_access(REF, 0, frame_of(shared), false);
    expect_equal("swap", grant_table_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    expect_true("swap_moves_the_entry",
                !s.status && grant_table[REF].flags == 0 && grant_table[REF_FREE].flags == GTF_permit_access);
    expect_true("and_it_ends_where_it_is", grant_end(REF_FREE));
    s.ref_b = 1u << 20;
    grant_table_op(GNTTABOP_swap_grant_ref, &s, 1);
    expect_equal("swap_beyond_the_last", s.status, GNTST_bad_gntref);
}

static evtchn_port_t meeting;
static volatile unsigned calls;
static void called(evtchn_port_t port) { (void)port; calls++; }

static void giver(domid_t self)
{
    domid_t taker = (domid_t)(self + 1);

    for (unsigned i = 0; i < 512; i++)
        shared[i] = 0x5a5a0000 + i, readonly[i] = 0xa5a50000 + i;
    grant_access(REF, taker, frame_of(shared), false);
    grant_access(REF_RO, taker, frame_of(readonly), true);
    grant_access(REF_OTHER, 0, frame_of(shared), false);
    /* the taker comes through this port: it opens when the grants stand */
    bool opened = wait_until(!evtchn_alloc_unbound(taker, &meeting), tap_on_stock_xen() ? 5000 : 60000);
    if (!opened && tap_on_stock_xen()) {
        skip("giver", "Debian's Xen keeps domUs apart unless started with xsm=dummy");
        return;
    }
    expect_true("meeting_port_opens", opened);
    expect_equal("meeting_port", meeting, MEET_PORT);
    evtchn_register(meeting, called);
    expect_true("taker_comes", wait_until(calls >= 1, 60000));
    expect_true("taker_has_written", wait_until(shared[0] == 0x7a6b && shared[511] == 0x8899, 60000));
    expect_true("a_mapped_grant_is_in_use",
                grant_table[REF].flags & GTF_reading && grant_table[REF].flags & GTF_writing);
    expect_true("a_mapped_grant_does_not_end", !grant_end(REF));
    expect_true("a_grant_mapped_read_only_is_only_read",
                (grant_table[REF_RO].flags & (GTF_reading | GTF_writing)) == GTF_reading);
    evtchn_send(meeting);
    expect_true("taker_is_done", wait_until(calls >= 2, 60000));
    expect_equal("an_unmapped_grant_is_not_in_use", grant_table[REF].flags & (GTF_reading | GTF_writing), 0);
    expect_true("and_ends", grant_end(REF) && grant_end(REF_RO));
    evtchn_send(meeting);
    expect_true("taker_has_seen_the_end", wait_until(calls >= 3, 60000));
    expect_equal("taker_left_the_read_only_page_alone", readonly[0], 0xa5a50000);
}

static void taker(domid_t self)
{
    domid_t from = (domid_t)(self - 1);
    uint64_t *p = (uint64_t *)map_address(0);

    if (tap_on_stock_xen() && map(from, 0, map_address(0), GNTMAP_host_map).status == GNTST_permission_denied) {
        skip("taker", "Debian's Xen keeps domUs apart unless started with xsm=dummy");
        return;
    }
    expect_true("giver_is_met", wait_until(!evtchn_bind_interdomain(from, MEET_PORT, &meeting), 60000));
    evtchn_clear(meeting);
    evtchn_register(meeting, called);

    struct gnttab_map_grant_ref m = map(from, REF, map_address(0), GNTMAP_host_map);
    expect_equal("map", m.status, GNTST_okay);
    expect_equal("mapped_page_is_the_givers", p[3], 0x5a5a0003);
    struct gnttab_map_grant_ref ro = map(from, REF_RO, map_address(1), GNTMAP_host_map | GNTMAP_readonly);
    expect_equal("map_read_only", ro.status, GNTST_okay);
    expect_equal("read_only_page_is_read", *(volatile uint64_t *)map_address(1), 0xa5a50000);
    if (tap_on_stock_xen())
        skip("a_write_to_it_faults", "stock Xen lets the vCPU repeat the write for ever");
    else
        expect_true("a_write_to_it_faults", write_faults(map_address(1)));
    expect_equal("a_read_only_grant_is_not_mapped_writable", map(from, REF_RO, map_address(2), GNTMAP_host_map).status,
                 GNTST_general_error);
    expect_equal("a_grant_to_another_is_refused", map(from, REF_OTHER, map_address(2), GNTMAP_host_map).status,
                 GNTST_general_error);
    struct gnttab_map_grant_ref again = map(from, REF, map_address(3), GNTMAP_host_map);
    expect_equal("a_grant_can_be_mapped_twice", again.status, GNTST_okay);
    expect_equal("the_same_page_is_there", *(volatile uint64_t *)(map_address(3) + 24), 0x5a5a0003);
    expect_equal("one_of_two_is_unmapped", unmap(map_address(3), again.handle), GNTST_okay);

    p[0] = 0x7a6b;
    p[511] = 0x8899;
    evtchn_send(meeting);
    expect_true("giver_has_looked", wait_until(calls >= 1, 60000));

    expect_equal("copy_from_the_giver",
                 copy(from, REF_RO, 0, DOMID_SELF, frame_of(local).gfn, 0, 4096, GNTCOPY_source_gref), GNTST_okay);
    expect_true("is_the_givers_page", local[0] == 0xa5a50000 && local[511] == 0xa5a50000 + 511);
    expect_equal("copy_to_the_giver", copy(DOMID_SELF, frame_of(local).gfn, 8, from, REF, 256, 8, GNTCOPY_dest_gref),
                 GNTST_okay);
    expect_equal("is_seen_in_the_mapping", p[32], 0xa5a50001);
    if (tap_on_stock_xen())
        skip("unmap_at_another_address", "stock Xen takes it and leaves the mapping in place");
    else
        expect_true("unmap_at_another_address_is_refused", unmap(map_address(7), m.handle) < 0);
    expect_equal("unmap", unmap(map_address(0), m.handle), GNTST_okay);
    expect_equal("unmap_again", unmap(map_address(0), m.handle), GNTST_bad_handle);
    expect_equal("unmap_the_read_only_one", unmap(map_address(1), ro.handle), GNTST_okay);
    expect_true("unmapped_the_page_is_gone", write_faults(map_address(0)));
    evtchn_send(meeting);
    expect_true("giver_has_ended_the_grants", wait_until(calls >= 2, 60000));
    expect_equal("an_ended_grant_is_not_mapped", map(from, REF, map_address(0), GNTMAP_host_map).status,
                 GNTST_general_error);
    expect_equal("nor_copied", copy(from, REF_RO, 0, DOMID_SELF, frame_of(local).gfn, 0, 8, GNTCOPY_source_gref),
                 GNTST_general_error);
    evtchn_send(meeting);
}

void guest_main(void)
{
    domid_t self = evtchn_own_domid();

    tap_begin("grants");
    expect_equal("grant_table_is_mapped", grant_init(), 0);
    if (!platform_flag("peer")) {
        table();
        copies_alone(self);
        map_refusals(self);
    } else if (platform_flag("second")) {
        taker(self);
    } else {
        giver(self);
    }
    tap_end();
}
