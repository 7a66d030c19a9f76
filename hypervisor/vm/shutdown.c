// SPDX-License-Identifier: Apache-2.0
#include "vm/shutdown.h"

#include "lib/base.h"

#include <xen/xen.h>
#include <xen/sched.h>

#include "base/cpu.h"
#include "base/options.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "dev/psci.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"

/* dom0's end is the machine's. */
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
        break;
    default:
        printk("torpor: dom0 has crashed (reason %u): rebooting\n", reason);
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
    bool first;

    spin_lock(&s->lock);
    first = !s->down && !domain_is_dying(d);
    if (first) {
        if (!s->latched)
            s->reason = reason;
        s->down = true;
        domain_pause_nosync(d);   /* here, so that who resumes takes back a pause that was made */
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

void domain_shutdown(struct domain *d, unsigned reason)
{
    if (d == dom0 && reason != SHUTDOWN_suspend)
        machine_shutdown(reason);
    if (!begin(d, reason))
        return;
    tell(d, reason);
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

void domain_resume(struct domain *d)
{
    struct domain_shutdown *s = &d->shutdown;

    spin_lock(&s->lock);
    if (s->down)
        domain_unpause(d);
    s->down = s->latched = false;
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

void domain_subscribe_suspend(struct domain *d, uint32_t port)
{
    __atomic_store_n(&d->shutdown.suspend_port, port, __ATOMIC_RELAXED);
}
