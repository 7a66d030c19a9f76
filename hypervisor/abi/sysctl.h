// SPDX-License-Identifier: Apache-2.0
/*
 * XEN_SYSCTL_* (xen/include/public/sysctl.h): one function an operation; abi/sysctl.c has the table, and has checked
 * privilege and interface version. An operation reads and fills its member of op->u, and returns 0 or -errno; -ERESTART
 * with op changed so that the same call goes on.
 */
#pragma once

#include "lib/base.h"

struct xen_sysctl;

typedef int sysctl_op(struct xen_sysctl *op);

/* sysctl_machine.c: the machine, and its free memory. */
sysctl_op sysctl_physinfo, sysctl_cpu_info, sysctl_avail_heap, sysctl_cpu_topology, sysctl_numa_info;

/* sysctl_pool.c: the scheduler and the one pool of CPUs. */
sysctl_op sysctl_sched_id, sysctl_scheduler, sysctl_cpupool;
