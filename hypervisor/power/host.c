// SPDX-License-Identifier: Apache-2.0
/*
 * The host's sleep, and the jump (jump.c), which is a sleep of another list. One CPU goes through the list below, from
 * dom0's SYSTEM_SUSPEND on, and comes back through it to dom0. It runs to completion as any trap does: dom0 has no
 * other vCPU on, so nobody else can begin anything.
 */
#include "power/host.h"

#include <xen/xen.h>

#include "arch/idle.h"
#include "arch/sysreg.h"
#include "arch/sleep.h"
#include "base/printk.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "dev/console.h"
#include "dev/gic.h"
#include "dev/its.h"
#include "dev/psci.h"
#include "dev/smmu.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "mm/el2.h"
#include "power/history.h"
#include "power/jump.h"
#include "power/wakeup.h"
#include "vm/domain.h"
#include "dev/irq.h"
#include "vm/irq.h"
#include "vm/kexec.h"
#include "vm/vcpu.h"
#include "vm/arm64/vpsci.h"
#include "vm/arm64/vtimer.h"

static struct host_sleep past[HOST_SLEEPS_KEPT];
static unsigned sleeps;

static struct host_sleep *host_of(struct sleep *s) { return s->context; }

const struct host_sleep *host_sleep_past(unsigned age)
{
    return age < sleeps && age < HOST_SLEEPS_KEPT ? &past[(sleeps - 1 - age) % HOST_SLEEPS_KEPT] : NULL;
}

/* --- dom0's vCPU: out of this CPU, whose registers are lost --- */

static int dom0_enter(struct sleep *s)
{
    (void)s;
    domain_watchdogs_halt(dom0);
    vcpu_switch_out(current_vcpu());
    return 0;
}

static void dom0_leave(struct sleep *s)
{
    (void)s;
    vcpu_switch_in(current_vcpu());
    domain_watchdogs_continue(dom0);
}

const struct sleep_stage dom0_stage = { .name = "dom0", .enter = dom0_enter, .leave = dom0_leave };

/* --- EL2's own registers: nothing to keep, for they are set up from constants and tables --- */

static void core_leave(struct sleep *s)
{
    const struct host_sleep *h = host_of(s);

    cpu_stages_resume();
    sched_skip(&current_vcpu()->sched, ns_to_ticks(h->up_ns - h->down_ns));   /* dom0 did not run while it slept */
}

const struct sleep_stage core_stage = { .name = "core", .leave = core_leave };

/* --- The sleep itself --- */

static bool wake_is_pending(void)
{
    return read_sysreg(isr_el1) & ISR_I;
}

/*
 * Firmware without SYSTEM_SUSPEND, or that would refuse it: this CPU waits, with only those interrupts enabled that
 * wake the host.
 */
static void sleep_by_idling(void)
{
    while (!wake_is_pending())
        cpu_wait_for_interrupt();
}

static int64_t call_firmware(struct cpu_context *c)
{
    return psci_system_suspend(image_to_paddr(resume_entry), (uint64_t)c);
}

static int sleep_by_firmware(void)
{
    struct cpu_context c;
    int64_t status = cpu_sleep(&c, call_firmware);

    if (status)
        printk("torpor: the firmware refuses to sleep (PSCI SYSTEM_SUSPEND: %ld)", (long)status);
    return status ? -EPERM : 0;
}

/*
 * An interrupt that keeps dom0 awake, or VGIC_NO_INTID. The one of its event channels does not: all domains that could
 * send are frozen by now, and an event that came before they were waits, as it does in a kernel that masks interrupts
 * that may not wake it.
 */
static unsigned dom0_waker(void) { return vgic_waker(current_vcpu(), GUEST_EVTCHN_PPI); }

static int firmware_enter(struct sleep *s)
{
    struct host_sleep *h = host_of(s);
    /*
     * an interrupt that came for dom0 or a suspended domain while the rest went down is not seen at the interrupt
     * controller any more
     */
    unsigned waker = dom0_waker();
    bool awake = waker != VGIC_NO_INTID || domains_woken();
    int error = 0;

    if (waker != VGIC_NO_INTID) {
        h->woken = true;
        h->wake_irq = waker;
        h->wake_domain = dom0->id;
    }
    h->down_ns = s->now_ns();
    if (!awake && !wake_is_pending()) {
        if (psci_can_suspend() && !cpus_lost_are_on())
            error = sleep_by_firmware();
        else
            sleep_by_idling();
    }
    h->up_ns = s->now_ns();
    sleep_note(s, SLEEP_ASLEEP, "asleep", 0, error, h->down_ns, h->up_ns);
    return error;
}

static const struct sleep_stage firmware_stage = { .name = "firmware", .enter = firmware_enter };

/* --- The list --- */

static const struct sleep_stage *const stages[] = {
    &domains_stage,
    &dom0_stage,
    &cpus_stage,
    &timers_stage,
    &console_stage,
    &smmu_stage,
    &its_stage,
    &gic_stage,
    &wakeup_stage,
    &core_stage,
    &firmware_stage,
};

const struct sleep_list host_sleep_list = { .name = "host", .stages = stages, .count = ARRAY_SIZE(stages) };

static void report(const struct host_sleep *h)
{
    const struct sleep *s = &h->sleep;
    uint64_t end = s->now_ns(), ms = (h->up_ns - h->down_ns) / 1000000;
    char by[IRQ_DEVICE_NAME + 48];

    if (s->error) {
        printk("torpor: the host does not %s: stage %s failed (error %d)", s->list == &jump_list ? "jump" : "sleep",
               s->failed ? s->failed->name : "?", -s->error);
        return;
    }
    if (s->turned_back) {
        printk("torpor: the host's %s turned back as the test level says, after %lu us",
               s->list == &jump_list ? "jump" : "sleep", (end - h->began_ns) / 1000);
        return;
    }
    if (s->list == &jump_list) {
        printk("torpor: %s after %lu.%03lu s; down in %lu us, up in %lu us",
               h->restored ? "restored from its image" : "jumped into another kernel, and back", ms / 1000, ms % 1000,
               (h->down_ns - h->began_ns) / 1000, (end - h->up_ns) / 1000);
        return;
    }
    if (!h->woken)
        snprintf(by, sizeof(by), "no interrupt that is still there");
    else if (h->wake_domain == DOMID_HYPERVISOR)
        snprintf(by, sizeof(by), "%s (interrupt %u of the hypervisor)", irq_device(h->wake_irq), h->wake_irq);
    else
        snprintf(by, sizeof(by), "%s (interrupt %u of domain %u)", irq_device(h->wake_irq), h->wake_irq,
                 h->wake_domain);
    printk("torpor: slept %lu.%03lu s, woken by %s; down in %lu us, up in %lu us", ms / 1000, ms % 1000, by,
           (h->down_ns - h->began_ns) / 1000, (end - h->up_ns) / 1000);
}

static int host_suspend(struct vcpu *v)
{
    struct host_sleep *h = &past[sleeps % HOST_SLEEPS_KEPT];
    const struct sleep_list *list = kexec_is_armed() ? &jump_list : &host_sleep_list;
    int error;

    vtimer_retract(v);
    if (list == &host_sleep_list && dom0_waker() != VGIC_NO_INTID)
        return 0;   /* awake again before it slept */
    *h = (struct host_sleep){ .number = sleeps + 1, .began_ns = system_time_ns() };
    h->sleep.list = list;
    h->sleep.now_ns = system_time_ns;
    h->sleep.context = h;
    error = sleep_run(&h->sleep);
    if (list == &host_sleep_list && h->down_ns && !error && !h->woken)
        h->woken = wakeup_source(&h->wake_irq, &h->wake_domain);
    sleeps++;
    report(h);
    return error;
}

void host_sleep_init(void)
{
    vpsci_set_host_suspend(host_suspend);
    jump_init();
    host_sleep_history_init();
}
