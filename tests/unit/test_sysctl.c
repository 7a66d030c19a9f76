// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/abi/sysctl.c hypervisor/abi/sysctl_machine.c hypervisor/abi/sysctl_pool.c */
/* sources: hypervisor/abi/multicall.c hypervisor/abi/ctl_bitmap.c tests/unit/fakes.c */
/*
 * Sysctls through their hypercall, on a machine of four CPUs and three domains; and multicalls, of calls that only note
 * their arguments.
 */
#include "fakes.h"

#include <stdlib.h>
#include <string.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "abi/abi.h"
#include "abi/domctl.h"
#include "base/cpu.h"
#include "base/time.h"
#include "base/printk.h"
#include "dev/console.h"

#define CPUS 4

static struct domain *host, *guest, *other;
static struct xen_sysctl op;
static unsigned ratelimit = 1000, keys_seen, dispatched;
static char last_key;
static char ring[1500];
static bool busy, cleared;

unsigned cpus_present(void) { return CPUS; }
unsigned cpus_online(void) { return CPUS - 1; }
uint64_t counter_frequency(void) { return 62500000; }
uint64_t counter_now(void) { return 1000; }
uint64_t ticks_to_ns(uint64_t ticks) { return ticks * 16; }
uint64_t frames_total(void) { return 1000; }
uint64_t frames_free(void) { return 400; }
uint64_t frames_claimed(const struct frame_owner *o) { return o ? 0 : 5; }
mfn_t frames_last(void) { return MFN(0xbffff); }
unsigned sched_ratelimit(void) { return ratelimit; }
void sched_set_ratelimit(unsigned us) { ratelimit = us; }
bool domctl_begin(void) { return !busy; }
void domctl_end(void) { }
void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info) { info->domain = d->id; }
void console_debug_key(char key) { last_key = key; keys_seen++; }

struct domain *domain_get_from(domid_t id)
{
    struct domain *all[] = { host, guest, other };

    for (unsigned i = 0; i < 3; i++)
        if (all[i]->id >= id)
            return domain_get(all[i]->id);
    return NULL;
}

struct domain *domain_next(struct domain *d)
{
    struct domain *next = domain_get_from(d ? (domid_t)(d->id + 1) : 0);

    if (d)
        domain_put(d);
    return next;
}

size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
    size_t from = incremental ? *index : 0;
    size_t n = min_u64(size, sizeof(ring) - min_u64(from, sizeof(ring)));

    cleared = cleared || clear;
    memcpy(buf, ring + from, n);
    *index = (uint32_t)(from + n);
    return n;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    host = fake_domain(0, 1, 0);
    host->privileged = true;
    guest = fake_domain(3, 1, 0);
    other = fake_domain(7, 1, 0);
    fake_set_current(host->vcpus[0]);
    busy = cleared = false;
    keys_seen = dispatched = 0;
    for (size_t i = 0; i < sizeof(ring); i++)
        ring[i] = (char)('a' + i % 26);
    return 0;
}

static int teardown(void **state)
{
    struct domain *all[] = { host, guest, other };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_domain_release(all[i]);
        fake_domain_free(all[i]);
    }
    fake_assert_nothing_left();
    return 0;
}

static void begin(unsigned cmd)
{
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
}

static long call(void)
{
    long result;

    do
        result = abi_sysctl((uintptr_t)&op);
    while (result == -ERESTART && !busy);
    return result;
}

static void a_call_is_checked_from_outside_in(void **state)
{
    (void)state;
    begin(XEN_SYSCTL_physinfo);
    assert_int_equal(abi_sysctl(8), -EFAULT);
    fake_set_current(guest->vcpus[0]);
    assert_int_equal(call(), -EPERM);
    op.interface_version--;
    assert_int_equal(call(), -EACCES);
    fake_set_current(host->vcpus[0]);
    for (unsigned cmd = 30; cmd < 1000; cmd += 97) {
        begin(cmd);
        assert_int_equal(call(), -ENOSYS);
    }
    begin(UINT32_MAX);
    assert_int_equal(call(), -ENOSYS);
    begin(XEN_SYSCTL_coverage_op);
    assert_int_equal(call(), -EOPNOTSUPP);
}

static void the_machine_is_told_as_it_is(void **state)
{
    const struct xen_sysctl_physinfo *p = &op.u.physinfo;

    (void)state;
    begin(XEN_SYSCTL_physinfo);
    memset(&op.u, 0xff, sizeof(op.u));
    assert_int_equal(call(), 0);
    assert_int_equal(p->nr_cpus, CPUS - 1);
    assert_int_equal(p->max_cpu_id, CPUS - 1);
    assert_int_equal(p->total_pages, 1000);
    assert_int_equal(p->free_pages, 400);
    assert_int_equal(p->outstanding_pages, 5);
    assert_int_equal(p->scrub_pages, 0);
    assert_int_equal(p->cpu_khz, 62500);
    assert_int_equal(p->max_mfn, 0xbffff);
    assert_int_equal(p->hw_cap[7], 0);
}

static void arrays_are_filled_as_far_as_they_go(void **state)
{
    struct xen_sysctl_cpuinfo idle[CPUS] = { { 77 }, { 77 }, { 77 }, { 77 } };
    struct xen_sysctl_cputopo topology[CPUS];
    struct xen_sysctl_meminfo memory = { 0 };
    uint32_t distance = 0;

    (void)state;
    cpus[0].idle_ticks = 10;
    cpus[1].idle_ticks = 10;
    cpus[1].idle_since = 600;   /* and idle now */
    begin(XEN_SYSCTL_getcpuinfo);
    op.u.getcpuinfo.max_cpus = 2;
    op.u.getcpuinfo.info.q = (uintptr_t)idle;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.getcpuinfo.nr_cpus, 2);
    assert_int_equal(idle[0].idletime, 160);
    assert_int_equal(idle[1].idletime, 160 + 6400);
    assert_int_equal(idle[2].idletime, 77);

    begin(XEN_SYSCTL_cputopoinfo);
    assert_int_equal(call(), 0);   /* how many? */
    assert_int_equal(op.u.cputopoinfo.num_cpus, CPUS);
    memset(topology, 0xff, sizeof(topology));
    op.u.cputopoinfo.cputopo.q = (uintptr_t)topology;
    op.u.cputopoinfo.num_cpus = 3;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.cputopoinfo.num_cpus, CPUS);
    assert_int_equal(topology[2].core, 2);
    assert_int_equal(topology[3].core, UINT32_MAX);

    begin(XEN_SYSCTL_numainfo);
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.numainfo.num_nodes, 1);
    op.u.numainfo.meminfo.q = (uintptr_t)&memory;
    op.u.numainfo.distance.q = (uintptr_t)&distance;
    assert_int_equal(call(), 0);
    assert_int_equal(memory.memsize, 1000 * PAGE_SIZE);
    assert_int_equal(memory.memfree, 400 * PAGE_SIZE);
    assert_int_equal(distance, 10);
    op.u.numainfo.meminfo.q = 8;
    assert_int_equal(call(), -EFAULT);

    begin(XEN_SYSCTL_availheap);
    op.u.availheap.node = -1;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.availheap.avail_bytes, 400 * PAGE_SIZE);
    op.u.availheap.node = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.availheap.avail_bytes, 0);
    op.u.availheap.max_bitwidth = 32;
    assert_int_equal(call(), -EOPNOTSUPP);
}

static void domains_are_listed_in_order(void **state)
{
    struct xen_domctl_getdomaininfo list[4];
    struct xen_sysctl_getdomaininfolist *l = &op.u.getdomaininfolist;

    (void)state;
    begin(XEN_SYSCTL_getdomaininfolist);
    l->buffer.q = (uintptr_t)list;
    l->max_domains = 4;
    assert_int_equal(call(), 0);
    assert_int_equal(l->num_domains, 3);
    assert_true(list[0].domain == 0 && list[1].domain == 3 && list[2].domain == 7);
    l->first_domain = 1;
    l->max_domains = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(l->num_domains, 1);
    assert_int_equal(list[0].domain, 3);
    l->buffer.q = 8;
    assert_int_equal(call(), -EFAULT);
    busy = true;
    assert_int_equal(call(), -ERESTART);
}

static void the_console_is_read_whole_or_from_a_point(void **state)
{
    struct xen_sysctl_readconsole *r = &op.u.readconsole;
    char text[2000];

    (void)state;
    begin(XEN_SYSCTL_readconsole);
    r->buffer.q = (uintptr_t)text;
    r->count = sizeof(text);
    assert_int_equal(call(), 0);
    assert_int_equal(r->count, sizeof(ring));
    assert_int_equal(r->index, sizeof(ring));
    assert_memory_equal(text, ring, sizeof(ring));
    assert_false(cleared);
    r->index = 1490;
    r->incremental = 1;
    r->clear = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(r->count, 10);
    assert_memory_equal(text, ring + 1490, 10);
    assert_true(cleared);
    r->buffer.q = 8;
    r->index = 0;
    assert_int_equal(call(), -EFAULT);
}

static void keys_are_pressed_one_by_one(void **state)
{
    (void)state;
    begin(XEN_SYSCTL_debug_keys);
    op.u.debug_keys.keys.q = (uintptr_t)"hqm";
    op.u.debug_keys.nr_keys = 3;
    fake_preempt_every(1);
    assert_int_equal(abi_sysctl((uintptr_t)&op), -ERESTART);
    assert_int_equal(keys_seen, 1);
    assert_int_equal(call(), 0);
    assert_int_equal(keys_seen, 3);
    assert_int_equal(last_key, 'm');
    begin(XEN_SYSCTL_debug_keys);
    op.u.debug_keys.keys.q = 8;
    op.u.debug_keys.nr_keys = UINT32_MAX;
    assert_int_equal(call(), -EFAULT);
}

static void there_is_one_pool(void **state)
{
    struct xen_sysctl_cpupool_op *p = &op.u.cpupool_op;
    static const struct { uint32_t op, pool, domid, cpu; int error; } cases[] = {
        { XEN_SYSCTL_CPUPOOL_OP_CREATE, 0, 0, 0, -EEXIST },
        { XEN_SYSCTL_CPUPOOL_OP_CREATE, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0, 0, -EOPNOTSUPP },
        { XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, 0, 0, -EBUSY },
        { XEN_SYSCTL_CPUPOOL_OP_DESTROY, 1, 0, 0, -ENOENT },
        { XEN_SYSCTL_CPUPOOL_OP_INFO, 1, 0, 0, -ENOENT },
        { XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 0, 0, -ENODEV },
        { XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 0, CPUS, -EINVAL },
        { XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 0, XEN_SYSCTL_CPUPOOL_PAR_ANY, -ENODEV },
        { XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 9, 0, 0, -ENOENT },
        { XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 0, 1, -EBUSY },
        { XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 3, 0, 0 },
        { XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 3, 0, -ENOENT },
        { XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 0, -EPERM },
        { XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 4, 0, -EINVAL },
        { XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0x10003, 0, -EINVAL },
        { 0, 0, 0, 0, -ENOSYS },
        { 8, 0, 0, 0, -ENOSYS },
    };
    uint8_t map[2] = { 0xff, 0xff };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        begin(XEN_SYSCTL_cpupool_op);
        p->op = cases[i].op;
        p->cpupool_id = cases[i].pool;
        p->domid = cases[i].domid;
        p->cpu = cases[i].cpu;
        assert_int_equal(call(), cases[i].error);
    }
    begin(XEN_SYSCTL_cpupool_op);
    p->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    p->cpumap.bitmap.q = (uintptr_t)map;
    p->cpumap.nr_bits = 16;
    assert_int_equal(call(), 0);
    assert_int_equal(p->sched_id, XEN_SCHEDULER_CREDIT2);
    assert_int_equal(p->n_dom, 3);
    assert_true(map[0] == 0xf && map[1] == 0);
    p->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    assert_int_equal(call(), 0);
    assert_int_equal(map[0], 0);
}

static void the_rate_limit_has_a_range(void **state)
{
    struct xen_sysctl_scheduler_op *s = &op.u.scheduler_op;
    static const struct { uint32_t us; int error; } cases[] = {
        { 0, 0 }, { 99, -EINVAL }, { 100, 0 }, { 500000, 0 }, { 500001, -EINVAL },
    };

    (void)state;
    begin(XEN_SYSCTL_scheduler_op);
    s->sched_id = XEN_SCHEDULER_CREDIT;
    assert_int_equal(call(), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    assert_int_equal(call(), 0);
    assert_int_equal(s->u.sched_credit2.ratelimit_us, 1000);
    s->cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        s->u.sched_credit2.ratelimit_us = cases[i].us;
        assert_int_equal(call(), cases[i].error);
    }
    assert_int_equal(ratelimit, 500000);
    s->cpupool_id = 1;
    assert_int_equal(call(), -ESRCH);
}

/* Call 1 answers with the sum of its arguments; call 2 wants to be made as often as its first argument says. */
long abi_dispatch(uint64_t number, const uint64_t *x)
{
    struct vcpu *v = current_vcpu();

    dispatched++;
    assert_memory_equal(v->regs.x, x, 6 * sizeof(*x));
    if (number == 1)
        return (long)(x[0] + x[1] + x[2] + x[3] + x[4]);
    if (number != 2)
        return -ENOSYS;
    if (x[0] == 0)
        return 5;
    v->regs.x[0]--;
    return -ERESTART;
}

static long multicall(multicall_entry_t *list, uint64_t n)
{
    struct vcpu *v = current_vcpu();
    long result;

    for (unsigned i = 0; i < 31; i++)
        v->regs.x[i] = 1000 + i;
    v->regs.x[0] = (uintptr_t)list;
    v->regs.x[1] = n;
    do
        result = abi_multicall(v->regs.x[0], v->regs.x[1]);
    while (result == -ERESTART);
    for (unsigned i = 2; i < 31; i++)
        assert_int_equal(v->regs.x[i], 1000 + i);
    return result;
}

static void a_list_is_as_its_calls(void **state)
{
    (void)state;
    for (unsigned every = 0; every < 3; every++) {
        multicall_entry_t list[] = {
            { .op = 1, .args = { 1, 2, 3, 4, 5 } },
            { .op = 2, .args = { 7 } },
            { .op = 99 },
            { .op = __HYPERVISOR_multicall },
            { .op = 2 },
        };

        dispatched = 0;
        fake_preempt_every(every);
        assert_int_equal(multicall(list, 5), 0);
        assert_int_equal(list[0].result, 15);
        assert_int_equal(list[1].result, 5);
        assert_int_equal(list[2].result, -ENOSYS);
        assert_int_equal(list[3].result, -ENOSYS);
        assert_int_equal(list[4].result, 5);
        assert_int_equal(dispatched, 1 + 8 + 1 + 1);
    }
}

static void a_list_that_is_not_there_is_a_fault(void **state)
{
    (void)state;
    assert_int_equal(multicall((multicall_entry_t *)8, 1), -EFAULT);
    assert_int_equal(multicall((multicall_entry_t *)8, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_call_is_checked_from_outside_in),
        TEST(the_machine_is_told_as_it_is),
        TEST(arrays_are_filled_as_far_as_they_go),
        TEST(domains_are_listed_in_order),
        TEST(the_console_is_read_whole_or_from_a_point),
        TEST(keys_are_pressed_one_by_one),
        TEST(there_is_one_pool),
        TEST(the_rate_limit_has_a_range),
        TEST(a_list_is_as_its_calls),
        TEST(a_list_that_is_not_there_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
