// SPDX-License-Identifier: Apache-2.0
/* Capabilities, in lists that grow as needed. The toolstack changes them while the guest maps: hence the lock. */
#include "vm/capabilities.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/domain.h"

#define FIRST_CAPACITY 8u

/* Room for the one entry more that any change may need. */
static int make_room(struct ranges *r)
{
    unsigned capacity = r->capacity ? r->capacity * 2 : FIRST_CAPACITY;
    struct range *bigger;

    if (r->count < r->capacity)
        return 0;
    bigger = heap_alloc_array(capacity, sizeof(*bigger));
    if (!bigger)
        return -ENOMEM;
    if (r->count)
        memcpy(bigger, r->at, r->count * sizeof(*bigger));
    heap_free(r->at, r->capacity * sizeof(*bigger));
    r->at = bigger;
    r->capacity = capacity;
    return 0;
}

static int change(struct domain *d, enum capability kind, int (*how)(struct ranges *, uint64_t, uint64_t),
                  uint64_t first, uint64_t last)
{
    struct domain_capabilities *c = &d->capabilities;
    int err;

    spin_lock(&c->lock);
    err = make_room(&c->of[kind]);
    if (!err)
        err = how(&c->of[kind], first, last);
    spin_unlock(&c->lock);
    return err;
}

int capability_grant(struct domain *d, enum capability kind, uint64_t first, uint64_t last)
{
    return change(d, kind, ranges_add, first, last);
}

int capability_revoke(struct domain *d, enum capability kind, uint64_t first, uint64_t last)
{
    return change(d, kind, ranges_remove, first, last);
}

bool capability_has(struct domain *d, enum capability kind, uint64_t first, uint64_t last)
{
    struct domain_capabilities *c = &d->capabilities;
    bool has;

    spin_lock(&c->lock);
    has = ranges_contain(c->of[kind].at, c->of[kind].count, first, last);
    spin_unlock(&c->lock);
    return has;
}

bool capabilities_are_none(struct domain *d)
{
    struct domain_capabilities *c = &d->capabilities;
    unsigned count = 0;

    spin_lock(&c->lock);
    for (unsigned i = 0; i < CAPABILITY_COUNT; i++)
        count += c->of[i].count;
    spin_unlock(&c->lock);
    return count == 0;
}

void capabilities_free(struct domain *d)
{
    struct domain_capabilities *c = &d->capabilities;

    spin_lock(&c->lock);
    for (unsigned i = 0; i < CAPABILITY_COUNT; i++) {
        heap_free(c->of[i].at, c->of[i].capacity * sizeof(*c->of[i].at));
        c->of[i] = (struct ranges){ 0 };
    }
    spin_unlock(&c->lock);
}
