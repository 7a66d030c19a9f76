// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/threads.c tests/unit/threads_memory.c tests/unit/threads_dirty.c hypervisor/vm/memory.c */
/* sources: hypervisor/vm/shared_info.c hypervisor/vm/capabilities.c lib/ranges.c hypervisor/mm/p2m.c */
/* sources: hypervisor/mm/p2m_table.c hypervisor/mm/p2m_dirty.c hypervisor/mm/heap.c hypervisor/mm/dma.c */
/* sources: hypervisor/mm/vmid.c hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/* The machine and the life of domains for threads_part.h; run as build/unit/tsan_memory [SEED [ROUNDS]]. */
#include "threads_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/relax.h"
#include "arch/stage2.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define THREADS   4
#define FIRST_MFN UINT64_C(0x40000)

static const struct threads_part *const parts[] = { &threads_dirty, &threads_memory };

static char *ram;
static unsigned rounds = 12000;

/* The domains, by number; as vm/domain.c, only shorter. A thread that runs as a vCPU has `running` for reading. */
static struct spinlock list_lock = SPINLOCK_INIT;
static struct domain *domains[THREADS_DOMAINS + 1];
static pthread_rwlock_t running[THREADS_DOMAINS + 1];
static struct spinlock domctl_lock = SPINLOCK_INIT;

bool UNCHECKED_LOCKING threads_domctl_begin(void) { return spin_trylock(&domctl_lock); }
void UNCHECKED_LOCKING threads_domctl_end(void) { spin_unlock(&domctl_lock); }

void *mfn_to_virt(mfn_t mfn) { return ram + ((mfn.mfn - FIRST_MFN) << PAGE_SHIFT); }
mfn_t virt_to_mfn(const void *va) { return MFN((uint64_t)((const char *)va - ram) / PAGE_SIZE + FIRST_MFN); }
void cache_clean(const void *va, size_t size) { (void)va; (void)size; }
void cache_clean_invalidate(const void *va, size_t size) { (void)va; (void)size; }
void icache_invalidate_all(void) { }
unsigned stage2_address_bits(void) { return 40; }
unsigned stage2_vmid_bits(void) { return 8; }

bool domain_hold(struct domain *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    do {
        if (refs == 0)
            return false;
    } while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
        return;
    spin_lock(&list_lock);
    domains[d->id] = NULL;
    spin_unlock(&list_lock);
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        if (parts[i]->free)
            parts[i]->free(d);
    free(d);
}

struct domain *domain_get(domid_t id)
{
    struct domain *d;

    spin_lock(&list_lock);
    d = domains[id] && domain_hold(domains[id]) ? domains[id] : NULL;
    spin_unlock(&list_lock);
    return d;
}

struct frame_owner *frame_owner_of_id(domid_t id)
{
    struct frame_owner *o;

    spin_lock(&list_lock);
    o = domains[id] ? &domains[id]->frames : NULL;
    spin_unlock(&list_lock);
    return o;
}

bool frame_owner_hold(struct frame_owner *o) { return domain_hold(domain_of_frames(o)); }
void frame_owner_put(struct frame_owner *o) { domain_put(domain_of_frames(o)); }

static void domain_make(domid_t id)
{
    struct domain *d = calloc(1, sizeof(*d));
    int err = 0;

    d->id = id;
    d->refs = 1;
    for (unsigned i = 0; !err && i < ARRAY_SIZE(parts); i++)
        if (parts[i]->create)
            err = parts[i]->create(d);
    spin_lock(&list_lock);
    if (err || domains[id]) {
        err = -1;
    } else {
        domains[id] = d;
    }
    spin_unlock(&list_lock);
    if (!err)
        return;
    /* Somebody was faster, or memory is short: nobody has seen this one. */
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        if (parts[i]->free)
            parts[i]->free(d);
    free(d);
}

/* As XEN_DOMCTL_destroydomain: one at a time, its vCPUs stand still, and it may take several calls. */
static void domain_unmake(struct domain *d)
{
    if (!spin_trylock(&domctl_lock))
        return;
    if (__atomic_load_n(&d->life, __ATOMIC_RELAXED) != DOMAIN_DEAD) {
        __atomic_store_n(&d->life, DOMAIN_DYING, __ATOMIC_RELAXED);
        frames_owner_die(&d->frames);
        pthread_rwlock_wrlock(&running[d->id]);
        pthread_rwlock_unlock(&running[d->id]);
        for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
            while (parts[i]->destroy && parts[i]->destroy(d))
                continue;
        __atomic_store_n(&d->life, DOMAIN_DEAD, __ATOMIC_RELAXED);
        domain_put(d);   /* the list's */
    }
    spin_unlock(&domctl_lock);
}

static void act(struct domain *self, struct domain *other)
{
    pthread_rwlock_rdlock(&running[self->id]);
    for (unsigned n = 0; n < 20 && __atomic_load_n(&self->life, __ATOMIC_RELAXED) == DOMAIN_ALIVE; n++) {
        const struct threads_part *part = parts[threads_random(ARRAY_SIZE(parts))];

        part->act(self, other);
    }
    pthread_rwlock_unlock(&running[self->id]);
}

/* The one waited for may need the CPU that this thread has. */
static void yield(void) { syscall(SYS_sched_yield); }

/* Another CPU comes in between, often where it hurts: on few host CPUs that would be rare. */
static void unlocked(void)
{
    if (threads_random(4) == 0)
        yield();
}

static void cpu(unsigned thread)
{
    (void)thread;
    for (unsigned n = 0; n < rounds; n++) {
        domid_t id = (domid_t)(1 + threads_random(THREADS_DOMAINS));
        struct domain *self = domain_get(id), *other = domain_get((domid_t)(1 + threads_random(THREADS_DOMAINS)));

        if (!self)
            domain_make(id);
        else if (threads_random(150) == 0)
            domain_unmake(self);
        else if (other)
            act(self, other);
        if (self)
            domain_put(self);
        if (other)
            domain_put(other);
    }
}

int main(int argc, char **argv)
{
    paddr_t start = PADDR(FIRST_MFN << PAGE_SHIFT), end = PADDR((FIRST_MFN + THREADS_FRAMES) << PAGE_SHIFT);
    unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    struct thread threads[THREADS];

    rounds = argc > 2 ? (unsigned)atoi(argv[2]) : rounds;
    ram = mmap(NULL, end.pa - start.pa, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    frames_init(aligned_alloc(PAGE_SIZE, frames_table_size(start, end)), start, end, end.pa - start.pa);
    frames_add(start, end.pa - start.pa);
    for (unsigned i = 0; i <= THREADS_DOMAINS; i++)
        pthread_rwlock_init(&running[i], NULL);
    host_relax = yield;
    host_after_unlock = unlocked;
    threads_start(threads, THREADS, cpu, seed * THREADS);
    threads_join(threads, THREADS);
    /*
     * A holder of a frame of another lets go of it with its own end: the numbers are free only when all are through.
     */
    for (domid_t id = 1; id <= THREADS_DOMAINS; id++) {
        struct domain *d = domain_get(id);

        if (!d)
            continue;
        domain_unmake(d);
        domain_put(d);
    }
    for (domid_t id = 1; id <= THREADS_DOMAINS; id++)
        threads_expect(!domains[id]);
    threads_expect(frames_claimed(NULL) == 0);
    threads_expect(frames_free() == THREADS_FRAMES);
    printf("%u threads, %u rounds each, seed %u: nothing is left\n", THREADS, rounds, seed);
    return 0;
}
