// SPDX-License-Identifier: Apache-2.0
/*
 * A virtual CPU: its registers while it does not run, and why it does not run.
 *
 * It is runnable iff it is on (PSCI CPU_ON, or vCPU 0 from the builder), not blocked (WFI,
 * SCHEDOP_block, SCHEDOP_poll), not paused, and its domain neither paused nor shut down. vcpu_runnable() is
 * that sentence; after any change the changer calls sched_wake() or sched_sleep().
 */
#pragma once

#include "cpu/sched.h"
#include "cpu/timer.h"
#include "lib/base.h"
#include "arch/fpu.h"
#include "arch/lock.h"
#include "vm/evtchn/evtchn.h"
#include "vm/mmio.h"
#include "vm/vgic/vgic.h"

struct domain;

/* What the trap entry saves, in this order (arch/arm64 entry code knows the offsets). */
struct cpu_regs {
    uint64_t x[31];
    uint64_t pc;      /* ELR_EL2 */
    uint64_t pstate;  /* SPSR_EL2 */
    uint64_t pad;
};

struct el1_state {
    uint64_t sp_el0, sp_el1, elr, spsr;
    uint64_t sctlr, actlr, cpacr, ttbr0, ttbr1, tcr, mair, amair;
    uint64_t vbar, esr, far, afsr0, afsr1, par, contextidr;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1;
    uint64_t cntkctl, csselr;
};

/* What a vCPU has to do before it goes back to its guest: bits of vcpu.work, set by anybody, atomically. */
#define WORK_VGIC   1u   /* interrupts to fold or to put into list registers */

/* Whether it is on, as PSCI means it. vcpu_power.c takes it from one to the next, and nobody else. */
enum vcpu_power {
    VCPU_OFF,      /* it does not run; it may still be leaving its CPU */
    VCPU_COMING,   /* claimed: its registers are the claimer's, and it is on no CPU or about to leave its last one */
    VCPU_ON,
};

enum runstate { RUNSTATE_RUNNING, RUNSTATE_RUNNABLE, RUNSTATE_BLOCKED, RUNSTATE_OFFLINE, RUNSTATE_COUNT };

struct vcpu {
    struct cpu_regs regs;        /* first: the trap entry's SP_EL2 points here while the guest runs */
    uint32_t work;               /* WORK_*; atomic */
    uint32_t id;
    struct domain *domain;
    struct vcpu *next_destroyed;
    uint64_t hcr;                /* HCR_EL2 while it runs */
    uint64_t vmpidr;
    struct el1_state el1;
    struct mmio_access access;   /* to an emulated device, while it is being done */

    bool initialised;            /* has a context: vCPU 0 by the builder, others by PSCI or setvcpucontext */
    enum vcpu_power power;       /* atomic */
    bool blocked;                /* waits for an interrupt or event */
    bool suspended;              /* ... by PSCI SYSTEM_SUSPEND: only an interrupt that it left enabled wakes it, or vcpu_wake() */
    uint32_t pause_count;        /* by anybody; atomic */

    struct sched_vcpu sched;
    struct vcpu_evtchn evtchn;
    struct vcpu_vgic vgic;

    /* vtimer.c's */
    struct {
        uint64_t cval, ctl;      /* CNTV_CVAL_EL0 and CTL while it does not run */
        uint64_t phys_cval;      /* the emulated CNTP */
        uint64_t phys_ctl;
        struct timer virt, phys; /* stand in for the CPU's while it does not run; and for CNTP always */
    } vtimer;

    struct timer poll_timer;     /* SCHEDOP_poll's time-out */

    /* Run states, for XEN_DOMCTL and VCPUOP_get_runstate_info */
    struct spinlock runstate_lock;
    enum runstate runstate GUARDED_BY(runstate_lock);
    uint64_t runstate_since GUARDED_BY(runstate_lock);           /* system time, ns */
    uint64_t runstate_time[RUNSTATE_COUNT] GUARDED_BY(runstate_lock);  /* ns */
    void *runstate_area;         /* the guest's registered copy, in the direct map, or NULL */
    void *runstate_area_second;  /* its other half where it crosses a page */
    mfn_t runstate_frame[2];     /* the references held for them */

    struct fpu_state fpu __attribute__((aligned(16)));
    struct cpu *fpu_cpu;         /* whose registers hold this state as of the last save, or NULL */
};

/* NULL if there is no memory. The vCPU is offline, has no context, and is d->vcpus[id]. */
struct vcpu *vcpu_create(struct domain *d, unsigned id);
/* It does not run any more and is not found any more; its memory stays for who looks at it, until vcpus_free(). */
void vcpu_destroy(struct vcpu *v);
/* The domain's last reference is gone: the memory of its destroyed vCPUs goes too. */
void vcpus_free(struct domain *d);

bool vcpu_runnable(const struct vcpu *v);

/* v's whole state out of this CPU's registers into memory, and back. */
void vcpu_switch_out(struct vcpu *v);
void vcpu_switch_in(struct vcpu *v);
/* The part of switch_in that a reset replaces: EL1's registers, and the FPU's when it is used. */
void vcpu_load_core(struct vcpu *v);
/* The guest used the FPU, which was another's: gives v its own. */
void vcpu_fpu_trap(struct vcpu *v);

/* Architectural reset state (PSCI DEN0022 6.4), entry at `entry` with x0 = context_id; v is new or claimed. */
void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id);

/* Something that v waits for may have come: unblocks it, and if it runs elsewhere makes it pass its exit path. */
void vcpu_kick(struct vcpu *v);
/* Blocks the current vCPU until vcpu_kick(); returns at once if an interrupt is pending for it. */
void vcpu_block(struct vcpu *v);

/* The current vCPU, on this CPU: architectural reset state, to go on at `entry`. Its interrupt controller and timers stay (PSCI DEN0022D 5.20). */
void vcpu_restart(struct vcpu *v, uint64_t entry, uint64_t context_id);
/* Suspends the current vCPU, which is the last of its domain that is on; its domain's watchdogs stand still until it wakes. */
void vcpu_suspend(struct vcpu *v);
/* Wakes a suspended vCPU, whatever it waits for. False: it is not suspended. */
bool vcpu_wake(struct vcpu *v);

/*
 * SCHEDOP_poll, after evtchn_poll_begin(): blocks the current vCPU until vcpu_kick() or, if it is not 0, system time timeout_ns;
 * not if the poll has ended meanwhile.
 */
void vcpu_block_polling(struct vcpu *v, uint64_t timeout_ns);

/* v's run states up to now. Any vCPU. */
struct vcpu_runstate {
    enum runstate state;
    uint64_t since_ns;
    uint64_t time_ns[RUNSTATE_COUNT];
};
void vcpu_get_runstate(struct vcpu *v, struct vcpu_runstate *out);
/*
 * VCPUOP_register_runstate_memory_area: the area begins at `offset` (8-aligned) in frame[0] and, where it crosses the page, goes on
 * in frame[1] (else INVALID_MFN). Takes over a reference to each, drops those of an area before, and writes the area once.
 */
void vcpu_set_runstate_area(struct vcpu *v, const mfn_t frame[2], unsigned offset);

void vcpu_pause(struct vcpu *v);            /* nested; not waited for */
void vcpu_pause_sync(struct vcpu *v);       /* ... and waited for: not for the current vCPU */
void vcpu_unpause(struct vcpu *v);

/* VCPU_ON is the contrary of VPF_down. Any vCPU; it may change at once, unless the caller has claimed it. */
static inline enum vcpu_power vcpu_power_of(const struct vcpu *v) { return __atomic_load_n(&v->power, __ATOMIC_ACQUIRE); }
static inline bool vcpu_is_on(const struct vcpu *v) { return vcpu_power_of(v) == VCPU_ON; }
/*
 * To start v, which is not the current one: VCPU_OFF if it was off. Then it is the caller's, and no CPU has anything of it, until vcpu_release().
 * Otherwise how it was found: on, or claimed by another. Waits for v to leave its CPU; holding no lock that v may want there.
 */
enum vcpu_power vcpu_claim(struct vcpu *v);
/* To change v, on or off, that the caller keeps off its CPU by vcpu_pause_sync(): waits for whoever has claimed it. */
void vcpu_claim_paused(struct vcpu *v);
void vcpu_release(struct vcpu *v, bool on);
/* The current vCPU goes off: the caller returns to the exit path. */
void vcpu_go_off(struct vcpu *v);

/* The vCPU that runs on this CPU; in a trap from it, never NULL. */
struct vcpu *current_vcpu(void);
