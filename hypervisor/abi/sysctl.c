// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_sysctl: the toolstack's questions to the machine as a whole. The table, and the operations that are about
 * messages and the list of domains.
 */
#include "abi/sysctl.h"

#include <xen/sysctl.h>

#include "abi/abi.h"
#include "abi/domctl.h"
#include "arch/nospec.h"
#include "cpu/cpu.h"
#include "base/printk.h"
#include "dev/console.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define CONSOLE_CHUNK 512

/*
 * The ring is copied in chunks; only the first may start anew, and it is forgotten, if so wished, only after the last.
 */
static int sysctl_read_console(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    bool incremental = r->incremental;
    uint32_t index = r->index, done = 0;
    char chunk[CONSOLE_CHUNK];

    while (done < r->count) {
        size_t n = printk_ring_read(chunk, min_u64(sizeof(chunk), r->count - done), &index, incremental, false);

        if (n == 0)
            break;
        if (copy_to_guest(r->buffer.q + done, chunk, n))
            return -EFAULT;
        done += (uint32_t)n;
        incremental = true;
    }
    if (r->clear)
        printk_ring_read(chunk, 0, &index, true, true);
    r->count = done;
    r->index = index;
    return 0;
}

static int sysctl_debug_keys(struct xen_sysctl *op)
{
    struct xen_sysctl_debug_keys *k = &op->u.debug_keys;

    while (k->nr_keys) {
        char key;

        if (copy_from_guest(&key, k->keys.q, sizeof(key)))
            return -EFAULT;
        console_debug_key(key);
        k->keys.q++;
        k->nr_keys--;
        if (k->nr_keys && preempt_pending())
            return -ERESTART;
    }
    return 0;
}

/* As long as there are domains: their memory bounds how many that can be. */
static int domain_list(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    domid_t next = list->first_domain;

    for (list->num_domains = 0; list->num_domains < list->max_domains; list->num_domains++) {
        struct xen_domctl_getdomaininfo info;
        struct domain *d = domain_get_from(next);

        if (!d)
            break;
        domctl_fill_info(d, &info);
        next = (domid_t)(d->id + 1);
        domain_put(d);
        if (copy_to_guest_index(list->buffer.q, list->num_domains, &info))
            return -EFAULT;
    }
    return 0;
}

static int sysctl_domain_list(struct xen_sysctl *op)
{
    int error;

    if (!domctl_begin())
        return -ERESTART;
    error = domain_list(op);
    domctl_end();
    return error;
}

static int sysctl_coverage(struct xen_sysctl *op)
{
    (void)op;
    return -EOPNOTSUPP;
}

/*
 * Operations that are not here are -ENOSYS: those of trace buffers, performance and lock counters, power management,
 * page offlining, live patches, x86.
 */
static sysctl_op *const operations[] = {
    [XEN_SYSCTL_readconsole] = sysctl_read_console,
    [XEN_SYSCTL_physinfo] = sysctl_physinfo,
    [XEN_SYSCTL_sched_id] = sysctl_sched_id,
    [XEN_SYSCTL_getdomaininfolist] = sysctl_domain_list,
    [XEN_SYSCTL_debug_keys] = sysctl_debug_keys,
    [XEN_SYSCTL_getcpuinfo] = sysctl_cpu_info,
    [XEN_SYSCTL_availheap] = sysctl_avail_heap,
    [XEN_SYSCTL_cputopoinfo] = sysctl_cpu_topology,
    [XEN_SYSCTL_numainfo] = sysctl_numa_info,
    [XEN_SYSCTL_cpupool_op] = sysctl_cpupool,
    [XEN_SYSCTL_scheduler_op] = sysctl_scheduler,
    [XEN_SYSCTL_coverage_op] = sysctl_coverage,
};

long abi_sysctl(uint64_t arg_va)
{
    struct xen_sysctl op;
    sysctl_op *run;
    int result;

    if (copy_from_guest(&op, arg_va, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    run = op.cmd < ARRAY_SIZE(operations) ? operations[index_nospec(op.cmd, ARRAY_SIZE(operations))] : NULL;
    if (!run)
        return -ENOSYS;

    result = run(&op);
    if (result && result != -ERESTART)
        return result;
    return copy_to_guest(arg_va, &op, sizeof(op)) ? -EFAULT : result;
}
