// SPDX-License-Identifier: Apache-2.0
/* Virtual CPUs: their making and their end, and why they run or not. */
#include "vm/vcpu.h"

#include "arch/barrier.h"
#include "cpu/cpu.h"
#include "mm/heap.h"
#include "vm/domain.h"

struct vcpu *vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v = heap_new(struct vcpu);

    if (!v)
        return NULL;
    v->id = id;
    v->domain = d;
    core_vcpu_init(v);
    runstate_vcpu_init(v);
    sched_vcpu_init(&v->sched, v, &d->sched, id);
    vtimer_vcpu_init(v);
    evtchn_vcpu_init(v);
    if (vgic_vcpu_init(v)) {
        sched_vcpu_destroy(&v->sched);
        heap_free(v, sizeof(*v));
        return NULL;
    }
    vcpu_reset(v, 0, 0);
    v->initialised = false;
    __atomic_store_n(&d->vcpus[id], v, __ATOMIC_RELEASE);
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    sched_vcpu_destroy(&v->sched);
    evtchn_poll_cancel(v);
    vtimer_vcpu_destroy(v);
    runstate_vcpu_destroy(v);
    vgic_vcpu_destroy(v);
    core_vcpu_destroy(v);
    v->next_destroyed = v->domain->destroyed_vcpus;
    v->domain->destroyed_vcpus = v;
    __atomic_store_n(&v->domain->vcpus[v->id], NULL, __ATOMIC_RELEASE);
}

void vcpus_free(struct domain *d)
{
    struct vcpu *v, *next;

    for (v = d->destroyed_vcpus; v; v = next) {
        next = v->next_destroyed;
        heap_free(v, sizeof(*v));
    }
}

void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    core_vcpu_reset(v, entry, context_id);
    if (__atomic_exchange_n(&v->suspended, false, __ATOMIC_SEQ_CST))
        domain_watchdogs_continue(v->domain);
    evtchn_poll_cancel(v);
    __atomic_store_n(&v->blocked, false, __ATOMIC_SEQ_CST);
    v->initialised = true;
    vtimer_vcpu_reset(v);
    vgic_vcpu_reset(v);
}

void vcpu_restart(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    core_vcpu_reset(v, entry, context_id);
    core_load(v);
}

static void unblock(struct vcpu *v)
{
    __atomic_store_n(&v->blocked, false, __ATOMIC_SEQ_CST);
    sched_wake(&v->sched);
}

bool vcpu_wake(struct vcpu *v)
{
    if (!__atomic_exchange_n(&v->suspended, false, __ATOMIC_SEQ_CST))
        return false;
    domain_watchdogs_continue(v->domain);
    unblock(v);
    return true;
}

void vcpu_suspend(struct vcpu *v)
{
    domain_watchdogs_halt(v->domain);
    __atomic_store_n(&v->suspended, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->blocked, true, __ATOMIC_SEQ_CST);
    smp_mb();
    vtimer_retract(v);
    if (vgic_wakes(v))
        vcpu_wake(v);
    else
        this_cpu()->need_schedule = 1;
}

void vcpu_wait_again(struct vcpu *v, bool blocked, bool suspended)
{
    if (suspended)
        domain_watchdogs_halt(v->domain);
    __atomic_store_n(&v->suspended, suspended, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->blocked, blocked, __ATOMIC_SEQ_CST);
    smp_mb();
    if (suspended && vgic_wakes(v))
        vcpu_wake(v);
    else if (blocked && !suspended && vgic_pending(v))
        unblock(v);
}

void vcpu_kick(struct vcpu *v)
{
    smp_mb();
    if (__atomic_load_n(&v->blocked, __ATOMIC_RELAXED)) {
        if (!__atomic_load_n(&v->suspended, __ATOMIC_SEQ_CST))
            unblock(v);
        else if (vgic_wakes(v))
            vcpu_wake(v);
    } else if (sched_is_running(&v->sched)) {
        cpu_kick(v->sched.cpu);
    }
}

void vcpu_block(struct vcpu *v)
{
    __atomic_store_n(&v->blocked, true, __ATOMIC_SEQ_CST);
    smp_mb();
    if (vgic_pending(v))
        v->blocked = false;
    else
        this_cpu()->need_schedule = 1;
}

void vcpu_block_polling(struct vcpu *v, uint64_t timeout_ns)
{
    evtchn_poll_set_timeout(v, timeout_ns);
    vcpu_block(v);
    /* An event that came after the look at the ports ended the poll, and may have kicked v before it was blocked. */
    if (!evtchn_polling(v))
        v->blocked = false;
}

void vcpu_pause_sync(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_sleep_sync(&v->sched);
}

void vcpu_unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        sched_wake(&v->sched);
}

/* --- Functions that cpu/sched.h declares, but for sched_vcpu_changed() (runstate.c) --- */

bool sched_vcpu_runnable(const struct sched_vcpu *s)
{
    const struct vcpu *v = s->vcpu;

    return vcpu_is_on(v) && !__atomic_load_n(&v->blocked, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&v->pause_count, __ATOMIC_RELAXED) && !domain_is_paused(v->domain);
}

void sched_vcpu_switch_out(struct sched_vcpu *s) { vcpu_switch_out(s->vcpu); }
void sched_vcpu_switch_in(struct sched_vcpu *s) { vcpu_switch_in(s->vcpu); }
