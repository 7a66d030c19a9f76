// SPDX-License-Identifier: Apache-2.0
/* Virtual CPUs: their making, why they run or not, and the time they spent so. */
#include "vm/vcpu.h"

#include <xen/xen.h>
#include <xen/vcpu.h>

#include "arch/barrier.h"
#include "arch/layout.h"
#include "arch/sysreg.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/domain.h"
#include "vm/arm64/vtimer.h"

_Static_assert(offsetof(struct vcpu, regs) == 0, "vectors.S: SP_EL2 is the vCPU and its frame");
_Static_assert(offsetof(struct cpu_regs, pc) == REGS_PC, "vectors.S knows this offset");
_Static_assert(offsetof(struct cpu_regs, pstate) == REGS_PSTATE, "vectors.S knows this offset");

#define SCTLR_RESET   0x30d00800u   /* the RES1 bits; MMU and caches off */
#define PSTATE_RESET  (PSTATE_EL1h | PSTATE_DAIF)
#define MPIDR_RES1    BIT(31)

/*
 * HCR_EL2 for every guest. Set/way maintenance is made harmless (SWIO), TLB maintenance is broadcast (FB) since vCPUs move;
 * FMO stays so that guests run in group 1 only. A walk of stage 1 does not read devices (PTW).
 */
#define HCR_GUEST (HCR_RW | HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TWE | \
                   HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TLOR | HCR_TERR)

struct vcpu *current_vcpu(void)
{
    return this_cpu()->current;
}

/* Sixteen to a cluster, so that a GICv3 SGI's target list reaches each (ICC_SGI1R_EL1); libxl's device trees say the same. */
static uint64_t mpidr_of(unsigned id)
{
    return (id & 0xf) | (uint64_t)(id >> 4) << 8;
}

static void poll_timed_out(void *data)
{
    vcpu_kick(data);
}

struct vcpu *vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v = heap_new(struct vcpu);

    if (!v)
        return NULL;
    v->id = id;
    v->domain = d;
    v->hcr = HCR_GUEST;
    v->vmpidr = mpidr_of(id) | MPIDR_RES1;
    v->runstate_frame[0] = v->runstate_frame[1] = INVALID_MFN;
    spin_lock(&v->runstate_lock);
    v->runstate = RUNSTATE_OFFLINE;
    v->runstate_since = system_time_ns();
    spin_unlock(&v->runstate_lock);
    timer_init(&v->poll_timer, poll_timed_out, v);
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
    timer_stop(&v->poll_timer);
    vtimer_vcpu_destroy(v);
    vcpu_set_runstate_area(v, (mfn_t[2]){ INVALID_MFN, INVALID_MFN }, 0);
    vgic_vcpu_destroy(v);
    for (unsigned i = 0; i < cpus_present(); i++) {
        if (cpus[i].fpu_owner == v)
            cpus[i].fpu_owner = NULL;
        if (v->domain->last_vcpu[i] == v)
            v->domain->last_vcpu[i] = NULL;
    }
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

bool vcpu_runnable(const struct vcpu *v)
{
    return vcpu_is_on(v) && !__atomic_load_n(&v->blocked, __ATOMIC_RELAXED) && !__atomic_load_n(&v->pause_count, __ATOMIC_RELAXED) &&
           !domain_is_paused(v->domain);
}

/* What the core itself loses by a reset (PSCI DEN0022 6.4). */
static void core_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    memset(&v->regs, 0, sizeof(v->regs));
    memset(&v->el1, 0, sizeof(v->el1));
    memset(&v->fpu, 0, sizeof(v->fpu));
    v->fpu_cpu = NULL;
    v->regs.x[0] = context_id;
    v->regs.pc = entry;
    v->regs.pstate = PSTATE_RESET;
    v->el1.sctlr = SCTLR_RESET;
}

void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    core_reset(v, entry, context_id);
    if (__atomic_exchange_n(&v->suspended, false, __ATOMIC_SEQ_CST))
        domain_watchdogs_continue(v->domain);
    evtchn_poll_end(v);
    timer_stop(&v->poll_timer);
    __atomic_store_n(&v->blocked, false, __ATOMIC_SEQ_CST);
    v->initialised = true;
    vtimer_vcpu_reset(v);
    vgic_vcpu_reset(v);
}

void vcpu_restart(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    core_reset(v, entry, context_id);
    vcpu_load_core(v);
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

void vcpu_kick(struct vcpu *v)
{
    smp_mb();
    if (__atomic_load_n(&v->blocked, __ATOMIC_RELAXED)) {
        if (!__atomic_load_n(&v->suspended, __ATOMIC_SEQ_CST))
            unblock(v);
        else if (vgic_wakes(v))
            vcpu_wake(v);
    } else if (__atomic_load_n(&v->sched.running, __ATOMIC_ACQUIRE)) {
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
    if (timeout_ns)
        timer_set(&v->poll_timer, system_time_to_ticks(timeout_ns));
    vcpu_block(v);
    /* An event that came after the look at the ports ended the poll, and may have kicked v before it was blocked. */
    if (!evtchn_polling(v))
        v->blocked = false;
}

void vcpu_pause(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_sleep(&v->sched);
}

void vcpu_pause_sync(struct vcpu *v)
{
    vcpu_pause(v);
    sched_sleep_sync(&v->sched);
}

void vcpu_unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        sched_wake(&v->sched);
}

/* The part of the guest's copy that may cross a page. */
static void area_write(struct vcpu *v, const void *from, size_t at, size_t n)
{
    size_t first = v->runstate_area_second ? PAGE_SIZE - ((uint64_t)v->runstate_area & ~PAGE_MASK) : SIZE_MAX;
    char *to = at < first ? (char *)v->runstate_area + at : (char *)v->runstate_area_second + (at - first);

    memcpy(to, from, n);   /* fields are 8 bytes, 8-aligned: none crosses */
}

/* vcpu.h's vcpu_runstate_info, as the guest sees it. The update flag lets it see that the copy is being changed. */
static void runstate_publish(struct vcpu *v) REQUIRES(v->runstate_lock)
{
    uint64_t since = v->runstate_since, marked = since | XEN_RUNSTATE_UPDATE;
    uint64_t state = v->runstate;

    if (!v->runstate_area)
        return;
    if (v->domain->runstate_update_flag) {
        area_write(v, &marked, 8, 8);
        smp_wmb();
    }
    area_write(v, &state, 0, 8);
    for (unsigned i = 0; i < RUNSTATE_COUNT; i++)
        area_write(v, &v->runstate_time[i], 16 + 8 * i, 8);
    smp_wmb();
    area_write(v, &since, 8, 8);
}

static void runstate_change(struct vcpu *v, enum runstate state)
{
    uint64_t now;

    spin_lock(&v->runstate_lock);
    if (v->runstate != state) {
        now = system_time_ns();
        v->runstate_time[v->runstate] += now - v->runstate_since;
        v->runstate = state;
        v->runstate_since = now;
        runstate_publish(v);
    }
    spin_unlock(&v->runstate_lock);
}

/* --- What cpu/sched.h asks of us --- */

bool sched_vcpu_runnable(const struct sched_vcpu *s) { return vcpu_runnable(s->vcpu); }
void sched_vcpu_switch_out(struct sched_vcpu *s) { vcpu_switch_out(s->vcpu); }
void sched_vcpu_switch_in(struct sched_vcpu *s) { vcpu_switch_in(s->vcpu); }

void sched_vcpu_changed(struct sched_vcpu *s, enum sched_state state)
{
    struct vcpu *v = s->vcpu;

    _Static_assert((int)RUNSTATE_RUNNING == SCHED_RUNNING && (int)RUNSTATE_RUNNABLE == SCHED_QUEUED, "both begin with these");
    if (state == SCHED_WAITING)
        runstate_change(v, vcpu_is_on(v) && v->blocked ? RUNSTATE_BLOCKED : RUNSTATE_OFFLINE);
    else
        runstate_change(v, (enum runstate)state);
}

void vcpu_get_runstate(struct vcpu *v, struct vcpu_runstate *out)
{
    spin_lock(&v->runstate_lock);
    out->state = v->runstate;
    out->since_ns = v->runstate_since;
    for (unsigned i = 0; i < RUNSTATE_COUNT; i++)
        out->time_ns[i] = v->runstate_time[i];
    out->time_ns[v->runstate] += system_time_ns() - v->runstate_since;
    spin_unlock(&v->runstate_lock);
}

void vcpu_set_runstate_area(struct vcpu *v, const mfn_t frame[2], unsigned offset)
{
    mfn_t old[2];

    spin_lock(&v->runstate_lock);
    memcpy(old, v->runstate_frame, sizeof(old));   /* two vCPUs may register v's area at once: each drops what it replaces */
    v->runstate_area = mfn_valid_number(frame[0]) ? (char *)mfn_to_virt(frame[0]) + offset : NULL;
    v->runstate_area_second = mfn_valid_number(frame[1]) ? mfn_to_virt(frame[1]) : NULL;
    v->runstate_frame[0] = frame[0];
    v->runstate_frame[1] = frame[1];
    runstate_publish(v);
    spin_unlock(&v->runstate_lock);
    for (unsigned i = 0; i < 2; i++)
        if (mfn_valid_number(old[i]))
            frame_put(old[i]);
}
