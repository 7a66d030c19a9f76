// SPDX-License-Identifier: Apache-2.0
/*
 * A virtual CPU: its registers while it does not run, and why it does not run.
 *
 * It is runnable iff it is on (PSCI CPU_ON, or vCPU 0 from the builder), not blocked (WFI,
 * SCHEDOP_block, SCHEDOP_poll), not paused, and its domain neither paused nor shut down. sched_vcpu_runnable()
 * is that sentence; after any change the changer calls sched_wake() or sched_sleep().
 */
#pragma once

#include "base/cpu.h"
#include "cpu/sched.h"
#include "lib/base.h"
#include "vm/arm64/core.h"
#include "vm/arm64/vtimer.h"
#include "vm/evtchn/evtchn.h"
#include "vm/mmio.h"
#include "vm/runstate.h"
#include "vm/vgic/vgic.h"

struct domain;

/* Work of a vCPU before it goes back to its guest: bits of vcpu.work, set by anybody, atomically. */
#define WORK_VGIC   1u   /* interrupts to fold or to put into list registers */

/* Whether it is on, as PSCI means it. Only vcpu_power.c takes it from one to the next. */
enum vcpu_power {
    VCPU_OFF,      /* it does not run; it may still be leaving its CPU */
    VCPU_COMING,   /* claimed: its registers are the claimer's, and it is on no CPU or about to leave its last one */
    VCPU_ON,
};

/*
 * Each part that is a struct of its own is written by its own file only; `regs` by the trap entry and the trap's
 * handlers.
 */
struct vcpu {
    struct cpu_regs regs;        /* first: the trap entry's SP_EL2 points here while the guest runs */
    uint32_t work;               /* WORK_*; atomic */
    uint32_t id;
    struct domain *domain;
    struct vcpu *next_destroyed;
    struct mmio_access access;   /* to an emulated device, while it is being done */

    bool initialised;            /* has a context: vCPU 0 by the builder, others by PSCI or setvcpucontext */
    enum vcpu_power power;       /* atomic */
    bool blocked;                /* waits for an interrupt or event */
    /* ... by PSCI SYSTEM_SUSPEND: only an interrupt that it left enabled wakes it, or vcpu_wake() */
    bool suspended;
    uint32_t pause_count;        /* by anybody; atomic */

    struct vcpu_core core;
    struct sched_vcpu sched;
    struct vcpu_runstate runstate;
    struct vcpu_evtchn evtchn;
    struct vcpu_vgic vgic;
    struct vcpu_vtimer vtimer;
};

/* NULL if there is no memory. The vCPU is offline, has no context, and is d->vcpus[id]. */
struct vcpu *vcpu_create(struct domain *d, unsigned id);
/*
 * It does not run any more and is not found any more; its memory stays for holders of a reference to the domain, until
 * vcpus_free().
 */
void vcpu_destroy(struct vcpu *v);
/* The domain's last reference is gone: the memory of its destroyed vCPUs goes too. */
void vcpus_free(struct domain *d);

/* Architectural reset state (PSCI DEN0022 6.4), entry at `entry` with x0 = context_id; v is new or claimed. */
void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id);

/* Something that v waits for may have come: unblocks it, and if it runs elsewhere makes it pass its exit path. */
void vcpu_kick(struct vcpu *v);
/* Blocks the current vCPU until vcpu_kick(); returns at once if an interrupt is pending for it. */
void vcpu_block(struct vcpu *v);

/*
 * The current vCPU, on this CPU: architectural reset state, to go on at `entry`. Its interrupt controller and timers
 * stay (PSCI DEN0022D 5.20).
 */
void vcpu_restart(struct vcpu *v, uint64_t entry, uint64_t context_id);
/*
 * Suspends the current vCPU, which is the last of its domain that is on; its domain's watchdogs stand still until it
 * wakes.
 */
void vcpu_suspend(struct vcpu *v);
/* v, claimed, waits as it did elsewhere: blocked, or also suspended; unless its event has come. */
void vcpu_wait_again(struct vcpu *v, bool blocked, bool suspended);
/* Wakes a suspended vCPU, without the event that it waits for. False: it is not suspended. */
bool vcpu_wake(struct vcpu *v);

/*
 * SCHEDOP_poll, after evtchn_poll_begin(): blocks the current vCPU until vcpu_kick() or, if it is not 0, system time
 * timeout_ns; not if the poll has ended meanwhile.
 */
void vcpu_block_polling(struct vcpu *v, uint64_t timeout_ns);

/* Nested. pause_sync: not the current vCPU; returns when it is off its CPU and its state in memory. */
void vcpu_pause_sync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

/* VCPU_ON is the contrary of VPF_down. Any vCPU; it may change at once, unless the caller has claimed it. */
static inline enum vcpu_power vcpu_power_of(const struct vcpu *v)
{
    return __atomic_load_n(&v->power, __ATOMIC_ACQUIRE);
}
static inline bool vcpu_is_on(const struct vcpu *v) { return vcpu_power_of(v) == VCPU_ON; }
/*
 * To start v, which is not the current one: VCPU_OFF if it was off. Then it is the caller's, and no CPU has anything of
 * it, until vcpu_release(). Otherwise how it was found: on, or claimed by another. Waits for v to leave its CPU;
 * holding no lock that v may want there.
 */
enum vcpu_power vcpu_claim(struct vcpu *v);
/* To change v, on or off, that the caller keeps off its CPU by vcpu_pause_sync(): waits for another claimer. */
void vcpu_claim_paused(struct vcpu *v);
void vcpu_release(struct vcpu *v, bool on);
/* The current vCPU goes off: the caller returns to the exit path. */
void vcpu_go_off(struct vcpu *v);

/*
 * XEN_DOMCTL_set/getvcpucontext, of any vCPU but the current one; the caller holds no lock that v may want. set: v has
 * these registers and is on or off. -EINVAL: core_context_allowed() refuses them. get: -ENODATA if it has no context.
 * clear: v is off and as it was created.
 */
int vcpu_set_context(struct vcpu *v, const struct core_context *c, bool on);
int vcpu_get_context(struct vcpu *v, struct core_context *c, bool *on);
void vcpu_clear_context(struct vcpu *v);

struct record_kind;
extern const struct record_kind vcpu_record;

/* The vCPU that runs on this CPU; in a trap from it, never NULL. */
static inline struct vcpu *current_vcpu(void) { return this_cpu()->current; }
