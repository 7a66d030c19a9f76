// SPDX-License-Identifier: Apache-2.0
#include "vm/shutdown.h"

#include "lib/base.h"

#include <xen/xen.h>
#include <xen/sched.h>

#include "base/cpu.h"
#include "base/options.h"
#include "base/panic.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/records.h"
#include "vm/vcpu.h"

/* Whoever wants to know why gets to see it. */
static void machine_crashed(void)
{
    machine_stop_others();
    machine_enter_crash_kernel();
}

/* dom0's end is the machine's. Linux on Arm does not tell of its panics, but its watchdog does. */
static NORETURN void machine_shutdown(unsigned reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        printk("torpor: dom0 has shut down: powering off\n");
        psci_system_off();
    case SHUTDOWN_reboot:
    case SHUTDOWN_soft_reset:
        printk("torpor: dom0 has asked for a reboot\n");
        break;
    case SHUTDOWN_watchdog:
        printk("torpor: dom0's watchdog has run out: rebooting\n");
        machine_crashed();
        break;
    default:
        printk("torpor: dom0 has crashed (reason %u): rebooting\n", reason);
        machine_crashed();
        break;
    }
    if (options.noreboot) {
        printk("torpor: halted, as noreboot says; reset the machine\n");
        cpu_halt();
    }
    psci_system_reset();
}

static bool begin(struct domain *d, unsigned reason)
{
    struct domain_shutdown *s = &d->shutdown;
    struct vcpu *v = current_vcpu();
    bool first;

    spin_lock(&s->lock);
    first = !s->down && !domain_is_dying(d);
    if (first) {
        if (!s->latched)
            s->reason = reason;
        s->down = true;
        s->caller = reason == SHUTDOWN_suspend && v && v->domain == d ? v : NULL;
        domain_pause_nosync(d);   /* here, so that a resume takes back a pause that was made */
    }
    spin_unlock(&s->lock);
    return first;
}

static void tell(struct domain *d, unsigned reason)
{
    uint32_t port = __atomic_load_n(&d->shutdown.suspend_port, __ATOMIC_RELAXED);

    if (reason == SHUTDOWN_suspend && port)
        (void)evtchn_send(d, port);
    else
        evtchn_send_global_virq(VIRQ_DOM_EXC);
}

bool domain_shutdown(struct domain *d, unsigned reason)
{
    if (d == dom0 && reason != SHUTDOWN_suspend)
        machine_shutdown(reason);
    if (!begin(d, reason))
        return false;
    tell(d, reason);
    return true;
}

void domain_latch_shutdown(struct domain *d, unsigned reason)
{
    struct domain_shutdown *s = &d->shutdown;

    spin_lock(&s->lock);
    if (!s->latched) {
        s->latched = true;
        s->reason = reason;
    }
    spin_unlock(&s->lock);
}

/* The vCPU whose call to suspend is cancelled by a resume now, or NULL. */
static struct vcpu *cancelled_caller(const struct domain_shutdown *s) REQUIRES(s->lock)
{
    return s->down && s->reason == SHUTDOWN_suspend ? s->caller : NULL;
}

/*
 * The call's own result is written on the way out of its trap: before that is over nothing may be put there. It is
 * waited for without the lock: what it still does may wait for others that want that (a watchdog that fires). Nobody
 * else resumes the domain meanwhile, and lets the caller run on: that rests on the lock of domctls.
 */
void domain_resume(struct domain *d)
{
    struct domain_shutdown *s = &d->shutdown;
    struct vcpu *caller;

    spin_lock(&s->lock);
    while ((caller = cancelled_caller(s)) && sched_is_running(&caller->sched)) {
        spin_unlock(&s->lock);
        sched_sleep_sync(&caller->sched);
        spin_lock(&s->lock);
    }
    if (caller)
        core_set_result(caller, 1);
    if (s->down)
        domain_unpause(d);
    s->down = s->latched = false;
    s->caller = NULL;
    s->reason = 0;
    spin_unlock(&s->lock);
}

bool domain_is_down(struct domain *d, unsigned *reason)
{
    bool down;

    spin_lock(&d->shutdown.lock);
    down = d->shutdown.down;
    *reason = d->shutdown.reason;
    spin_unlock(&d->shutdown.lock);
    return down;
}

bool domain_awaits_resume(struct domain *d)
{
    unsigned reason;

    return domain_is_down(d, &reason) && reason == SHUTDOWN_suspend;
}

void domain_subscribe_suspend(struct domain *d, uint32_t port)
{
    __atomic_store_n(&d->shutdown.suspend_port, port, __ATOMIC_RELAXED);
}

/* --- Its record: whether it had suspended itself, which is all that one that is to run again can have done --- */

struct shutdown_saved {
    uint32_t suspended, zero;
};

static int shutdown_save(void *object, unsigned instance, struct record_writer *w)
{
    struct shutdown_saved r = { 0 };
    unsigned reason;
    bool down = domain_is_down(object, &reason);

    (void)instance;
    if (down && reason != SHUTDOWN_suspend)
        return record_refuse_save(w, -EINVAL, "says that the domain has ended");
    r.suspended = down;
    record_write(w, &r, sizeof(r));
    return 0;
}

static int shutdown_check(void *object, unsigned instance, struct record_reader *in)
{
    struct shutdown_saved r;
    unsigned reason;

    (void)instance;
    if (domain_is_down(object, &reason))
        return record_refuse(in, -EINVAL, "is for a domain that has not ended already");
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    return r.suspended > 1 || r.zero ? record_refuse(in, -EBADMSG, "has a state that there is not") : 0;
}

/* In its new domain it goes on at once. */
static int shutdown_restore(void *object, unsigned instance, struct record_reader *in)
{
    (void)object;
    (void)instance;
    (void)in;
    return 0;
}

const struct record_kind shutdown_record = {
    .name = "SHUTDOWN", .id = RECORD_SHUTDOWN, .version = 1, .count = record_count_one,
    .save = shutdown_save, .check = shutdown_check, .restore = shutdown_restore,
};
