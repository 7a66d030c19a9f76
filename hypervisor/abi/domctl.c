// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_domctl: the toolstack's grip on domains. The table of its operations, and the checks before each. */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "abi/abi.h"
#include "abi/domctl_copy.h"
#include "abi/domctl_needs.h"
#include "arch/lock.h"
#include "arch/nospec.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define COPY_BACK  1u  /* the guest reads *op afterwards */
#define ANY_LIFE   2u  /* also of a domain that is dying */
#define NOT_OWN    4u  /* -EINVAL of the caller's own domain */
#define UNSUPPORTED 8u /* known, refused with -EOPNOTSUPP */

struct domctl_entry {
    domctl_op *run;
    unsigned flags;
};

/* Operations that are not here are -ENOSYS: those of x86, of devices that Arm has not, and removed ones. */
static const struct domctl_entry entries[] = {
    [XEN_DOMCTL_destroydomain] = { domctl_destroy, ANY_LIFE | NOT_OWN },
    [XEN_DOMCTL_pausedomain] = { domctl_pause, ANY_LIFE | NOT_OWN },
    [XEN_DOMCTL_unpausedomain] = { domctl_unpause, ANY_LIFE | NOT_OWN },
    [XEN_DOMCTL_resumedomain] = { domctl_resume, NOT_OWN },
    [XEN_DOMCTL_getdomaininfo] = { domctl_get_info, COPY_BACK | ANY_LIFE },
    [XEN_DOMCTL_max_vcpus] = { domctl_max_vcpus, NOT_OWN },
    [XEN_DOMCTL_setdomainhandle] = { domctl_set_handle, 0 },
    [XEN_DOMCTL_settimeoffset] = { domctl_set_time_offset, 0 },
    [XEN_DOMCTL_subscribe] = { domctl_subscribe, 0 },
    [XEN_DOMCTL_set_virq_handler] = { domctl_set_virq_handler, 0 },

    [XEN_DOMCTL_gethvmcontext] = { domctl_get_records, COPY_BACK | NOT_OWN },
    [XEN_DOMCTL_sethvmcontext] = { domctl_set_records, NOT_OWN },
    [XEN_DOMCTL_gethvmcontext_partial] = { domctl_get_record, COPY_BACK | NOT_OWN },

    [XEN_DOMCTL_setvcpucontext] = { domctl_set_context, NOT_OWN },
    [XEN_DOMCTL_getvcpucontext] = { domctl_get_context, NOT_OWN },
    [XEN_DOMCTL_getvcpuinfo] = { domctl_get_vcpu_info, COPY_BACK | ANY_LIFE },
    [XEN_DOMCTL_setvcpuaffinity] = { domctl_set_affinity, 0 },
    [XEN_DOMCTL_getvcpuaffinity] = { domctl_get_affinity, ANY_LIFE },
    [XEN_DOMCTL_setnodeaffinity] = { domctl_set_node_affinity, 0 },
    [XEN_DOMCTL_getnodeaffinity] = { domctl_get_node_affinity, ANY_LIFE },
    [XEN_DOMCTL_scheduler_op] = { domctl_scheduler, COPY_BACK | ANY_LIFE },
    [XEN_DOMCTL_set_address_size] = { domctl_set_address_size, 0 },

    [XEN_DOMCTL_max_mem] = { domctl_max_mem, 0 },
    [XEN_DOMCTL_cacheflush] = { domctl_cache_flush, COPY_BACK },
    [XEN_DOMCTL_set_paging_mempool_size] = { domctl_set_pool, 0 },
    [XEN_DOMCTL_get_paging_mempool_size] = { domctl_get_pool, COPY_BACK },

    [XEN_DOMCTL_shadow_op] = { domctl_shadow, COPY_BACK | NOT_OWN },

    [XEN_DOMCTL_iomem_permission] = { domctl_iomem_permission, 0 },
    [XEN_DOMCTL_irq_permission] = { domctl_irq_permission, 0 },
    [XEN_DOMCTL_memory_mapping] = { domctl_memory_mapping, 0 },
    [XEN_DOMCTL_bind_pt_irq] = { domctl_bind_irq, 0 },
    [XEN_DOMCTL_unbind_pt_irq] = { domctl_unbind_irq, 0 },
    [XEN_DOMCTL_vuart_op] = { domctl_vuart, COPY_BACK },

    /* There is no IOMMU to put a device behind; without one, a platform device is passed by iomem and irqs alone. */
    [XEN_DOMCTL_assign_device] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_deassign_device] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_test_assign_device] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_get_device_group] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_setdebugging] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_set_target] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_monitor_op] = { NULL, UNSUPPORTED },
    [XEN_DOMCTL_setvnumainfo] = { NULL, UNSUPPORTED },
};

/*
 * Guards nothing by itself: the order of domctls. Its two users are pairs of calls, which the analysis cannot follow.
 */
static struct spinlock domctl_lock = SPINLOCK_INIT;

bool UNCHECKED_LOCKING domctl_begin(void) { return spin_trylock(&domctl_lock); }
void UNCHECKED_LOCKING domctl_end(void) { spin_unlock(&domctl_lock); }

/* XEN_DOMCTL_getdomaininfo asks for the first domain from a number on, which is how the tools walk all of them. */
static struct domain *domctl_target(const struct xen_domctl *op)
{
    return op->cmd == XEN_DOMCTL_getdomaininfo ? domain_get_from(op->domain) : domain_get(op->domain);
}

static int domctl_run(struct domain *d, const struct domctl_entry *entry, struct xen_domctl *op)
{
    if (entry->flags & UNSUPPORTED)
        return -EOPNOTSUPP;
    if (!entry->run)
        return -ENOSYS;
    if ((entry->flags & NOT_OWN) && d == current_vcpu()->domain)
        return -EINVAL;
    if (!(entry->flags & ANY_LIFE) && d->life != DOMAIN_ALIVE)
        return -EINVAL;
    return entry->run(d, op);
}

static const struct domctl_entry *domctl_find(uint32_t command)
{
    static const struct domctl_entry unknown, copy_pages = { domctl_copy_pages, COPY_BACK | NOT_OWN },
                                     needs = { domctl_needs, COPY_BACK | NOT_OWN };

    if (command == TORPOR_DOMCTL_COPY_PAGES)
        return &copy_pages;
    if (command == TORPOR_DOMCTL_NEEDS)
        return &needs;
    return command < ARRAY_SIZE(entries) ? &entries[index_nospec(command, ARRAY_SIZE(entries))] : &unknown;
}

static int domctl_dispatch(struct xen_domctl *op, unsigned *flags)
{
    const struct domctl_entry *entry = domctl_find(op->cmd);
    struct domain *d;
    int result;

    if (op->cmd == XEN_DOMCTL_createdomain) {
        *flags = COPY_BACK;
        return domctl_create(op);
    }
    d = domctl_target(op);
    if (!d)
        return -ESRCH;
    result = domctl_run(d, entry, op);
    domain_put(d);
    *flags = entry->flags;
    return result;
}

long abi_domctl(uint64_t arg_va)
{
    struct xen_domctl op;
    unsigned flags = 0;
    int result;

    if (copy_from_guest(&op, arg_va, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!current_vcpu()->domain->privileged)
        return -EPERM;

    if (!domctl_begin())
        return -ERESTART;
    result = domctl_dispatch(&op, &flags);
    domctl_end();

    if (result && result != -ERESTART)
        return result;
    if ((flags & COPY_BACK) && copy_to_guest(arg_va, &op, sizeof(op)))
        return -EFAULT;
    return result;
}
