// SPDX-License-Identifier: Apache-2.0
/*
 * The answer of XEN_DOMCTL_getdomaininfo and XEN_SYSCTL_getdomaininfolist about a domain: a snapshot, taken without
 * stopping it.
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "cpu/sched.h"
#include "dev/gic.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

static uint32_t life_flags(struct domain *d)
{
    uint32_t flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
    unsigned reason;

    if (d->life == DOMAIN_DEAD)
        flags |= XEN_DOMINF_dying;
    if (domain_is_down(d, &reason))
        flags |= XEN_DOMINF_shutdown | (reason & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
    if (domain_is_paused_by_controller(d) || domain_is_suspended(d))
        flags |= XEN_DOMINF_paused;
    return flags;
}

/* A domain is blocked if it has online vCPUs and all are, running if one is. */
static void fill_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool all_blocked = true;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (!v)
            continue;
        info->max_vcpu_id = i;
        info->cpu_time += sched_runtime_ns(&v->sched);
        if (!vcpu_is_on(v))
            continue;
        info->nr_online_vcpus++;
        if (!v->blocked)
            all_blocked = false;
        if (sched_is_running(&v->sched))
            info->flags |= XEN_DOMINF_running;
    }
    if (all_blocked && info->nr_online_vcpus)
        info->flags |= XEN_DOMINF_blocked;
}

void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    info->flags = life_flags(d);
    info->tot_pages = frames_owned(&d->frames);
    info->max_pages = frames_limit(&d->frames);
    info->outstanding_pages = frames_claimed(&d->frames);
    info->shared_info_frame = d->shared_info.gfn.gfn;
    info->ssidref = d->ssidref;
    domain_get_handle(d, info->handle);
    info->gpaddr_bits = (uint8_t)d->p2m.address_bits;
    info->arch_config.gic_version = gic.version == 2 ? XEN_DOMCTL_CONFIG_GIC_V2 : XEN_DOMCTL_CONFIG_GIC_V3;
    fill_vcpus(d, info);
}

int domctl_get_info(struct domain *d, struct xen_domctl *op)
{
    domctl_fill_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    return 0;
}
