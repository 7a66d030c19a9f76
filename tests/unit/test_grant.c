// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/vm/grant/grant.c hypervisor/vm/grant/map.c hypervisor/vm/grant/copy.c */
/* Grant tables: what a grant allows, that it stays while used, hostile granters and mappers, and that nothing leaks. */
#include "fakes.h"

#include <pthread.h>
#include <string.h>

#include "vm/grant/internal.h"

#define PAGES     16   /* of RAM, at gfn 0.. */
#define TABLE_GFN 200  /* where the guest sees its table */
#define MAP_GFN   100  /* where mappings go */
#define FRAMES    4

static struct domain *granter, *mapper;

static struct domain *domain_new(domid_t id)
{
    struct domain *d = fake_domain(id, 1, PAGES);

    assert_int_equal(grant_domain_init(d, FRAMES, 1), 0);
    assert_int_equal(grant_map_frame(d, 0, GFN(TABLE_GFN)), 0);
    return d;
}

static void domain_destroy_all(struct domain *d)
{
    int err;

    do
        err = grant_domain_destroy(d, preempt_pending);
    while (err == -ERESTART);
    assert_int_equal(err, 0);
    fake_domain_release(d);
}

static void domain_end(struct domain *d)
{
    grant_domain_free(d);
    fake_domain_free(d);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    granter = domain_new(1);
    mapper = domain_new(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    domain_destroy_all(mapper);
    domain_destroy_all(granter);
    domain_end(mapper);
    domain_end(granter);
    fake_assert_nothing_left();
    return 0;
}

static struct grant_entry_v1 *entry(struct domain *d, uint32_t ref)
{
    return (struct grant_entry_v1 *)fake_page(d, TABLE_GFN) + ref;
}

static void give(uint32_t ref, uint32_t gfn, uint16_t flags)
{
    *entry(granter, ref) = (struct grant_entry_v1){ flags, mapper->id, gfn };
}

static struct grant_map request(uint32_t ref, uint32_t flags, uint64_t gfn)
{
    return (struct grant_map){ .host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref, .granter = granter->id };
}

/* Maps ref at MAP_GFN + ref; the status, and the handle. */
static int map(uint32_t ref, uint32_t flags, uint32_t *handle)
{
    struct grant_map op = request(ref, flags, MAP_GFN + ref);
    int status = grant_map_ref(mapper, &op);

    *handle = op.handle;
    return status;
}

static int unmap(uint32_t handle, uint32_t ref)
{
    return grant_unmap_ref(mapper, handle, (uint64_t)(MAP_GFN + ref) << PAGE_SHIFT, 0);
}

static void a_granted_frame_is_mapped_and_taken_back(void **state)
{
    struct grant_map op = request(3, GNTMAP_host_map, MAP_GFN);

    (void)state;
    give(3, 5, GTF_permit_access);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    assert_true(op.machine_addr == fake_mfn(granter, 5).mfn << PAGE_SHIFT);
    assert_ptr_equal(fake_page(mapper, MAP_GFN), fake_page(granter, 5));
    assert_true(grant_maps_others(mapper));
    assert_false(grant_maps_others(granter));
    assert_int_equal(fake_type(mapper, MAP_GFN), P2M_GRANT_RW);
    assert_int_equal(entry(granter, 3)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(frame_refs(fake_mfn(granter, 5)), 3);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr, 0), GNTST_okay);
    assert_false(grant_maps_others(mapper));
    assert_int_equal(fake_type(mapper, MAP_GFN), P2M_INVALID);
    assert_int_equal(entry(granter, 3)->flags, GTF_permit_access);
    fake_assert_refs(granter, PAGES, 1);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr, 0), GNTST_bad_handle);
}

/* However often it is mapped to be written, its page is dirty until the last of them is gone (mm/frames.h). */
static void who_may_write_by_a_grant_counts_as_a_writer(void **state)
{
    uint32_t handle[3];

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map | GNTMAP_readonly, &handle[0]), GNTST_okay);
    assert_int_equal(fake_writers(granter, 5), 0);
    assert_int_equal(map(1, GNTMAP_host_map, &handle[1]), GNTST_okay);
    assert_int_equal(map(1, GNTMAP_device_map, &handle[2]), GNTST_okay);
    assert_int_equal(fake_writers(granter, 5), 1);
    assert_int_equal(unmap(handle[1], 1), GNTST_okay);
    assert_int_equal(fake_writers(granter, 5), 1);
    assert_int_equal(grant_unmap_ref(mapper, handle[2], 0, fake_mfn(granter, 5).mfn << PAGE_SHIFT), GNTST_okay);
    assert_int_equal(fake_writers(granter, 5), 0);
    assert_int_equal(unmap(handle[0], 1), GNTST_okay);
}

static void a_read_only_grant_is_mapped_read_only(void **state)
{
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access | GTF_readonly);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(map(1, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(fake_type(mapper, MAP_GFN + 1), P2M_GRANT_RO);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
    assert_int_equal(unmap(handle, 1), GNTST_okay);
}

static void what_is_not_granted_is_refused(void **state)
{
    struct domain *other = domain_new(3);
    struct grant_map op;
    uint32_t handle;

    (void)state;
    assert_int_equal(map(0, GNTMAP_host_map, &handle), GNTST_general_error);
    give(1, 5, GTF_accept_transfer);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_general_error);
    give(1, 5, GTF_transitive);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_general_error);
    give(1, 5, GTF_permit_access);
    op = request(1, GNTMAP_host_map, MAP_GFN);
    assert_int_equal(grant_map_ref(other, &op), GNTST_general_error);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
    assert_int_equal(map(512, GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(UINT32_MAX, GNTMAP_host_map, &handle), GNTST_bad_gntref);
    op.granter = 77;
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_bad_domain);
    op.granter = DOMID_SELF;
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_bad_domain);
    domain_destroy_all(other);
    domain_end(other);
}

static void only_real_ram_of_the_granter_can_be_granted(void **state)
{
    uint32_t handle, h2;

    (void)state;
    give(1, FAKE_GFNS, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_bad_page);
    give(1, 150, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_bad_page);
    give(1, TABLE_GFN, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_bad_page);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
    /* A page that it only maps is not its to give. */
    *entry(mapper, 2) = (struct grant_entry_v1){ GTF_permit_access, granter->id, MAP_GFN + 9 };
    give(9, 5, GTF_permit_access);
    assert_int_equal(map(9, GNTMAP_host_map, &handle), GNTST_okay);
    struct grant_map op = { MAP_GFN << PAGE_SHIFT, GNTMAP_host_map, 2, mapper->id, 0, 0 };
    assert_int_equal(grant_map_ref(granter, &op), GNTST_bad_page);
    /* A read-only page of its own may be read, and is not made writable by the second use. */
    fake_set_type(granter, 6, P2M_RAM_RO);
    give(10, 6, GTF_permit_access);
    assert_int_equal(map(10, GNTMAP_host_map, &h2), GNTST_bad_page);
    assert_int_equal(map(10, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay);
    assert_int_equal(map(10, GNTMAP_host_map, &handle), GNTST_bad_gntref);
}

static void bad_map_arguments_are_refused(void **state)
{
    struct grant_map op;
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(map(1, 0, &handle), GNTST_bad_gntref);
    assert_int_equal(map(1, GNTMAP_readonly, &handle), GNTST_bad_gntref);
    assert_int_equal(map(1, GNTMAP_host_map | GNTMAP_contains_pte, &handle), GNTST_general_error);
    assert_int_equal(map(1, GNTMAP_host_map | GNTMAP_application_map, &handle), GNTST_general_error);
    op = request(1, GNTMAP_host_map, MAP_GFN);
    op.host_addr += 8;
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_bad_virt_addr);
    op.host_addr = UINT64_MAX & PAGE_MASK;
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_general_error);
    fake_assert_refs(granter, PAGES, 1);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
}

static void an_entry_in_use_means_the_same_frame_whatever_the_guest_writes(void **state)
{
    uint32_t first, second;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &first), GNTST_okay);
    give(1, 6, GTF_permit_access);   /* hostile: it may not change an entry in use */
    struct grant_map op = request(1, GNTMAP_host_map, MAP_GFN + 50);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    second = op.handle;
    assert_ptr_equal(fake_page(mapper, MAP_GFN + 50), fake_page(granter, 5));
    memset(entry(granter, 1), 0xff, sizeof(struct grant_entry_v1));
    assert_int_equal(unmap(first, 1), GNTST_okay);
    assert_int_equal(grant_unmap_ref(mapper, second, (MAP_GFN + 50) << PAGE_SHIFT, 0), GNTST_okay);
    fake_assert_refs(granter, PAGES, 1);
}

static void an_entry_in_use_is_for_the_one_user(void **state)
{
    struct domain *other = domain_new(3);
    struct grant_map op;
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_okay);
    entry(granter, 1)->domid = other->id;
    op = request(1, GNTMAP_host_map, MAP_GFN);
    assert_int_equal(grant_map_ref(other, &op), GNTST_bad_gntref);
    domain_destroy_all(other);
    domain_end(other);
}

static void the_flags_follow_the_last_reader_and_the_last_writer(void **state)
{
    struct grant_map ro = request(1, GNTMAP_host_map | GNTMAP_readonly, MAP_GFN + 20);
    struct grant_map rw = request(1, GNTMAP_host_map, MAP_GFN + 21);

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(grant_map_ref(mapper, &ro), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags & (GTF_reading | GTF_writing), GTF_reading);
    assert_int_equal(grant_map_ref(mapper, &rw), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
    assert_int_equal(grant_unmap_ref(mapper, rw.handle, rw.host_addr, 0), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags & (GTF_reading | GTF_writing), GTF_reading);
    assert_int_equal(grant_unmap_ref(mapper, ro.handle, ro.host_addr, 0), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags & (GTF_reading | GTF_writing), 0);
}

static void a_device_mapping_is_a_mapping_of_its_own(void **state)
{
    struct grant_map op = request(1, GNTMAP_host_map | GNTMAP_device_map, MAP_GFN);
    uint64_t bus;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    bus = fake_mfn(granter, 5).mfn << PAGE_SHIFT;
    assert_int_equal(grant_unmap_ref(mapper, op.handle, 0, bus + PAGE_SIZE), GNTST_bad_dev_addr);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr + PAGE_SIZE, 0), GNTST_bad_virt_addr);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, 0, 0), GNTST_okay);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, 0, bus), GNTST_okay);
    assert_int_not_equal(entry(granter, 1)->flags & GTF_writing, 0);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr, bus), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr, bus), GNTST_bad_handle);
    assert_int_equal(grant_unmap_ref(mapper, UINT32_MAX, op.host_addr, bus), GNTST_bad_handle);
    assert_int_equal(grant_unmap_ref(granter, 0, op.host_addr, bus), GNTST_bad_handle);
}

static void a_mapping_that_the_guest_replaced_is_only_accounted_for(void **state)
{
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(p2m_unmap_exact(&mapper->p2m, GFN(MAP_GFN + 1), fake_mfn(granter, 5), 1), 0);
    assert_int_equal(frame_refs(fake_mfn(granter, 5)), 2);
    assert_int_equal(unmap(handle, 1), GNTST_okay);
    fake_assert_refs(granter, PAGES, 1);
}

static void handles_run_out_at_the_limit_and_come_back(void **state)
{
    struct grant_map op = request(1, GNTMAP_device_map, 0);
    uint64_t bus = fake_mfn(granter, 5).mfn << PAGE_SHIFT;

    (void)state;
    give(1, 5, GTF_permit_access);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_no_space);
    for (uint32_t handle = 0; handle < 256; handle++)
        assert_int_equal(grant_unmap_ref(mapper, handle, 0, bus), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
    /* Pages taken for them beyond one are given back, and can be had again. */
    assert_int_equal(mapper->grants.maptrack_pages, 1);
    assert_int_equal(grant_unmap_ref(mapper, 200, 0, bus), GNTST_bad_handle);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_no_space);
}

static void a_map_that_finds_no_memory_leaves_nothing(void **state)
{
    /* In turn: the list of handle pages, a handle page, the p2m's table. */
    static const struct { int allocation, status; } tries[] = {
        { 0, GNTST_no_space }, { 1, GNTST_no_space }, { 1, GNTST_general_error }, { -1, GNTST_okay },
    };
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
        assert_int_equal(entry(granter, 1)->flags, GTF_permit_access);
        fake_assert_refs(granter, PAGES, 1);
        assert_int_equal(granter->refs, 3);   /* the test's, the table's frame, the shared info */
        fake_fail_allocation(tries[i].allocation);
        assert_int_equal(map(1, GNTMAP_host_map, &handle), tries[i].status);
    }
    assert_int_equal(mapper->grants.maptrack_used, 1);
}

static void a_mapper_that_dies_gives_everything_back(void **state)
{
    struct domain *d = domain_new(3);

    (void)state;
    for (uint32_t ref = 0; ref < 60; ref++) {
        struct grant_map op = request(ref, GNTMAP_host_map | (ref & 1 ? GNTMAP_device_map : 0), MAP_GFN + ref);

        *entry(granter, ref) = (struct grant_entry_v1){ GTF_permit_access, d->id, ref % PAGES };
        assert_int_equal(grant_map_ref(d, &op), GNTST_okay);
    }
    fake_preempt_every(1);
    assert_int_equal(grant_domain_destroy(d, preempt_pending), -ERESTART);
    domain_destroy_all(d);
    for (uint32_t ref = 0; ref < 60; ref++)
        assert_int_equal(entry(granter, ref)->flags, GTF_permit_access);
    fake_assert_refs(granter, PAGES, 1);
    struct grant_map op = request(0, GNTMAP_device_map, 0);
    assert_int_equal(grant_map_ref(d, &op), GNTST_no_space);
    domain_end(d);
}

static void a_granter_that_dies_stays_until_the_last_map_is_gone(void **state)
{
    struct domain *d = domain_new(3);
    struct grant_map op = request(1, GNTMAP_host_map, MAP_GFN);

    (void)state;
    *entry(d, 1) = (struct grant_entry_v1){ GTF_permit_access, mapper->id, 5 };
    op.granter = d->id;
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    domain_destroy_all(d);
    assert_int_equal(d->refs, 2);
    memset(fake_page(mapper, MAP_GFN), 0x55, PAGE_SIZE);   /* the frame is still there */
    struct grant_map late = request(1, GNTMAP_host_map, MAP_GFN + 1);
    late.granter = d->id;
    assert_int_equal(grant_map_ref(mapper, &late), GNTST_bad_gntref);
    assert_int_equal(grant_unmap_ref(mapper, op.handle, op.host_addr, 0), GNTST_okay);
    domain_end(d);
}

static int copy_ref(bool from_ref, uint64_t from, uint16_t from_offset, bool to_ref, uint64_t to, uint16_t to_offset,
                    uint16_t length)
{
    struct grant_copy_end source = { from_ref, from_ref ? granter->id : DOMID_SELF, (uint32_t)from, from, from_offset };
    struct grant_copy_end dest = { to_ref, to_ref ? granter->id : DOMID_SELF, (uint32_t)to, to, to_offset };

    return grant_copy(mapper, &source, &dest, length);
}

static void copies_go_either_way_and_leave_no_trace(void **state)
{
    (void)state;
    give(1, 5, GTF_permit_access | GTF_readonly);
    give(2, 6, GTF_permit_access);
    memcpy((char *)fake_page(granter, 5) + 100, "from granter", 12);
    assert_int_equal(copy_ref(true, 1, 100, false, 3, 4084, 12), GNTST_okay);
    assert_memory_equal((char *)fake_page(mapper, 3) + 4084, "from granter", 12);
    assert_int_equal(copy_ref(false, 3, 4084, true, 2, 0, 12), GNTST_okay);
    assert_memory_equal(fake_page(granter, 6), "from granter", 12);
    assert_int_equal(copy_ref(true, 1, 0, true, 2, 0, 4096), GNTST_okay);
    assert_memory_equal(fake_page(granter, 6), fake_page(granter, 5), PAGE_SIZE);
    assert_int_equal(copy_ref(false, 3, 4080, false, 3, 4083, 13), GNTST_okay);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(entry(granter, 2)->flags, GTF_permit_access);
    fake_assert_refs(granter, PAGES, 1);
    fake_assert_refs(mapper, PAGES, 1);
    assert_int_equal(copy_ref(false, 3, 4096, false, 4, 0, 0), GNTST_okay);
}

static void bad_copies_are_refused(void **state)
{
    struct grant_copy_end mine = { false, DOMID_SELF, 0, 3, 0 }, other = { false, granter->id, 0, 3, 0 };
    struct grant_copy_end nobody = { true, 99, 1, 0, 0 };

    (void)state;
    give(1, 5, GTF_permit_access | GTF_readonly);
    assert_int_equal(copy_ref(true, 1, 1, false, 3, 0, 4096), GNTST_bad_copy_arg);
    assert_int_equal(copy_ref(true, 1, 0, false, 3, 4095, 2), GNTST_bad_copy_arg);
    assert_int_equal(copy_ref(true, 1, 65535, false, 3, 0, 65535), GNTST_bad_copy_arg);
    assert_int_equal(copy_ref(false, 3, 0, true, 1, 0, 10), GNTST_general_error);
    assert_int_equal(copy_ref(true, 9, 0, false, 3, 0, 10), GNTST_general_error);
    assert_int_equal(copy_ref(true, 9000, 0, false, 3, 0, 10), GNTST_bad_gntref);
    assert_int_equal(copy_ref(true, 1, 0, false, 150, 0, 10), GNTST_bad_page);
    assert_int_equal(copy_ref(true, 1, 0, false, UINT64_MAX, 0, 10), GNTST_bad_page);
    assert_int_equal(grant_copy(mapper, &other, &mine, 1), GNTST_permission_denied);
    assert_int_equal(grant_copy(mapper, &mine, &other, 1), GNTST_permission_denied);
    assert_int_equal(grant_copy(mapper, &nobody, &mine, 1), GNTST_bad_domain);
    fake_assert_refs(granter, PAGES, 1);
    fake_assert_refs(mapper, PAGES, 1);
    assert_int_equal(entry(granter, 1)->flags, GTF_permit_access | GTF_readonly);
}

static void a_read_only_mapping_is_no_place_to_copy_to(void **state)
{
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access | GTF_readonly);
    assert_int_equal(map(1, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(copy_ref(false, 3, 0, false, MAP_GFN + 1, 0, 10), GNTST_bad_page);
    assert_int_equal(copy_ref(false, MAP_GFN + 1, 0, false, 3, 0, 10), GNTST_okay);
    assert_int_equal(unmap(handle, 1), GNTST_okay);
}

static void unused_entries_can_be_swapped(void **state)
{
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    give(2, 6, GTF_permit_access | GTF_readonly);
    assert_int_equal(grant_swap(granter, 1, 2), GNTST_okay);
    assert_int_equal(entry(granter, 1)->frame, 6);
    assert_int_equal(entry(granter, 2)->flags, GTF_permit_access);
    assert_int_equal(grant_swap(granter, 1, 1), GNTST_okay);
    assert_int_equal(grant_swap(granter, 1, 512), GNTST_bad_gntref);
    assert_int_equal(grant_swap(granter, UINT32_MAX, 1), GNTST_bad_gntref);
    assert_int_equal(map(2, GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(grant_swap(granter, 1, 2), GNTST_eagain);
    assert_int_equal(grant_swap(granter, 2, 1), GNTST_eagain);
}

static void the_table_grows_to_its_limit(void **state)
{
    unsigned now, max;
    mfn_t mfn;

    (void)state;
    grant_size(granter, &now, &max);
    assert_int_equal(now, 1);
    assert_int_equal(max, FRAMES);
    assert_int_equal(grant_get_frame(granter, FRAMES - 1, &mfn), 0);
    assert_int_equal(grant_get_frame(granter, FRAMES, &mfn), -EINVAL);
    assert_int_equal(grant_get_frame(granter, UINT32_MAX, &mfn), -EINVAL);
    assert_int_equal(grant_grow(granter, FRAMES + 1), -EINVAL);
    grant_size(granter, &now, &max);
    assert_int_equal(now, FRAMES);
    assert_true(grant_frame_gfn(granter, 1).gfn == INVALID_GFN.gfn);
    assert_true(grant_frame_gfn(granter, 99).gfn == INVALID_GFN.gfn);
    for (int n = 0; n < 2; n++) {
        fake_fail_allocation(n);
        assert_int_equal(grant_grow(mapper, 2), -ENOMEM);
    }
    fake_fail_allocation(-1);
    assert_int_equal(grant_grow(mapper, 2), 0);
}

static void a_table_frame_is_in_one_place(void **state)
{
    (void)state;
    assert_int_equal(fake_type(granter, TABLE_GFN), P2M_XENHEAP);
    assert_int_equal(grant_map_frame(granter, 0, GFN(TABLE_GFN + 1)), 0);
    assert_int_equal(fake_type(granter, TABLE_GFN), P2M_INVALID);
    assert_int_equal(fake_type(granter, TABLE_GFN + 1), P2M_XENHEAP);
    assert_true(grant_frame_gfn(granter, 0).gfn == TABLE_GFN + 1);
    assert_int_equal(grant_map_frame(granter, 0, GFN(FAKE_GFNS)), -EINVAL);
    assert_int_equal(fake_type(granter, TABLE_GFN + 1), P2M_XENHEAP);
    assert_int_equal(grant_map_frame(granter, 0, GFN(TABLE_GFN)), 0);
    assert_int_equal(grant_map_frame(granter, FRAMES, GFN(TABLE_GFN)), -EINVAL);
}

static int flush(struct domain *d, uint64_t addr, uint16_t offset, uint16_t length)
{
    unsigned next = 0;

    return grant_cache_flush(d, addr, offset, length, &next, preempt_pending);
}

static void caches_are_flushed_for_own_and_mapped_frames_only(void **state)
{
    uint64_t addr = fake_mfn(granter, 5).mfn << PAGE_SHIFT;
    uint32_t handle;

    (void)state;
    give(1, 5, GTF_permit_access);
    assert_int_equal(flush(granter, addr, 0, 4096), 0);
    assert_int_equal(flush(mapper, addr, 0, 4096), -EPERM);
    assert_int_equal(map(1, GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(flush(mapper, addr, 96, 4000), 0);
    assert_int_equal(flush(mapper, addr, 97, 4000), -EINVAL);
    assert_int_equal(flush(mapper, 0x1000, 0, 1), -EPERM);
    assert_int_equal(unmap(handle, 1), GNTST_okay);
    assert_int_equal(flush(mapper, addr, 0, 1), -EPERM);
    fake_assert_refs(granter, PAGES, 1);
}

/* The owner chose how long its table is. */
static void a_flush_stops_between_two_frames_of_the_owners_table(void **state)
{
    uint64_t addr = fake_mfn(granter, 5).mfn << PAGE_SHIFT;
    uint32_t ref = (FRAMES - 1) * ENTRIES_PER_FRAME, handle;
    unsigned next = 0;

    (void)state;
    for (unsigned i = 1; i < FRAMES; i++)
        assert_int_equal(grant_map_frame(granter, i, GFN(TABLE_GFN + i)), 0);
    *(struct grant_entry_v1 *)fake_page(granter, TABLE_GFN + FRAMES - 1) =
        (struct grant_entry_v1){ GTF_permit_access, mapper->id, 5 };
    struct grant_map op = request(ref, GNTMAP_host_map, MAP_GFN);
    assert_int_equal(grant_map_ref(mapper, &op), GNTST_okay);
    handle = op.handle;
    fake_preempt_every(1);
    for (unsigned i = 1; i < FRAMES; i++) {
        assert_int_equal(grant_cache_flush(mapper, addr, 0, 1, &next, preempt_pending), -ERESTART);
        assert_int_equal(next, i);
        assert_int_equal(frame_refs(fake_mfn(granter, 5)), 3);   /* nothing is held in between */
    }
    assert_int_equal(grant_cache_flush(mapper, addr, 0, 1, &next, preempt_pending), 0);
    next = UINT32_MAX;   /* as a guest may have it */
    assert_int_equal(grant_cache_flush(mapper, addr, 0, 1, &next, preempt_pending), -EPERM);
    fake_preempt_every(0);
    assert_int_equal(grant_unmap_ref(mapper, handle, op.host_addr, 0), GNTST_okay);
}

#define MANY_PAGES 128   /* of handles */
#define MANY       (MANY_PAGES * 128)

/* A domain that has mapped one frame of the granter's as often as it may. */
static struct domain *mapper_of_many(void)
{
    struct domain *d = fake_domain(3, 1, PAGES);
    struct grant_map op = request(1, GNTMAP_device_map, 0);

    assert_int_equal(grant_domain_init(d, FRAMES, MANY_PAGES / 2), 0);
    *entry(granter, 1) = (struct grant_entry_v1){ GTF_permit_access, d->id, 5 };
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(grant_map_ref(d, &op), GNTST_okay);
    assert_int_equal(grant_map_ref(d, &op), GNTST_no_space);
    return d;
}

static void the_last_unmap_frees_the_handles_pages_in_slices(void **state)
{
    uint64_t bus = fake_mfn(granter, 5).mfn << PAGE_SHIFT;
    struct domain *d = mapper_of_many();
    struct grant_map op = request(1, GNTMAP_device_map, 0);
    unsigned freed = 0;
    bool more = true;

    (void)state;
    fake_pages_freed();
    for (uint32_t handle = 0; handle < MANY; handle++)
        assert_int_equal(grant_unmap_ref(d, handle, 0, bus), GNTST_okay);
    assert_true(fake_pages_freed() <= 16);
    /* Pages not freed yet are used again. */
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(grant_map_ref(d, &op), GNTST_okay);
    while (more) {
        unsigned now;

        more = grant_trim(d);
        now = fake_pages_freed();
        assert_true(now <= 16);
        freed += now;
    }
    assert_int_equal(freed, MANY_PAGES - 2);
    assert_int_equal(grant_maptrack_pages(d), 2);
    domain_destroy_all(d);
    domain_end(d);
}

static void a_release_looks_at_the_clock_also_where_nothing_is_mapped(void **state)
{
    uint64_t bus = fake_mfn(granter, 5).mfn << PAGE_SHIFT;
    struct domain *d = mapper_of_many();

    (void)state;
    for (uint32_t handle = 1; handle < MANY; handle++)
        assert_int_equal(grant_unmap_ref(d, handle, 0, bus), GNTST_okay);
    fake_preempt_every(1);
    assert_int_equal(grant_domain_destroy(d, preempt_pending), -ERESTART);
    assert_int_equal(d->grants.maptrack_used, 1);
    domain_destroy_all(d);
    domain_end(d);
}

static void limits_that_make_no_sense_are_refused(void **state)
{
    struct domain *d = fake_domain(9, 1, 0);

    (void)state;
    assert_int_equal(grant_domain_init(d, 0, 1), -EINVAL);
    assert_int_equal(grant_domain_init(d, UINT32_MAX, 1), -EINVAL);
    assert_int_equal(grant_domain_init(d, 1, UINT32_MAX), -EINVAL);
    for (int n = 0; n < 3; n++) {
        fake_fail_allocation(n);
        assert_int_equal(grant_domain_init(d, 1, 1), -ENOMEM);
    }
    fake_domain_release(d);
    domain_end(d);
}

/* ---- Everything at once ---- */

struct live_map {
    bool used;
    struct domain *mapper;
    uint32_t handle;
    uint64_t host, bus;
};

static void random_map(struct domain **d, struct live_map *m)
{
    struct domain *by = d[fake_random_below(3)], *of = d[fake_random_below(3)];
    struct grant_map op = {
        .host_addr = (MAP_GFN + fake_random_below(20)) << PAGE_SHIFT,
        .flags = fake_random_below(8),
        .ref = fake_random_below(16),
        .granter = of->id,
    };

    if (m->used || grant_map_ref(by, &op) != GNTST_okay)
        return;
    *m = (struct live_map){ true, by, op.handle, op.flags & GNTMAP_host_map ? op.host_addr : 0,
                            op.flags & GNTMAP_device_map ? op.machine_addr : 0 };
}

static void random_copy(struct domain **d)
{
    struct domain *by = d[fake_random_below(3)];
    struct grant_copy_end ends[2];

    for (unsigned i = 0; i < 2; i++)
        ends[i] = (struct grant_copy_end){ fake_random_below(2), fake_random_below(5), fake_random_below(18),
                                           fake_random_below(130), (uint16_t)fake_random_below(4200) };
    for (unsigned i = 0; i < 2; i++)
        if (!ends[i].is_ref && fake_random_below(8))
            ends[i].domain = DOMID_SELF;
    grant_copy(by, &ends[0], &ends[1], (uint16_t)fake_random_below(2000));
}

static void random_operations_return_every_reference(void **state)
{
    struct domain *d[3] = { granter, mapper, domain_new(3) };
    struct live_map maps[64] = { { false } };

    (void)state;
    for (unsigned step = 0; step < 30000; step++) {
        struct domain *x = d[fake_random_below(3)];
        struct live_map *m = &maps[fake_random_below(64)];

        switch (fake_random_below(6)) {
        case 0:
            *entry(x, fake_random_below(16)) = (struct grant_entry_v1){
                (uint16_t)fake_random_below(fake_random_below(4) ? 8 : 65536), (domid_t)(1 + fake_random_below(3)),
                fake_random_below(PAGES + 2) };
            break;
        case 1: case 2:
            random_map(d, m);
            break;
        case 3:
            if (m->used)
                assert_int_equal(grant_unmap_ref(m->mapper, m->handle, m->host, m->bus), GNTST_okay);
            m->used = false;
            break;
        case 4:
            random_copy(d);
            break;
        default:
            grant_unmap_ref(x, 1000 + fake_random_below(64), (uint64_t)fake_random_below(130) << PAGE_SHIFT, 0);
            grant_swap(x, fake_random_below(600), fake_random_below(16));
        }
    }
    for (unsigned i = 0; i < 64; i++)
        if (maps[i].used)
            assert_int_equal(grant_unmap_ref(maps[i].mapper, maps[i].handle, maps[i].host, maps[i].bus), GNTST_okay);
    for (unsigned i = 0; i < 3; i++) {
        fake_assert_refs(d[i], PAGES, 1);
        assert_int_equal(d[i]->grants.maptrack_used, 0);
    }
    domain_destroy_all(d[2]);
    domain_end(d[2]);
}

static bool stop;

/* A granter that rewrites an entry while it is mapped and copied. */
static void *scribble(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        uint32_t word = (i & 1 ? mapper->id : 7u) << 16 | (i * 7 & 0x1f);

        __atomic_store_n((uint32_t *)(void *)entry(granter, 1), i & 2 ? word : mapper->id << 16 | GTF_permit_access,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&entry(granter, 1)->frame, i % (PAGES + 1), __ATOMIC_RELAXED);
    }
    return NULL;
}

static void a_granter_that_scribbles_gets_every_reference_back(void **state)
{
    pthread_t other;
    uint32_t handle;

    (void)state;
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    assert_int_equal(pthread_create(&other, NULL, scribble, NULL), 0);
    for (unsigned i = 0; i < 20000; i++) {
        if (map(1, GNTMAP_host_map | (i & 1 ? GNTMAP_readonly : 0), &handle) == GNTST_okay)
            assert_int_equal(unmap(handle, 1), GNTST_okay);
        copy_ref(true, 1, 0, false, 3, 0, 64);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    fake_assert_refs(granter, PAGES, 1);
    fake_assert_refs(mapper, PAGES, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_granted_frame_is_mapped_and_taken_back),
        TEST(who_may_write_by_a_grant_counts_as_a_writer),
        TEST(a_read_only_grant_is_mapped_read_only),
        TEST(what_is_not_granted_is_refused),
        TEST(only_real_ram_of_the_granter_can_be_granted),
        TEST(bad_map_arguments_are_refused),
        TEST(an_entry_in_use_means_the_same_frame_whatever_the_guest_writes),
        TEST(an_entry_in_use_is_for_the_one_user),
        TEST(the_flags_follow_the_last_reader_and_the_last_writer),
        TEST(a_device_mapping_is_a_mapping_of_its_own),
        TEST(a_mapping_that_the_guest_replaced_is_only_accounted_for),
        TEST(handles_run_out_at_the_limit_and_come_back),
        TEST(a_map_that_finds_no_memory_leaves_nothing),
        TEST(a_mapper_that_dies_gives_everything_back),
        TEST(a_granter_that_dies_stays_until_the_last_map_is_gone),
        TEST(copies_go_either_way_and_leave_no_trace),
        TEST(bad_copies_are_refused),
        TEST(a_read_only_mapping_is_no_place_to_copy_to),
        TEST(unused_entries_can_be_swapped),
        TEST(the_table_grows_to_its_limit),
        TEST(a_table_frame_is_in_one_place),
        TEST(caches_are_flushed_for_own_and_mapped_frames_only),
        TEST(a_flush_stops_between_two_frames_of_the_owners_table),
        TEST(the_last_unmap_frees_the_handles_pages_in_slices),
        TEST(a_release_looks_at_the_clock_also_where_nothing_is_mapped),
        TEST(limits_that_make_no_sense_are_refused),
        TEST(random_operations_return_every_reference),
        TEST(a_granter_that_scribbles_gets_every_reference_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
