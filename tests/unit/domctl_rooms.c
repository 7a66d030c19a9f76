// SPDX-License-Identifier: Apache-2.0
#include "domctl_rooms.h"

#include <stdlib.h>
#include <string.h>

#include "abi/domctl.h"
#include "abi/domctl_needs.h"
#include "base/cpu.h"
#include "base/time.h"
#include "dev/gic.h"
#include "mm/p2m_dirty.h"
#include "vm/evtchn/evtchn.h"
#include "vm/arm64/vuart.h"

struct gic_info gic = { .version = 3 };
struct domain *host, *guest;
struct xen_domctl op;

struct domctl_calls seen;
int next_error;

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

unsigned dirty_cleans, dirty_pieces;

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

uint32_t dirty_period;

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

const char domctl_records[] = "records.";

static int put_records(struct record_writer *w)
{
    if (w->to && w->size >= 8)
        memcpy(w->to, domctl_records, 8);
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
    seen.restored = size == 8 && !memcmp(stream, domctl_records, 8);
    return result_of_next();
}

int domain_save_needs(struct domain *d, struct record_writer *w) { return domain_save_records(d, w); }

int domain_check_needs(struct domain *d, const void *stream, size_t size)
{
    return domain_restore_records(d, stream, size);
}

int domctl_setup(void **state)
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

int domctl_teardown(void **state)
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

void begin(unsigned cmd)
{
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = 1;
}

long call(void) { return abi_domctl((uintptr_t)&op); }

void begin_create(void)
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
