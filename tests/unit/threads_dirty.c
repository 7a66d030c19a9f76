// SPDX-License-Identifier: Apache-2.0
/*
 * Dirty tracking among threads: vCPUs write through TLBs that know what the tables said until they are told to forget
 * it, others write past the p2m, memory comes and goes, and tools that follow it all come and do not always come back.
 * A holder of a copy of a domain that reads a page again when told that it is dirty is told of every page that is other
 * than its copy.
 */
#include "threads_part.h"

#include <string.h>

#include "arch/stage2.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/p2m_dirty.h"
#include "mm/p2m_table.h"
#include "vm/memory.h"

/* threads_memory.c's pages, and a block; its word is 0 */
enum { GFNS = 1024, BLOCK_GFN = 512, VMIDS = 256, WORD = 1 };

/* Entries count as long as nobody told the VMID's TLBs to forget. A writer by one holds `use` for reading. */
static struct tlb { pthread_rwlock_t use; unsigned flushes; } tlbs[VMIDS];
static _Thread_local struct tlb_entry { unsigned flushes; uint64_t mfn; bool valid, writable; } entries[VMIDS][GFNS];

/* By a domain's number; under the lock of domctls. */
static struct { bool followed; uint64_t values[GFNS]; } copies[THREADS_DOMAINS + 1];
#define HOLE UINT64_MAX

__attribute__((constructor)) static void tlbs_init(void)
{
    for (unsigned i = 0; i < VMIDS; i++)
        pthread_rwlock_init(&tlbs[i].use, NULL);
}

bool stage2_has_dirty_state(void) { return true; }

void stage2_flush(uint64_t vttbr)
{
    struct tlb *t = &tlbs[vttbr >> 48];

    pthread_rwlock_wrlock(&t->use);
    t->flushes++;
    pthread_rwlock_unlock(&t->use);
}

void stage2_flush_entries(uint64_t vttbr, const gfn_t *gfns, unsigned n)
{
    (void)gfns;
    (void)n;
    stage2_flush(vttbr);
}

static uint64_t *word_of(uint64_t mfn) { return (uint64_t *)mfn_to_virt(MFN(mfn)) + WORD; }

/* A walk; of two CPUs one has the dirty state and one has not. */
static void tlb_fill(struct domain *d, uint64_t gfn, struct tlb_entry *e)
{
    unsigned level;
    uint64_t *pte;

    pthread_rwlock_rdlock(&tlbs[d->p2m.vmid].use);
    e->flushes = tlbs[d->p2m.vmid].flushes;
    pthread_rwlock_unlock(&tlbs[d->p2m.vmid].use);
    spin_lock(&d->p2m.lock);
    pte = entry_find(&d->p2m, GFN(gfn), &level);
    if ((*pte & S2_VALID) && (*pte & S2_DBM) && threads_random(2))
        __atomic_fetch_or(pte, S2_AP_WRITE, __ATOMIC_RELAXED);
    e->valid = pte_is_ram(*pte);
    e->writable = *pte & S2_AP_WRITE;
    e->mfn = pte_mfn(*pte).mfn + (gfn & (level_span(level) - 1));
    spin_unlock(&d->p2m.lock);
}

/* By the TLB: false if it does not let it. */
static bool tlb_write(struct domain *d, const struct tlb_entry *e, uint64_t value)
{
    struct tlb *t = &tlbs[d->p2m.vmid];
    bool may;

    pthread_rwlock_rdlock(&t->use);
    may = e->valid && e->writable && e->flushes == t->flushes;
    if (may)
        __atomic_store_n(word_of(e->mfn), value, __ATOMIC_RELAXED);
    pthread_rwlock_unlock(&t->use);
    return may;
}

static void vcpu_writes(struct domain *d)
{
    uint64_t gfn = threads_random(2) ? 480 + threads_random(64) : threads_random(GFNS),
             value = 1 + threads_random(UINT32_MAX - 1);
    struct tlb_entry *e = &entries[d->p2m.vmid][gfn];

    for (unsigned tries = 0; tries < 3 && !tlb_write(d, e, value); tries++) {
        tlb_fill(d, gfn, e);
        if (e->valid && !e->writable && p2m_write_fault(&d->p2m, GFN(gfn)))
            tlb_fill(d, gfn, e);   /* stage2_forget_here() */
    }
}

static uint64_t value_at(struct domain *d, uint64_t gfn)
{
    struct p2m_entry e;
    uint64_t value = HOLE;

    spin_lock(&d->p2m.lock);
    if (p2m_lookup_locked(&d->p2m, GFN(gfn), &e) && e.type == P2M_RAM_RW)
        value = __atomic_load_n(word_of(e.mfn.mfn), __ATOMIC_RELAXED);
    spin_unlock(&d->p2m.lock);
    return value;
}

static void another_writes(struct domain *d)
{
    mfn_t mfn;

    if (!p2m_get_frame_to_write(&d->p2m, GFN(threads_random(GFNS)), false, &mfn))
        return;
    for (unsigned n = threads_random(4); n; n--) {
        (void)value_at(d, 0);   /* time for others to come in between */
        __atomic_store_n(word_of(mfn.mfn), 1 + threads_random(UINT32_MAX - 1), __ATOMIC_RELAXED);
    }
    frame_put_writer(mfn);
}

/* Every page other than the copy is told. */
static void follow(struct domain *d)
{
    uint64_t bits[GFNS / 64] = { 0 }, *values = copies[d->id].values;
    bool other[GFNS];
    gfn_t next = GFN(0);

    for (unsigned i = 0; i < GFNS; i++)
        other[i] = value_at(d, i) != values[i];
    if (p2m_dirty_collect(&d->p2m, &next, GFN(GFNS), true, bits, threads_preempt))
        return;   /* it dies */
    for (unsigned i = 0; i < GFNS; i++) {
        bool dirty = bits[i / 64] >> i % 64 & 1;

        threads_expect(dirty || !other[i]);
        if (dirty)
            values[i] = value_at(d, i);
    }
}

static void follow_begin(struct domain *d)
{
    int err;

    do {
        err = p2m_dirty_start(&d->p2m, threads_preempt);
        if (err == -ERESTART && threads_random(4) == 0)
            return;   /* and does not come back */
    } while (err == -ERESTART);
    if (err == -EBUSY || err == -ENOMEM)
        (void)!p2m_dirty_stop(&d->p2m, threads_preempt);
    if (err)
        return;
    copies[d->id].followed = true;
    for (unsigned i = 0; i < GFNS; i++)
        copies[d->id].values[i] = value_at(d, i);
}

static void follow_end(struct domain *d)
{
    copies[d->id].followed = false;
    while (p2m_dirty_stop(&d->p2m, threads_preempt) == -ERESTART)
        if (threads_random(4) == 0)
            return;
}

/* A toolstack's part, one at a time. */
static void tool(struct domain *d)
{
    if (!threads_domctl_begin())
        return;
    if (__atomic_load_n(&d->life, __ATOMIC_RELAXED) == DOMAIN_ALIVE) {
        if (!copies[d->id].followed)
            follow_begin(d);
        else if (threads_random(10))
            follow(d);
        else
            follow_end(d);
    }
    threads_domctl_end();
}

static void act(struct domain *self, struct domain *other)
{
    switch (threads_random(12)) {
    case 0:
        tool(other);
        break;
    case 1:
        another_writes(other);
        break;
    case 2:
        (void)!memory_populate(self, GFN(BLOCK_GFN), 9, 0, threads_preempt);
        break;
    default:
        vcpu_writes(self);
        break;
    }
}

static int destroy(struct domain *d)
{
    if (copies[d->id].followed)
        follow(d);
    copies[d->id].followed = false;
    return 0;
}

const struct threads_part threads_dirty = { .name = "dirty", .act = act, .destroy = destroy };
