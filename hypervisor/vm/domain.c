// SPDX-License-Identifier: Apache-2.0
/*
 * How a domain begins and ends.
 *
 * Invariant: a domain can be found from its creation until its last reference is dropped; its life is one reference
 * until domain_destroy() is through, each set of pages and each shared page one more. So its number is taken as long as
 * anybody else has a part of it.
 */
#include "vm/domain.h"

#include <xen/xen.h>

#include "base/printk.h"
#include "cpu/cpu.h"
#include "dev/gic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/vcpu.h"

/* pages for stage-2 tables until the toolstack says how many (XEN_DOMCTL_set_paging_mempool_size) */
#define FIRST_POOL  16

struct domain *dom0;

static struct spinlock handle_lock = SPINLOCK_INIT;   /* of every domain's: a handle is read whole */

void domain_free(struct domain *d)
{
    registry_remove(d);
    evtchn_domain_free(d);
    grant_domain_free(d);
    p2m_destroy(&d->p2m);
    vgic_domain_destroy(d);
    sched_domain_destroy(&d->sched);
    capabilities_free(d);
    cpu_view_free(d);
    vcpus_free(d);
    heap_free(d->vcpus, d->max_vcpus * sizeof(d->vcpus[0]));
    heap_free(d, sizeof(*d));
}

struct frame_owner *frame_owner_of_id(domid_t id)
{
    struct domain *d = domain_of_id(id);

    return d ? &d->frames : NULL;
}

bool frame_owner_hold(struct frame_owner *o) { return domain_hold(domain_of_frames(o)); }
void frame_owner_put(struct frame_owner *o) { domain_put(domain_of_frames(o)); }

static void domain_init_fields(struct domain *d, const struct domain_config *c)
{
    d->refs = 1;
    d->privileged = d->hypervisor_console = c->privileged;
    d->direct_mapped = c->direct_mapped;
    d->flags = c->flags;
    d->ssidref = c->ssidref;
    memcpy(d->handle, c->handle, sizeof(d->handle));
    d->max_vcpus = c->max_vcpus;
    clock_init(d);
    domain_pause_init(d);
    watchdogs_init(d);
    sched_domain_init(&d->sched, d->max_vcpus);
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
    if (err == -ENOSPC)
        printk("torpor: d%u: no VMID is left, and these CPUs keep branch predictions apart by VMID alone\n", d->id);
    if (!err && !d->privileged)
        err = p2m_set_pool(&d->p2m, FIRST_POOL);
    if (err)
        return err;
    err = shared_info_create(d);
    if (!err)
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
    err = d->vcpus ? registry_take_id(d, id) : -ENOMEM;
    if (!err)
        err = domain_init_parts(d, config);
    if (err) {
        d->life = DOMAIN_DEAD;
        shared_info_destroy(d);
        domain_put(d);
        return err;
    }
    registry_enlist(d);
    wallclock_update(d);   /* setting the clock tells all domains that can be found, from now on this one too */
    *out = d;
    return 0;
}

/* From now on nothing of the domain's runs or begins. */
static int destroy_stop(struct domain *d)
{
    d->life = DOMAIN_DYING;
    frames_owner_die(&d->frames);
    domain_pause(d);
    watchdogs_end(d);
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
    shared_info_destroy(d);
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
        evtchn_send_global_virq(VIRQ_DOM_EXC);
        domain_put(d);   /* its life's: the caller has one of its own */
    }
    return 0;
}

void domain_set_handle(struct domain *d, const uint8_t handle[16])
{
    spin_lock(&handle_lock);
    memcpy(d->handle, handle, sizeof(d->handle));
    spin_unlock(&handle_lock);
}

void domain_get_handle(const struct domain *d, uint8_t handle[16])
{
    spin_lock(&handle_lock);
    memcpy(handle, d->handle, sizeof(d->handle));
    spin_unlock(&handle_lock);
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

/* --- Its record: the parameters that it was created with, and has to be created with again --- */

#define GUEST_ADDRESS_BITS 40   /* that a guest sees, and libxl uses, where stage 2 has more for dom0's devices */

struct domain_record_v1 {
    uint32_t max_vcpus, address_bits;   /* of guest-physical addresses */
};

static int domain_save(void *object, unsigned instance, struct record_writer *w)
{
    const struct domain *d = object;
    struct domain_record_v1 r = { d->max_vcpus, (uint32_t)min_u64(d->p2m.address_bits, GUEST_ADDRESS_BITS) };

    (void)instance;
    record_write(w, &r, sizeof(r));
    return capabilities_are_none(object)
               ? 0
               : record_refuse_save(w, -EOPNOTSUPP, "is of one with a device that is passed through (iomem, irqs)");
}

static int domain_check(void *object, unsigned instance, struct record_reader *in)
{
    const struct domain *d = object;
    struct domain_record_v1 r;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (r.max_vcpus != d->max_vcpus)
        return record_refuse(in, -EINVAL, "is of a domain with another number of vCPUs");
    return r.address_bits <= d->p2m.address_bits
               ? 0
               : record_refuse(in, -EOPNOTSUPP, "is of a domain with larger physical addresses than this host's");
}

static int domain_restore(void *object, unsigned instance, struct record_reader *in)
{
    (void)object;
    (void)instance;
    (void)in;
    return 0;
}

const struct record_kind domain_record = {
    .name = "DOMAIN", .id = RECORD_DOMAIN, .version = 1, .count = record_count_one,
    .save = domain_save, .check = domain_check, .restore = domain_restore,
};
