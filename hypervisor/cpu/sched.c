// SPDX-License-Identifier: Apache-2.0
/*
 * One order for all CPUs, by virtual run time: the ticks a vCPU has run, scaled by SCHED_DEFAULT_WEIGHT / weight. The
 * vCPU that has had least runs next, so shares follow weights.
 *
 * A vCPU that waits is in a heap together with those that may use the same CPUs: with at most MAX_CPUS CPUs there are
 * few such sets, and on most machines one. Any CPU finds its next vCPU among the first of those heaps, however many
 * wait. A vCPU that waits although its domain has used up its budget is put aside when it is met, once each period. So
 * no cost here grows faster than the logarithm of the number of vCPUs, except for a change of a domain's weight, cap or
 * budget, which goes over the domain's vCPUs.
 *
 * Virtual run times only compare among vCPUs that compete for the same CPUs: one that runs alone, by luck or by
 * pinning, gets far ahead of others. So a vCPU that joins a competition (wakes, gets another affinity, another budget)
 * is placed beside those that are in it: a little behind at most, so that sleep cannot be hoarded, and not further
 * ahead than one slice, the most that it can owe them.
 *
 * Invariants, under `lock`: a vCPU is queued iff it is runnable and does not run; `running` is cleared only when its
 * state is in memory, and then nothing touches it any more; a bit of idle_cpus is set iff that CPU waits in its idle
 * loop and has not been called yet. Whenever a vCPU is queued, an idle CPU that it may use is called, or else a busy
 * one, unless that one would go on with its own vCPU and looks again at its slice's end; from then on it does so at
 * each.
 */
#include "cpu/sched.h"

#include "arch/idle.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "cpu/timer.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "arch/lock.h"

#define SLICE_US        10000
#define GRANULARITY_US  SCHED_RATELIMIT_US  /* how far behind a woken vCPU must be to interrupt another */
/* how far ahead of the others a sleeper may come back; the most that a yield costs */
#define SLEEPER_US      5000
#define CAP_PERIOD_US   10000

static struct spinlock lock = SPINLOCK_INIT;
/* by which CPUs their vCPUs may use, a bitmap; under lock, but a root is looked at without */
static struct heap queues[BIT(MAX_CPUS)];
/* the queues that a vCPU ever waited in: grows under lock, read without */
static uint8_t known[BIT(MAX_CPUS)];
static unsigned known_count;
static unsigned queued_count;                    /* in all of them; written under lock, read without */
static bool is_known[BIT(MAX_CPUS)] GUARDED_BY(lock);
static struct sched_vcpu *chosen[MAX_CPUS] GUARDED_BY(lock);   /* runs on that CPU, or is about to; NULL: none */
static uint64_t idle_cpus GUARDED_BY(lock), busy_cpus GUARDED_BY(lock);   /* busy: a vCPU is chosen */
static uint64_t lost_cpus;                       /* written under lock, while only one CPU is on */
static struct timer slice_timer[MAX_CPUS];
/* when it fires, or earlier; UINT64_MAX: never. Set under lock, to `never` without it */
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
static void look_again_at(const struct cpu *cpu, uint64_t at) REQUIRES(lock)
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
    spin_lock(&lock);
    memset(queues, 0, sizeof(queues));
    memset(is_known, 0, sizeof(is_known));
    known_count = queued_count = 0;
    memset(chosen, 0, sizeof(chosen));
    idle_cpus = busy_cpus = lost_cpus = 0;
    for (unsigned i = 0; i < cpus_present(); i++)
        if (cpus[i].lost)
            lost_cpus |= BIT(i);
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

void sched_vcpu_init(struct sched_vcpu *v, struct vcpu *vcpu, struct sched_domain *d, unsigned id)
{
    v->vcpu = vcpu;
    v->domain = d;
    v->hard_affinity = UINT64_MAX;
    v->allowed = all_cpus();
    v->soft_affinity = UINT64_MAX;
    v->cpu = &cpus[id % cpus_present()];
    spin_lock(&lock);
    list_push_back(&d->vcpus, &v->member);
    spin_unlock(&lock);
}

void sched_vcpu_destroy(struct sched_vcpu *v)
{
    sched_sleep_sync(v);
    spin_lock(&lock);
    list_remove(&v->member);
    spin_unlock(&lock);
}

static uint64_t domain_budget(const struct sched_domain *d)
{
    return cap_period_ticks * d->cap_percent / 100;
}

/* A capped domain that has used its budget up waits for the next period. */
static bool within_cap(const struct sched_domain *d)
{
    return d->cap_percent == 0 || d->budget_used < domain_budget(d);
}

/*
 * Where v may run: where it is allowed to, or if none of those CPUs is left, anywhere. A bitmap of CPUs that there are.
 */
static uint64_t cpus_for(const struct sched_vcpu *v)
{
    uint64_t left = v->allowed & ~lost_cpus;

    return likely(left) ? left : all_cpus() & ~lost_cpus;
}

static bool may_run_on(const struct sched_vcpu *v, const struct cpu *cpu)
{
    return (cpus_for(v) >> cpu->id) & 1;
}

/* A set of CPUs that no vCPU waited for yet. */
static NOINLINE void queue_learn(unsigned q) REQUIRES(lock)
{
    is_known[q] = true;
    known[known_count] = (uint8_t)q;
    __atomic_store_n(&known_count, known_count + 1, __ATOMIC_RELEASE);
}

/* A vCPU waits that may use this CPU. Callable without the lock, too: then it is true for the moment only. */
static bool is_wanted(const struct cpu *cpu)
{
    if (likely(!__atomic_load_n(&queued_count, __ATOMIC_RELAXED)))
        return false;
    for (unsigned i = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE); i--;)
        if ((known[i] >> cpu->id & 1) && __atomic_load_n(&queues[known[i]].root, __ATOMIC_RELAXED))
            return true;
    return false;
}

static void enqueue(struct sched_vcpu *v) REQUIRES(lock)
{
    unsigned q = (unsigned)cpus_for(v);

    if (unlikely(!is_known[q]))
        queue_learn(q);
    v->queue = &queues[q];
    v->node.key = v->vruntime;
    heap_insert(v->queue, &v->node);
    __atomic_store_n(&queued_count, queued_count + 1, __ATOMIC_RELAXED);
    v->queued = true;
}

static void leave_queue(struct sched_vcpu *v) REQUIRES(lock)
{
    heap_remove(v->queue, &v->node);
    __atomic_store_n(&queued_count, queued_count - 1, __ATOMIC_RELAXED);
}

static void dequeue(struct sched_vcpu *v) REQUIRES(lock)
{
    if (likely(!v->parked))
        leave_queue(v);
    v->queued = v->parked = false;
}

/*
 * The first of a queue whose domain may still run. Those whose domain has used its budget up are met here, and put
 * aside.
 */
static NOINLINE struct sched_vcpu *queue_first_within_cap(unsigned q) REQUIRES(lock)
{
    while (queues[q].root) {
        struct sched_vcpu *v = container_of(queues[q].root, struct sched_vcpu, node);

        if (within_cap(v->domain))
            return v;
        leave_queue(v);
        v->parked = true;
    }
    return NULL;
}

/*
 * The first of all that may use a CPU of the bitmap. At most as many steps as there are sets of CPUs that vCPUs wait
 * for.
 */
static struct sched_vcpu *first_for(uint64_t bitmap) REQUIRES(lock)
{
    struct sched_vcpu *found = NULL;

    for (unsigned i = queued_count ? known_count : 0; i--;) {
        struct heap_node *root = known[i] & bitmap ? queues[known[i]].root : NULL;
        struct sched_vcpu *v;

        if (!root)
            continue;
        v = container_of(root, struct sched_vcpu, node);
        if (unlikely(v->domain->cap_percent) && !(v = queue_first_within_cap(known[i])))
            continue;
        if (!found || v->vruntime < found->vruntime)
            found = v;
    }
    return found;
}

/* No other CPU is on, so few vCPUs wait: they go to the queues of the CPUs that they have left. */
void sched_cpu_lost(const struct cpu *cpu)
{
    spin_lock(&lock);
    lost_cpus |= BIT(cpu->id);
    idle_cpus &= ~lost_cpus;
    for (unsigned i = known_count; i--;) {
        unsigned q = known[i];

        while (q & lost_cpus && queues[q].root) {
            struct sched_vcpu *v = container_of(queues[q].root, struct sched_vcpu, node);

            dequeue(v);
            enqueue(v);   /* another queue: none of a lost CPU */
        }
    }
    spin_unlock(&lock);
}

static void call_cpu(struct cpu *cpu) REQUIRES(lock)
{
    idle_cpus &= ~BIT(cpu->id);
    cpu_request_schedule(cpu);
}

static uint64_t weighted(uint64_t ticks, const struct sched_domain *d)
{
    return d->weight == SCHED_DEFAULT_WEIGHT ? ticks : ticks * SCHED_DEFAULT_WEIGHT / d->weight;
}

/* now: read under the lock, so that it is not before the time accounted last. */
static void charge(struct sched_vcpu *v, uint64_t now) REQUIRES(lock)
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
static struct cpu *busiest_cpu(const struct sched_vcpu *v, const struct cpu *except, uint64_t now) REQUIRES(lock)
{
    uint64_t candidates = busy_cpus & cpus_for(v);
    struct sched_vcpu *most = NULL;
    struct cpu *found = NULL;

    if (except)
        candidates &= ~BIT(except->id);
    for (; candidates; candidates &= candidates - 1) {
        unsigned i = (unsigned)__builtin_ctzll(candidates);
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
static void place(struct sched_vcpu *v, const struct cpu *busy) REQUIRES(lock)
{
    uint64_t least = chosen[busy->id]->vruntime;
    struct sched_vcpu *waiting = first_for(BIT(busy->id));

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
static bool goes_on(const struct cpu *busy, const struct sched_vcpu *v, uint64_t now) REQUIRES(lock)
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
static void tickle(struct sched_vcpu *v, struct cpu *busy, uint64_t now) REQUIRES(lock)
{
    uint64_t idle = idle_cpus & cpus_for(v);

    if (idle & v->soft_affinity)
        idle &= v->soft_affinity;
    if (idle)
        call_cpu((idle >> v->cpu->id) & 1 ? v->cpu : &cpus[__builtin_ctzll(idle)]);
    else if (busy && !goes_on(busy, v, now))
        call_cpu(busy);
}

/* v, which is not in a queue, joins the vCPUs that wait. */
static void join_queue(struct sched_vcpu *v, uint64_t now) REQUIRES(lock)
{
    struct cpu *busy = busiest_cpu(v, NULL, now);

    if (busy)
        place(v, busy);
    enqueue(v);
    if (within_cap(v->domain))
        tickle(v, busy, now);
}

/* The domain's weight or budget is another one: those of its vCPUs that wait join anew. */
static void domain_rejoin(struct sched_domain *d, uint64_t now) REQUIRES(lock)
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
static bool domain_charge(struct sched_domain *d, uint64_t now) REQUIRES(lock)
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

/* A capped domain's periods begin when it begins to run, and follow each other for as long as it does or owes. */
static void cap_begin(struct sched_domain *d, uint64_t now) REQUIRES(lock)
{
    if (!d->cap_percent || d->refill_armed)
        return;
    d->refill_armed = true;
    timer_set(&d->refill, now + cap_period_ticks);
}

/*
 * A capped domain's next period: a budget is taken off the time that it has used, and the CPUs are shown its vCPUs that
 * wait.
 */
static void cap_refill(void *data)
{
    struct sched_domain *d = data;
    uint64_t now;

    spin_lock(&lock);
    now = counter_now();
    d->refill_armed = false;
    if (d->cap_percent) {
        bool runs = domain_charge(d, now);

        d->budget_used -= min_u64(d->budget_used, domain_budget(d));
        if (runs || d->budget_used)
            cap_begin(d, now);
        domain_rejoin(d, now);
    }
    spin_unlock(&lock);
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
        uint64_t left = domain_budget(d) - min_u64(d->budget_used, domain_budget(d));

        end = min_u64(end, now + max_u64(left, slice_ticks / 64));
    }
    return end;
}

/*
 * This CPU was called for one vCPU and may have taken another, which came later: the idle CPUs are shown the first that
 * still waits.
 */
static void pass_on(uint64_t now) REQUIRES(lock)
{
    struct sched_vcpu *v = idle_cpus ? first_for(idle_cpus) : NULL;

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
static void begin_turn(struct cpu *cpu, struct sched_vcpu *next, uint64_t now) REQUIRES(lock)
{
    dequeue(next);
    next->running = true;
    next->cpu = cpu;
    next->slice_start = next->accounted = now;
    sched_vcpu_changed(next, SCHED_RUNNING);
    pass_on(now);
}

/* Chooses for this CPU; prev is its vCPU or NULL. The choice is marked running; NULL means idle. */
static struct sched_vcpu *pick(struct cpu *cpu, struct sched_vcpu *prev) REQUIRES(lock)
{
    bool runnable = prev && sched_vcpu_runnable(prev), others;
    uint64_t now = counter_now(), end;
    struct sched_vcpu *next;

    if (prev)
        charge(prev, now);
    next = first_for(BIT(cpu->id));
    if (runnable && may_run_on(prev, cpu) && within_cap(prev->domain) && (!next || !gives_way(prev, next, now)))
        next = prev;
    if (prev) {
        if (prev->yielding && next && next != prev)
            yield_to(prev, next);
        prev->yielding = false;
    }
    chosen[cpu->id] = next;
    if (!next) {
        idle_cpus |= BIT(cpu->id);
        busy_cpus &= ~BIT(cpu->id);
        return NULL;
    }
    idle_cpus &= ~BIT(cpu->id);
    busy_cpus |= BIT(cpu->id);
    if (next != prev)
        begin_turn(cpu, next, now);
    else if (now - prev->slice_start >= slice_ticks)
        prev->slice_start = now;
    cap_begin(next->domain, now);
    others = (runnable && next != prev) || is_wanted(cpu);   /* prev is not back in the queue yet */
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

    spin_lock(&lock);
    cpu->current = NULL;
    /* once: it may change meanwhile, and the CPU that changes it takes the lock after that */
    runnable = sched_vcpu_runnable(prev);
    sched_vcpu_changed(prev, runnable ? SCHED_QUEUED : SCHED_WAITING);
    if (runnable) {
        enqueue(prev);
        if (within_cap(prev->domain)) {
            now = counter_now();
            tickle(prev, busiest_cpu(prev, cpu, now), now);   /* this one has chosen another */
        }
    }
    /* Last: a CPU that waits for this in sched_sleep_sync() may free the vCPU. */
    __atomic_store_n(&prev->running, false, __ATOMIC_RELEASE);
    spin_unlock(&lock);
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
        spin_lock(&lock);
        prev = chosen[cpu->id];
        next = pick(cpu, prev);
        spin_unlock(&lock);
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
    spin_lock(&lock);
    if (!v->queued && !v->running) {
        bool runnable = sched_vcpu_runnable(v);

        sched_vcpu_changed(v, runnable ? SCHED_QUEUED : SCHED_WAITING);
        if (runnable)
            join_queue(v, counter_now());
    }
    spin_unlock(&lock);
}

void sched_sleep(struct sched_vcpu *v)
{
    spin_lock(&lock);
    if (!sched_vcpu_runnable(v)) {
        if (v->queued)
            dequeue(v);
        if (v->running)
            cpu_request_schedule(v->cpu);
        else
            sched_vcpu_changed(v, SCHED_WAITING);
    }
    spin_unlock(&lock);
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

    if (!is_wanted(cpu))
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
    spin_lock(&lock);
    now = counter_now();
    runs = domain_charge(d, now);   /* by the old weight */
    d->weight = weight;
    d->cap_percent = cap_percent;
    d->budget_used = 0;
    if (runs)
        cap_begin(d, now);          /* its CPUs may look only when its budget is used up */
    /* CPUs that run the domain now learn of its new limit. */
    for (unsigned i = 0; i < cpus_present(); i++)
        if (chosen[i] && chosen[i]->domain == d)
            call_cpu(&cpus[i]);
    domain_rejoin(d, now);
    spin_unlock(&lock);
    return 0;
}

void sched_domain_get(const struct sched_domain *d, unsigned *weight, unsigned *cap_percent)
{
    *weight = d->weight;
    *cap_percent = d->cap_percent;
}

/* v's mask changed: it leaves a CPU where it may not be, and is shown to one where it may. */
static void affinity_apply(struct sched_vcpu *v) REQUIRES(lock)
{
    uint64_t now = counter_now();

    v->allowed = v->hard_affinity & all_cpus();
    if (v->queued) {
        dequeue(v);
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

int sched_set_affinity(struct sched_vcpu *v, uint64_t hard, uint64_t soft)
{
    int err = 0;

    if (!(hard & all_cpus()))
        return -EINVAL;
    spin_lock(&lock);
    if (v->overridden) {
        err = -EBUSY;
    } else {
        v->hard_affinity = hard;
        v->soft_affinity = soft;
        affinity_apply(v);
    }
    spin_unlock(&lock);
    return err;
}

void sched_get_affinity(struct sched_vcpu *v, uint64_t *hard, uint64_t *soft)
{
    spin_lock(&lock);
    *hard = v->hard_affinity;
    *soft = v->soft_affinity;
    spin_unlock(&lock);
}

int sched_pin_override(struct sched_vcpu *v, int cpu)
{
    int err = 0;

    spin_lock(&lock);
    if (cpu < 0) {
        if (v->overridden)
            v->hard_affinity = v->affinity_before_override;
        else
            err = -EINVAL;
        v->overridden = false;
    } else if (v->overridden) {
        err = -EBUSY;
    } else if ((unsigned)cpu >= cpus_present() || !cpus[cpu].online) {
        err = -EINVAL;
    } else {
        v->affinity_before_override = v->hard_affinity;
        v->hard_affinity = BIT(cpu);
        v->overridden = true;
    }
    affinity_apply(v);
    spin_unlock(&lock);
    return err;
}

void sched_skip(struct sched_vcpu *v, uint64_t ticks)
{
    spin_lock(&lock);
    v->accounted += ticks;
    v->slice_start += ticks;
    spin_unlock(&lock);
}

uint64_t sched_runtime_ns(struct sched_vcpu *v)
{
    uint64_t ticks;

    spin_lock(&lock);
    ticks = v->runtime;
    if (v->running)
        ticks += counter_now() - v->accounted;
    spin_unlock(&lock);
    return ticks_to_ns(ticks);
}
