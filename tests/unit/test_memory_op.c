// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/abi/memory.c hypervisor/abi/memory_map.c hypervisor/vm/memory.c hypervisor/vm/shared_info.c */
/* sources: hypervisor/vm/capabilities.c hypervisor/abi/hypercall.c lib/ranges.c tests/unit/fakes.c */
/*
 * HYPERVISOR_memory_op over a memory of a few pages: a list call's progress when it stops, wherever it stops, and that
 * every reference that a mapping took is given back.
 */
#include "fakes.h"

#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#include "abi/abi.h"
#include "abi/memory.h"
#include "vm/grant/grant.h"

#define FREE_FRAMES 64
#define FIRST_MFN   UINT64_C(0x100000)  /* far from the fakes' */

static struct domain *host, *guest, *other;

/* The frames that populate takes from. */
static struct { struct domain *owner; } pool[FREE_FRAMES];
static uint64_t claimed;

int frames_alloc_domain(struct frame_owner *o, unsigned order, unsigned address_bits, unsigned flags, mfn_t *first)
{
    (void)address_bits;
    (void)flags;
    for (uint64_t i = 0; i + BIT(order) <= FREE_FRAMES; i += BIT(order)) {
        bool free = true;

        for (uint64_t j = 0; j < BIT(order); j++)
            free = free && !pool[i + j].owner;
        if (!free)
            continue;
        for (uint64_t j = 0; j < BIT(order); j++)
            pool[i + j].owner = domain_of_frames(o);
        *first = MFN(FIRST_MFN + i);
        o->total += BIT(order);
        return 0;
    }
    return -ENOMEM;
}

/* Done at the third call. */
static unsigned large_calls;
int frames_alloc_large(struct frame_owner *o, mfn_t *first, bool (*preempt)(void))
{
    (void)preempt;
    if (++large_calls < 3)
        return -ERESTART;
    o->total += BIT(FRAMES_LARGE_ORDER);
    *first = MFN(BIT(FRAMES_LARGE_ORDER));
    return 0;
}

bool frame_release(mfn_t mfn, struct frame_owner *o)
{
    uint64_t i = mfn.mfn - FIRST_MFN;

    if (i >= FREE_FRAMES || pool[i].owner != domain_of_frames(o))
        return false;
    pool[i].owner = NULL;
    o->total--;
    return true;
}

int frames_claim(struct frame_owner *o, uint64_t pages)
{
    (void)o;
    claimed = pages;
    return 0;
}

uint64_t frames_owned(const struct frame_owner *o) { return o->total; }
uint64_t frames_limit(const struct frame_owner *o) { return o->max; }
mfn_t frames_last(void) { return MFN(0xbffff); }
uint64_t p2m_max_gfn(struct p2m *p2m) { return p2m == &guest->p2m ? 200 : 100; }

bool p2m_lookup(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    if (gfn.gfn >= FAKE_GFNS)
        return false;
    entry->mfn = fake_mfn(container_of(p2m, struct domain, p2m), gfn.gfn);
    entry->type = fake_type(container_of(p2m, struct domain, p2m), gfn.gfn);
    return entry->type != P2M_INVALID;
}

int p2m_remove_ram(struct p2m *p2m, gfn_t gfn, uint64_t nr, bool give_back)
{
    struct domain *d = container_of(p2m, struct domain, p2m);

    for (uint64_t at = gfn.gfn; at < gfn.gfn + nr; at++)
        if (at >= FAKE_GFNS || (fake_type(d, at) != P2M_RAM_RW && fake_type(d, at) != P2M_RAM_RO))
            return -EINVAL;
    for (uint64_t at = gfn.gfn; at < gfn.gfn + nr; at++) {
        assert_int_equal(p2m_unmap_exact(p2m, GFN(at), fake_mfn(d, at), 1), 0);
        assert_int_equal(give_back && frame_release(fake_mfn(d, at), &d->frames), give_back);
    }
    return 0;
}

/* A grant table of two frames. */
static void *grant_pages[2];
int grant_map_frame(struct domain *d, unsigned idx, gfn_t gfn)
{
    return idx < 2 ? p2m_map(&d->p2m, gfn, virt_to_mfn(grant_pages[idx]), 1, P2M_XENHEAP) : -EINVAL;
}
int grant_get_frame(struct domain *d, unsigned idx, mfn_t *mfn)
{
    (void)d;
    if (idx >= 2)
        return -EINVAL;
    *mfn = virt_to_mfn(grant_pages[idx]);
    return 0;
}
void grant_size(struct domain *d, unsigned *nr_frames, unsigned *max_frames)
{
    (void)d;
    *nr_frames = 1;
    *max_frames = 2;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(pool, 0, sizeof(pool));
    host = fake_domain(0, 1, 4);
    host->privileged = true;
    guest = fake_domain(1, 1, 4);
    other = fake_domain(2, 1, 4);
    guest->frames.max = 1000;
    grant_pages[0] = frame_alloc_shared(&guest->frames);
    grant_pages[1] = frame_alloc_shared(&guest->frames);
    fake_set_current(guest->vcpus[0]);
    return 0;
}

static int teardown(void **state)
{
    struct domain *all[] = { guest, host, other };

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        frame_free_shared(grant_pages[i]);
    /* A domain that maps goes before the one mapped. */
    fake_domain_release(host);
    fake_domain_release(guest);
    fake_domain_release(other);
    for (unsigned i = 0; i < 3; i++)
        fake_domain_free(all[i]);
    fake_assert_nothing_left();
    return 0;
}

/* As abi_hypercall() does: again as long as it says so, with the registers as it left them. */
static long call(unsigned op, void *arg)
{
    struct vcpu *v = current_vcpu();
    long result;

    v->regs.x[0] = op;
    v->regs.x[1] = (uintptr_t)arg;
    do
        result = abi_memory_op((uint32_t)v->regs.x[0], v->regs.x[1]);
    while (result == -ERESTART);
    return result;
}

static long reserve(unsigned op, uint64_t *list, uint64_t n, unsigned order)
{
    struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = DOMID_SELF };

    r.extent_start.q = (uintptr_t)list;
    return call(op, &r);
}

static unsigned pool_used(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < FREE_FRAMES; i++)
        used += pool[i].owner != NULL;
    return used;
}

static void populate_maps_what_it_allocates(void **state)
{
    uint64_t list[3] = { 100, 104, 108 };

    (void)state;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 3, 2), 3);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(fake_type(guest, 100 + i), P2M_RAM_RW);
    assert_int_equal(pool_used(), 12);
    assert_int_equal(reserve(XENMEM_decrease_reservation, list, 3, 2), 3);
    assert_int_equal(pool_used(), 0);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(fake_type(guest, 100 + i), P2M_INVALID);
}

static void a_list_stops_where_it_fails(void **state)
{
    uint64_t list[40];

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        list[i] = 100 + 2 * i;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 40, 1), 32);   /* no more frames */
    list[5] = 3000;
    assert_int_equal(reserve(XENMEM_decrease_reservation, list, 32, 1), 5);
    list[5] = 110;
    assert_int_equal(reserve(XENMEM_decrease_reservation, list, 32, 1), 0);  /* the first is gone already */
    assert_int_equal(reserve(XENMEM_decrease_reservation, list + 5, 27, 1), 27);
    assert_int_equal(pool_used(), 0);
}

static void a_mapping_that_fails_gives_its_frames_back(void **state)
{
    uint64_t list[2] = { 100, FAKE_GFNS - 1 };   /* the second one's other half is beyond the address space */

    (void)state;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 2, 1), 1);
    assert_int_equal(pool_used(), 2);
    assert_int_equal(guest->frames.total, 2);
    fake_fail_allocation(0);
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 1), 0);
    assert_int_equal(pool_used(), 2);
    assert_int_equal(reserve(XENMEM_decrease_reservation, list, 1, 1), 1);   /* the old block stayed */
}

static void a_call_that_is_interrupted_goes_on_where_it_was(void **state)
{
    (void)state;
    for (unsigned every = 1; every < 5; every++) {
        uint64_t list[20];

        for (unsigned i = 0; i < 20; i++)
            list[i] = 100 + i;
        fake_preempt_every(every);
        assert_int_equal(reserve(XENMEM_populate_physmap, list, 20, 0), 20);
        assert_int_equal(pool_used(), 20);
        assert_int_equal(reserve(XENMEM_decrease_reservation, list, 20, 0), 20);
        assert_int_equal(pool_used(), 0);
    }
}

static void what_cannot_begin_is_nothing_done(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    uint64_t list[1] = { 100 };

    (void)state;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 0, 0), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 10), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 64), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, list, UINT64_MAX, 0), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, NULL, 1, 0), 0);
    assert_int_equal(reserve(XENMEM_decrease_reservation, (void *)8, 1, 0), 0);
    r.extent_start.q = (uintptr_t)list;
    r.mem_flags = XENMEMF_address_bits(12);
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    r.mem_flags = XENMEMF_populate_on_demand;
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    r.mem_flags = 0;
    r.domid = 2;
    assert_int_equal(call(XENMEM_populate_physmap, &r), -EPERM);
    r.domid = 77;
    assert_int_equal(call(XENMEM_populate_physmap, &r), -ESRCH);
    assert_int_equal(call(XENMEM_populate_physmap, NULL), -EFAULT);
    /* A start that no call of ours left behind. */
    r.domid = DOMID_SELF;
    assert_int_equal(abi_memory_op(XENMEM_populate_physmap | 9 << MEMORY_OP_BITS, (uintptr_t)&r), 9);
    assert_int_equal(abi_memory_op(XENMEM_maximum_ram_page | 1 << MEMORY_OP_BITS, 0), -EINVAL);
    assert_int_equal(pool_used(), 0);
}

static void a_large_extent_is_a_toolstacks_and_aligned(void **state)
{
    struct xen_memory_reservation r = { .nr_extents = 2, .extent_order = FRAMES_LARGE_ORDER, .domid = 1 };
    uint64_t list[2] = { 0, BIT(FRAMES_LARGE_ORDER) };

    (void)state;
    r.extent_start.q = (uintptr_t)list;
    large_calls = 0;
    fake_set_current(guest->vcpus[0]);
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    fake_set_current(host->vcpus[0]);
    guest->p2m.address_bits = 40;
    /* The fakes' address space is smaller: the mapping is refused after the frames were there. */
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    assert_int_equal(large_calls, 3);
    assert_int_equal(call(XENMEM_increase_reservation, &r), 0);
    assert_int_equal(call(XENMEM_decrease_reservation, &r), 0);
    list[0] = BIT(FRAMES_LARGE_ORDER - 1);
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    list[0] = BIT(28);
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    list[0] = 0;
    r.mem_flags = XENMEMF_address_bits(32);
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    r.mem_flags = 0;
    guest->direct_mapped = true;
    assert_int_equal(call(XENMEM_populate_physmap, &r), 0);
    assert_int_equal(large_calls, 3);
    guest->frames.total = 0;
}

static void only_own_ram_is_given_back(void **state)
{
    static const enum p2m_type types[] = { P2M_DEVICE, P2M_XENHEAP, P2M_DEVICE_CACHED };
    uint64_t list[1] = { 0 };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        fake_set_type(guest, 0, types[i]);
        assert_int_equal(reserve(XENMEM_decrease_reservation, list, 1, 0), 0);
        assert_int_equal(fake_type(guest, 0), types[i]);
    }
    fake_set_type(guest, 0, P2M_RAM_RW);
}

static void a_direct_mapped_domain_keeps_its_frames(void **state)
{
    uint64_t list[1] = { 100 };
    uint64_t stranger = fake_mfn(other, 0).mfn;

    (void)state;
    guest->direct_mapped = true;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 0), 0);    /* not its frame */
    list[0] = stranger;
    assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 0), 0);
    assert_int_equal(reserve(XENMEM_increase_reservation, NULL, 1, 0), 0);
    list[0] = 1;
    assert_int_equal(reserve(XENMEM_decrease_reservation, list, 1, 0), 1);
    assert_int_equal(fake_type(guest, 1), P2M_INVALID);
    assert_int_equal(frame_refs(fake_mfn(guest, 1)), 1);
    assert_int_equal(pool_used(), 0);
    fake_set_type(guest, 1, P2M_RAM_RW);
}

static void a_foreign_mapping_holds_its_page(void **state)
{
    uint64_t idxs[4] = { 0, 1, 9, 2 }, gfns[4] = { 50, 51, 52, FAKE_GFNS };
    int errs[4] = { 1, 1, 1, 1 };
    struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 4 };

    (void)state;
    b.u.foreign_domid = 2;
    b.idxs.q = (uintptr_t)idxs;
    b.gpfns.q = (uintptr_t)gfns;
    b.errs.q = (uintptr_t)errs;
    assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), -EPERM);

    fake_set_current(host->vcpus[0]);
    fake_set_type(other, 1, P2M_RAM_RO);
    for (unsigned every = 0; every < 3; every++) {
        fake_preempt_every(every);
        assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), 0);
        assert_int_equal(errs[0], 0);
        assert_int_equal(errs[1], 0);
        assert_int_equal(errs[2], -EINVAL);
        assert_int_equal(errs[3], -EINVAL);
        assert_int_equal(fake_type(host, 50), P2M_FOREIGN_RW);
        assert_int_equal(fake_type(host, 51), P2M_FOREIGN_RO);
        assert_int_equal(frame_refs(fake_mfn(other, 0)), 2);
        assert_int_equal(frame_refs(fake_mfn(other, 2)), 1);
    }
    fake_fail_allocation(0);
    gfns[0] = 53;
    b.size = 1;
    assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), 0);
    assert_int_equal(errs[0], -ENOMEM);
    assert_int_equal(frame_refs(fake_mfn(other, 0)), 2);

    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = 50 };
    assert_int_equal(call(XENMEM_remove_from_physmap, &r), 0);
    assert_int_equal(call(XENMEM_remove_from_physmap, &r), -EINVAL);
    assert_int_equal(frame_refs(fake_mfn(other, 0)), 1);

    b.u.foreign_domid = 0;   /* oneself */
    assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), 0);
    assert_int_equal(errs[0], -EINVAL);
    b.u.foreign_domid = 99;
    assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), -ESRCH);
    b.errs.q = 8;
    b.u.foreign_domid = 2;
    assert_int_equal(call(XENMEM_add_to_physmap_batch, &b), -EFAULT);
    assert_int_equal(abi_memory_op(XENMEM_add_to_physmap_batch | 5 << MEMORY_OP_BITS, (uintptr_t)&b), -EILSEQ);
}

static void shared_pages_have_their_spaces(void **state)
{
    struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 60 };

    (void)state;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), 0);
    assert_int_equal(fake_mfn(guest, 60).mfn, virt_to_mfn(guest->shared_info.page).mfn);
    a.gpfn = 61;   /* it moves */
    assert_int_equal(call(XENMEM_add_to_physmap, &a), 0);
    assert_int_equal(fake_type(guest, 60), P2M_INVALID);
    assert_int_equal(fake_type(guest, 61), P2M_XENHEAP);
    a.idx = 1;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EINVAL);
    a.space = XENMAPSPACE_grant_table;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), 0);
    a.idx = 2;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EINVAL);
    a.idx = XENMAPIDX_grant_table_status;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EINVAL);
    a.idx = UINT64_C(1) << 32;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EINVAL);
    a.space = XENMAPSPACE_gmfn_foreign;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -ENOSYS);
    a.space = XENMAPSPACE_gmfn;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -ENOSYS);
    a.domid = 0;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EPERM);
}

static void device_memory_needs_the_right_and_is_not_ram(void **state)
{
    struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_dev_mmio, .idx = 0x9000, .gpfn = 70 };

    (void)state;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EPERM);
    assert_int_equal(capability_grant(guest, CAPABILITY_IOMEM, 0, UINT64_MAX), 0);
    assert_int_equal(call(XENMEM_add_to_physmap, &a), 0);
    assert_int_equal(fake_type(guest, 70), P2M_DEVICE_CACHED);
    a.idx = fake_mfn(other, 0).mfn;
    assert_int_equal(call(XENMEM_add_to_physmap, &a), -EPERM);
    capabilities_free(guest);
    fake_set_type(guest, 70, P2M_INVALID);
}

static void an_acquired_grant_table_is_held(void **state)
{
    uint64_t gfns[3] = { 80, 81, 82 };
    struct xen_mem_acquire_resource r = { .domid = 1, .type = XENMEM_resource_grant_table };

    (void)state;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EPERM);
    fake_set_current(host->vcpus[0]);
    assert_int_equal(call(XENMEM_acquire_resource, &r), 0);
    assert_int_equal(r.nr_frames, 2);

    r.frame_list.q = (uintptr_t)gfns;
    for (unsigned every = 0; every < 3; every++) {
        struct xen_mem_acquire_resource again = r;

        fake_preempt_every(every);
        assert_int_equal(call(XENMEM_acquire_resource, &again), 0);
        assert_int_equal(fake_type(host, 80), P2M_FOREIGN_RW);
        assert_int_equal(fake_mfn(host, 81).mfn, virt_to_mfn(grant_pages[1]).mfn);
        assert_int_equal(frame_refs(virt_to_mfn(grant_pages[0])), 2);
    }
    fake_preempt_every(0);
    r.nr_frames = 3;   /* the third does not exist */
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EIO);
    r.frame = 2;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EINVAL);
    r.frame = UINT64_C(1) << 32;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EINVAL);
    r.pad = 1;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EINVAL);
    r.pad = 0;
    r.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EINVAL);
    r.type = XENMEM_resource_ioreq_server;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EOPNOTSUPP);
    r.domid = 0;
    assert_int_equal(call(XENMEM_acquire_resource, &r), -EPERM);
}

static void questions_are_answered_to_whom_they_concern(void **state)
{
    struct xen_memory_domain q = { .domid = DOMID_SELF };
    struct xen_memory_reservation c = { .nr_extents = 9, .domid = 1 };

    (void)state;
    guest->frames.total = 5;
    assert_int_equal(call(XENMEM_current_reservation, &q), 5);
    assert_int_equal(call(XENMEM_maximum_reservation, &q), 1000);
    assert_int_equal(call(XENMEM_maximum_gpfn, &q), 200);
    q.domid = 2;
    assert_int_equal(call(XENMEM_maximum_gpfn, &q), -EPERM);
    assert_int_equal(call(XENMEM_claim_pages, &c), -EPERM);
    assert_int_equal(call(XENMEM_maximum_ram_page, NULL), 0xbffff);
    assert_int_equal(call(XENMEM_get_sharing_shared_pages, NULL), 0);
    assert_int_equal(call(XENMEM_machine_memory_map, &q), -ENOSYS);
    fake_set_current(host->vcpus[0]);
    assert_int_equal(call(XENMEM_maximum_gpfn, &q), 100);
    assert_int_equal(call(XENMEM_claim_pages, &c), 0);
    assert_int_equal(claimed, 9);
    c.extent_order = 1;
    assert_int_equal(call(XENMEM_claim_pages, &c), -EINVAL);
    guest->frames.total = 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(populate_maps_what_it_allocates, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_stops_where_it_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mapping_that_fails_gives_its_frames_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_is_interrupted_goes_on_where_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_begin_is_nothing_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_extent_is_a_toolstacks_and_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(only_own_ram_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_direct_mapped_domain_keeps_its_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(a_foreign_mapping_holds_its_page, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_pages_have_their_spaces, setup, teardown),
        cmocka_unit_test_setup_teardown(device_memory_needs_the_right_and_is_not_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(an_acquired_grant_table_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(questions_are_answered_to_whom_they_concern, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
