// SPDX-License-Identifier: Apache-2.0
/*
 * Small objects in power-of-two classes of 32 to 1024 bytes. A page of a class begins with a header and is carved into
 * slots, the free ones linked through themselves; a page whose slots are all free goes back to the frame allocator, so
 * that a domain's memory is given back to the last page. Invariant, under `lock`: a page is in its class's list iff it
 * has a free slot.
 */
#include "mm/heap.h"

#include "lib/list.h"
#include "arch/lock.h"
#include "lib/string.h"
#include "mm/frames.h"

#define CLASSES        6           /* 32, 64, ... 1024 */
#define LARGEST        (UINT64_C(32) << (CLASSES - 1))

struct slot {
    struct slot *next;
};

struct slab {
    struct list node;
    struct slot *free;
    unsigned used;
    unsigned class;
};

static struct spinlock lock = SPINLOCK_INIT;
static struct list partial[CLASSES] GUARDED_BY(lock);
static bool ready GUARDED_BY(lock);
static uint64_t slabs;   /* written under lock */

static unsigned class_of(size_t size)
{
    unsigned class = 0;

    while ((UINT64_C(32) << class) < size)
        class++;
    return class;
}

static unsigned order_of(size_t size)
{
    unsigned order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

static struct slab *slab_new(unsigned class) REQUIRES(lock)
{
    size_t size = UINT64_C(32) << class;
    struct slab *s = page_alloc();

    if (!s)
        return NULL;
    s->class = class;
    slabs++;
    for (size_t at = align_up(sizeof(*s), size < 64 ? size : 64); at + size <= PAGE_SIZE; at += size) {
        struct slot *slot = (struct slot *)((char *)s + at);

        slot->next = s->free;
        s->free = slot;
    }
    list_push_front(&partial[class], &s->node);
    return s;
}

static void *small_alloc(unsigned class) EXCLUDES(lock)
{
    struct slab *s;
    struct slot *slot = NULL;

    spin_lock(&lock);
    if (!ready) {
        for (unsigned c = 0; c < CLASSES; c++)
            list_init(&partial[c]);
        ready = true;
    }
    s = list_empty(&partial[class]) ? slab_new(class) : list_first(&partial[class], struct slab, node);
    if (s) {
        slot = s->free;
        s->free = slot->next;
        s->used++;
        if (!s->free)
            list_remove(&s->node);
    }
    spin_unlock(&lock);
    if (slot)
        memset(slot, 0, UINT64_C(32) << class);
    return slot;
}

static void small_free(void *p)
{
    struct slab *s = (struct slab *)align_down((uint64_t)p, PAGE_SIZE);
    struct slot *slot = p;
    bool empty;

    spin_lock(&lock);
    if (!s->free)
        list_push_front(&partial[s->class], &s->node);
    slot->next = s->free;
    s->free = slot;
    empty = --s->used == 0;
    if (empty) {
        list_remove(&s->node);
        slabs--;
    }
    spin_unlock(&lock);
    if (empty)
        page_free(s);
}

uint64_t heap_slabs(void) { return slabs; }

void *heap_alloc(size_t size)
{
    if (size == 0 || size > GIB)
        return NULL;
    return size <= LARGEST ? small_alloc(class_of(size)) : pages_alloc(order_of(size));
}

void heap_free(void *p, size_t size)
{
    if (!p)
        return;
    if (size <= LARGEST)
        small_free(p);
    else
        pages_free(p, order_of(size));
}

void *heap_alloc_array(size_t n, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(n, size, &bytes) ? NULL : heap_alloc(bytes);
}
