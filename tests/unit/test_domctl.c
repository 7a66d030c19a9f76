// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/abi/domctl.c hypervisor/abi/domctl_life.c hypervisor/abi/domctl_info.c */
/* sources: hypervisor/abi/domctl_vcpu.c hypervisor/abi/domctl_mem.c hypervisor/abi/domctl_dirty.c */
/* sources: hypervisor/abi/domctl_copy.c */
/* sources: hypervisor/abi/domctl_device.c hypervisor/abi/domctl_records.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* sources: tests/unit/fakes.c */
/*
 * Domctls through their hypercall: who may, of which domain, in which state; what a new domain's description may say;
 * what registers, bitmaps, devices may be set. The rooms below (domains, scheduler, p2m) only note the calls.
 */
#include "fakes.h"

#include <stdlib.h>
#include <string.h>

#include <xen/domctl.h>

#include "abi/abi.h"
#include "abi/ctl_bitmap.h"
#include "abi/domctl.h"
#include "abi/domctl_copy.h"
#include "abi/domctl_needs.h"
#include "base/cpu.h"
#include "base/time.h"
#include "dev/gic.h"
#include "mm/p2m_dirty.h"
#include "vm/evtchn/evtchn.h"
#include "vm/arm64/vuart.h"

struct gic_info gic = { .version = 3 };
static struct domain *host, *guest;
static struct xen_domctl op;

static struct {
    struct domain_config config;
    domid_t wanted;
    unsigned creations, destructions, vcpus_made, pauses, unpauses, resumes, wakes;
    bool suspended, restored;
    cpu_mask hard, soft;
    unsigned weight, cap;
    uint64_t mapped_first, mapped_nr;
    unsigned intid, irq;
} seen;
static int next_error;

static int result_of_next(void)
{
    int error = next_error;

    next_error = 0;
    return error;
}

int domain_create(domid_t id, const struct domain_config *config, struct domain **out)
{
    seen.creations++;
    seen.wanted = id;
    seen.config = *config;
    *out = guest;
    return result_of_next();
}

int domain_destroy(struct domain *d)
{
    (void)d;
    seen.destructions++;
    return result_of_next();
}

struct domain *domain_get_from(domid_t id) { return id <= 1 ? domain_get(1) : NULL; }
int domain_pause_by_controller(struct domain *d) { (void)d; seen.pauses++; return 0; }
int domain_unpause_by_controller(struct domain *d) { (void)d; seen.unpauses++; return result_of_next(); }
void domain_resume(struct domain *d) { (void)d; seen.resumes++; }
bool domain_is_suspended(const struct domain *d) { (void)d; return seen.suspended; }

bool domain_wake(struct domain *d)
{
    (void)d;
    seen.wakes += seen.suspended;
    return seen.suspended;
}

bool domain_is_paused_by_controller(const struct domain *d) { return d->pause.by_controller; }
void domain_start(struct domain *d) { d->pause.started = true; }
bool domain_is_down(struct domain *d, unsigned *reason) { *reason = d->shutdown.reason; return d->shutdown.down; }
void domain_subscribe_suspend(struct domain *d, uint32_t port) { d->shutdown.suspend_port = port; }
void domain_set_handle(struct domain *d, const uint8_t handle[16]) { memcpy(d->handle, handle, 16); }
void domain_get_handle(const struct domain *d, uint8_t handle[16]) { memcpy(handle, d->handle, 16); }
void clock_set_time_offset(struct domain *d, int64_t seconds) { d->clock.time_offset_seconds = seconds; }
int evtchn_set_virq_handler(struct domain *d, unsigned virq) { (void)d; return virq == VIRQ_CONSOLE ? 0 : -EINVAL; }
uint64_t counter_frequency_override(void) { return 62500000; }
unsigned cpus_present(void) { return 4; }
uint64_t frames_claimed(const struct frame_owner *o) { (void)o; return 3; }
uint64_t frames_owned(const struct frame_owner *o) { return o->total; }
uint64_t frames_limit(const struct frame_owner *o) { return o->max; }
void frames_set_limit(struct frame_owner *o, uint64_t pages) { o->max = pages; }

struct vcpu *vcpu_create(struct domain *d, unsigned id)
{
    if (result_of_next())
        return NULL;
    d->vcpus[id] = calloc(1, sizeof(struct vcpu));
    d->vcpus[id]->id = id;
    d->vcpus[id]->domain = d;
    seen.vcpus_made++;
    return d->vcpus[id];
}

void vcpu_pause_sync(struct vcpu *v) { (void)v; seen.pauses++; }
void vcpu_unpause(struct vcpu *v) { (void)v; seen.unpauses++; }
void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    core_vcpu_reset(v, entry, context_id);
    v->initialised = true;
}

void vcpu_claim_paused(struct vcpu *v) { v->power = VCPU_COMING; }
void vcpu_release(struct vcpu *v, bool on) { v->power = on ? VCPU_ON : VCPU_OFF; }
void sched_get_affinity(struct sched_vcpu *v, cpu_mask *hard, cpu_mask *soft)
{
    *hard = v->hard_affinity;
    *soft = v->soft_affinity;
}
uint64_t sched_runtime_ns(struct sched_vcpu *v) { return 100 + container_of(v, struct vcpu, sched)->id; }
void sched_domain_get(const struct sched_domain *d, unsigned *weight, unsigned *cap)
{
    (void)d;
    *weight = 256;
    *cap = 10;
}
int sched_pin_override(struct sched_vcpu *v, int cpu) { (void)v; return cpu; }

int sched_domain_set(struct sched_domain *d, unsigned weight, unsigned cap)
{
    (void)d;
    seen.weight = weight;
    seen.cap = cap;
    return 0;
}

int sched_set_affinity(struct sched_vcpu *v, cpu_mask hard, cpu_mask soft)
{
    if (!(hard & 0xf))
        return -EINVAL;
    v->hard_affinity = seen.hard = hard;
    v->soft_affinity = seen.soft = soft;
    return 0;
}

int p2m_set_pool(struct p2m *p2m, uint64_t pages) { (void)p2m; seen.mapped_nr = pages; return 0; }
uint64_t p2m_get_pool(struct p2m *p2m) { (void)p2m; return 7; }

int p2m_cache_flush(struct p2m *p2m, gfn_t *start, gfn_t end, bool (*preempt)(void))
{
    (void)p2m;
    (void)preempt;
    if (start->gfn == end.gfn)
        return 0;
    start->gfn++;
    return start->gfn == end.gfn ? 0 : -ERESTART;
}

/* Tracked is what has a pool of 1; every 5th page is dirty, until cleaned. */
static unsigned dirty_cleans, dirty_pieces;

int p2m_dirty_start(struct p2m *p2m, bool (*preempt)(void))
{
    (void)p2m;
    (void)preempt;
    seen.mapped_first = 1;
    return result_of_next();
}

int p2m_dirty_stop(struct p2m *p2m, bool (*preempt)(void))
{
    (void)p2m;
    (void)preempt;
    seen.mapped_first = 0;
    return result_of_next();
}

uint32_t p2m_dirty_faults(struct p2m *p2m, bool clean) { (void)p2m; return clean ? 77 : 66; }

static uint32_t dirty_period;

int p2m_dirty_period(struct p2m *p2m, bool next, uint32_t *period)
{
    (void)p2m;
    *period = dirty_period += next;
    return seen.mapped_first ? 0 : -EINVAL;
}

int p2m_dirty_collect(struct p2m *p2m, gfn_t *next, gfn_t end, bool clean, uint64_t *bitmap, bool (*preempt)(void))
{
    uint64_t first = next->gfn;

    (void)p2m;
    if (!seen.mapped_first)
        return -EINVAL;
    dirty_cleans += clean;
    do {
        dirty_pieces++;
        assert_int_equal(next->gfn % P2M_DIRTY_PIECE, 0);
        for (uint64_t to = min_u64(end.gfn, next->gfn + P2M_DIRTY_PIECE); next->gfn < to; next->gfn++)
            if (next->gfn % 5 == 0)
                bitmap[(next->gfn - first) / 64] |= BIT((next->gfn - first) % 64);
    } while (next->gfn < end.gfn && !preempt());
    return next->gfn < end.gfn ? -ERESTART : 0;
}

int vgic_route_irq(struct domain *d, unsigned intid, unsigned irq)
{
    (void)d;
    seen.intid = intid;
    seen.irq = irq;
    return 0;
}

int vgic_unroute_irq(struct domain *d, unsigned intid, unsigned irq) { return vgic_route_irq(d, intid, irq); }

int vuart_init(struct domain *d, domid_t console_domid, gfn_t ring, uint32_t *port)
{
    (void)d;
    (void)console_domid;
    *port = (uint32_t)ring.gfn;
    return 0;
}

/* A domain whose records are these eight bytes. */
static const char records[] = "records.";
static int put_records(struct record_writer *w)
{
    if (w->to && w->size >= 8)
        memcpy(w->to, records, 8);
    w->used = 8;
    return w->to && w->size < 8 ? -ENOBUFS : result_of_next();
}

int domain_save_records(struct domain *d, struct record_writer *w)
{
    assert_ptr_equal(d, guest);
    return put_records(w);
}

int domain_save_record(struct domain *d, unsigned id, unsigned instance, struct record_writer *w)
{
    (void)d;
    assert_int_equal(id, 21);
    assert_int_equal(instance, 3);
    return put_records(w);
}

int domain_restore_records(struct domain *d, const void *stream, size_t size)
{
    assert_ptr_equal(d, guest);
    seen.restored = size == 8 && !memcmp(stream, records, 8);
    return result_of_next();
}

int domain_save_needs(struct domain *d, struct record_writer *w) { return domain_save_records(d, w); }

int domain_check_needs(struct domain *d, const void *stream, size_t size)
{
    return domain_restore_records(d, stream, size);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&seen, 0, sizeof(seen));
    host = fake_domain(0, 1, 4);
    host->privileged = true;
    guest = fake_domain(1, 2, 4);
    guest->pause.started = false;
    capability_grant(host, CAPABILITY_IOMEM, 0x8000, 0x8fff);
    capability_grant(host, CAPABILITY_IRQ, 40, 50);
    for (unsigned i = 0; i < 2; i++) {
        guest->vcpus[i]->power = i == 0 ? VCPU_ON : VCPU_OFF;
        guest->vcpus[i]->sched.hard_affinity = guest->vcpus[i]->sched.soft_affinity = UINT64_MAX;
    }
    fake_set_current(host->vcpus[0]);
    return 0;
}

static int teardown(void **state)
{
    struct domain *all[] = { host, guest };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        capabilities_free(all[i]);
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
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = 1;
}

static long call(void) { return abi_domctl((uintptr_t)&op); }

static void begin_create(void)
{
    struct xen_domctl_createdomain *c = &op.u.createdomain;

    begin(XEN_DOMCTL_createdomain);
    op.domain = 0;
    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = 2;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
}

static void a_call_is_checked_from_outside_in(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_pausedomain);
    assert_int_equal(abi_domctl(8), -EFAULT);
    op.interface_version++;
    assert_int_equal(call(), -EACCES);
    begin(XEN_DOMCTL_pausedomain);
    fake_set_current(guest->vcpus[0]);
    assert_int_equal(call(), -EPERM);
    fake_set_current(host->vcpus[0]);
    op.domain = 9;
    assert_int_equal(call(), -ESRCH);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
    assert_int_equal(seen.pauses, 0);
    op.domain = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.pauses, 1);
}

static void operations_that_arm_has_not_say_so(void **state)
{
    static const struct { unsigned cmd; int error; } known[] = {
        { 0, -ENOSYS }, { XEN_DOMCTL_hypercall_init, -ENOSYS },
        { XEN_DOMCTL_sendtrigger, -ENOSYS }, { XEN_DOMCTL_gdbsx_guestmemio, -ENOSYS }, { 87, -ENOSYS },
        { UINT32_MAX, -ENOSYS }, { XEN_DOMCTL_assign_device, -EOPNOTSUPP }, { XEN_DOMCTL_monitor_op, -EOPNOTSUPP },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        begin(known[i].cmd);
        assert_int_equal(call(), known[i].error);
        op.domain = 9;
        assert_int_equal(call(), -ESRCH);
    }
}

static void a_second_domctl_waits_its_turn(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_pausedomain);
    assert_true(domctl_begin());
    assert_int_equal(call(), -ERESTART);
    domctl_end();
    assert_int_equal(call(), 0);
}

static void a_dying_domain_can_only_be_looked_at_and_ended(void **state)
{
    (void)state;
    guest->life = DOMAIN_DYING;
    begin(XEN_DOMCTL_max_vcpus);
    op.u.max_vcpus.max = 2;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_bind_pt_irq);
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_SPI;
    op.u.bind_pt_irq.machine_irq = 40;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    begin(XEN_DOMCTL_destroydomain);
    next_error = -ERESTART;
    assert_int_equal(call(), -ERESTART);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.destructions, 2);
}

static void a_new_domain_gets_what_was_asked(void **state)
{
    (void)state;
    begin_create();
    op.u.createdomain.arch.nr_spis = 33;
    op.u.createdomain.max_evtchn_port = UINT32_MAX;
    assert_int_equal(call(), 0);
    assert_int_equal(op.domain, 1);
    assert_int_equal(seen.wanted, 0xffff);
    assert_int_equal(seen.config.max_vcpus, 2);
    assert_int_equal(seen.config.nr_spis, 64);
    assert_int_equal(seen.config.max_event_ports, (1 << 17) - 1);
    assert_int_equal(seen.config.max_grant_frames, 64);
    assert_int_equal(seen.config.max_maptrack_frames, 1024);
    assert_false(seen.config.privileged || seen.config.direct_mapped);
    assert_int_equal(op.u.createdomain.arch.gic_version, XEN_DOMCTL_CONFIG_GIC_V3);
    assert_int_equal(op.u.createdomain.arch.clock_frequency, 62500000);

    begin_create();
    op.domain = 1234;
    op.u.createdomain.max_grant_frames = 7;
    op.u.createdomain.max_maptrack_frames = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wanted, 1234);
    assert_int_equal(seen.config.max_grant_frames, 7);
    assert_int_equal(seen.config.max_maptrack_frames, 0);
    begin_create();
    op.domain = DOMID_FIRST_RESERVED;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wanted, 0xffff);
    begin_create();
    next_error = -EEXIST;
    assert_int_equal(call(), -EEXIST);
}

#define REFUSED(error, statement) \
    do { \
        struct xen_domctl_createdomain *c = &op.u.createdomain; \
        begin_create(); \
        statement; \
        assert_int_equal(call(), error); \
        assert_int_equal(seen.creations, 0); \
    } while (0)

static void a_new_domain_that_cannot_be_is_refused(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        REFUSED(-EINVAL, c->flags ^= 1u << bit);
    REFUSED(-EINVAL, c->iommu_opts = 1);
    REFUSED(-EINVAL, c->vmtrace_size = 4096);
    REFUSED(-EINVAL, c->max_vcpus = 0);
    REFUSED(-EINVAL, c->max_vcpus = DOMAIN_MAX_VCPUS + 1);
    REFUSED(-EINVAL, c->max_grant_frames = 0);
    REFUSED(-EINVAL, c->max_grant_frames = 65);
    REFUSED(-EINVAL, c->max_maptrack_frames = 1025);
    REFUSED(-EINVAL, c->grant_opts = 0);
    REFUSED(-EINVAL, c->grant_opts = 2);
    REFUSED(-EINVAL, c->grant_opts = 0x11);
    REFUSED(-ESRCH, c->cpupool_id = 1);
    REFUSED(-EINVAL, c->arch.gic_version = 3);
    REFUSED(-ENODEV, c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V2);
    REFUSED(-EINVAL, c->arch.tee_type = XEN_DOMCTL_CONFIG_TEE_OPTEE);
    REFUSED(-EINVAL, c->arch.nr_spis = VGIC_MAX_SPIS + 1);
    REFUSED(-EINVAL, c->arch.nr_spis = UINT32_MAX);
}

static void a_gicv2_serves_eight(void **state)
{
    (void)state;
    gic.version = 2;
    REFUSED(-EINVAL, c->max_vcpus = 9);
    REFUSED(-ENODEV, c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V3);
    begin_create();
    op.u.createdomain.max_vcpus = 8;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.createdomain.arch.gic_version, XEN_DOMCTL_CONFIG_GIC_V2);
    gic.version = 3;
}

static void vcpus_are_made_in_slices(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        free(guest->vcpus[i]);
        guest->vcpus[i] = NULL;
    }
    begin(XEN_DOMCTL_max_vcpus);
    op.u.max_vcpus.max = 3;
    assert_int_equal(call(), -EINVAL);
    op.u.max_vcpus.max = 2;
    next_error = -ENOMEM;
    assert_int_equal(call(), -ENOMEM);
    fake_preempt_every(1);
    assert_int_equal(call(), -ERESTART);
    assert_int_equal(seen.vcpus_made, 1);
    assert_int_equal(call(), 0);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.vcpus_made, 2);
}

static void info_says_what_a_domain_does(void **state)
{
    struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

    (void)state;
    guest->shutdown.down = true;
    guest->shutdown.reason = 3;
    guest->pause.by_controller = 1;
    begin(XEN_DOMCTL_getdomaininfo);
    op.domain = 0;   /* the first from there on */
    assert_int_equal(call(), 0);
    assert_int_equal(op.domain, 1);
    assert_int_equal(info->domain, 1);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_shutdown | XEN_DOMINF_paused |
                                      3 << XEN_DOMINF_shutdownshift);
    assert_int_equal(info->nr_online_vcpus, 1);
    assert_int_equal(info->max_vcpu_id, 1);
    assert_int_equal(info->cpu_time, 201);
    assert_int_equal(info->outstanding_pages, 3);

    guest->shutdown.down = false;
    guest->pause.by_controller = 0;
    guest->vcpus[0]->blocked = true;
    guest->vcpus[1]->sched.running = true;   /* not online: does not count */
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_blocked);
    guest->vcpus[1]->power = VCPU_ON;
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_running);
    guest->life = DOMAIN_DEAD;
    guest->vcpus[0]->power = guest->vcpus[1]->power = VCPU_OFF;
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_dying);
}

static void a_suspended_domain_shows_as_paused_and_resume_wakes_it(void **state)
{
    struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

    (void)state;
    guest->vcpus[0]->power = VCPU_ON;
    guest->vcpus[0]->blocked = true;
    seen.suspended = true;
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_blocked | XEN_DOMINF_paused);
    begin(XEN_DOMCTL_resumedomain);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wakes, 1);
    assert_int_equal(seen.resumes, 0);
    begin(XEN_DOMCTL_unpausedomain);
    assert_int_equal(call(), 0);   /* it was paused too: that first */
    assert_int_equal(seen.wakes, 1);
    next_error = -EINVAL;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wakes, 2);
    seen.suspended = false;
    next_error = -EINVAL;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_resumedomain);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.resumes, 1);
}

static void registers_go_in_and_come_out_the_same(void **state)
{
    struct vcpu_guest_context in, out;
    struct vcpu *v = guest->vcpus[1];

    (void)state;
    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), -ENODATA);
    op.u.vcpucontext.vcpu = 2;
    assert_int_equal(call(), -EINVAL);

    for (size_t i = 0; i < sizeof(in); i++)
        ((uint8_t *)&in)[i] = (uint8_t)(i * 7);
    in.flags = VGCF_online;
    in.user_regs.cpsr = PSR_GUEST64_INIT;
    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&in;
    assert_int_equal(call(), 0);
    assert_true(v->power == VCPU_ON && v->initialised);
    assert_int_equal(v->regs.x[0], in.user_regs.x0);
    assert_int_equal(v->regs.x[30], in.user_regs.x30);

    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), 0);
    assert_memory_equal(&out.user_regs, &in.user_regs, offsetof(struct vcpu_guest_core_regs, spsr_el1));
    assert_int_equal(out.user_regs.spsr_el1, in.user_regs.spsr_el1);
    assert_int_equal(out.user_regs.sp_el0, in.user_regs.sp_el0);
    assert_int_equal(out.user_regs.sp_el1, in.user_regs.sp_el1);
    assert_int_equal(out.user_regs.elr_el1, in.user_regs.elr_el1);
    assert_int_equal(out.sctlr, in.sctlr);
    assert_int_equal(out.ttbcr, in.ttbcr);
    assert_int_equal(out.ttbr0, in.ttbr0);
    assert_int_equal(out.ttbr1, in.ttbr1);
    assert_int_equal(out.flags, VGCF_online);

    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    assert_int_equal(call(), 0);
    assert_false(v->power != VCPU_OFF || v->initialised);
    assert_int_equal(v->regs.x[30], 0);
    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), -ENODATA);
    assert_int_equal(seen.pauses, seen.unpauses);
}

static void only_64_bit_guest_states_are_taken(void **state)
{
    struct vcpu_guest_context c = { .flags = VGCF_online };

    (void)state;
    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.ctxt.q = (uintptr_t)&c;
    for (unsigned mode = 0; mode < 32; mode++) {
        c.user_regs.cpsr = mode;
        assert_int_equal(call(), mode == 0 || mode == 4 || mode == 5 ? 0 : -EINVAL);
    }
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(20);   /* IL */
    assert_int_equal(call(), -EINVAL);
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(21);   /* SS */
    assert_int_equal(call(), -EINVAL);
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(63);
    assert_int_equal(call(), -EINVAL);
    op.u.vcpucontext.ctxt.q = 8;
    assert_int_equal(call(), -EFAULT);
    begin(XEN_DOMCTL_set_address_size);
    op.u.address_size.size = 32;
    assert_int_equal(call(), -EINVAL);
    op.u.address_size.size = 64;
    assert_int_equal(call(), 0);
}

static void affinities_come_back_as_they_act(void **state)
{
    uint8_t hard[16] = { 0xfe, 0xff }, soft[16] = { 0x03 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;

    (void)state;
    memset(hard + 8, 0xee, 8);
    begin(XEN_DOMCTL_setvcpuaffinity);
    assert_int_equal(call(), -EINVAL);   /* neither */
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    a->cpumap_hard.bitmap.q = (uintptr_t)hard;
    a->cpumap_hard.nr_bits = 96;
    a->cpumap_soft.bitmap.q = (uintptr_t)soft;
    a->cpumap_soft.nr_bits = 2;
    assert_int_equal(call(), 0);
    assert_true(seen.hard == ((cpu_mask)0xeeeeeeee << 64 | 0xfffe));
    assert_true(seen.soft == 3);
    assert_int_equal(hard[0], 0xe);   /* of four CPUs */
    assert_int_equal(hard[1], 0);
    assert_int_equal(hard[11], 0);
    assert_int_equal(hard[12], 0xee);
    assert_int_equal(soft[0], 2);

    memset(hard, 0, sizeof(hard));
    assert_int_equal(call(), -EINVAL);   /* no CPU */
    a->vcpu = 2;
    assert_int_equal(call(), -ESRCH);

    begin(XEN_DOMCTL_getvcpuaffinity);
    assert_int_equal(call(), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard.bitmap.q = (uintptr_t)hard;
    a->cpumap_hard.nr_bits = 8;
    assert_int_equal(call(), 0);
    assert_int_equal(hard[0], 0xe);
    a->cpumap_hard.nr_bits = UINT32_MAX;
    assert_int_equal(call(), -EINVAL);
    a->cpumap_hard.nr_bits = 8;
    a->cpumap_hard.bitmap.q = 8;
    assert_int_equal(call(), -EFAULT);
}

static void shares_are_those_of_credit2(void **state)
{
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;

    (void)state;
    begin(XEN_DOMCTL_scheduler_op);
    s->sched_id = XEN_SCHEDULER_CREDIT;
    assert_int_equal(call(), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    assert_int_equal(call(), -EINVAL);
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(call(), 0);
    assert_int_equal(s->u.credit2.weight, 256);
    assert_int_equal(s->u.credit2.cap, 10);
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 0;
    s->u.credit2.cap = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.weight, 256);
    assert_int_equal(seen.cap, 0);
}

static void rights_to_devices_are_only_handed_on(void **state)
{
    struct xen_domctl_iomem_permission *p = &op.u.iomem_permission;

    (void)state;
    begin(XEN_DOMCTL_iomem_permission);
    p->first_mfn = 0x8100;
    p->nr_mfns = 0;
    p->allow_access = 1;
    assert_int_equal(call(), -EINVAL);
    p->nr_mfns = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
    p->nr_mfns = 0x1000;
    assert_int_equal(call(), -EPERM);   /* leaves the caller's own range */
    p->nr_mfns = 0x10;
    assert_int_equal(call(), 0);
    assert_true(capability_has(guest, CAPABILITY_IOMEM, 0x8100, 0x810f));
    p->allow_access = 0;
    p->nr_mfns = 8;
    assert_int_equal(call(), 0);
    assert_false(capability_has(guest, CAPABILITY_IOMEM, 0x8107, 0x8107));
    assert_true(capability_has(guest, CAPABILITY_IOMEM, 0x8108, 0x810f));

    begin(XEN_DOMCTL_irq_permission);
    op.u.irq_permission.allow_access = 1;
    op.u.irq_permission.pirq = 39;
    assert_int_equal(call(), -EPERM);
    op.u.irq_permission.pirq = 40;
    assert_int_equal(call(), 0);
    assert_true(capability_has(guest, CAPABILITY_IRQ, 40, 40));
}

static void device_memory_is_mapped_by_right_and_in_slices(void **state)
{
    struct xen_domctl_memory_mapping *m = &op.u.memory_mapping;

    (void)state;
    begin(XEN_DOMCTL_memory_mapping);
    m->add_mapping = DPCI_ADD_MAPPING;
    m->first_gfn = 100;
    m->first_mfn = 0x8000;
    assert_int_equal(call(), -EINVAL);
    m->nr_mfns = 513;
    assert_int_equal(call(), -E2BIG);
    m->nr_mfns = 4;
    assert_int_equal(call(), -EPERM);   /* the guest has not been given it */
    capability_grant(guest, CAPABILITY_IOMEM, 0, UINT64_MAX);
    m->first_mfn = 0x8ffe;
    assert_int_equal(call(), -EPERM);   /* the caller has not */
    m->first_mfn = 0x8000;
    assert_int_equal(call(), 0);
    assert_int_equal(fake_type(guest, 103), P2M_DEVICE);
    fake_set_type(guest, 101, P2M_INVALID);
    m->add_mapping = DPCI_REMOVE_MAPPING;
    assert_int_equal(call(), 0);
    assert_int_equal(fake_type(guest, 100), P2M_INVALID);
    assert_int_equal(fake_type(guest, 103), P2M_INVALID);

    m->add_mapping = DPCI_ADD_MAPPING;
    m->first_mfn = fake_mfn(host, 0).mfn;
    capability_grant(host, CAPABILITY_IOMEM, 0, UINT64_MAX);
    m->nr_mfns = 1;
    assert_int_equal(call(), -EPERM);   /* RAM */
    m->first_mfn = 0x8000;
    m->first_gfn = UINT64_MAX;
    m->nr_mfns = 2;
    assert_int_equal(call(), -EINVAL);
}

static void interrupts_are_bound_by_right(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_bind_pt_irq);
    op.u.bind_pt_irq.machine_irq = 40;
    op.u.bind_pt_irq.u.spi.spi = 45;
    assert_int_equal(call(), -EOPNOTSUPP);   /* a PCI interrupt */
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_SPI;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.irq, 40);
    assert_int_equal(seen.intid, 45);
    op.u.bind_pt_irq.machine_irq = 51;
    assert_int_equal(call(), -EPERM);
    op.cmd = XEN_DOMCTL_unbind_pt_irq;
    assert_int_equal(call(), -EPERM);
}

static void the_uart_is_the_builders(void **state)
{
    struct xen_domctl_vuart_op *u = &op.u.vuart_op;

    (void)state;
    begin(XEN_DOMCTL_vuart_op);
    u->gfn = 99;
    assert_int_equal(call(), 0);
    assert_int_equal(u->evtchn, 99);
    u->type = 1;
    assert_int_equal(call(), -EOPNOTSUPP);
    u->cmd = 1;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_unpausedomain);
    assert_int_equal(call(), 0);
    begin(XEN_DOMCTL_vuart_op);
    assert_int_equal(call(), -EPERM);
}

static void a_cache_flush_goes_on_where_it_was(void **state)
{
    unsigned calls = 1;

    (void)state;
    begin(XEN_DOMCTL_cacheflush);
    op.u.cacheflush.start_pfn = 10;
    op.u.cacheflush.nr_pfns = 5;
    for (; call() == -ERESTART; calls++)
        ;
    assert_int_equal(calls, 5);
    assert_int_equal(op.u.cacheflush.start_pfn, 15);
    assert_int_equal(op.u.cacheflush.nr_pfns, 0);
    op.u.cacheflush.nr_pfns = BIT(18) + 1;
    assert_int_equal(call(), -EINVAL);
    op.u.cacheflush.nr_pfns = 16;
    op.u.cacheflush.start_pfn = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
}

static void sizes_are_in_the_abis_units(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_max_mem);
    op.u.max_mem.max_memkb = 1027;
    assert_int_equal(call(), 0);
    assert_int_equal(guest->frames.max, 256);
    begin(XEN_DOMCTL_set_paging_mempool_size);
    op.u.paging_mempool.size = 3 * PAGE_SIZE;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.mapped_nr, 3);
    op.u.paging_mempool.size++;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_get_paging_mempool_size);
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.paging_mempool.size, 7 * PAGE_SIZE);
}

static void records_are_measured_fetched_and_put_back(void **state)
{
    struct xen_domctl_hvmcontext *c = &op.u.hvmcontext;
    char buffer[16] __attribute__((aligned(16))) = { 0 };

    (void)state;
    begin(XEN_DOMCTL_gethvmcontext);
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    set_xen_guest_handle(c->buffer, (uint8_t *)buffer);
    c->size = sizeof(buffer);
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    assert_memory_equal(buffer, records, 8);
    c->size = 7;
    assert_int_equal(call(), -ENOBUFS);
    c->size = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    next_error = -EINVAL;
    assert_int_equal(call(), -EINVAL);

    op.cmd = XEN_DOMCTL_sethvmcontext;
    assert_int_equal(call(), 0);
    assert_true(seen.restored);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    next_error = -EBADMSG;
    assert_int_equal(call(), -EBADMSG);
    c->size = 0;
    assert_int_equal(call(), -EINVAL);
    c->size = 8 * MIB + 1;
    assert_int_equal(call(), -EINVAL);
    c->size = 8;
    c->buffer.q = 8;
    assert_int_equal(call(), -EFAULT);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
}

static void needs_are_fetched_and_checked(void **state)
{
    struct torpor_domctl_needs *n = (void *)&op.u;
    char buffer[16] = { 0 };

    (void)state;
    begin(TORPOR_DOMCTL_NEEDS);
    assert_int_equal(call(), -EINVAL);
    n->buffer = (uintptr_t)buffer;
    n->size = sizeof(buffer);
    assert_int_equal(call(), 0);
    assert_int_equal(n->size, 8);
    assert_memory_equal(buffer, records, 8);
    n->size = 7;
    assert_int_equal(call(), -ENOBUFS);
    n->check = 1;
    n->size = 8;
    assert_int_equal(call(), 0);
    assert_true(seen.restored);
    next_error = -EOPNOTSUPP;
    assert_int_equal(call(), -EOPNOTSUPP);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    n->check = 2;
    assert_int_equal(call(), -EINVAL);
    n->check = 1;
    n->size = TORPOR_NEEDS_MAX + 1;
    assert_int_equal(call(), -EINVAL);
    n->size = 8;
    n->buffer = 8;
    assert_int_equal(call(), -EFAULT);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
}

static void one_record_is_fetched_alone(void **state)
{
    struct xen_domctl_hvmcontext_partial *c = &op.u.hvmcontext_partial;
    char buffer[16] = { 0 };

    (void)state;
    begin(XEN_DOMCTL_gethvmcontext_partial);
    c->type = 21;
    c->instance = 3;
    assert_int_equal(call(), 0);
    assert_int_equal(c->bufsz, 8);
    set_xen_guest_handle(c->buffer, (uint8_t *)buffer);
    assert_int_equal(call(), 0);
    assert_memory_equal(buffer, records, 8);
    c->bufsz = 4;
    assert_int_equal(call(), -ENOBUFS);
    c->bufsz = 8;
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
}

static long shadow(unsigned what, unsigned mode)
{
    begin(XEN_DOMCTL_shadow_op);
    op.u.shadow_op.op = what;
    op.u.shadow_op.mode = mode;
    return call();
}

static void tracking_goes_by_x86s_names(void **state)
{
    (void)state;
    guest->p2m.address_bits = 40;
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), -EINVAL);   /* also of no pages */
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, 0), -EINVAL);
    assert_int_equal(
        shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY | XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE),
        -EINVAL);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, 0), -EINVAL);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, 0), -EINVAL);
    assert_int_equal(seen.mapped_first, 0);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY), 0);
    assert_int_equal(seen.mapped_first, 1);
    next_error = -ERESTART;
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), -ERESTART);
    assert_int_equal(seen.mapped_first, 0);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
    assert_int_equal(seen.mapped_first, 1);
    begin(XEN_DOMCTL_shadow_op);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);   /* one's own */
}

static void assert_bitmap(const uint8_t *bytes, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        assert_int_equal((bytes[i / 8] >> i % 8) & 1, i % 5 == 0);
}

/* Also more than one chunk, and not a whole number of bytes. */
static void a_collection_keeps_its_place_in_the_call(void **state)
{
    enum { PAGES = 3 * 32768 + 2048 + 1003 };
    static uint8_t bitmap[PAGES / 8 + 8];
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;
    unsigned calls = 1;
    uint32_t period = dirty_period;

    (void)state;
    guest->p2m.address_bits = 40;
    seen.mapped_first = 1;
    dirty_cleans = dirty_pieces = 0;
    for (unsigned every = 1; every < 40; every += 6) {
        fake_preempt_every(every);
        memset(bitmap, 0xee, sizeof(bitmap));
        begin(XEN_DOMCTL_shadow_op);
        s->op = XEN_DOMCTL_SHADOW_OP_CLEAN;
        s->mode = XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL;
        s->pages = PAGES;
        s->stats.dirty_count = 12345;
        s->dirty_bitmap.p = bitmap;
        for (dirty_pieces = 0, calls = 1; call() == -ERESTART; calls++)
            assert_int_equal(s->pages, PAGES);
        assert_int_equal(dirty_pieces, PAGES / P2M_DIRTY_PIECE + 1);
        assert_true(every > 1 || calls == dirty_pieces);
        assert_int_equal(s->mode, XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL);
        assert_int_equal(s->pages, PAGES);
        assert_int_equal(s->stats.dirty_count, (PAGES + 4) / 5);
        assert_int_equal(s->stats.fault_count, 77);
        assert_int_equal(s->mb, ++period);   /* one, however often it was called */
        assert_bitmap(bitmap, PAGES);
        assert_int_equal(bitmap[PAGES / 8 + 1], 0xee);
    }
    fake_preempt_every(0);
}

/* A dirty page is told once: a caller interrupted by another that cleans does not have them all. */
static void a_collection_that_another_cleaned_in_the_middle_of_is_none(void **state)
{
    static const uint32_t ops[] = { XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_PEEK };
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;

    (void)state;
    guest->p2m.address_bits = 40;
    seen.mapped_first = 1;
    fake_preempt_every(1);
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        begin(XEN_DOMCTL_shadow_op);
        s->op = ops[i];
        s->pages = 4 * P2M_DIRTY_PIECE;
        assert_int_equal(call(), -ERESTART);
        assert_int_equal(s->mb, dirty_period);
        assert_int_equal(call(), -ERESTART);
        dirty_period++;
        assert_int_equal(call(), -EAGAIN);
    }
    fake_preempt_every(0);
}

static void a_collection_is_checked(void **state)
{
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;

    (void)state;
    guest->p2m.address_bits = 40;
    begin(XEN_DOMCTL_shadow_op);
    s->op = XEN_DOMCTL_SHADOW_OP_PEEK;
    s->pages = 10;
    assert_int_equal(call(), -EINVAL);   /* nothing is tracked */
    seen.mapped_first = 1;
    dirty_cleans = 0;
    assert_int_equal(call(), 0);         /* only the counts */
    assert_int_equal(s->stats.dirty_count, 2);
    assert_int_equal(s->stats.fault_count, 66);
    assert_int_equal(s->mb, dirty_period);
    assert_int_equal(dirty_cleans, 0);
    s->dirty_bitmap.p = (void *)8;
    assert_int_equal(call(), -EFAULT);
    s->dirty_bitmap.p = NULL;
    s->mode = 1 << 1;
    assert_int_equal(call(), -EINVAL);   /* a place behind the end */
    s->mode = UINT32_MAX;
    s->pages = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
    s->mode = 0;
    while (call() == -ERESTART)
        continue;
    assert_int_equal(s->pages, BIT(28));   /* there are no more */
    assert_int_equal(s->stats.dirty_count, BIT(28) / 5 + 1);
}

static struct torpor_domctl_copy_pages *begin_copy(void *buffer, uint64_t gfn, uint64_t pages)
{
    struct torpor_domctl_copy_pages *c = (void *)&op.u;

    begin(TORPOR_DOMCTL_COPY_PAGES);
    memset(c, 0, sizeof(*c));
    c->gfn = gfn;
    c->buffer = (uintptr_t)buffer;
    c->pages[0] = pages;
    return c;
}

static void pages_are_copied_out_one_behind_the_other_and_holes_are_told(void **state)
{
    uint8_t *buffer = calloc(5, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    for (unsigned every = 0; every < 4; every++) {
        fake_preempt_every(every);
        fake_set_type(guest, 2, P2M_RAM_RO);
        for (unsigned i = 0; i < 4; i++)
            memset(fake_page(guest, i), 'a' + (int)i, PAGE_SIZE);
        memset(buffer, 0, 5 * PAGE_SIZE);
        c = begin_copy(buffer, 0, 0x3d);   /* 0, 2, 3, and two that are not there */
        while (call() == -ERESTART)
            assert_true(every);
        assert_int_equal(c->pages[0], 0xd);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(buffer[i * PAGE_SIZE + PAGE_SIZE - 1], "acd\0\0"[i]);
        fake_assert_refs(guest, 4, 1);
        fake_set_type(guest, 2, P2M_RAM_RW);
    }
    fake_preempt_every(0);
    /* a foreign frame is not its own */
    fake_set_type(guest, 1, P2M_FOREIGN_RW);
    c = begin_copy(buffer, 0, 3);
    assert_int_equal(call(), 0);
    assert_int_equal(c->pages[0], 1);
    fake_set_type(guest, 1, P2M_RAM_RW);
    free(buffer);
}

static void pages_are_copied_in_and_are_dirty(void **state)
{
    uint8_t *buffer = calloc(3, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    memset(buffer, 'x', PAGE_SIZE);
    memset(buffer + PAGE_SIZE, 'y', PAGE_SIZE);
    c = begin_copy(buffer, 1, 5);   /* 1 and 3 */
    c->write = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(*(char *)fake_page(guest, 1), 'x');
    assert_int_equal(((char *)fake_page(guest, 3))[PAGE_SIZE - 1], 'y');
    assert_int_equal(fake_writers(guest, 1), 0);
    fake_assert_refs(guest, 4, 1);
    c = begin_copy(buffer, 3, 3);   /* 3, and 4 which is not there */
    c->write = 1;
    assert_int_equal(call(), -EINVAL);
    assert_int_equal(*(char *)fake_page(guest, 3), 'x');
    fake_set_type(guest, 2, P2M_RAM_RO);
    c = begin_copy(buffer, 2, 1);
    c->write = 1;
    assert_int_equal(call(), -EINVAL);
    fake_set_type(guest, 2, P2M_RAM_RW);
    free(buffer);
}

static void a_copy_that_cannot_be_is_refused(void **state)
{
    uint8_t *buffer = calloc(1, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    begin_copy(NULL, 0, 1);
    assert_int_equal(call(), -EFAULT);
    c = begin_copy(NULL, 0, 1);
    c->write = 1;
    assert_int_equal(call(), -EFAULT);
    fake_assert_refs(guest, 4, 1);
    assert_int_equal(fake_writers(guest, 0), 0);
    c = begin_copy(buffer, 0, 1);
    c->write = 2;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->reserved = 1;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->done = TORPOR_COPY_PAGES + 1;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->taken = 1;
    assert_int_equal(call(), -EINVAL);
    begin_copy(buffer, UINT64_MAX - 511, 1);
    assert_int_equal(call(), -EINVAL);
    begin_copy(buffer, 0, 1);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);   /* one's own */
    free(buffer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_call_is_checked_from_outside_in),
        TEST(operations_that_arm_has_not_say_so),
        TEST(a_second_domctl_waits_its_turn),
        TEST(a_dying_domain_can_only_be_looked_at_and_ended),
        TEST(a_new_domain_gets_what_was_asked),
        TEST(a_new_domain_that_cannot_be_is_refused),
        TEST(a_gicv2_serves_eight),
        TEST(vcpus_are_made_in_slices),
        TEST(info_says_what_a_domain_does),
        TEST(a_suspended_domain_shows_as_paused_and_resume_wakes_it),
        TEST(registers_go_in_and_come_out_the_same),
        TEST(only_64_bit_guest_states_are_taken),
        TEST(affinities_come_back_as_they_act),
        TEST(shares_are_those_of_credit2),
        TEST(rights_to_devices_are_only_handed_on),
        TEST(device_memory_is_mapped_by_right_and_in_slices),
        TEST(interrupts_are_bound_by_right),
        TEST(the_uart_is_the_builders),
        TEST(tracking_goes_by_x86s_names),
        TEST(a_collection_keeps_its_place_in_the_call),
        TEST(a_collection_that_another_cleaned_in_the_middle_of_is_none),
        TEST(a_collection_is_checked),
        TEST(pages_are_copied_out_one_behind_the_other_and_holes_are_told),
        TEST(pages_are_copied_in_and_are_dirty),
        TEST(a_copy_that_cannot_be_is_refused),
        TEST(a_cache_flush_goes_on_where_it_was),
        TEST(sizes_are_in_the_abis_units),
        TEST(records_are_measured_fetched_and_put_back),
        TEST(needs_are_fetched_and_checked),
        TEST(one_record_is_fetched_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
