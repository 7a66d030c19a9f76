// SPDX-License-Identifier: Apache-2.0
/*
 * Domctls from a domain's creation to its end. createdomain's request is checked whole, in domctl_check_config(),
 * before anything is made.
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "base/time.h"
#include "cpu/cpu.h"
#include "dev/gic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"

#define FIFO_MAX_PORT         ((1u << 17) - 1)  /* EVTCHN_FIFO_NR_CHANNELS - 1 */

/*
 * Every guest is one that the ABI calls HVM with hardware-assisted paging, and nothing else: there is no IOMMU, PMU,
 * nesting.
 */
#define CDF_REQUIRED (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

static int check_arch(const struct xen_arch_domainconfig *arch, unsigned max_vcpus, unsigned machine_gic)
{
    unsigned version = machine_gic;

    switch (arch->gic_version) {
    case XEN_DOMCTL_CONFIG_GIC_NATIVE:
        break;
    case XEN_DOMCTL_CONFIG_GIC_V2:
        version = 2;
        break;
    case XEN_DOMCTL_CONFIG_GIC_V3:
        version = 3;
        break;
    default:
        return -EINVAL;
    }
    if (version != machine_gic)
        return -ENODEV;
    if (version == 2 && max_vcpus > VGIC_V2_MAX_VCPUS)
        return -EINVAL;
    if (arch->nr_spis > VGIC_MAX_SPIS || arch->tee_type != XEN_DOMCTL_CONFIG_TEE_NONE)
        return -EINVAL;
    return 0;
}

/* Negative: the creator leaves it to us. */
static unsigned limit_or_default(int32_t wanted, unsigned otherwise)
{
    return wanted < 0 ? otherwise : (unsigned)wanted;
}

/* Puts `want` into our own terms; -EINVAL, -ENODEV, -ESRCH for requests that cannot be met. machine_gic: 2 or 3. */
static int config_of(const struct xen_domctl_createdomain *want, unsigned machine_gic, struct domain_config *config)
{
    if (want->flags != CDF_REQUIRED || want->iommu_opts || want->vmtrace_size)
        return -EINVAL;
    if (want->cpupool_id)
        return -ESRCH;
    if (want->grant_opts != XEN_DOMCTL_GRANT_version(1))
        return -EINVAL;
    if (want->max_vcpus < 1 || want->max_vcpus > DOMAIN_MAX_VCPUS)
        return -EINVAL;

    *config = (struct domain_config){
        .max_vcpus = want->max_vcpus,
        .nr_spis = (unsigned)align_up(want->arch.nr_spis, 32),
        .max_event_ports = (unsigned)min_u64(want->max_evtchn_port, FIFO_MAX_PORT),
        .max_grant_frames = limit_or_default(want->max_grant_frames, DOMCTL_GRANT_FRAMES),
        .max_maptrack_frames = limit_or_default(want->max_maptrack_frames, DOMCTL_MAPTRACK_FRAMES),
        .flags = want->flags,
        .ssidref = want->ssidref,
    };
    memcpy(config->handle, want->handle, sizeof(config->handle));
    if (config->max_grant_frames < 1 || config->max_grant_frames > DOMCTL_GRANT_FRAMES ||
        config->max_maptrack_frames > DOMCTL_MAPTRACK_FRAMES)
        return -EINVAL;
    return check_arch(&want->arch, want->max_vcpus, machine_gic);
}

int domctl_create(struct xen_domctl *op)
{
    struct xen_domctl_createdomain *want = &op->u.createdomain;
    domid_t id = op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED ? DOMID_ANY : op->domain;
    struct domain_config config;
    struct domain *d;
    int error;

    error = config_of(want, gic.version, &config);
    if (error)
        return error;
    error = domain_create(id, &config, &d);
    if (error)
        return error;
    op->domain = d->id;
    want->arch.gic_version = gic.version == 2 ? XEN_DOMCTL_CONFIG_GIC_V2 : XEN_DOMCTL_CONFIG_GIC_V3;
    want->arch.clock_frequency = (uint32_t)counter_frequency_override();
    return 0;
}

int domctl_destroy(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_destroy(d);
}

int domctl_pause(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_pause_by_controller(d);
}

int domctl_unpause(struct domain *d, struct xen_domctl *op)
{
    int error;

    (void)op;
    domain_start(d);
    error = domain_unpause_by_controller(d);
    /*
     * A domain that has suspended itself is shown as paused, so this wakes it: libxenctrl's way to resumedomain is for
     * other suspends.
     */
    return error && domain_wake(d) ? 0 : error;
}

int domctl_resume(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    if (!domain_wake(d))
        domain_resume(d);
    return 0;
}

int domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
    bool made_one = false;

    /* The number was given to createdomain; this call only makes them. */
    if (op->u.max_vcpus.max != d->max_vcpus)
        return -EINVAL;
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        if (d->vcpus[i])
            continue;
        if (made_one && preempt_pending())
            return -ERESTART;
        if (!vcpu_create(d, i))
            return -ENOMEM;
        made_one = true;
    }
    return 0;
}

int domctl_set_handle(struct domain *d, struct xen_domctl *op)
{
    domain_set_handle(d, op->u.setdomainhandle.handle);
    return 0;
}

int domctl_set_time_offset(struct domain *d, struct xen_domctl *op)
{
    clock_set_time_offset(d, op->u.settimeoffset.time_offset_seconds);
    return 0;
}

int domctl_subscribe(struct domain *d, struct xen_domctl *op)
{
    domain_subscribe_suspend(d, op->u.subscribe.port);
    return 0;
}

int domctl_set_virq_handler(struct domain *d, struct xen_domctl *op)
{
    return evtchn_set_virq_handler(d, op->u.set_virq_handler.virq);
}
