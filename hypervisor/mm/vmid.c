// SPDX-License-Identifier: Apache-2.0
#include "mm/vmid.h"

#include "arch/lock.h"
#include "arch/stage2.h"
#include "lib/errno.h"

#define NARROW 256
#define WIDE   32768   /* of 65,536: more than there are numbers of domains (DOMID_FIRST_RESERVED) */

static struct spinlock lock = SPINLOCK_INIT;
static unsigned vmids GUARDED_BY(lock) = WIDE;
static bool may_share GUARDED_BY(lock) = true;
/*
 * Written under the lock, read without: by who has one, and runs only after it was taken. 0 is EL2's before guests. So
 * many domains as there may be give a narrow VMID half of what fits.
 */
static uint8_t holders[WIDE];

static unsigned wide_holders GUARDED_BY(lock), second_holders GUARDED_BY(lock);

static void count_holder(uint16_t vmid, int by) REQUIRES(lock)
{
    unsigned before = by > 0 ? holders[vmid] : holders[vmid] - 1u;

    wide_holders += vmid >= NARROW ? (unsigned)by : 0;
    second_holders += before ? (unsigned)by : 0;
    __atomic_store_n(&holders[vmid], (uint8_t)(holders[vmid] + by), __ATOMIC_RELEASE);
}

int vmid_cpu_on(bool shares)
{
    bool narrow = stage2_vmid_bits() < 16;
    int err = 0;

    spin_lock(&lock);
    if ((narrow && wide_holders) || (!shares && second_holders)) {
        err = -EXDEV;
    } else {
        vmids = narrow ? NARROW : vmids;
        may_share &= shares;
    }
    spin_unlock(&lock);
    return err;
}

uint16_t vmid_take(void)
{
    uint16_t best = 1;

    spin_lock(&lock);
    for (uint16_t n = 1; n < vmids && holders[best]; n++)
        if (holders[n] < holders[best])
            best = n;
    if (holders[best] && !may_share)
        best = 0;
    else
        count_holder(best, 1);
    spin_unlock(&lock);
    return best;
}

void vmid_put(uint16_t vmid)
{
    spin_lock(&lock);
    BUG_ON(!holders[vmid]);
    count_holder(vmid, -1);
    spin_unlock(&lock);
}

bool vmid_is_shared(uint16_t vmid) { return __atomic_load_n(&holders[vmid], __ATOMIC_ACQUIRE) > 1; }
