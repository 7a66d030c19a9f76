// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/abi/event_channel.c hypervisor/abi/grant_table.c hypervisor/abi/hypercall.c */
/* sources: hypervisor/vm/evtchn/evtchn.c hypervisor/vm/evtchn/port.c hypervisor/vm/evtchn/twolevel.c */
/* sources: hypervisor/vm/evtchn/fifo.c hypervisor/vm/evtchn/deliver.c hypervisor/vm/evtchn/virq.c */
/* sources: hypervisor/vm/grant/grant.c hypervisor/vm/grant/map.c hypervisor/vm/grant/copy.c */
/*
 * The event channel and grant hypercalls as a guest makes them: who may ask for whom, bad pointers, and long arrays in
 * slices.
 */
#include "fakes.h"

#include <string.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>

#include "abi/abi.h"

#define PAGES     16
#define TABLE_GFN 200
#define NOBODY    77

static struct domain *host, *guest;

/* As hypervisor/vm/pause.c has it. */
bool domain_is_paused_by_controller(const struct domain *d) { return d->pause.by_controller; }

static struct domain *domain_new(domid_t id)
{
    struct domain *d = fake_domain(id, 1, PAGES);

    assert_int_equal(evtchn_domain_init(d, 100), 0);
    assert_int_equal(grant_domain_init(d, 2, 1), 0);
    assert_int_equal(grant_map_frame(d, 0, GFN(TABLE_GFN)), 0);
    evtchn_vcpu_init(d->vcpus[0]);
    return d;
}

static void domain_destroy_all(struct domain *d)
{
    assert_int_equal(evtchn_domain_destroy(d, preempt_pending), 0);
    assert_int_equal(grant_domain_destroy(d, preempt_pending), 0);
    fake_domain_release(d);
}

static void domain_end(struct domain *d)
{
    evtchn_domain_free(d);
    grant_domain_free(d);
    fake_domain_free(d);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    host = domain_new(0);
    host->privileged = true;
    guest = domain_new(5);
    fake_set_current(guest->vcpus[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_preempt_every(0);
    domain_destroy_all(guest);
    domain_destroy_all(host);   /* which may still map frames of the guest's */
    domain_end(guest);
    domain_end(host);
    fake_assert_nothing_left();
    return 0;
}

static long event_op(struct domain *caller, unsigned cmd, void *arg)
{
    fake_set_current(caller->vcpus[0]);
    return abi_event_channel_op(cmd, (uintptr_t)arg);
}

static long grant_op(struct domain *caller, unsigned cmd, void *arg, uint64_t count)
{
    fake_set_current(caller->vcpus[0]);
    return abi_grant_table_op(cmd, (uintptr_t)arg, count);
}

static void a_channel_is_made_used_and_closed(void **state)
{
    struct evtchn_alloc_unbound alloc = { .dom = guest->id, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = guest->id };
    struct evtchn_status status = { .dom = guest->id };
    struct evtchn_send send;

    (void)state;
    assert_int_equal(event_op(host, EVTCHNOP_alloc_unbound, &alloc), 0);
    bind.remote_port = status.port = alloc.port;
    assert_int_equal(event_op(host, EVTCHNOP_status, &status), 0);
    assert_int_equal(status.status, EVTCHNSTAT_unbound);
    assert_int_equal(status.u.unbound.dom, host->id);
    assert_int_equal(event_op(host, EVTCHNOP_bind_interdomain, &bind), 0);
    assert_int_equal(event_op(host, EVTCHNOP_status, &status), 0);
    assert_int_equal(status.u.interdomain.port, bind.local_port);
    send.port = bind.local_port;
    assert_int_equal(event_op(host, EVTCHNOP_send, &send), 0);
    assert_int_equal(fake_injected(guest->vcpus[0]), 1);
    assert_int_equal(event_op(host, EVTCHNOP_close, &send), 0);
    assert_int_equal(event_op(host, EVTCHNOP_send, &send), -EINVAL);
}

static void a_guest_does_not_act_for_others(void **state)
{
    struct evtchn_alloc_unbound alloc = { .dom = host->id, .remote_dom = DOMID_SELF };
    struct evtchn_status status = { .dom = host->id, .port = 1 };
    struct evtchn_reset reset = { .dom = host->id };
    struct gnttab_query_size size = { .dom = host->id };
    struct gnttab_setup_table table = { .dom = host->id };
    struct gnttab_get_version version = { .dom = host->id };

    (void)state;
    assert_int_equal(event_op(guest, EVTCHNOP_alloc_unbound, &alloc), -EPERM);
    assert_int_equal(event_op(guest, EVTCHNOP_status, &status), -EPERM);
    assert_int_equal(event_op(guest, EVTCHNOP_reset, &reset), -EPERM);
    alloc.dom = NOBODY;
    assert_int_equal(event_op(guest, EVTCHNOP_alloc_unbound, &alloc), -ESRCH);
    assert_int_equal(event_op(host, EVTCHNOP_alloc_unbound, &alloc), -ESRCH);
    reset.dom = guest->id;
    assert_int_equal(event_op(host, EVTCHNOP_reset, &reset), -EINVAL);
    guest->pause.by_controller = 1;
    assert_int_equal(event_op(host, EVTCHNOP_reset, &reset), 0);
    assert_int_equal(grant_op(guest, GNTTABOP_query_size, &size, 1), 0);
    assert_int_equal(size.status, GNTST_permission_denied);
    assert_int_equal(grant_op(guest, GNTTABOP_setup_table, &table, 1), 0);
    assert_int_equal(table.status, GNTST_permission_denied);
    assert_int_equal(grant_op(guest, GNTTABOP_get_version, &version, 1), -EPERM);
    size.dom = NOBODY;
    assert_int_equal(grant_op(host, GNTTABOP_query_size, &size, 1), 0);
    assert_int_equal(size.status, GNTST_bad_domain);
}

static void every_event_call_survives_a_bad_pointer(void **state)
{
    (void)state;
    for (unsigned cmd = 0; cmd < 20; cmd++) {
        long error = cmd == EVTCHNOP_bind_pirq ? -EINVAL : cmd > EVTCHNOP_set_priority ? -ENOSYS : -EFAULT;

        assert_int_equal(event_op(guest, cmd, NULL), error);
    }
    assert_int_equal(event_op(guest, UINT32_MAX, NULL), -ENOSYS);
}

static void every_grant_call_survives_a_bad_pointer(void **state)
{
    (void)state;
    for (unsigned cmd = 0; cmd < 20; cmd++) {
        bool known = cmd <= GNTTABOP_cache_flush && cmd != GNTTABOP_dump_table && cmd != GNTTABOP_unmap_and_replace;

        assert_int_equal(grant_op(guest, cmd, NULL, 1), known ? -EFAULT : -ENOSYS);
    }
    assert_int_equal(grant_op(guest, UINT32_MAX, NULL, 1), -ENOSYS);
    assert_int_equal(grant_op(guest, GNTTABOP_copy, NULL, UINT32_MAX), -EINVAL);
    assert_int_equal(grant_op(guest, GNTTABOP_copy, NULL, 0), 0);
    assert_int_equal(grant_op(guest, GNTTABOP_query_size, NULL, 2), -EINVAL);
}

static void sizes_and_versions(void **state)
{
    uint64_t gfns[2] = { 0 };
    struct gnttab_query_size size = { .dom = DOMID_SELF };
    struct gnttab_setup_table table = { .dom = DOMID_SELF, .nr_frames = 2 };
    struct gnttab_get_version get = { .dom = DOMID_SELF };
    struct gnttab_set_version set = { .version = 2 };
    struct gnttab_get_status_frames frames = { .dom = DOMID_SELF };
    struct gnttab_transfer transfer = { 0 };

    (void)state;
    table.frame_list.q = (uintptr_t)gfns;
    assert_int_equal(grant_op(guest, GNTTABOP_setup_table, &table, 1), 0);
    assert_int_equal(table.status, GNTST_okay);
    assert_int_equal(gfns[0], TABLE_GFN);
    assert_true(gfns[1] == UINT64_MAX);
    assert_int_equal(grant_op(guest, GNTTABOP_query_size, &size, 1), 0);
    assert_int_equal(size.nr_frames, 2);
    assert_int_equal(size.max_nr_frames, 2);
    table.nr_frames = 3;
    assert_int_equal(grant_op(guest, GNTTABOP_setup_table, &table, 1), 0);
    assert_int_equal(table.status, GNTST_general_error);
    table.nr_frames = 1;
    table.frame_list.q = 8;
    assert_int_equal(grant_op(guest, GNTTABOP_setup_table, &table, 1), 0);
    assert_int_equal(table.status, GNTST_bad_virt_addr);
    assert_int_equal(grant_op(guest, GNTTABOP_get_version, &get, 1), 0);
    assert_int_equal(get.version, 1);
    assert_int_equal(grant_op(guest, GNTTABOP_set_version, &set, 1), -ENOSYS);
    set.version = 3;
    assert_int_equal(grant_op(guest, GNTTABOP_set_version, &set, 1), -EINVAL);
    set.version = 1;
    assert_int_equal(grant_op(guest, GNTTABOP_set_version, &set, 1), 0);
    assert_int_equal(grant_op(guest, GNTTABOP_get_status_frames, &frames, 1), 0);
    assert_int_equal(frames.status, GNTST_general_error);
    assert_int_equal(grant_op(guest, GNTTABOP_transfer, &transfer, 1), 0);
    assert_int_equal(transfer.status, GNTST_bad_page);
}

static void a_long_array_goes_on_where_it_stopped(void **state)
{
    struct gnttab_map_grant_ref map[9] = { 0 };
    struct grant_entry_v1 *entries = fake_page(guest, TABLE_GFN);
    struct vcpu *v = host->vcpus[0];
    unsigned calls = 1;
    long result;

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        entries[i] = (struct grant_entry_v1){ GTF_permit_access, host->id, i };
        map[i].ref = i;
        map[i].dom = i == 4 ? NOBODY : guest->id;
        map[i].flags = GNTMAP_host_map;
        map[i].host_addr = (uint64_t)(100 + i) << PAGE_SHIFT;
        map[i].status = 99;
    }
    fake_preempt_every(2);
    result = grant_op(host, GNTTABOP_map_grant_ref, map, 9);
    for (; result == -ERESTART; calls++)
        result = abi_grant_table_op(GNTTABOP_map_grant_ref, v->regs.x[1], v->regs.x[2]);
    assert_int_equal(result, 0);
    assert_int_equal(calls, 5);
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(map[i].status, i == 4 ? GNTST_bad_domain : GNTST_okay);
        assert_true(i == 4 || map[i].dev_bus_addr == fake_mfn(guest, i).mfn << PAGE_SHIFT);
    }
}

static void a_copy_and_an_unmap_through_the_call(void **state)
{
    struct gnttab_map_grant_ref map = { .flags = GNTMAP_host_map, .dom = guest->id, .host_addr = 100 << PAGE_SHIFT };
    struct gnttab_copy copy = { .len = 5, .flags = GNTCOPY_source_gref };
    struct grant_entry_v1 *entries = fake_page(guest, TABLE_GFN);
    struct gnttab_unmap_grant_ref unmap = { .host_addr = 100 << PAGE_SHIFT };
    struct gnttab_cache_flush flush = { .op = GNTTAB_CACHE_CLEAN, .length = 64 };

    (void)state;
    entries[0] = (struct grant_entry_v1){ GTF_permit_access, host->id, 7 };
    strcpy(fake_page(guest, 7), "text");
    copy.source.domid = guest->id;
    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = 2;
    copy.dest.offset = 10;
    assert_int_equal(grant_op(host, GNTTABOP_copy, &copy, 1), 0);
    assert_int_equal(copy.status, GNTST_okay);
    assert_string_equal((char *)fake_page(host, 2) + 10, "text");
    assert_int_equal(grant_op(host, GNTTABOP_map_grant_ref, &map, 1), 0);
    flush.a.dev_bus_addr = map.dev_bus_addr;
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush, &flush, 1), 0);
    /* Stopped: the call goes on from its registers. */
    flush.a.dev_bus_addr = fake_mfn(guest, 8).mfn << PAGE_SHIFT;
    assert_int_equal(grant_map_frame(guest, 1, GFN(TABLE_GFN + 1)), 0);
    fake_preempt_every(1);
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush, &flush, 1), -ERESTART);
    assert_int_equal(host->vcpus[0]->regs.x[0], GNTTABOP_cache_flush | 1 << 12);
    assert_int_equal(host->vcpus[0]->regs.x[2], 1);
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush | 1 << 12, &flush, 1), -ERESTART);
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush | 2 << 12, &flush, 1), -EPERM);
    assert_int_equal(grant_op(host, GNTTABOP_map_grant_ref | 1 << 12, &map, 1), -ENOSYS);
    fake_preempt_every(0);
    flush.op = 0x10;
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush, &flush, 1), -EINVAL);
    flush.op = GNTTAB_CACHE_SOURCE_GREF;
    assert_int_equal(grant_op(host, GNTTABOP_cache_flush, &flush, 1), -EOPNOTSUPP);
    unmap.handle = map.handle;
    assert_int_equal(grant_op(host, GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    assert_int_equal(unmap.status, GNTST_okay);
    assert_int_equal(entries[0].flags, GTF_permit_access);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_channel_is_made_used_and_closed),
        TEST(a_guest_does_not_act_for_others),
        TEST(every_event_call_survives_a_bad_pointer),
        TEST(every_grant_call_survives_a_bad_pointer),
        TEST(sizes_and_versions),
        TEST(a_long_array_goes_on_where_it_stopped),
        TEST(a_copy_and_an_unmap_through_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
