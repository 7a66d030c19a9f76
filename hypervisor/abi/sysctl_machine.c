// SPDX-License-Identifier: Apache-2.0
/* Sysctls about the machine: CPUs and memory, seen as one node of cores without threads. */
#include "abi/sysctl.h"

#include <xen/sysctl.h>

#include "base/cpu.h"
#include "base/time.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/guest_access.h"

#define LOCAL_DISTANCE 10  /* ACPI 6.4, 5.2.17: a node to itself */

int sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *p = &op->u.physinfo;

    memset(p, 0, sizeof(*p));
    p->threads_per_core = 1;
    p->cores_per_socket = cpus_present();
    p->nr_cpus = cpus_online();
    p->max_cpu_id = cpus_present() - 1;
    p->nr_nodes = 1;
    p->cpu_khz = (uint32_t)(counter_frequency() / 1000);
    p->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    p->total_pages = frames_total();
    p->free_pages = frames_free();
    p->outstanding_pages = frames_claimed(NULL);
    p->max_mfn = frames_last().mfn;
    return 0;
}

static uint64_t cpu_idle_ns(const struct cpu *cpu)
{
    uint64_t since = __atomic_load_n(&cpu->idle_since, __ATOMIC_RELAXED);
    uint64_t ticks = __atomic_load_n(&cpu->idle_ticks, __ATOMIC_RELAXED);

    return ticks_to_ns(since ? ticks + counter_now() - since : ticks);
}

int sysctl_cpu_info(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *c = &op->u.getcpuinfo;

    c->nr_cpus = (uint32_t)min_u64(c->max_cpus, cpus_present());
    for (unsigned i = 0; i < c->nr_cpus; i++) {
        struct xen_sysctl_cpuinfo info = { .idletime = cpu_idle_ns(&cpus[i]) };

        if (copy_to_guest_index(c->info.q, i, &info))
            return -EFAULT;
    }
    return 0;
}

int sysctl_avail_heap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *a = &op->u.availheap;

    /* Free memory is not counted by address width. */
    if (a->min_bitwidth || a->max_bitwidth)
        return -EOPNOTSUPP;
    a->avail_bytes = a->node == -1 || a->node == 0 ? frames_free() * PAGE_SIZE : 0;
    return 0;
}

/* A null array asks how many there are; one too short gets as many as fit, and the number that there are. */
int sysctl_cpu_topology(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
    unsigned fits = t->cputopo.q ? (unsigned)min_u64(t->num_cpus, cpus_present()) : 0;

    for (unsigned i = 0; i < fits; i++) {
        struct xen_sysctl_cputopo cpu = { .core = i, .socket = 0, .node = 0 };

        if (copy_to_guest_index(t->cputopo.q, i, &cpu))
            return -EFAULT;
    }
    t->num_cpus = cpus_present();
    return 0;
}

int sysctl_numa_info(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *n = &op->u.numainfo;
    const struct xen_sysctl_meminfo memory = {
        .memsize = frames_total() * PAGE_SIZE,
        .memfree = frames_free() * PAGE_SIZE,
    };
    const uint32_t distance = LOCAL_DISTANCE;

    if (n->num_nodes > 0) {
        if (n->meminfo.q && copy_to_guest(n->meminfo.q, &memory, sizeof(memory)))
            return -EFAULT;
        if (n->distance.q && copy_to_guest(n->distance.q, &distance, sizeof(distance)))
            return -EFAULT;
    }
    n->num_nodes = 1;
    return 0;
}
