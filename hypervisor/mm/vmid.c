// SPDX-License-Identifier: Apache-2.0
#include "mm/vmid.h"

#include "arch/lock.h"

#define VMIDS 256

static struct spinlock lock = SPINLOCK_INIT;
/* Written under the lock, read without: by who has one, and runs only after it was taken. 0 is EL2's before guests. */
static uint16_t holders[VMIDS];

uint16_t vmid_take(void)
{
    uint16_t best = 1;

    spin_lock(&lock);
    for (uint16_t n = 1; n < VMIDS && holders[best]; n++)
        if (holders[n] < holders[best])
            best = n;
    __atomic_store_n(&holders[best], holders[best] + 1, __ATOMIC_RELAXED);
    spin_unlock(&lock);
    return best;
}

void vmid_put(uint16_t vmid)
{
    spin_lock(&lock);
    BUG_ON(!holders[vmid]);
    __atomic_store_n(&holders[vmid], holders[vmid] - 1, __ATOMIC_RELEASE);
    spin_unlock(&lock);
}

bool vmid_is_shared(uint16_t vmid) { return __atomic_load_n(&holders[vmid], __ATOMIC_ACQUIRE) > 1; }
