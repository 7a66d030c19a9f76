// SPDX-License-Identifier: Apache-2.0
/*
 * Dumps for the person at the console: one function a key, each a walk over the domains. Nothing is stopped for them,
 * so a line may be a moment older than the next.
 */
#include "vm/dump.h"

#include "base/cpu.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/console.h"
#include "dev/irq.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/grant/grant.h"
#include "vm/irq.h"
#include "vm/vcpu.h"

static void for_each_domain(void (*show)(struct domain *d))
{
    domain_for_each(d)
        show(d);
}

static void for_each_vcpu(struct domain *d, void (*show)(struct vcpu *v))
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(d, i);

        if (v)
            show(v);
    }
}

static const char *life_name(enum domain_life life)
{
    switch (life) {
    case DOMAIN_ALIVE: return "alive";
    case DOMAIN_DYING: return "dying";
    default: return "dead";
    }
}

static const char *runstate_name(enum runstate state)
{
    static const char *const names[RUNSTATE_COUNT] = { "running", "runnable", "blocked", "offline" };

    return state < RUNSTATE_COUNT ? names[state] : "?";
}

static void show_vcpu(struct vcpu *v)
{
    struct runstate_info r;

    runstate_get(v, &r);
    printk("  vCPU %u: %s for %lu ms, on CPU %u, online %u, blocked %u, paused %u, upcall pending %u", v->id,
           runstate_name(r.state), (unsigned long)((system_time_ns() - r.since_ns) / 1000000),
           sched_cpu_number(&v->sched), vcpu_is_on(v), v->blocked, v->pause_count, evtchn_upcall_pending(v));
}

static void show_domain(struct domain *d)
{
    unsigned reason;
    bool down = domain_is_down(d, &reason);

    printk("domain %u: %s, %u references, %lu of %lu pages, paused %u (by the toolstack %u), shut down %u (reason %u)",
           d->id, life_name(d->life), d->refs, (unsigned long)frames_owned(&d->frames),
           (unsigned long)frames_limit(&d->frames), d->pause.count, d->pause.by_controller, down, reason);
    for_each_vcpu(d, show_vcpu);
}

static void key_domains(char key)
{
    (void)key;
    for_each_domain(show_domain);
}

static void show_vcpu_schedule(struct vcpu *v)
{
    printk("  d%uv%u: ran %lu ms, virtual time %lu, CPU %u, %s, affinity 0x%016lx%016lx", v->domain->id, v->id,
           (unsigned long)(sched_runtime_ns(&v->sched) / 1000000), (unsigned long)v->sched.vruntime,
           sched_cpu_number(&v->sched),
           v->sched.running  ? "running"
           : v->sched.queued ? "queued"
                             : "not runnable",
           (unsigned long)(v->sched.hard_affinity >> 64), (unsigned long)v->sched.hard_affinity);
}

static void show_domain_schedule(struct domain *d)
{
    printk("domain %u: weight %u, cap %u%%", d->id, d->sched.weight, d->sched.cap_percent);
    for_each_vcpu(d, show_vcpu_schedule);
}

static void key_schedule(char key)
{
    (void)key;
    for (unsigned i = 0; i < cpus_present(); i++)
        printk("CPU %u: idle for %lu ms in all", i, (unsigned long)(ticks_to_ns(cpus[i].idle_ticks) / 1000000));
    for_each_domain(show_domain_schedule);
}

/* Numbers that others may be changing just now are shown as they are. */
static UNCHECKED_LOCKING void show_domain_memory(struct domain *d)
{
    printk("domain %u: %lu pages, at most %lu; the hypervisor's for it: %lu stage-2 tables and %lu put aside, "
           "%u of event ports, %u of grant mappings",
           d->id, (unsigned long)frames_owned(&d->frames), (unsigned long)frames_limit(&d->frames),
           (unsigned long)d->p2m.table_pages, (unsigned long)d->p2m.spare_pages, evtchn_pages(d),
           grant_maptrack_pages(d));
}

static void key_memory(char key)
{
    (void)key;
    printk("memory: %lu frames, %lu free, %lu of small objects", (unsigned long)frames_total(),
           (unsigned long)frames_free(), (unsigned long)heap_slabs());
    for_each_domain(show_domain_memory);
}

static void key_events(char key)
{
    (void)key;
    for_each_domain(evtchn_dump);
}

static void key_grants(char key)
{
    (void)key;
    for_each_domain(grant_dump);
}

static void key_interrupts(char key)
{
    (void)key;
    irq_dump();
    irq_dump_routes();
}

/* The registers of the guest that this CPU has just left; others' are in their CPUs. */
static void key_registers(char key)
{
    struct vcpu *v = this_cpu()->current;

    (void)key;
    if (!v) {
        printk("CPU %u has run no vCPU yet", this_cpu()->id);
        return;
    }
    printk("CPU %u: d%uv%u: pc %016lx pstate %lx sp_el0 %016lx sp_el1 %016lx", this_cpu()->id, v->domain->id, v->id,
           v->regs.pc, v->regs.pstate, v->core.el1.sp_el0, v->core.el1.sp_el1);
    for (unsigned i = 0; i + 2 < 30; i += 3)
        printk("x%-2u %016lx  x%-2u %016lx  x%-2u %016lx", i, v->regs.x[i], i + 1, v->regs.x[i + 1], i + 2,
               v->regs.x[i + 2]);
    printk("x30 %016lx", v->regs.x[30]);
}

void dump_register_keys(void)
{
    static const struct {
        char key;
        void (*show)(char key);
        const char *help;
    } table[] = {
        { 'q', key_domains, "shows domains and vCPUs" },
        { 'r', key_schedule, "shows the scheduler" },
        { 'm', key_memory, "shows memory" },
        { 'e', key_events, "shows event channels" },
        { 'g', key_grants, "shows grants" },
        { 'i', key_interrupts, "shows interrupts" },
        { 'd', key_registers, "shows this CPU's guest registers" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
        BUG_ON(console_key_register(table[i].key, table[i].show, table[i].help));
}
