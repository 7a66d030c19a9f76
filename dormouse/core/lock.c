// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's way into a spinlock that is held (arch/lock.h). Its holder may be a vCPU that the hypervisor runs no more
 * because this one runs: where there are more vCPUs than CPUs each hand-over would cost a time slice, and so would each
 * turn in a queue. So there is no queue, and a CPU that has tried for some time gives way.
 */
#include "dormouse/core/lock.h"
#include "dormouse/xen/hypercall.h"

enum { TRIES = 256 };       /* longer than any holder that runs needs */

UNCHECKED_LOCKING void spin_lock_contended(struct spinlock *l)
{
    for (unsigned tries = 1; !spin_trylock(l); tries++) {
        if (tries % TRIES == 0)
            sched_op(SCHEDOP_yield, NULL);
        cpu_relax();
    }
}
