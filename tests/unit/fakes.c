// SPDX-License-Identifier: Apache-2.0
#include "fakes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/printk.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "mm/el2.h"
#include "vm/guest_access.h"

#define MAX_FRAMES  1024
#define MAX_DOMAINS 8

static struct fake_frame {
    uint64_t mfn;
    struct domain *owner;
    unsigned refs, writers;
    bool shared;
} frames[MAX_FRAMES];

static struct fake_domain {
    struct domain *d;
    struct { mfn_t mfn; enum p2m_type type; } p2m[FAKE_GFNS];
    unsigned injected[FAKE_VCPUS], kicked[FAKE_VCPUS];
} domains[MAX_DOMAINS];

/* One lock for all of it: some tests have threads. Recursive: a p2m's entry drops frames. */
static pthread_mutex_t big;

__attribute__((constructor)) static void big_init(void)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&big, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static long heap_bytes, hypervisor_pages;
static unsigned pages_freed;
static int fail_in = -1;
static unsigned preempt_every, preempt_calls;
static uint32_t random_state = 1;

struct cpu cpus[MAX_CPUS];
struct domain *dom0;

void printk(const char *fmt, ...)
{
    (void)fmt;
}

uint32_t fake_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

void fake_random_seed(uint32_t seed) { random_state = seed; }
void fake_fail_allocation(int n) { fail_in = n; }
void fake_set_current(struct vcpu *v) { this_cpu()->current = v; }

void fake_preempt_every(unsigned n)
{
    preempt_every = n;
    preempt_calls = 0;
}

bool preempt_pending(void)
{
    return preempt_every && ++preempt_calls % preempt_every == 0;
}

void fake_reset(void)
{
    memset(domains, 0, sizeof(domains));
    memset(frames, 0, sizeof(frames));
    heap_bytes = hypervisor_pages = 0;
    dom0 = NULL;
    fail_in = -1;
    fake_preempt_every(0);
    fake_random_seed(1);
}

void fake_assert_nothing_left(void)
{
    assert_int_equal(heap_bytes, 0);
    assert_int_equal(hypervisor_pages, 0);
    for (unsigned i = 0; i < MAX_FRAMES; i++)
        assert_int_equal(frames[i].refs, 0);
    for (unsigned i = 0; i < MAX_DOMAINS; i++)
        assert_null(domains[i].d);
}

static bool allocation_fails(void)
{
    return __atomic_load_n(&fail_in, __ATOMIC_RELAXED) >= 0 && __atomic_fetch_sub(&fail_in, 1, __ATOMIC_RELAXED) == 0;
}

void *heap_alloc(size_t size)
{
    if (allocation_fails())
        return NULL;
    __atomic_fetch_add(&heap_bytes, (long)size, __ATOMIC_RELAXED);
    return calloc(1, size);
}

void heap_free(void *p, size_t size)
{
    if (p)
        __atomic_fetch_sub(&heap_bytes, (long)size, __ATOMIC_RELAXED);
    free(p);
}

void *heap_alloc_array(size_t n, size_t size) { return heap_alloc(n * size); }

static void *page_new(unsigned order)
{
    void *p = allocation_fails() ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

    return p ? memset(p, 0, PAGE_SIZE << order) : NULL;
}

void *pages_alloc(unsigned order)
{
    void *p = page_new(order);

    if (p)
        __atomic_fetch_add(&hypervisor_pages, 1L << order, __ATOMIC_RELAXED);
    return p;
}

void pages_free(void *va, unsigned order)
{
    __atomic_fetch_sub(&hypervisor_pages, 1L << order, __ATOMIC_RELAXED);
    __atomic_fetch_add(&pages_freed, 1u << order, __ATOMIC_RELAXED);
    free(va);
}

unsigned fake_pages_freed(void) { return __atomic_exchange_n(&pages_freed, 0, __ATOMIC_RELAXED); }

/* The direct map of this machine is the identity. */
void *mfn_to_virt(mfn_t mfn) { return (void *)(uintptr_t)(mfn.mfn << PAGE_SHIFT); }
mfn_t virt_to_mfn(const void *va) { return MFN((uintptr_t)va >> PAGE_SHIFT); }

static struct fake_frame *frame_find(uint64_t mfn)
{
    for (unsigned i = 0; i < MAX_FRAMES; i++)
        if (frames[i].mfn == mfn)
            return &frames[i];
    return NULL;
}

static struct fake_frame *frame_new(struct domain *owner, bool shared)
{
    struct fake_frame *f;
    void *page = page_new(0);

    if (!page)
        return NULL;
    pthread_mutex_lock(&big);
    f = frame_find(0);
    assert_non_null(f);
    *f = (struct fake_frame){ virt_to_mfn(page).mfn, owner, 1, 0, shared };
    pthread_mutex_unlock(&big);
    return f;
}

void *frame_alloc_shared(struct frame_owner *o)
{
    struct domain *d = domain_of_frames(o);
    struct fake_frame *f = frame_new(d, true);

    if (f)
        domain_hold(d);
    return f ? mfn_to_virt(MFN(f->mfn)) : NULL;
}

void frame_free_shared(void *va)
{
    if (va)
        frame_put(virt_to_mfn(va));
}

bool frame_get(mfn_t mfn, const struct frame_owner *o)
{
    struct fake_frame *f;
    bool got;

    pthread_mutex_lock(&big);
    f = frame_find(mfn.mfn);
    got = f && &f->owner->frames == o;
    if (got)
        f->refs++;
    pthread_mutex_unlock(&big);
    return got;
}

void frame_put(mfn_t mfn)
{
    struct domain *shared_with = NULL;
    struct fake_frame *f;

    pthread_mutex_lock(&big);
    f = frame_find(mfn.mfn);
    if (!f || !f->refs || f->refs <= f->writers)
        panic("a reference is dropped that nobody held, or a writer's as another's");
    if (--f->refs == 0) {
        shared_with = f->shared ? f->owner : NULL;
        free(mfn_to_virt(mfn));
        *f = (struct fake_frame){ 0 };
    }
    pthread_mutex_unlock(&big);
    if (shared_with)
        domain_put(shared_with);
}

void frame_writer_begin(mfn_t mfn)
{
    pthread_mutex_lock(&big);
    if (++frame_find(mfn.mfn)->writers > frame_refs(mfn))
        panic("a writer without a reference");
    pthread_mutex_unlock(&big);
}

void frame_writer_end(mfn_t mfn)
{
    pthread_mutex_lock(&big);
    if (!frame_find(mfn.mfn)->writers--)
        panic("a writer ends that did not begin");
    pthread_mutex_unlock(&big);
}

void frame_put_writer(mfn_t mfn)
{
    frame_writer_end(mfn);
    frame_put(mfn);
}

unsigned fake_writers(struct domain *d, uint64_t gfn) { return frame_find(fake_mfn(d, gfn).mfn)->writers; }

unsigned frame_refs(mfn_t mfn) { return frame_find(mfn.mfn)->refs; }

struct frame_owner *frame_owner(mfn_t mfn)
{
    struct frame_owner *owner;
    struct fake_frame *f;

    pthread_mutex_lock(&big);
    f = frame_find(mfn.mfn);
    owner = f ? &f->owner->frames : NULL;
    pthread_mutex_unlock(&big);
    return owner;
}

struct frame_owner *frame_get_any(mfn_t mfn)
{
    struct frame_owner *o = frame_owner(mfn);

    return o && frame_get(mfn, o) ? o : NULL;
}

/* Each frame that there is has an owner. */
bool frame_is_ram(mfn_t mfn) { return frame_owner(mfn) != NULL; }

static struct fake_domain *fake_of(const struct domain *d)
{
    for (unsigned i = 0; i < MAX_DOMAINS; i++)
        if (domains[i].d == d)
            return &domains[i];
    panic("no such fake domain");
}

static struct domain *domain_of_p2m(struct p2m *p2m) { return container_of(p2m, struct domain, p2m); }

static void entry_drop(struct p2m *p2m, uint64_t gfn)
{
    struct fake_domain *f = fake_of(domain_of_p2m(p2m));
    enum p2m_type type = f->p2m[gfn].type;

    f->p2m[gfn].type = P2M_INVALID;
    if (type == P2M_FOREIGN_RW || type == P2M_FOREIGN_RO || type == P2M_GRANT_RW || type == P2M_GRANT_RO)
        frame_put(f->p2m[gfn].mfn);
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    struct fake_domain *f = fake_of(domain_of_p2m(p2m));

    if (gfn.gfn >= FAKE_GFNS || nr > FAKE_GFNS - gfn.gfn)
        return -EINVAL;
    if (allocation_fails())
        return -ENOMEM;
    pthread_mutex_lock(&big);
    for (uint64_t i = 0; i < nr; i++) {
        entry_drop(p2m, gfn.gfn + i);
        f->p2m[gfn.gfn + i].mfn = mfn_add(mfn, i);
        f->p2m[gfn.gfn + i].type = type;
    }
    pthread_mutex_unlock(&big);
    return 0;
}

int p2m_unmap_exact(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr)
{
    struct fake_domain *f = fake_of(domain_of_p2m(p2m));
    int err = 0;

    pthread_mutex_lock(&big);
    for (uint64_t i = 0; i < nr; i++) {
        uint64_t at = gfn.gfn + i;

        if (at >= FAKE_GFNS || f->p2m[at].type == P2M_INVALID || f->p2m[at].mfn.mfn != mfn.mfn + i)
            err = -ENOENT;
        else
            entry_drop(p2m, at);
    }
    pthread_mutex_unlock(&big);
    return err;
}

static bool p2m_get_frame_locked(struct p2m *p2m, gfn_t gfn, bool write, bool any, mfn_t *mfn)
{
    enum p2m_type type = gfn.gfn < FAKE_GFNS ? fake_of(domain_of_p2m(p2m))->p2m[gfn.gfn].type : P2M_INVALID;
    bool own = type == P2M_RAM_RW || type == P2M_RAM_RO;
    bool foreign = type == P2M_GRANT_RW || type == P2M_GRANT_RO || type == P2M_FOREIGN_RW || type == P2M_FOREIGN_RO;
    bool writable = type == P2M_RAM_RW || type == P2M_GRANT_RW || type == P2M_FOREIGN_RW;

    if (!(own || (any && foreign)) || (write && !writable))
        return false;
    *mfn = fake_of(domain_of_p2m(p2m))->p2m[gfn.gfn].mfn;
    return frame_get(*mfn, frame_owner(*mfn));
}

bool p2m_get_frame(struct p2m *p2m, gfn_t gfn, bool write, bool any, mfn_t *mfn)
{
    bool got;

    pthread_mutex_lock(&big);
    got = p2m_get_frame_locked(p2m, gfn, write, any, mfn);
    pthread_mutex_unlock(&big);
    return got;
}

bool p2m_get_frame_to_write(struct p2m *p2m, gfn_t gfn, bool any, mfn_t *mfn)
{
    bool got;

    pthread_mutex_lock(&big);
    got = p2m_get_frame_locked(p2m, gfn, true, any, mfn);
    if (got)
        frame_writer_begin(*mfn);
    pthread_mutex_unlock(&big);
    return got;
}

mfn_t fake_mfn(struct domain *d, uint64_t gfn) { return fake_of(d)->p2m[gfn].mfn; }
void *fake_page(struct domain *d, uint64_t gfn) { return mfn_to_virt(fake_mfn(d, gfn)); }
enum p2m_type fake_type(struct domain *d, uint64_t gfn) { return fake_of(d)->p2m[gfn].type; }
void fake_set_type(struct domain *d, uint64_t gfn, enum p2m_type type) { fake_of(d)->p2m[gfn].type = type; }

void fake_assert_refs(struct domain *d, unsigned pages, unsigned refs)
{
    for (unsigned gfn = 0; gfn < pages; gfn++)
        assert_int_equal(frame_refs(fake_mfn(d, gfn)), refs);
}

struct domain *domain_get(domid_t id)
{
    for (unsigned i = 0; i < MAX_DOMAINS; i++)
        if (domains[i].d && domains[i].d->id == id)
            return domain_hold(domains[i].d) ? domains[i].d : NULL;
    return NULL;
}

bool domain_hold(struct domain *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    return true;
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_RELAXED) == 0)
        panic("the last reference to a domain is the test's");
}

struct domain *fake_domain(domid_t id, unsigned vcpus, unsigned pages)
{
    struct fake_domain *f = fake_of(NULL);
    struct domain *d = calloc(1, sizeof(*d));

    *f = (struct fake_domain){ .d = d };
    d->id = id;
    d->refs = 1;
    d->frames.id = id;
    d->max_vcpus = vcpus;
    d->vcpus = calloc(vcpus, sizeof(*d->vcpus));
    d->shared_info.page = frame_alloc_shared(&d->frames);
    d->shared_info.gfn = INVALID_GFN;
    for (unsigned i = 0; i < vcpus; i++) {
        d->vcpus[i] = calloc(1, sizeof(struct vcpu));
        d->vcpus[i]->id = i;
        d->vcpus[i]->domain = d;
    }
    for (unsigned gfn = 0; gfn < pages; gfn++) {
        struct fake_frame *frame = frame_new(d, false);

        f->p2m[gfn].mfn = MFN(frame->mfn);
        f->p2m[gfn].type = P2M_RAM_RW;
    }
    return d;
}

void fake_domain_release(struct domain *d)
{
    for (unsigned gfn = 0; gfn < FAKE_GFNS; gfn++)
        if (fake_of(d)->p2m[gfn].type)
            entry_drop(&d->p2m, gfn);
    frame_free_shared(d->shared_info.page);
    d->shared_info.page = NULL;
    /* The allocations' own references, of pages that may be mapped nowhere any more. */
    for (unsigned i = 0; i < MAX_FRAMES; i++)
        if (frames[i].owner == d && !frames[i].shared)
            frame_put(MFN(frames[i].mfn));
}

void fake_domain_free(struct domain *d)
{
    assert_int_equal(d->refs, 1);
    fake_of(d)->d = NULL;
    for (unsigned i = 0; i < d->max_vcpus; i++)
        free(d->vcpus[i]);
    free(d->vcpus);
    free(d);
}

void vgic_inject(struct domain *d, struct vcpu *v, unsigned intid)
{
    if (intid != GUEST_EVTCHN_PPI)
        panic("an event is not interrupt %u", intid);
    __atomic_fetch_add(&fake_of(d)->injected[v->id], 1, __ATOMIC_RELAXED);
}

void vcpu_kick(struct vcpu *v)
{
    __atomic_fetch_add(&fake_of(v->domain)->kicked[v->id], 1, __ATOMIC_RELAXED);
}

/* Timers are only noted; the test fires them. A tick is a nanosecond. */
void timer_init(struct timer *t, void (*fire)(void *), void *data)
{
    *t = (struct timer){ .fire = fire, .data = data };
}

void timer_set(struct timer *t, uint64_t expires_ticks)
{
    t->node.key = expires_ticks;
    t->queued = true;
}

void timer_stop(struct timer *t) { t->queued = false; }
void timer_cancel(struct timer *t) { t->queued = false; }
uint64_t system_time_to_ticks(uint64_t ns) { return ns; }

unsigned fake_injected(struct vcpu *v)
{
    return __atomic_exchange_n(&fake_of(v->domain)->injected[v->id], 0, __ATOMIC_RELAXED);
}

unsigned fake_kicked(struct vcpu *v)
{
    return __atomic_exchange_n(&fake_of(v->domain)->kicked[v->id], 0, __ATOMIC_RELAXED);
}

/* Guest virtual addresses are the test's own pointers; the first page is not mapped. */
int copy_from_guest(void *to, uint64_t guest_va, size_t n)
{
    if (guest_va < PAGE_SIZE)
        return -EFAULT;
    memcpy(to, (const void *)(uintptr_t)guest_va, n);
    return 0;
}

int copy_to_guest(uint64_t guest_va, const void *from, size_t n)
{
    if (guest_va < PAGE_SIZE)
        return -EFAULT;
    memcpy((void *)(uintptr_t)guest_va, from, n);
    return 0;
}

void cache_clean_invalidate(const void *va, size_t size)
{
    (void)va;
    (void)size;
}
