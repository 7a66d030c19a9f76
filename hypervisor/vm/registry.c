// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers of domains, in chunks made on demand and kept, and a bit for each that can be found. Invariants: a number
 * whose bit is set is in its chunk; a bit of listed_words says that its word of `listed` is not 0. So the next domain
 * is found in a few steps, however many there are and however far from each other: a host sleep walks over all of them
 * several times.
 */
#include "vm/registry.h"

#include "arch/lock.h"
#include "arch/nospec.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/domain.h"

#define ID_CHUNK    512u
#define ID_CHUNKS   (DOMID_FIRST_RESERVED_ / ID_CHUNK + 1)

static struct spinlock lock = SPINLOCK_INIT;
/* Read without the lock by domain_of_id(). */
static struct domain **id_chunks[ID_CHUNKS];
static uint64_t taken[BITMAP_WORDS(DOMID_FIRST_RESERVED_)] GUARDED_BY(lock);
static uint64_t listed[BITMAP_WORDS(DOMID_FIRST_RESERVED_)] GUARDED_BY(lock);
static uint64_t listed_words[BITMAP_WORDS(ARRAY_SIZE(listed))] GUARDED_BY(lock);
static domid_t next_id GUARDED_BY(lock) = 1;

struct domain *domain_of_id(domid_t id)
{
    struct domain **chunk = id < DOMID_FIRST_RESERVED_
                                ? __atomic_load_n(&id_chunks[index_nospec(id / ID_CHUNK, ID_CHUNKS)], __ATOMIC_ACQUIRE)
                                : NULL;

    return chunk ? __atomic_load_n(&chunk[id % ID_CHUNK], __ATOMIC_ACQUIRE) : NULL;
}

static int id_set(domid_t id, struct domain *d) REQUIRES(lock)
{
    struct domain ***chunk = &id_chunks[id / ID_CHUNK];

    if (!*chunk) {
        struct domain **new = heap_alloc_array(ID_CHUNK, sizeof(*new));

        if (!new)
            return -ENOMEM;
        __atomic_store_n(chunk, new, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&(*chunk)[id % ID_CHUNK], d, __ATOMIC_RELEASE);
    return 0;
}

bool domain_hold(struct domain *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    do {
        if (refs == 0 || refs == UINT32_MAX)
            return false;
    } while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0)
        domain_free(d);
}

struct domain *domain_get(domid_t id)
{
    struct domain *d = NULL;

    spin_lock(&lock);
    if (id < DOMID_FIRST_RESERVED_ && bitmap_test(listed, id))
        d = domain_of_id(id);
    if (d && !domain_hold(d))
        d = NULL;
    spin_unlock(&lock);
    return d;
}

/* The first number from `id` on that is listed, or DOMID_FIRST_RESERVED_. */
static unsigned find_listed(unsigned id) REQUIRES(lock)
{
    unsigned end = (unsigned)align_up(id + 1u, 64), near = bitmap_find(listed, end, id, true), word;

    if (near < end)
        return near;
    word = bitmap_find(listed_words, ARRAY_SIZE(listed), end / 64, true);
    return word < ARRAY_SIZE(listed) ? bitmap_find(listed, (word + 1) * 64, word * 64, true) : DOMID_FIRST_RESERVED_;
}

struct domain *domain_get_from(domid_t id)
{
    struct domain *found = NULL;

    spin_lock(&lock);
    for (unsigned at = id; !found && at < DOMID_FIRST_RESERVED_; at++) {
        at = find_listed(at);
        if (at < DOMID_FIRST_RESERVED_ && domain_hold(domain_of_id((domid_t)at)))
            found = domain_of_id((domid_t)at);
    }
    spin_unlock(&lock);
    return found;
}

struct domain *domain_next(struct domain *d)
{
    struct domain *next = domain_get_from(d ? (domid_t)(d->id + 1) : 0);

    if (d)
        domain_put(d);
    return next;
}

/* The next free number at or after the last one given out, and round to 1; dom0's is asked for by name only. */
static unsigned free_id(void) REQUIRES(lock)
{
    unsigned id = bitmap_find(taken, DOMID_FIRST_RESERVED_, next_id, false);

    return id < DOMID_FIRST_RESERVED_ ? id : bitmap_find(taken, DOMID_FIRST_RESERVED_, 1, false);
}

static int take(struct domain *d, domid_t wanted) REQUIRES(lock)
{
    unsigned id = wanted == DOMID_ANY ? free_id() : wanted;
    int err;

    if (id >= DOMID_FIRST_RESERVED_)
        return wanted == DOMID_ANY ? -EEXIST : -EINVAL;
    if (bitmap_test(taken, id))
        return -EEXIST;
    err = id_set((domid_t)id, d);
    if (err)
        return err;
    bitmap_set(taken, id);
    d->id = (domid_t)id;
    if (wanted == DOMID_ANY)
        next_id = id + 1 < DOMID_FIRST_RESERVED_ ? (domid_t)(id + 1) : 1;
    return 0;
}

int registry_take_id(struct domain *d, domid_t wanted)
{
    int err;

    spin_lock(&lock);
    err = take(d, wanted);
    spin_unlock(&lock);
    return err;
}

void registry_enlist(struct domain *d)
{
    spin_lock(&lock);
    bitmap_set(listed, d->id);
    bitmap_set(listed_words, d->id / 64u);
    spin_unlock(&lock);
}

void registry_remove(struct domain *d)
{
    spin_lock(&lock);
    if (domain_of_id(d->id) == d) {
        bitmap_clear(listed, d->id);
        if (!listed[d->id / 64u])
            bitmap_clear(listed_words, d->id / 64u);
        bitmap_clear(taken, d->id);
        (void)id_set(d->id, NULL);
    }
    spin_unlock(&lock);
}
