// SPDX-License-Identifier: Apache-2.0
#include "fake_cpus.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "mm/heap.h"

#define FREQUENCY 1000000

struct cpu cpus[MAX_CPUS];
unsigned present;
uint64_t now;
struct comparator comparator[MAX_CPUS];
static jmp_buf idling;
struct vcpu *vcpus[MAX_VCPUS];
unsigned vcpu_count, switches;
void (*meanwhile)(void);
bool no_memory;
static unsigned objects;   /* of the hypervisor's heap */
static uint32_t random_state;

uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

void random_seed(uint32_t seed) { random_state = seed; }

unsigned cpus_present(void) { return present; }
unsigned cpus_online(void) { return present; }
void irq_handle_all(void) { }
void *heap_alloc(size_t size)
{
    objects += !no_memory;
    return no_memory ? NULL : calloc(1, size);
}

void heap_free(void *p, size_t size)
{
    (void)size;
    objects -= p != NULL;
    free(p);
}

void gic_set_type(unsigned irq, enum gic_type type) { (void)irq, (void)type; }
void gic_enable_irq(unsigned irq) { (void)irq; }

int irq_request(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    (void)irq, (void)handler, (void)data, (void)name;
    return 0;
}

void cpu_off_if_called(struct cpu *cpu) { (void)cpu; }
void cpu_wait_for_interrupt(void) { longjmp(idling, 1); }

void cpu_request_schedule(struct cpu *cpu)
{
    cpu->need_schedule = 1;
}

uint64_t host_read_sysreg(const char *name)
{
    if (!strcmp(name, "cntpct_el0"))
        return now;
    assert_string_equal(name, "cntfrq_el0");
    return FREQUENCY;
}

void host_write_sysreg(uint64_t value, const char *name)
{
    if (!strcmp(name, "cnthp_cval_el2"))
        comparator[host_cpu].cval = value;
    else
        comparator[host_cpu].enabled = value == CNT_CTL_ENABLE;
}

static bool runnable(const struct vcpu *v)
{
    return v->online && !v->blocked && !v->pause_count && !v->domain->pause_count;
}

bool sched_vcpu_runnable(const struct sched_vcpu *v) { return runnable(v->vcpu); }
void sched_vcpu_changed(struct sched_vcpu *v, enum sched_state state, uint64_t now)
{
    (void)now;
    v->vcpu->state = state;
}

static void others_act(void)
{
    unsigned self = host_cpu;

    if (!meanwhile)
        return;
    host_cpu = random_below(present);
    meanwhile();
    host_cpu = self;
}

void sched_vcpu_switch_out(struct sched_vcpu *v)
{
    assert_true(v->running);
    assert_ptr_equal(v->cpu, &cpus[host_cpu]);
    others_act();
}

void sched_vcpu_switch_in(struct sched_vcpu *v)
{
    assert_true(v->running && !v->queued);
    assert_ptr_equal(v->cpu, &cpus[host_cpu]);
    switches++;
    others_act();
}

void machine(unsigned count)
{
    memset(cpus, 0, sizeof(cpus));
    memset(comparator, 0, sizeof(comparator));
    present = count;
    now = 1000;
    vcpu_count = switches = 0;
    meanwhile = NULL;
    random_state = 1;
    host_cpu = 0;
    for (unsigned i = 0; i < count; i++) {
        cpus[i].id = i;
        cpus[i].self = cpu_mask_of(i);
        cpus[i].online = true;
        cpus[i].need_schedule = 1;
    }
    time_init(0);
    present = 1;   /* as boot/main.c has it: the others come later */
    sched_init();
    present = count;
}

struct domain *domain_new(unsigned count)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->max_vcpus = count;
    d->vcpus = calloc(count, sizeof(*d->vcpus));
    sched_domain_init(&d->sched, count);
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *v = calloc(1, sizeof(*v));

        v->id = i;
        v->domain = d;
        v->online = v->blocked = true;
        v->state = SCHED_WAITING;
        sched_vcpu_init(&v->sched, v, &d->sched, i);
        d->vcpus[i] = v;
        assert_true(vcpu_count < MAX_VCPUS);
        vcpus[vcpu_count++] = v;
    }
    return d;
}

void wake(struct vcpu *v)
{
    v->blocked = false;
    sched_wake(&v->sched);
}

void block(struct vcpu *v)
{
    v->blocked = true;
    v->sched.cpu->need_schedule = 1;
}

void wake_all(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        wake(d->vcpus[i]);
}

/* Like leave() of a trap, or the idle loop: until nothing is asked of this CPU any more. */
static void cpu_turn(unsigned id)
{
    host_cpu = id;
    if (comparator[id].enabled && comparator[id].cval <= now)
        timer_interrupt();
    while (cpus[id].need_schedule)
        if (!setjmp(idling))
            sched_next();
}

/* An interrupt that has come for a CPU is taken at once; they come in any order. */
void settle(void)
{
    bool again = true;

    for (unsigned rounds = 0; again; rounds++) {
        unsigned first = random_below(present);

        assert_true(rounds < 1000);
        again = false;
        for (unsigned i = 0; i < present; i++)
            cpu_turn((first + i) % present);
        for (unsigned i = 0; i < present; i++)
            again |= cpus[i].need_schedule;
    }
    host_cpu = 0;
}

void run(uint64_t ticks)
{
    for (uint64_t end = now + ticks; now < end; now += STEP)
        settle();
}

static bool capped_out(const struct domain *d)
{
    return d->sched.cap_percent && d->sched.budget_used >= 10000u * d->sched.cap_percent / 100;
}

void assert_state_is_right(void)
{
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct vcpu *v = vcpus[i];

        assert_int_equal(v->sched.running, v->sched.cpu->current == v);
        assert_int_equal(v->sched.queued, runnable(v) && !v->sched.running);
        assert_true(!v->sched.running || runnable(v));
        assert_true(!v->sched.running || cpu_mask_has(v->sched.hard_affinity, v->sched.cpu->id));
        assert_int_equal(v->state, v->sched.running ? SCHED_RUNNING : v->sched.queued ? SCHED_QUEUED : SCHED_WAITING);
        for (unsigned c = 0; c < present && v->sched.queued && !capped_out(v->domain); c++)
            if (cpu_mask_has(v->sched.hard_affinity, c))
                assert_non_null(cpus[c].current);
    }
}

void machine_end(void)
{
    meanwhile = NULL;
    for (unsigned i = 0; i < vcpu_count; i++) {
        vcpus[i]->pause_count++;
        sched_sleep(&vcpus[i]->sched);
        if (vcpus[i]->domain->sched.refill_armed)   /* what is owed of a small budget is paid back for long */
            assert_int_equal(sched_domain_set(&vcpus[i]->domain->sched, SCHED_DEFAULT_WEIGHT, 0), 0);
    }
    run(50000);   /* the last slices' and periods' timers */
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct domain *d = vcpus[i]->domain;
        bool last = vcpus[i]->id + 1 == d->max_vcpus;

        sched_vcpu_destroy(&vcpus[i]->sched);
        assert_false(vcpus[i]->sched.queued || vcpus[i]->sched.running);
        free(vcpus[i]);
        if (!last)
            continue;
        sched_domain_destroy(&d->sched);
        free(d->vcpus);
        free(d);
    }
    for (unsigned i = 0; i < present; i++)
        assert_true(!cpus[i].current && !comparator[i].enabled);
    assert_int_equal(objects, 0);
}
