// SPDX-License-Identifier: Apache-2.0
/*
 * Domains: who there is, how one begins and ends, and pausing.
 *
 * Invariant: a domain is in the list from its creation until its last reference is dropped; the list holds one reference
 * until domain_destroy() is through, each set of pages and each shared page one more. So its number is taken as long as anybody else has a part of it.
 */
#include "vm/domain.h"

#include <stdarg.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "base/cpu.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/gic.h"
#include "dev/psci.h"
#include "base/options.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/vcpu.h"
#include "vm/arm64/vtimer.h"

#define ID_CHUNK    512u
#define ID_CHUNKS   (DOMID_FIRST_RESERVED_ / ID_CHUNK + 1)
#define ANY_ID      0xffffu
#define PAUSE_MAX   255u
#define FIRST_POOL  16     /* pages for stage-2 tables until the toolstack says how many (XEN_DOMCTL_set_paging_mempool_size) */

struct domain *dom0;

static struct spinlock list_lock = SPINLOCK_INIT;
static struct list domains = LIST_INIT(domains);
/* Numbers to domains, in chunks made on demand and kept; read without the lock by domain_of_id(). */
static struct domain **id_chunks[ID_CHUNKS];
static domid_t next_id GUARDED_BY(list_lock) = 1;

struct domain *domain_of_id(domid_t id)
{
    struct domain **chunk = id < DOMID_FIRST_RESERVED_ ? __atomic_load_n(&id_chunks[id / ID_CHUNK], __ATOMIC_ACQUIRE) : NULL;

    return chunk ? __atomic_load_n(&chunk[id % ID_CHUNK], __ATOMIC_ACQUIRE) : NULL;
}

static int id_set(domid_t id, struct domain *d) REQUIRES(list_lock)
{
    struct domain ***chunk = &id_chunks[id / ID_CHUNK];

    if (!*chunk) {
        struct domain **new = heap_alloc_array(ID_CHUNK, sizeof(*new));

        if (!new)
            return -ENOMEM;
        __atomic_store_n(chunk, new, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&(*chunk)[id % ID_CHUNK], d, __ATOMIC_RELEASE);
    return 0;
}

bool domain_hold(struct domain *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    do {
        if (refs == 0 || refs == UINT32_MAX)
            return false;
    } while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

struct domain *domain_get(domid_t id)
{
    struct domain *d;

    spin_lock(&list_lock);
    d = domain_of_id(id);
    if (d && (list_empty(&d->node) || !domain_hold(d)))
        d = NULL;
    spin_unlock(&list_lock);
    return d;
}

struct domain *domain_get_from(domid_t id)
{
    struct domain *found = NULL;

    spin_lock(&list_lock);
    list_for_each(d, &domains, struct domain, node) {
        if (d->id >= id && domain_hold(d)) {
            found = d;
            break;
        }
    }
    spin_unlock(&list_lock);
    return found;
}

/* Takes a number, which is `wanted` or the next free one. */
static int domain_take_id(struct domain *d, domid_t wanted)
{
    domid_t id = wanted;
    int err = 0;

    spin_lock(&list_lock);
    if (wanted == ANY_ID) {
        id = next_id;
        for (unsigned tries = 0; domain_of_id(id) && tries < DOMID_FIRST_RESERVED_; tries++)
            id = id + 1u < DOMID_FIRST_RESERVED_ ? (domid_t)(id + 1) : 1;
    }
    if (id >= DOMID_FIRST_RESERVED_)
        err = -EINVAL;
    else if (domain_of_id(id))
        err = -EEXIST;
    else
        err = id_set(id, d);
    if (!err) {
        d->id = id;
        if (wanted == ANY_ID)
            next_id = id + 1u < DOMID_FIRST_RESERVED_ ? (domid_t)(id + 1) : 1;
    }
    spin_unlock(&list_lock);
    return err;
}

/* Whole as it is now, others may find it. */
static void domain_enlist(struct domain *d)
{
    struct list *at = &domains;

    spin_lock(&list_lock);
    list_for_each(other, &domains, struct domain, node) {
        if (other->id > d->id) {
            at = &other->node;
            break;
        }
    }
    list_insert_before(at, &d->node);
    spin_unlock(&list_lock);
}

static void domain_delist(struct domain *d)
{
    spin_lock(&list_lock);
    if (!list_empty(&d->node))
        list_remove(&d->node);
    if (domain_of_id(d->id) == d)
        (void)id_set(d->id, NULL);
    spin_unlock(&list_lock);
}

/* What the last reference leaves: tables and the struct. Nobody can find it any more. */
static void domain_free(struct domain *d)
{
    domain_delist(d);
    evtchn_domain_free(d);
    grant_domain_free(d);
    p2m_destroy(&d->p2m);
    vgic_domain_destroy(d);
    sched_domain_destroy(&d->sched);
    range_set_free(&d->iomem_caps);
    range_set_free(&d->irq_caps);
    vcpus_free(d);
    heap_free(d->vcpus, d->max_vcpus * sizeof(d->vcpus[0]));
    heap_free(d, sizeof(*d));
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0)
        domain_free(d);
}

struct frame_owner *frame_owner_of_id(domid_t id)
{
    struct domain *d = domain_of_id(id);

    return d ? &d->frames : NULL;
}

bool frame_owner_hold(struct frame_owner *o) { return domain_hold(domain_of_frames(o)); }
void frame_owner_put(struct frame_owner *o) { domain_put(domain_of_frames(o)); }

static void watchdog_fired(void *data);

static void domain_init_fields(struct domain *d, const struct domain_config *c)
{
    d->refs = 1;
    d->privileged = d->hypervisor_console = c->privileged;
    d->direct_mapped = c->direct_mapped;
    d->flags = c->flags;
    d->ssidref = c->ssidref;
    memcpy(d->handle, c->handle, sizeof(d->handle));
    d->max_vcpus = c->max_vcpus;
    d->shared_info_gfn = INVALID_GFN;
    d->created_ns = system_time_ns();
    d->counter_offset = c->privileged ? 0 : counter_now();
    d->pause_count = d->controller_pause_count = 1;
    list_init(&d->node);
    sched_domain_init(&d->sched, d->max_vcpus);
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
        timer_init(&d->watchdogs[i].timer, watchdog_fired, d);
}

/* dom0's interrupt controller stands where the machine's does; others' where libxl's device tree says. */
static int domain_init_vgic(struct domain *d, unsigned nr_spis)
{
    struct vgic_layout layout = {
        .distributor = gic.version == 2 ? GUEST_GICD_BASE : GUEST_GICV3_GICD_BASE,
        .cpu_interface = GUEST_GICC_BASE,
        .redistributors = GUEST_GICV3_GICR0_BASE,
        .redistributors_size = GUEST_GICV3_GICR0_SIZE,
    };

    if (d->privileged) {
        layout.distributor = gic.distributor;
        layout.cpu_interface = gic.cpu_interface;
        layout.redistributors = gic.redistributors[0].base;
        layout.redistributors_size = gic.redistributors[0].size;
    }
    return vgic_domain_init(d, gic.version, nr_spis, &layout);
}

static int domain_init_parts(struct domain *d, const struct domain_config *c)
{
    int err = p2m_init(&d->p2m, &d->frames);

    frames_owner_init(&d->frames, d->id, d->privileged ? UINT64_MAX : 0);
    if (!err && !d->privileged)
        err = p2m_set_pool(&d->p2m, FIRST_POOL);
    if (err)
        return err;
    d->shared_info = frame_alloc_shared(&d->frames);
    if (!d->shared_info)
        return -ENOMEM;
    err = domain_init_vgic(d, c->nr_spis);
    if (!err)
        err = evtchn_domain_init(d, c->max_event_ports);
    if (!err)
        err = grant_domain_init(d, c->max_grant_frames, c->max_maptrack_frames);
    return err;
}

int domain_create(domid_t id, const struct domain_config *config, struct domain **out)
{
    struct domain *d = heap_new(struct domain);
    int err;

    if (!d)
        return -ENOMEM;
    domain_init_fields(d, config);
    d->vcpus = heap_alloc_array(d->max_vcpus, sizeof(*d->vcpus));
    err = d->vcpus ? domain_take_id(d, id) : -ENOMEM;
    if (!err)
        err = domain_init_parts(d, config);
    if (err) {
        d->life = DOMAIN_DEAD;
        frame_free_shared(d->shared_info);
        domain_put(d);
        return err;
    }
    domain_enlist(d);
    wallclock_update(d);   /* who sets the clock tells those in the list, and from now on that is this one too */
    *out = d;
    return 0;
}

static void watchdog_arm(struct domain *d, unsigned i, unsigned timeout_seconds)
{
    d->watchdogs[i].in_use = timeout_seconds != 0;
    if (timeout_seconds)
        timer_set(&d->watchdogs[i].timer, counter_now() + (uint64_t)timeout_seconds * counter_frequency());
    else
        timer_stop(&d->watchdogs[i].timer);
}

/* From now on nothing of the domain's runs or begins. */
static int destroy_stop(struct domain *d)
{
    d->life = DOMAIN_DYING;
    frames_owner_die(&d->frames);
    domain_pause(d);
    spin_lock(&d->watchdog_lock);
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
        watchdog_arm(d, i, 0);
    spin_unlock(&d->watchdog_lock);
    return 0;
}

static int destroy_events(struct domain *d) { return evtchn_domain_destroy(d, preempt_pending); }
static int destroy_grants(struct domain *d) { return grant_domain_destroy(d, preempt_pending); }
static int destroy_mappings(struct domain *d) { return p2m_release_all(&d->p2m, preempt_pending); }
static int destroy_pages(struct domain *d) { return frames_release_all(&d->frames, preempt_pending); }

static int destroy_devices(struct domain *d)
{
    vuart_destroy(d);
    return 0;
}

static int destroy_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (!d->vcpus[i])
            continue;
        evtchn_vcpu_destroy(d->vcpus[i]);
        vcpu_destroy(d->vcpus[i]);
        if (preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* Physical interrupts go back, for another domain to have. */
static int destroy_interrupts(struct domain *d)
{
    vgic_domain_destroy(d);
    return 0;
}

static int destroy_shown_pages(struct domain *d)
{
    frame_free_shared(d->shared_info);
    d->shared_info = NULL;
    return 0;
}

/* In order; each may be interrupted and is then called again. */
static int (*const destroy_steps[])(struct domain *) = {
    destroy_stop, destroy_devices, destroy_events, destroy_grants, destroy_mappings, destroy_vcpus,
    destroy_interrupts, destroy_shown_pages, destroy_pages,
};

int domain_destroy(struct domain *d)
{
    if (d->privileged || (current_vcpu() && current_vcpu()->domain == d))
        return -EINVAL;
    while (d->destroy_step < ARRAY_SIZE(destroy_steps)) {
        int err = destroy_steps[d->destroy_step](d);

        if (err)
            return err;
        d->destroy_step++;
    }
    if (d->life == DOMAIN_DYING) {
        d->life = DOMAIN_DEAD;
        domain_send_global_virq(VIRQ_DOM_EXC);
        domain_put(d);   /* the list's: the caller has one of its own */
    }
    return 0;
}

static void vcpus_sleep(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_sleep(&d->vcpus[i]->sched);
}

static void vcpus_wake(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_wake(&d->vcpus[i]->sched);
}

/* Pauses without waiting: for one's own domain, which leaves its CPUs on the way out of the trap. */
static void domain_pause_nosync(struct domain *d)
{
    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    vcpus_sleep(d);
}

void domain_pause(struct domain *d)
{
    domain_pause_nosync(d);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_sleep_sync(&d->vcpus[i]->sched);
}

void domain_unpause(struct domain *d)
{
    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        vcpus_wake(d);
}

int domain_pause_by_controller(struct domain *d)
{
    uint32_t n = __atomic_load_n(&d->controller_pause_count, __ATOMIC_RELAXED);

    do {
        if (n >= PAUSE_MAX)
            return -EOVERFLOW;
    } while (!__atomic_compare_exchange_n(&d->controller_pause_count, &n, n + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    uint32_t n = __atomic_load_n(&d->controller_pause_count, __ATOMIC_RELAXED);

    do {
        if (n == 0)
            return -EINVAL;
    } while (!__atomic_compare_exchange_n(&d->controller_pause_count, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    domain_unpause(d);
    return 0;
}

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

void domain_shutdown(struct domain *d, unsigned reason)
{
    bool first;

    if (d == dom0 && reason != SHUTDOWN_suspend)
        machine_shutdown(reason);
    spin_lock(&d->shutdown_lock);
    first = !d->shutting_down && d->life == DOMAIN_ALIVE;
    if (first) {
        if (!d->shutdown_latched)
            d->shutdown_code = reason;
        d->shutting_down = true;
    }
    spin_unlock(&d->shutdown_lock);
    if (!first)
        return;
    domain_pause_nosync(d);
    if (reason == SHUTDOWN_suspend && d->suspend_port)
        (void)evtchn_send(d, d->suspend_port);
    else
        domain_send_global_virq(VIRQ_DOM_EXC);
}

void domain_latch_shutdown(struct domain *d, unsigned reason)
{
    spin_lock(&d->shutdown_lock);
    if (!d->shutdown_latched) {
        d->shutdown_latched = true;
        d->shutdown_code = reason;
    }
    spin_unlock(&d->shutdown_lock);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    printk("torpor: domain %u crashed: %s\n", d->id, why);
    domain_shutdown(d, SHUTDOWN_crash);
}

void domain_resume(struct domain *d)
{
    bool was;

    spin_lock(&d->shutdown_lock);
    was = d->shutting_down;
    d->shutting_down = d->shutdown_latched = false;
    d->shutdown_code = 0;
    spin_unlock(&d->shutdown_lock);
    if (was)
        domain_unpause(d);
}

void domain_send_global_virq(unsigned virq)
{
    evtchn_send_global_virq(virq);
}

static void watchdog_fired(void *data)
{
    struct domain *d = data;

    printk("torpor: domain %u: its watchdog has run out\n", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/* sched.h: id 0 and a time: a free one, whose id comes back; id and time: set; id and 0: disarmed. */
static int watchdog_set(struct domain *d, unsigned id, unsigned timeout_seconds) REQUIRES(d->watchdog_lock)
{
    if (id == 0) {
        if (!timeout_seconds)
            return -EINVAL;
        while (id < DOMAIN_WATCHDOGS && d->watchdogs[id].in_use)
            id++;
        if (id == DOMAIN_WATCHDOGS)
            return -ENOSPC;
        watchdog_arm(d, id, timeout_seconds);
        return (int)id + 1;
    }
    if (id > DOMAIN_WATCHDOGS || !d->watchdogs[id - 1].in_use)
        return -EINVAL;
    watchdog_arm(d, id - 1, timeout_seconds);
    return 0;
}

int domain_watchdog(struct domain *d, unsigned id, unsigned timeout_seconds)
{
    int result;

    spin_lock(&d->watchdog_lock);
    result = watchdog_set(d, id, timeout_seconds);
    spin_unlock(&d->watchdog_lock);
    return result;
}

void domain_watchdogs_halt(struct domain *d)
{
    uint64_t now = counter_now();

    spin_lock(&d->watchdog_lock);
    for (unsigned i = 0; d->watchdogs_halted == 0 && i < DOMAIN_WATCHDOGS; i++) {
        if (!d->watchdogs[i].in_use)
            continue;
        timer_stop(&d->watchdogs[i].timer);
        d->watchdogs[i].left = d->watchdogs[i].timer.expires - min_u64(now, d->watchdogs[i].timer.expires);
    }
    d->watchdogs_halted++;
    spin_unlock(&d->watchdog_lock);
}

void domain_watchdogs_continue(struct domain *d)
{
    spin_lock(&d->watchdog_lock);
    d->watchdogs_halted--;
    for (unsigned i = 0; d->watchdogs_halted == 0 && i < DOMAIN_WATCHDOGS; i++)
        if (d->watchdogs[i].in_use)
            timer_set(&d->watchdogs[i].timer, counter_now() + d->watchdogs[i].left);
    spin_unlock(&d->watchdog_lock);
}

bool domain_is_suspended(const struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i] && d->vcpus[i]->suspended)
            return true;
    return false;
}

bool domain_wake(struct domain *d)
{
    bool woken = false;

    for (unsigned i = 0; i < d->max_vcpus; i++)
        woken |= d->vcpus[i] && vcpu_wake(d->vcpus[i]);
    return woken;
}
