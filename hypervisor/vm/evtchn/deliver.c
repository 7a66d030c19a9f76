// SPDX-License-Identifier: Apache-2.0
/*
 * How an event reaches a vCPU: its form in the guest's memory, the upcall interrupt, and the vCPUs that poll for it;
 * and where a vCPU's vcpu_info is.
 *
 * The invariant of polling: a sender first makes the event visible and then looks for pollers; a poller first says so
 * and then looks for the event. All four are sequentially consistent, so one of the two sees the other.
 */
#include "vm/evtchn/internal.h"

#include "base/time.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"

/* Polled for by a caller that named port 0: no port's number. */
#define POLL_NONE (EVTCHN_POLL_ANY - 1)

static NOINLINE void wake_pollers(struct domain *d, uint32_t number)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(d, i);
        uint32_t wanted = v ? __atomic_load_n(&v->evtchn.poll_port, __ATOMIC_SEQ_CST) : 0;

        if (wanted != number && wanted != EVTCHN_POLL_ANY)
            continue;
        evtchn_poll_end(v);
        vcpu_kick(v);
    }
}

void port_raise(struct domain *d, struct port *p)
{
    struct vcpu *v = d->vcpus[__atomic_load_n(&p->vcpu, __ATOMIC_RELAXED)];

    if (unlikely(!v))
        return;
    if (__atomic_load_n(&d->evtchn.fifo, __ATOMIC_RELAXED))
        fifo_raise(d, v, p);
    else
        twolevel_raise(d, v, p->number);
    if (unlikely(__atomic_load_n(&d->evtchn.pollers, __ATOMIC_SEQ_CST)))
        wake_pollers(d, p->number);
}

void port_clear(struct domain *d, struct port *p)
{
    if (fifo_of(d))
        fifo_clear(d, p);
    else
        twolevel_clear(d, p->number);
}

void evtchn_poll_begin(struct vcpu *v, uint32_t port)
{
    evtchn_poll_end(v);
    __atomic_store_n(&v->evtchn.poll_port, port ? port : POLL_NONE, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&v->domain->evtchn.pollers, 1, __ATOMIC_SEQ_CST);
}

void evtchn_poll_end(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->evtchn.poll_port, 0, __ATOMIC_SEQ_CST))
        __atomic_fetch_sub(&v->domain->evtchn.pollers, 1, __ATOMIC_SEQ_CST);
}

static void poll_timed_out(void *data)
{
    vcpu_kick(data);
}

void evtchn_poll_set_timeout(struct vcpu *v, uint64_t timeout_ns)
{
    if (timeout_ns)
        timer_set(&v->evtchn.poll_timeout, system_time_to_ticks(timeout_ns));
}

void evtchn_poll_cancel(struct vcpu *v)
{
    evtchn_poll_end(v);
    timer_stop(&v->evtchn.poll_timeout);
}

bool evtchn_polling(const struct vcpu *v)
{
    return __atomic_load_n(&v->evtchn.poll_port, __ATOMIC_SEQ_CST) != 0;
}

int evtchn_port_pending(struct domain *d, uint32_t number)
{
    struct port *p = port_lookup(d, number);
    bool pending = false;

    if (!p)
        return -EINVAL;
    spin_lock(&p->lock);
    /* With a port of the guest's locked its form stays. Nothing is ever pending on one of the hypervisor's. */
    if (p->state != PORT_FREE && !p->consumer)
        pending = fifo_of(d) ? fifo_pending(d, p) : twolevel_pending(d, number);
    spin_unlock(&p->lock);
    return pending;
}

bool evtchn_upcall_pending(const struct vcpu *v)
{
    const struct vcpu_info *info;
    bool pending;

    /* Not for its speed: the lock keeps the page. */
    spin_lock(&v->domain->evtchn.lock);
    info = vcpu_info_of(v);
    pending = info && __atomic_load_n(&info->evtchn_upcall_pending, __ATOMIC_RELAXED);
    spin_unlock(&v->domain->evtchn.lock);
    return pending;
}

void evtchn_vcpu_init(struct vcpu *v)
{
    struct shared_info *shared = v->domain->shared_info.page;

    v->evtchn.info = v->id < XEN_LEGACY_MAX_VCPUS ? &shared->vcpu_info[v->id] : NULL;
    v->evtchn.info_frame = INVALID_MFN;
    timer_init(&v->evtchn.poll_timeout, poll_timed_out, v);
}

void evtchn_vcpu_destroy(struct vcpu *v)
{
    mfn_t frame;

    evtchn_poll_end(v);
    spin_lock(&v->domain->evtchn.lock);
    frame = v->evtchn.info_frame;
    __atomic_store_n(&v->evtchn.info, NULL, __ATOMIC_SEQ_CST);
    v->evtchn.info_frame = INVALID_MFN;
    spin_unlock(&v->domain->evtchn.lock);
    if (mfn_valid_number(frame))
        frame_put_writer(frame);
}

/* Others may be sending meanwhile: word by word, each at once. */
static void vcpu_info_copy(struct vcpu_info *to, const struct vcpu_info *from)
{
    _Static_assert(sizeof(*to) % 8 == 0 && _Alignof(struct vcpu_info) == 8, "is copied in words");

    for (unsigned i = 0; i < sizeof(*to) / 8; i++)
        __atomic_store_n((uint64_t *)to + i, __atomic_load_n((const uint64_t *)from + i, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
}

/* Events that came for the old place, or for none, must not be lost: the guest is made to look at everything once. */
static void vcpu_info_move(struct vcpu *v, struct vcpu_info *new)
{
    if (v->evtchn.info)
        vcpu_info_copy(new, v->evtchn.info);
    else
        memset(new, 0, sizeof(*new));
    __atomic_store_n(&v->evtchn.info, new, __ATOMIC_SEQ_CST);
    __atomic_store_n(&new->evtchn_pending_sel, ~UINT64_C(0), __ATOMIC_SEQ_CST);
    __atomic_store_n(&new->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vgic_inject(v->domain, v, GUEST_EVTCHN_PPI);
}

static void vcpu_info_stay(struct vcpu *v, struct vcpu_info *there)
{
    __atomic_store_n(&v->evtchn.info, there, __ATOMIC_SEQ_CST);
}

static int register_vcpu_info(struct vcpu *v, gfn_t gfn, uint32_t offset,
                              void (*take)(struct vcpu *v, struct vcpu_info *place))
{
    struct domain *d = v->domain;
    bool registered;
    mfn_t frame;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % _Alignof(struct vcpu_info))
        return -EINVAL;
    if (!p2m_get_frame_to_write(&d->p2m, gfn, false, &frame))
        return -EINVAL;

    spin_lock(&d->evtchn.lock);
    registered = mfn_valid_number(v->evtchn.info_frame) || d->evtchn.dying;
    if (!registered) {
        v->evtchn.info_frame = frame;
        v->evtchn.info_gfn = gfn;
        take(v, (struct vcpu_info *)((char *)mfn_to_virt(frame) + offset));
    }
    spin_unlock(&d->evtchn.lock);
    if (registered)
        frame_put_writer(frame);
    return registered ? -EINVAL : 0;
}

int evtchn_register_vcpu_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    if (v != current_vcpu() && vcpu_is_on(v))
        return -EINVAL;
    return register_vcpu_info(v, gfn, offset, vcpu_info_move);
}

int evtchn_reattach_vcpu_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    return register_vcpu_info(v, gfn, offset, vcpu_info_stay);
}
