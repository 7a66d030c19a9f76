// SPDX-License-Identifier: Apache-2.0
/*
 * One run queue for all CPUs, ordered by virtual run time: the ticks a vCPU has run, scaled by
 * SCHED_DEFAULT_WEIGHT / weight. Who has had least runs next, so shares follow weights; a vCPU that slept is brought
 * up to just behind the others, so sleeping cannot be hoarded.
 *
 * Invariants, under `lock`: a vCPU is queued iff it is runnable and does not run; `running` is cleared only when its
 * state is in memory; a bit of idle_cpus is set iff that CPU waits in its idle loop and nobody has called it yet.
 */
#include "cpu/sched.h"

#include "arch/idle.h"
#include "cpu/cpu.h"
#include "cpu/timer.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "vm/domain.h"
#include "vm/irq.h"
#include "vm/vcpu.h"

#define SLICE_US        10000
#define GRANULARITY_US  SCHED_RATELIMIT_US  /* how far behind a woken vCPU must be to interrupt another */
#define SLEEPER_US      5000                /* how far ahead of the others a sleeper may come back */
#define CAP_PERIOD_US   10000

static struct spinlock lock = SPINLOCK_INIT;
static struct list queue GUARDED_BY(lock);
static uint64_t min_vruntime GUARDED_BY(lock);   /* only grows */
static uint64_t idle_cpus GUARDED_BY(lock);
static uint32_t queued_count;                    /* written under lock, read by sched_yield without */
static struct timer slice_timer[MAX_CPUS];
static uint64_t slice_ticks, granularity_ticks, sleeper_ticks, cap_period_ticks;

static void slice_ended(void *data)
{
    struct cpu *cpu = data;

    cpu->need_schedule = 1;
}

void sched_init(void)
{
    slice_ticks = ns_to_ticks(SLICE_US * 1000);
    granularity_ticks = ns_to_ticks(GRANULARITY_US * 1000);
    sleeper_ticks = ns_to_ticks(SLEEPER_US * 1000);
    cap_period_ticks = ns_to_ticks(CAP_PERIOD_US * 1000);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        timer_init(&slice_timer[i], slice_ended, &cpus[i]);
    spin_lock(&lock);
    list_init(&queue);
    spin_unlock(&lock);
}

static uint64_t all_cpus(void)
{
    return BIT(cpus_present()) - 1;
}

unsigned sched_ratelimit(void)
{
    return (unsigned)(ticks_to_ns(granularity_ticks) / 1000);
}

void sched_set_ratelimit(unsigned us)
{
    granularity_ticks = ns_to_ticks((uint64_t)us * 1000);
}

void sched_vcpu_init(struct vcpu *v)
{
    list_init(&v->sched.node);
    v->sched.hard_affinity = UINT64_MAX;
    v->sched.soft_affinity = UINT64_MAX;
    v->sched.cpu = &cpus[v->id % cpus_present()];
}

void sched_vcpu_destroy(struct vcpu *v)
{
    sched_sleep_sync(v);
}

static uint64_t domain_budget(const struct domain *d)
{
    return cap_period_ticks * d->sched.cap_percent / 100;
}

/* A capped domain that has used its budget up waits for the next period. */
static bool within_cap(const struct domain *d)
{
    return d->sched.cap_percent == 0 || d->sched.budget_used < domain_budget(d);
}

static bool may_run_on(const struct vcpu *v, const struct cpu *cpu)
{
    return (v->sched.hard_affinity >> cpu->id) & 1;
}

static void enqueue(struct vcpu *v) REQUIRES(lock)
{
    struct list *at = &queue;

    list_for_each(other, &queue, struct vcpu, sched.node) {
        if (other->sched.vruntime > v->sched.vruntime) {
            at = &other->sched.node;
            break;
        }
    }
    list_insert_before(at, &v->sched.node);
    v->sched.queued = true;
    __atomic_store_n(&queued_count, queued_count + 1, __ATOMIC_RELAXED);
}

static void dequeue(struct vcpu *v) REQUIRES(lock)
{
    list_remove(&v->sched.node);
    v->sched.queued = false;
    __atomic_store_n(&queued_count, queued_count - 1, __ATOMIC_RELAXED);
}

static void call_cpu(struct cpu *cpu) REQUIRES(lock)
{
    idle_cpus &= ~BIT(cpu->id);
    cpu_request_schedule(cpu);
}

/* The busy CPU on which v may run whose vCPU has had most. */
static struct cpu *busiest_cpu(const struct vcpu *v) REQUIRES(lock)
{
    struct cpu *found = NULL;

    for (unsigned i = 0; i < cpus_present(); i++) {
        struct vcpu *running = cpus[i].current;

        if (!cpus[i].online || !may_run_on(v, &cpus[i]) || !running)
            continue;
        if (!found || running->sched.vruntime > found->current->sched.vruntime)
            found = &cpus[i];
    }
    return found;
}

/* v was queued: some CPU should look. An idle one, its last if that is; or the busiest, which decides. */
static void tickle_for(struct vcpu *v) REQUIRES(lock)
{
    uint64_t idle = idle_cpus & v->sched.hard_affinity;
    struct cpu *busy;

    if (idle) {
        call_cpu((idle >> v->sched.cpu->id) & 1 ? v->sched.cpu : &cpus[__builtin_ctzll(idle)]);
        return;
    }
    busy = busiest_cpu(v);
    if (busy)
        call_cpu(busy);
}

static void charge(struct vcpu *v, uint64_t now) REQUIRES(lock)
{
    uint64_t ticks = now - v->sched.accounted;
    struct sched_domain *sd = &v->domain->sched;

    v->sched.accounted = now;
    v->sched.runtime += ticks;
    v->sched.vruntime += sd->weight == SCHED_DEFAULT_WEIGHT ? ticks : ticks * SCHED_DEFAULT_WEIGHT / sd->weight;
    if (!sd->cap_percent)
        return;
    sd->budget_used += ticks;
    if (!sd->refill_armed) {
        sd->refill_armed = true;
        timer_set(&sd->refill, now + cap_period_ticks);
    }
}

/* A capped domain's next period: what it ran too long is taken off, and who waited is shown to the CPUs. */
static void cap_refill(void *data)
{
    struct domain *d = data;
    uint64_t budget;

    spin_lock(&lock);
    budget = domain_budget(d);
    d->sched.budget_used = d->sched.budget_used > budget ? d->sched.budget_used - budget : 0;
    d->sched.refill_armed = d->sched.budget_used > 0;
    if (d->sched.refill_armed)
        timer_set(&d->sched.refill, counter_now() + cap_period_ticks);
    list_for_each(v, &queue, struct vcpu, sched.node)
        if (v->domain == d && within_cap(d))
            tickle_for(v);
    spin_unlock(&lock);
}

void sched_domain_init(struct domain *d)
{
    d->sched.weight = SCHED_DEFAULT_WEIGHT;
    timer_init(&d->sched.refill, cap_refill, d);
}

void sched_domain_destroy(struct domain *d)
{
    timer_stop(&d->sched.refill);
}

static struct vcpu *first_for(const struct cpu *cpu) REQUIRES(lock)
{
    list_for_each(v, &queue, struct vcpu, sched.node)
        if (may_run_on(v, cpu) && within_cap(v->domain))
            return v;
    return NULL;
}

/* Does prev, which could go on, give way to the candidate? */
static bool gives_way(struct vcpu *prev, const struct vcpu *candidate, uint64_t now)
{
    uint64_t ahead = prev->sched.vruntime - candidate->sched.vruntime;

    if (prev->sched.yielding)
        return true;
    if (prev->sched.vruntime <= candidate->sched.vruntime)
        return false;
    return now - prev->sched.slice_start >= slice_ticks || ahead > granularity_ticks;
}

/*
 * How long may v run before somebody else's turn or its cap must be looked at? 0: until something happens. prev, which v
 * takes over from, is not back in the queue yet.
 */
static uint64_t run_limit(const struct vcpu *v, const struct vcpu *prev) REQUIRES(lock)
{
    const struct domain *d = v->domain;
    bool others = !list_empty(&queue) || (prev && prev != v && vcpu_runnable(prev));
    uint64_t limit = others ? slice_ticks : 0;

    if (d->sched.cap_percent) {
        uint64_t left = domain_budget(d) - min_u64(d->sched.budget_used, domain_budget(d));

        left = max_u64(left, slice_ticks / 64);
        limit = limit ? min_u64(limit, left) : left;
    }
    return limit;
}

static enum runstate waiting_state(const struct vcpu *v)
{
    if (vcpu_runnable(v))
        return RUNSTATE_RUNNABLE;
    return v->online && v->blocked ? RUNSTATE_BLOCKED : RUNSTATE_OFFLINE;
}

/* Chooses for this CPU; prev is its vCPU or NULL. The choice is marked running; NULL means idle. */
static struct vcpu *pick(struct cpu *cpu, struct vcpu *prev) REQUIRES(lock)
{
    uint64_t now = counter_now(), limit;
    struct vcpu *next = first_for(cpu);

    if (prev) {
        charge(prev, now);
        if (vcpu_runnable(prev) && may_run_on(prev, cpu) && within_cap(prev->domain) &&
            (!next || !gives_way(prev, next, now)))
            next = prev;
        if (prev->sched.yielding && next != prev && next)
            prev->sched.vruntime = max_u64(prev->sched.vruntime, next->sched.vruntime + 1);
        prev->sched.yielding = false;
    }
    if (!next) {
        idle_cpus |= BIT(cpu->id);
        return NULL;
    }
    idle_cpus &= ~BIT(cpu->id);
    if (next != prev) {
        dequeue(next);
        next->sched.running = true;
        next->sched.cpu = cpu;
        next->sched.slice_start = next->sched.accounted = now;
        min_vruntime = max_u64(min_vruntime, next->sched.vruntime);
        vcpu_runstate_change(next, RUNSTATE_RUNNING);
    } else if (now - prev->sched.slice_start >= slice_ticks) {
        prev->sched.slice_start = now;
    }
    limit = run_limit(next, prev);
    if (limit)
        timer_set(&slice_timer[cpu->id], now + limit);
    return next;
}

/* prev's state is in memory: it waits in the queue, or for what it waits for. */
static void leave_cpu(struct cpu *cpu, struct vcpu *prev)
{
    spin_lock(&lock);
    cpu->current = NULL;
    __atomic_store_n(&prev->sched.running, false, __ATOMIC_RELEASE);
    vcpu_runstate_change(prev, waiting_state(prev));
    if (vcpu_runnable(prev)) {
        enqueue(prev);
        tickle_for(prev);
    }
    spin_unlock(&lock);
}

static void idle_until_called(struct cpu *cpu)
{
    uint64_t since = counter_now();

    while (!__atomic_load_n(&cpu->need_schedule, __ATOMIC_ACQUIRE)) {
        cpu_wait_for_interrupt();
        irq_handle_all();
    }
    cpu->idle_ticks += counter_now() - since;
}

struct vcpu *sched_next(void)
{
    struct cpu *cpu = this_cpu();

    for (;;) {
        struct vcpu *prev = cpu->current, *next;

        __atomic_store_n(&cpu->need_schedule, 0, __ATOMIC_SEQ_CST);
        spin_lock(&lock);
        next = pick(cpu, prev);
        spin_unlock(&lock);
        if (next && next == prev)
            return next;
        if (prev) {
            vcpu_switch_out(prev);
            leave_cpu(cpu, prev);
        }
        if (next) {
            cpu->current = next;
            vcpu_switch_in(next);
            return next;
        }
        idle_until_called(cpu);
    }
}

void sched_wake(struct vcpu *v)
{
    spin_lock(&lock);
    if (!v->sched.queued && !v->sched.running && vcpu_runnable(v)) {
        uint64_t floor = min_vruntime > sleeper_ticks ? min_vruntime - sleeper_ticks : 0;

        v->sched.vruntime = max_u64(v->sched.vruntime, floor);
        vcpu_runstate_change(v, RUNSTATE_RUNNABLE);
        enqueue(v);
        tickle_for(v);
    }
    spin_unlock(&lock);
}

void sched_sleep(struct vcpu *v)
{
    spin_lock(&lock);
    if (!vcpu_runnable(v)) {
        if (v->sched.queued)
            dequeue(v);
        if (v->sched.running)
            cpu_request_schedule(v->sched.cpu);
        else
            vcpu_runstate_change(v, waiting_state(v));
    }
    spin_unlock(&lock);
}

void sched_sleep_sync(struct vcpu *v)
{
    sched_sleep(v);
    while (__atomic_load_n(&v->sched.running, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void sched_yield(struct vcpu *v)
{
    if (!__atomic_load_n(&queued_count, __ATOMIC_RELAXED))
        return;
    v->sched.yielding = true;
    this_cpu()->need_schedule = 1;
}

int sched_domain_set(struct domain *d, unsigned weight, unsigned cap_percent)
{
    if (weight == 0 || weight > 65535 || cap_percent > 100 * d->max_vcpus)
        return -EINVAL;
    spin_lock(&lock);
    d->sched.weight = weight;
    d->sched.cap_percent = cap_percent;
    d->sched.budget_used = 0;
    /* Whoever runs it now learns of a new limit. */
    for (unsigned i = 0; i < cpus_present(); i++)
        if (cpus[i].current && cpus[i].current->domain == d)
            cpu_request_schedule(&cpus[i]);
    list_for_each(v, &queue, struct vcpu, sched.node)
        if (v->domain == d)
            tickle_for(v);
    spin_unlock(&lock);
    return 0;
}

void sched_domain_get(const struct domain *d, unsigned *weight, unsigned *cap_percent)
{
    *weight = d->sched.weight;
    *cap_percent = d->sched.cap_percent;
}

/* v's mask changed: it leaves a CPU where it may not be, and is shown to one where it may. */
static void affinity_apply(struct vcpu *v) REQUIRES(lock)
{
    if (v->sched.running && !may_run_on(v, v->sched.cpu))
        cpu_request_schedule(v->sched.cpu);
    if (v->sched.queued)
        tickle_for(v);
}

int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft)
{
    int err = 0;

    if (!(hard & all_cpus()))
        return -EINVAL;
    spin_lock(&lock);
    if (v->sched.overridden)
        err = -EBUSY;
    else
        v->sched.hard_affinity = hard;
    v->sched.soft_affinity = soft;
    affinity_apply(v);
    spin_unlock(&lock);
    return err;
}

int sched_pin_override(struct vcpu *v, int cpu)
{
    int err = 0;

    spin_lock(&lock);
    if (cpu < 0) {
        if (v->sched.overridden)
            v->sched.hard_affinity = v->sched.affinity_before_override;
        else
            err = -EINVAL;
        v->sched.overridden = false;
    } else if (v->sched.overridden) {
        err = -EBUSY;
    } else if ((unsigned)cpu >= cpus_present() || !cpus[cpu].online) {
        err = -EINVAL;
    } else {
        v->sched.affinity_before_override = v->sched.hard_affinity;
        v->sched.hard_affinity = BIT(cpu);
        v->sched.overridden = true;
    }
    affinity_apply(v);
    spin_unlock(&lock);
    return err;
}

uint64_t sched_runtime_ns(struct vcpu *v)
{
    uint64_t ticks;

    spin_lock(&lock);
    ticks = v->sched.runtime;
    if (v->sched.running)
        ticks += counter_now() - v->sched.accounted;
    spin_unlock(&lock);
    return ticks_to_ns(ticks);
}
