// SPDX-License-Identifier: Apache-2.0
/*
 * One order for all CPUs, by virtual run time: the ticks a vCPU has run, scaled by SCHED_DEFAULT_WEIGHT / weight. The
 * vCPU that has had least runs next, so shares follow weights.
 *
 * A vCPU that waits is in a heap together with those that may use the same CPUs (cpu/run_queue.h): there are few such
 * sets, and on most machines one. Any CPU finds its next vCPU among the first of those heaps, however many wait. A vCPU
 * that waits although its domain has used up its budget is put aside when it is met, once each period. So no cost here
 * grows faster than the logarithm of the number of vCPUs, except for a change of a domain's weight, cap or budget,
 * which goes over the domain's vCPUs, and of an affinity, which goes over the sets.
 *
 * Virtual run times only compare among vCPUs that compete for the same CPUs: one that runs alone, by luck or by
 * pinning, gets far ahead of others. So a vCPU that joins a competition (wakes, gets another affinity, another budget)
 * is placed beside those that are in it: a little behind at most, so that sleep cannot be hoarded, and not further
 * ahead than one slice, the most that it can owe them.
 *
 * Invariants, under sched_lock: a vCPU is queued iff it is runnable and does not run; `running` is cleared only when
 * its state is in memory, and then nothing touches it any more; a bit of idle_cpus is set iff that CPU waits in its
 * idle loop and has not been called yet. Whenever a vCPU is queued, an idle CPU that it may use is called, or else a
 * busy one, unless that one would go on with its own vCPU and looks again at its slice's end; from then on it does so
 * at each.
 */
#include "cpu/sched.h"

#include "arch/idle.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "cpu/run_queue.h"
#include "cpu/timer.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define SLICE_US        10000
#define GRANULARITY_US  SCHED_RATELIMIT_US  /* how far behind a woken vCPU must be to interrupt another */
/* how far ahead of the others a sleeper may come back; the most that a yield costs */
#define SLEEPER_US      5000
#define CAP_PERIOD_US   10000

static struct sched_vcpu *chosen[MAX_CPUS] GUARDED_BY(sched_lock);   /* runs on that CPU, or is about to; NULL: none */
static cpu_mask idle_cpus GUARDED_BY(sched_lock);
static cpu_mask busy_cpus GUARDED_BY(sched_lock);   /* a vCPU is chosen */
static struct timer slice_timer[MAX_CPUS];
/* when it fires, or earlier; UINT64_MAX: never. Set under the lock, to `never` without it */
static uint64_t looks_at[MAX_CPUS];
static uint64_t slice_ticks, granularity_ticks, sleeper_ticks, cap_period_ticks;

/*
 * On the CPU itself, or while that is off on the one that has taken its timers over. A vCPU that was queued while the
 * timer was seen armed is found by the look that follows.
 */
static void slice_ended(void *data)
{
    struct cpu *cpu = data;

    __atomic_store_n(&looks_at[cpu->id], UINT64_MAX, __ATOMIC_RELAXED);
    cpu_request_schedule(cpu);
}

/* This CPU looks again at `at`, or before: then it finds nothing to do, and the slice's end once more to wait for. */
static void look_again_at(const struct cpu *cpu, uint64_t at) REQUIRES(sched_lock)
{
    if (looks_at[cpu->id] <= at)
        return;
    __atomic_store_n(&looks_at[cpu->id], at, __ATOMIC_RELAXED);
    timer_set(&slice_timer[cpu->id], at);
}

void sched_init(void)
{
    slice_ticks = ns_to_ticks(SLICE_US * 1000);
    granularity_ticks = ns_to_ticks(GRANULARITY_US * 1000);
    sleeper_ticks = ns_to_ticks(SLEEPER_US * 1000);
    cap_period_ticks = ns_to_ticks(CAP_PERIOD_US * 1000);
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        timer_init(&slice_timer[i], slice_ended, &cpus[i]);
        looks_at[i] = UINT64_MAX;
    }
    spin_lock(&sched_lock);
    memset(chosen, 0, sizeof(chosen));
    idle_cpus = busy_cpus = 0;
    run_queues_init();
    spin_unlock(&sched_lock);
}

unsigned sched_ratelimit(void)
{
    return (unsigned)(ticks_to_ns(granularity_ticks) / 1000);
}

void sched_set_ratelimit(unsigned us)
{
    granularity_ticks = ns_to_ticks((uint64_t)us * 1000);
}

void sched_vcpu_init(struct sched_vcpu *v, struct vcpu *vcpu, struct sched_domain *d, unsigned id)
{
    v->vcpu = vcpu;
    v->domain = d;
    v->hard_affinity = CPU_MASK_ALL;
    v->soft_affinity = CPU_MASK_ALL;
    v->cpu = &cpus[id % cpus_present()];
    spin_lock(&sched_lock);
    v->queue = run_queue_get_all();
    list_push_back(&d->vcpus, &v->member);
    spin_unlock(&sched_lock);
}

void sched_vcpu_destroy(struct sched_vcpu *v)
{
    struct run_queue *left, *before = NULL;

    sched_sleep_sync(v);
    spin_lock(&sched_lock);
    list_remove(&v->member);
    left = run_queue_put(v->queue);
    if (v->overridden)
        before = run_queue_put(v->queue_before_override);
    spin_unlock(&sched_lock);
    heap_free(left, sizeof(*left));
    heap_free(before, sizeof(*before));
}

static bool may_run_on(const struct sched_vcpu *v, const struct cpu *cpu)
{
    return v->queue->cpus & cpu->self;
}

static void enqueue(struct sched_vcpu *v) REQUIRES(sched_lock)
{
    run_queue_insert(v);
    v->queued = true;
}

static void dequeue(struct sched_vcpu *v) REQUIRES(sched_lock)
{
    if (likely(!v->parked))
        run_queue_remove(v);
    v->queued = v->parked = false;
}

void sched_cpu_lost(const struct cpu *cpu)
{
    spin_lock(&sched_lock);
    idle_cpus &= ~cpu->self;
    run_queues_lose(cpu->id);
    spin_unlock(&sched_lock);
}

static void call_cpu(struct cpu *cpu) REQUIRES(sched_lock)
{
    idle_cpus &= ~cpu->self;
    cpu_request_schedule(cpu);
}

static uint64_t weighted(uint64_t ticks, const struct sched_domain *d)
{
    return d->weight == SCHED_DEFAULT_WEIGHT ? ticks : ticks * SCHED_DEFAULT_WEIGHT / d->weight;
}

/* now: read under the lock, so that it is not before the time accounted last. */
static void charge(struct sched_vcpu *v, uint64_t now) REQUIRES(sched_lock)
{
    uint64_t ticks = now - v->accounted;
    struct sched_domain *d = v->domain;

    v->accounted = now;
    v->runtime += ticks;
    v->vruntime += weighted(ticks, d);
    if (d->cap_percent)
        d->budget_used += ticks;
}

/* The busy CPU, but not `except`, on which v may run whose vCPU, another one, has had most up to now. */
static struct cpu *busiest_cpu(const struct sched_vcpu *v, const struct cpu *except, uint64_t now) REQUIRES(sched_lock)
{
    cpu_mask candidates = busy_cpus & v->queue->cpus;
    struct sched_vcpu *most = NULL;
    struct cpu *found = NULL;

    if (except)
        candidates &= ~except->self;
    for (; candidates; candidates &= candidates - 1) {
        unsigned i = cpu_mask_first(candidates);
        struct sched_vcpu *other = chosen[i];

        if (other == v)
            continue;
        charge(other, now);
        if (!most || other->vruntime > most->vruntime) {
            most = other;
            found = &cpus[i];
        }
    }
    return found;
}

/*
 * Brings v's virtual run time near to those of the vCPUs that compete for `busy`: the one that runs there, and the next
 * in the queue.
 */
static void place(struct sched_vcpu *v, const struct cpu *busy) REQUIRES(sched_lock)
{
    uint64_t least = chosen[busy->id]->vruntime;
    struct sched_vcpu *waiting = run_queues_first(busy->self);

    if (waiting)
        least = min_u64(least, waiting->vruntime);
    v->vruntime = max_u64(v->vruntime, least - min_u64(least, sleeper_ticks));
    v->vruntime = min_u64(v->vruntime, least + weighted(slice_ticks, v->domain));
}

/* Does prev, which could go on, give way to the candidate? */
static bool gives_way(const struct sched_vcpu *prev, const struct sched_vcpu *candidate, uint64_t now)
{
    uint64_t ahead = prev->vruntime - candidate->vruntime;

    if (prev->yielding)
        return true;
    if (prev->vruntime <= candidate->vruntime)
        return false;
    return now - prev->slice_start >= slice_ticks || ahead > granularity_ticks;
}

/*
 * The busy CPU would not change to v now, and will look again when its slice is over, or before. It may be about to
 * change to another, or to none: then it has not looked yet, and will see v too.
 */
static bool goes_on(const struct cpu *busy, const struct sched_vcpu *v, uint64_t now) REQUIRES(sched_lock)
{
    const struct sched_vcpu *runs = chosen[busy->id];
    uint64_t end = runs->slice_start + slice_ticks;

    if (gives_way(runs, v, now))
        return false;
    if (busy == this_cpu())
        look_again_at(busy, end);
    return __atomic_load_n(&looks_at[busy->id], __ATOMIC_RELAXED) <= end;
}

/*
 * v is queued: some CPU should look. An idle one, its last if that is, or one it likes; or the busiest, which decides.
 */
static void tickle(struct sched_vcpu *v, struct cpu *busy, uint64_t now) REQUIRES(sched_lock)
{
    cpu_mask idle = idle_cpus & v->queue->cpus;

    if (idle & v->soft_affinity)
        idle &= v->soft_affinity;
    if (idle)
        call_cpu(idle & v->cpu->self ? v->cpu : &cpus[cpu_mask_first(idle)]);
    else if (busy && !goes_on(busy, v, now))
        call_cpu(busy);
}

/* v, which is not in a queue, joins the vCPUs that wait. */
static void join_queue(struct sched_vcpu *v, uint64_t now) REQUIRES(sched_lock)
{
    struct cpu *busy = busiest_cpu(v, NULL, now);

    if (busy)
        place(v, busy);
    enqueue(v);
    if (sched_within_cap(v->domain))
        tickle(v, busy, now);
}

/* The domain's weight or budget is another one: those of its vCPUs that wait join anew. */
static void domain_rejoin(struct sched_domain *d, uint64_t now) REQUIRES(sched_lock)
{
    list_for_each(v, &d->vcpus, struct sched_vcpu, member)
        v->rejoins = v->queued;
    list_for_each(v, &d->vcpus, struct sched_vcpu, member)
        if (v->queued)
            dequeue(v);
    list_for_each(v, &d->vcpus, struct sched_vcpu, member)
        if (v->rejoins)
            join_queue(v, now);
}

/* Charges those of d that run; whether there are any. */
static bool domain_charge(struct sched_domain *d, uint64_t now) REQUIRES(sched_lock)
{
    bool any = false;

    for (unsigned i = 0; i < cpus_present(); i++) {
        if (!chosen[i] || chosen[i]->domain != d)
            continue;
        charge(chosen[i], now);
        any = true;
    }
    return any;
}

/*
 * A capped domain's periods begin when it begins to run, and follow each other for as long as it does or owes. If it
 * begins while the last one would still be, that one's end counts.
 */
static void cap_begin(struct sched_domain *d, uint64_t now) REQUIRES(sched_lock)
{
    if (!d->cap_percent || d->refill_armed)
        return;
    if (d->period_end <= now)
        d->period_end = now + cap_period_ticks;
    d->refill_armed = true;
    timer_set(&d->refill, d->period_end);
}

/*
 * A capped domain's next period: a budget is taken off the time that it has used, and the CPUs are shown its vCPUs that
 * wait. A timer that comes late (a CPU of a hypervisor below us may be away for longer than a period) takes nothing
 * from the domain: each period that has passed pays off a budget, and the next one ends when it would have.
 */
static void cap_refill(void *data)
{
    struct sched_domain *d = data;
    uint64_t now;

    spin_lock(&sched_lock);
    now = counter_now();
    d->refill_armed = false;
    if (d->cap_percent) {
        bool runs = domain_charge(d, now);
        uint64_t periods = 1 + (now - d->period_end) / cap_period_ticks;

        d->period_end += periods * cap_period_ticks;
        d->budget_used = d->budget_used / periods < d->budget ? 0 : d->budget_used - periods * d->budget;
        if (runs || d->budget_used)
            cap_begin(d, now);
        domain_rejoin(d, now);
    }
    spin_unlock(&sched_lock);
}

void sched_domain_init(struct sched_domain *d, unsigned max_vcpus)
{
    list_init(&d->vcpus);
    d->max_vcpus = max_vcpus;
    d->weight = SCHED_DEFAULT_WEIGHT;
    timer_init(&d->refill, cap_refill, d);
}

void sched_domain_destroy(struct sched_domain *d)
{
    timer_stop(&d->refill);
}

/* When another vCPU's turn or v's cap has to be looked at; UINT64_MAX: not before something happens. */
static uint64_t run_until(const struct sched_vcpu *v, bool others, uint64_t now)
{
    const struct sched_domain *d = v->domain;
    uint64_t end = others ? v->slice_start + slice_ticks : UINT64_MAX;

    if (unlikely(d->cap_percent)) {
        uint64_t left = d->budget - min_u64(d->budget_used, d->budget);

        end = min_u64(end, now + max_u64(left, slice_ticks / 64));
    }
    return end;
}

/*
 * This CPU was called for one vCPU and may have taken another, which came later: the idle CPUs are shown the first that
 * still waits.
 */
static void pass_on(uint64_t now) REQUIRES(sched_lock)
{
    struct sched_vcpu *v = idle_cpus ? run_queues_first(idle_cpus) : NULL;

    if (v)
        tickle(v, NULL, now);   /* the CPU that is called does the same */
}

/* prev goes behind next, but not further back than it could have come by sleeping. */
static void yield_to(struct sched_vcpu *prev, const struct sched_vcpu *next)
{
    uint64_t behind = min_u64(next->vruntime + 1, prev->vruntime + sleeper_ticks);

    prev->vruntime = max_u64(prev->vruntime, behind);
}

/* next has been chosen in place of another vCPU, or of none. */
static void begin_turn(struct cpu *cpu, struct sched_vcpu *next, uint64_t now) REQUIRES(sched_lock)
{
    dequeue(next);
    next->running = true;
    next->cpu = cpu;
    next->slice_start = next->accounted = now;
    sched_vcpu_changed(next, SCHED_RUNNING, now);
    pass_on(now);
}

/* Chooses for this CPU; prev is its vCPU or NULL. The choice is marked running; NULL means idle. */
static struct sched_vcpu *pick(struct cpu *cpu, struct sched_vcpu *prev) REQUIRES(sched_lock)
{
    bool runnable = prev && sched_vcpu_runnable(prev), others;
    cpu_mask self = cpu->self;
    uint64_t now = counter_now(), end;
    struct sched_vcpu *next;

    if (prev)
        charge(prev, now);
    next = run_queues_first(self);
    if (runnable && may_run_on(prev, cpu) && sched_within_cap(prev->domain) && (!next || !gives_way(prev, next, now)))
        next = prev;
    if (prev) {
        if (prev->yielding && next && next != prev)
            yield_to(prev, next);
        prev->yielding = false;
    }
    chosen[cpu->id] = next;
    if (!next) {
        idle_cpus |= self;
        busy_cpus &= ~self;
        return NULL;
    }
    idle_cpus &= ~self;
    busy_cpus |= self;
    if (next != prev)
        begin_turn(cpu, next, now);
    else if (now - prev->slice_start >= slice_ticks)
        prev->slice_start = now;
    cap_begin(next->domain, now);
    others = (runnable && next != prev) || run_queues_wanted(cpu->id);   /* prev is not back in the queue yet */
    end = run_until(next, others, now);
    if (end != UINT64_MAX)
        look_again_at(cpu, end);
    return next;
}

/* prev's state is in memory: it waits in the queue, or for its event. */
static void leave_cpu(struct cpu *cpu, struct sched_vcpu *prev)
{
    bool runnable;
    uint64_t now;

    spin_lock(&sched_lock);
    cpu->current = NULL;
    now = counter_now();
    /* once: it may change meanwhile, and the CPU that changes it takes the lock after that */
    runnable = sched_vcpu_runnable(prev);
    sched_vcpu_changed(prev, runnable ? SCHED_QUEUED : SCHED_WAITING, now);
    if (runnable) {
        enqueue(prev);
        if (sched_within_cap(prev->domain))
            tickle(prev, busiest_cpu(prev, cpu, now), now);   /* this one has chosen another */
    }
    /* Last: a CPU that waits for this in sched_sleep_sync() may free the vCPU. */
    __atomic_store_n(&prev->running, false, __ATOMIC_RELEASE);
    spin_unlock(&sched_lock);
}

static void idle_until_called(struct cpu *cpu)
{
    uint64_t since = counter_now();

    cpu_off_if_called(cpu);
    __atomic_store_n(&cpu->idle_since, since, __ATOMIC_RELAXED);
    while (!__atomic_load_n(&cpu->need_schedule, __ATOMIC_ACQUIRE)) {
        cpu_wait_for_interrupt();
        irq_handle_all();
    }
    cpu->idle_ticks += counter_now() - since;
    __atomic_store_n(&cpu->idle_since, 0, __ATOMIC_RELAXED);
}

struct vcpu *sched_next(void)
{
    struct cpu *cpu = this_cpu();

    for (;;) {
        struct sched_vcpu *prev, *next;

        __atomic_store_n(&cpu->need_schedule, 0, __ATOMIC_SEQ_CST);
        spin_lock(&sched_lock);
        prev = chosen[cpu->id];
        next = pick(cpu, prev);
        spin_unlock(&sched_lock);
        if (next && next == prev)
            return next->vcpu;
        if (prev) {
            sched_vcpu_switch_out(prev);
            leave_cpu(cpu, prev);
        }
        if (next) {
            cpu->current = next->vcpu;
            sched_vcpu_switch_in(next);
            return next->vcpu;
        }
        idle_until_called(cpu);
    }
}

void sched_wake(struct sched_vcpu *v)
{
    spin_lock(&sched_lock);
    if (!v->queued && !v->running) {
        bool runnable = sched_vcpu_runnable(v);
        uint64_t now = counter_now();

        sched_vcpu_changed(v, runnable ? SCHED_QUEUED : SCHED_WAITING, now);
        if (runnable)
            join_queue(v, now);
    }
    spin_unlock(&sched_lock);
}

void sched_sleep(struct sched_vcpu *v)
{
    spin_lock(&sched_lock);
    if (!sched_vcpu_runnable(v)) {
        if (v->queued)
            dequeue(v);
        if (v->running)
            cpu_request_schedule(v->cpu);
        else
            sched_vcpu_changed(v, SCHED_WAITING, counter_now());
    }
    spin_unlock(&sched_lock);
}

void sched_sleep_sync(struct sched_vcpu *v)
{
    sched_sleep(v);
    while (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void sched_yield(struct sched_vcpu *v)
{
    struct cpu *cpu = this_cpu();

    if (!run_queues_wanted(cpu->id))
        return;
    v->yielding = true;
    cpu->need_schedule = 1;
}

int sched_domain_set(struct sched_domain *d, unsigned weight, unsigned cap_percent)
{
    uint64_t now;
    bool runs;

    if (weight == 0 || weight > 65535 || cap_percent > 100 * d->max_vcpus)
        return -EINVAL;
    spin_lock(&sched_lock);
    now = counter_now();
    runs = domain_charge(d, now);   /* by the old weight */
    d->weight = weight;
    d->cap_percent = cap_percent;
    d->budget = cap_period_ticks * cap_percent / 100;
    d->budget_used = 0;
    if (runs)
        cap_begin(d, now);          /* its CPUs may look only when its budget is used up */
    /* CPUs that run the domain now learn of its new limit. */
    for (unsigned i = 0; i < cpus_present(); i++)
        if (chosen[i] && chosen[i]->domain == d)
            call_cpu(&cpus[i]);
    domain_rejoin(d, now);
    spin_unlock(&sched_lock);
    return 0;
}

void sched_domain_get(const struct sched_domain *d, unsigned *weight, unsigned *cap_percent)
{
    *weight = d->weight;
    *cap_percent = d->cap_percent;
}

/*
 * v has another set of CPUs: it leaves a CPU where it may not be, and is shown to one where it may. `q` is that set's
 * queue, with v as a user.
 */
static void use_queue(struct sched_vcpu *v, struct run_queue *q) REQUIRES(sched_lock)
{
    uint64_t now = counter_now();
    bool queued = v->queued;

    if (queued)
        dequeue(v);
    v->queue = q;
    if (queued) {
        join_queue(v, now);
    } else if (v->running) {
        struct cpu *busy;

        charge(v, now);
        busy = busiest_cpu(v, NULL, now);
        if (busy)
            place(v, busy);
        if (!may_run_on(v, v->cpu))
            call_cpu(v->cpu);
    }
}

int sched_set_affinity(struct sched_vcpu *v, cpu_mask hard, cpu_mask soft)
{
    cpu_mask present = cpu_mask_below(cpus_present()), asked = hard & present;
    struct run_queue *fresh, *left = NULL;
    int err = 0;

    if (!asked)
        return -EINVAL;
    if (asked == present)
        asked = CPU_MASK_ALL;
    fresh = heap_new(struct run_queue);
    if (!fresh)
        return -ENOMEM;
    spin_lock(&sched_lock);
    if (v->overridden) {
        err = -EBUSY;
    } else {
        struct run_queue *before = v->queue;

        v->hard_affinity = hard;
        v->soft_affinity = soft;
        use_queue(v, run_queue_get(asked, &fresh));
        left = run_queue_put(before);
    }
    spin_unlock(&sched_lock);
    heap_free(fresh, sizeof(*fresh));
    heap_free(left, sizeof(*left));
    return err;
}

void sched_get_affinity(struct sched_vcpu *v, cpu_mask *hard, cpu_mask *soft)
{
    spin_lock(&sched_lock);
    *hard = v->hard_affinity;
    *soft = v->soft_affinity;
    spin_unlock(&sched_lock);
}

/* *fresh: as for run_queue_get(). */
static int override(struct sched_vcpu *v, unsigned cpu, struct run_queue **fresh) REQUIRES(sched_lock)
{
    if (v->overridden)
        return -EBUSY;
    if (cpu >= cpus_present() || !cpus[cpu].online)
        return -EINVAL;
    v->affinity_before_override = v->hard_affinity;
    v->queue_before_override = v->queue;
    v->hard_affinity = cpu_mask_of(cpu);
    v->overridden = true;
    use_queue(v, run_queue_get(v->hard_affinity, fresh));
    return 0;
}

/* *left: as from run_queue_put(). */
static int end_override(struct sched_vcpu *v, struct run_queue **left) REQUIRES(sched_lock)
{
    struct run_queue *q = v->queue;

    if (!v->overridden)
        return -EINVAL;
    v->hard_affinity = v->affinity_before_override;
    v->overridden = false;
    use_queue(v, v->queue_before_override);
    *left = run_queue_put(q);
    return 0;
}

int sched_pin_override(struct sched_vcpu *v, int cpu)
{
    struct run_queue *fresh = cpu < 0 ? NULL : heap_new(struct run_queue), *left = NULL;
    int err;

    if (cpu >= 0 && !fresh)
        return -ENOMEM;
    spin_lock(&sched_lock);
    err = cpu < 0 ? end_override(v, &left) : override(v, (unsigned)cpu, &fresh);
    spin_unlock(&sched_lock);
    heap_free(fresh, sizeof(*fresh));
    heap_free(left, sizeof(*left));
    return err;
}

void sched_skip(struct sched_vcpu *v, uint64_t ticks)
{
    spin_lock(&sched_lock);
    v->accounted += ticks;
    v->slice_start += ticks;
    spin_unlock(&sched_lock);
}

uint64_t sched_runtime_ns(struct sched_vcpu *v)
{
    uint64_t ticks;

    spin_lock(&sched_lock);
    ticks = v->runtime;
    if (v->running)
        ticks += counter_now() - v->accounted;
    spin_unlock(&sched_lock);
    return ticks_to_ns(ticks);
}
