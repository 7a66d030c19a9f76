// SPDX-License-Identifier: Apache-2.0
/*
 * The FIFO form of pending events (xen/include/public/event_channel.h, "FIFO ABI"): an event word for each port, in
 * pages that the guest adds one by one, and in each vCPU's control block the head of a queue for each of 16 priorities.
 * A queue is linked through the words, head to tail; only we know the tail.
 *
 * An event is on a queue iff its word is LINKED. We link at the tail, the guest unlinks at the head: it clears LINKED
 * and takes the link in one atomic step. So a tail whose LINKED is gone was consumed, and the queue is empty. All words
 * and heads are the guest's memory, and are checked at each use; a guest that
 * breaks the protocol loses its own events. fifo_domain.lock orders all linking of a domain, so
 * that an event is not put on two queues.
 */
#include "vm/evtchn/internal.h"

#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define WORD_PENDING BIT32(EVTCHN_FIFO_PENDING)
#define WORD_MASKED  BIT32(EVTCHN_FIFO_MASKED)
#define WORD_LINKED  BIT32(EVTCHN_FIFO_LINKED)
#define WORD_BUSY    BIT32(EVTCHN_FIFO_BUSY)
#define WORD_LINK    ((uint32_t)EVTCHN_FIFO_LINK_MASK)
#define BIT32(n)     (UINT32_C(1) << (n))

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))

/*
 * How often we try to change a word that the guest changes, too, before we ask it to keep off, and before we give up.
 */
#define POLITE_TRIES 8
#define ALL_TRIES    64

struct fifo_domain {
    struct spinlock lock;
    unsigned nr_pages;                  /* grows under the domain's lock; atomic */
    event_word_t *pages[FIFO_MAX_PAGES];     /* in the direct map, a reference to each held */
    gfn_t gfns[FIFO_MAX_PAGES];              /* as the guest named them */
};

struct fifo_vcpu {
    struct evtchn_fifo_control_block *control;    /* in the direct map, a reference held */
    gfn_t gfn;                                    /* as the guest named it */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];        /* under fifo_domain.lock; 0: nothing was ever queued */
};

_Static_assert(FIFO_MAX_PAGES * WORDS_PER_PAGE == EVTCHN_FIFO_NR_CHANNELS, "a page for every port there can be");

/*
 * `port` is that of a port that there is, so the page is within pages[] whatever the CPU guesses; one that is not there
 * yet is NULL.
 */
static event_word_t *event_word(const struct domain *d, uint32_t port)
{
    const struct fifo_domain *f = fifo_of(d);
    unsigned page = port / WORDS_PER_PAGE;

    if (unlikely(page >= __atomic_load_n(&f->nr_pages, __ATOMIC_SEQ_CST)))
        return NULL;
    return &f->pages[page][port % WORDS_PER_PAGE];
}

/* Makes `port` follow the tail. False if the tail is not on the queue any more. */
static bool link_behind(event_word_t *tail, uint32_t port)
{
    uint32_t word = __atomic_load_n(tail, __ATOMIC_ACQUIRE);

    for (unsigned tries = 0; tries < ALL_TRIES; tries++) {
        if (!(word & WORD_LINKED))
            break;
        if (__atomic_compare_exchange_n(tail, &word, (word & ~(WORD_LINK | WORD_BUSY)) | port, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
            return true;
        if (tries == POLITE_TRIES)
            word = __atomic_fetch_or(tail, WORD_BUSY, __ATOMIC_SEQ_CST) | WORD_BUSY;
    }
    if (word & WORD_BUSY)
        __atomic_fetch_and(tail, ~WORD_BUSY, __ATOMIC_SEQ_CST);
    return false;
}

/* The event of p goes to another queue than its last one; if it was the tail there, that queue is empty now. */
static void leave_old_queue(struct domain *d, struct port *p, unsigned queue)
{
    struct vcpu *old = d->vcpus[p->queue / EVTCHN_FIFO_MAX_QUEUES];
    struct fifo_vcpu *fv = old ? __atomic_load_n(&old->evtchn.fifo, __ATOMIC_ACQUIRE) : NULL;
    uint32_t *tail = fv ? &fv->tail[p->queue % EVTCHN_FIFO_MAX_QUEUES] : NULL;

    if (p->queue == queue)
        return;
    if (tail && *tail == p->number)
        *tail = 0;
    p->queue = (uint16_t)queue;
}

/* Appends p to the queue; true if the guest has to be told that the queue is no longer empty. */
static bool queue_append(struct domain *d, struct fifo_vcpu *fv, struct port *p, unsigned priority)
{
    uint32_t tail = fv->tail[priority];
    event_word_t *tail_word = tail && tail != p->number ? event_word(d, tail) : NULL;

    fv->tail[priority] = p->number;
    if (tail_word && link_behind(tail_word, p->number))
        return false;
    __atomic_store_n(&fv->control->head[priority], p->number, __ATOMIC_RELEASE);
    return true;
}

/* Puts the event on its queue, unless it is on one. */
static void event_link(struct domain *d, struct vcpu *v, struct port *p, event_word_t *word)
{
    struct fifo_domain *f = fifo_of(d);
    struct fifo_vcpu *fv = __atomic_load_n(&v->evtchn.fifo, __ATOMIC_ACQUIRE);
    unsigned priority = __atomic_load_n(&p->priority, __ATOMIC_RELAXED);
    uint32_t was;
    bool tell;

    /* A vCPU without a control block has no queues; the event stays pending in its word. */
    if (unlikely(!fv))
        return;
    spin_lock(&f->lock);
    was = __atomic_fetch_or(word, WORD_LINKED, __ATOMIC_SEQ_CST);
    if (was & WORD_LINKED) {
        spin_unlock(&f->lock);
        return;
    }
    if (unlikely(was & WORD_LINK))
        __atomic_fetch_and(word, ~WORD_LINK, __ATOMIC_SEQ_CST);
    leave_old_queue(d, p, v->id * EVTCHN_FIFO_MAX_QUEUES + priority);
    tell = queue_append(d, fv, p, priority);
    spin_unlock(&f->lock);

    if (tell && !(__atomic_fetch_or(&fv->control->ready, BIT32(priority), __ATOMIC_SEQ_CST) & BIT32(priority))) {
        struct vcpu_info *info = vcpu_info_of(v);

        if (info)
            vcpu_mark_events(v, info);
    }
}

void fifo_raise(struct domain *d, struct vcpu *v, struct port *p)
{
    event_word_t *word = event_word(d, p->number);
    uint32_t was;

    if (unlikely(!word)) {
        /* The adder of the word's page first shows it, and then looks whether an event was missed. */
        STORE_BEFORE_LOADS(&p->missed, 1);
        word = event_word(d, p->number);
        if (!word)
            return;
        __atomic_store_n(&p->missed, 0, __ATOMIC_SEQ_CST);
    }
    was = __atomic_fetch_or(word, WORD_PENDING, __ATOMIC_SEQ_CST);
    if (!(was & (WORD_MASKED | WORD_LINKED)))
        event_link(d, v, p, word);
}

void fifo_unmask(struct domain *d, struct vcpu *v, struct port *p)
{
    event_word_t *word = event_word(d, p->number);

    if (word && (__atomic_fetch_and(word, ~WORD_MASKED, __ATOMIC_SEQ_CST) & WORD_PENDING))
        event_link(d, v, p, word);
}

bool fifo_pending(const struct domain *d, const struct port *p)
{
    const event_word_t *word = event_word(d, p->number);

    if (!word)
        return __atomic_load_n(&p->missed, __ATOMIC_SEQ_CST);
    return __atomic_load_n(word, __ATOMIC_SEQ_CST) & WORD_PENDING;
}

bool fifo_masked(const struct domain *d, const struct port *p)
{
    const event_word_t *word = event_word(d, p->number);

    return word && (__atomic_load_n(word, __ATOMIC_RELAXED) & WORD_MASKED);
}

void fifo_clear(struct domain *d, struct port *p)
{
    event_word_t *word = event_word(d, p->number);

    if (word)
        __atomic_fetch_and(word, ~WORD_PENDING, __ATOMIC_SEQ_CST);
}

bool fifo_busy(const struct domain *d, const struct port *p)
{
    const event_word_t *word = fifo_of(d) ? event_word(d, p->number) : NULL;

    return word && (__atomic_load_n(word, __ATOMIC_ACQUIRE) & WORD_LINKED);
}

/*
 * An event that is pending in the 2-level form is missed as long as there are no words, and then pending there. A
 * sender holds p's lock or its peer's: when we had both, senders know of the new form, and earlier events can be seen.
 */
static void carry_over(struct domain *d) REQUIRES(d->evtchn.lock)
{
    for (struct port *p = port_next_in_use(d, 1); p; p = port_next_in_use(d, p->number + 1)) {
        struct port *peer = port_lock_pair(p);

        if (!p->consumer && p->number < EVTCHN_2L_NR_CHANNELS && twolevel_pending(d, p->number))
            __atomic_store_n(&p->missed, 1, __ATOMIC_SEQ_CST);
        port_unlock_pair(p, peer);
    }
}

/* The first control block makes the domain's form FIFO. */
static int control_install(struct domain *d, struct vcpu *v, struct fifo_domain **f, struct fifo_vcpu *fv)
    REQUIRES(d->evtchn.lock)
{
    if (v->evtchn.fifo || d->evtchn.dying)
        return -EINVAL;
    if (!d->evtchn.fifo) {
        __atomic_store_n(&d->evtchn.fifo, *f, __ATOMIC_SEQ_CST);
        *f = NULL;
        carry_over(d);
    }
    __atomic_store_n(&v->evtchn.fifo, fv, __ATOMIC_RELEASE);
    return 0;
}

int evtchn_init_control(struct domain *d, unsigned vcpu, gfn_t gfn, uint32_t offset)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct fifo_domain *f;
    struct fifo_vcpu *fv;
    mfn_t frame;
    int err = -ENOMEM;

    if (!v)
        return -ENOENT;
    if (offset % 8 || offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block))
        return -EINVAL;
    if (!p2m_get_frame_to_write(&d->p2m, gfn, false, &frame))
        return -EINVAL;
    f = heap_new(struct fifo_domain);
    fv = heap_new(struct fifo_vcpu);
    if (f && fv) {
        fv->control = (void *)((char *)mfn_to_virt(frame) + offset);
        fv->gfn = gfn;
        spin_lock(&d->evtchn.lock);
        err = control_install(d, v, &f, fv);
        spin_unlock(&d->evtchn.lock);
    }
    heap_free(f, sizeof(*f));  /* NULL if it was used */
    if (err) {
        heap_free(fv, sizeof(*fv));
        frame_put_writer(frame);
    }
    return err;
}

/* Events that came before their words did. */
static void raise_missed(struct domain *d, unsigned page)
{
    for (unsigned i = 0; i < WORDS_PER_PAGE; i++) {
        struct port *p = port_lookup(d, (uint32_t)(page * WORDS_PER_PAGE + i));

        if (!p || !__atomic_load_n(&p->missed, __ATOMIC_SEQ_CST))
            continue;
        spin_lock(&p->lock);
        if (p->state != PORT_FREE && __atomic_exchange_n(&p->missed, 0, __ATOMIC_SEQ_CST))
            port_raise(d, p);
        spin_unlock(&p->lock);
    }
}

static int page_install(struct domain *d, gfn_t gfn, mfn_t frame) REQUIRES(d->evtchn.lock)
{
    struct fifo_domain *f = d->evtchn.fifo;
    unsigned page;

    if (!f)
        return -EOPNOTSUPP;
    if (f->nr_pages == FIFO_MAX_PAGES)
        return -ENOSPC;
    page = f->nr_pages;
    f->pages[page] = mfn_to_virt(frame);
    f->gfns[page] = gfn;
    STORE_BEFORE_LOADS(&f->nr_pages, page + 1);
    raise_missed(d, page);
    return 0;
}

int evtchn_expand_array(struct domain *d, gfn_t gfn)
{
    mfn_t frame;
    int err;

    if (!p2m_get_frame_to_write(&d->p2m, gfn, false, &frame))
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    err = page_install(d, gfn, frame);
    spin_unlock(&d->evtchn.lock);
    if (err)
        frame_put_writer(frame);
    return err;
}

int evtchn_set_priority(struct domain *d, uint32_t number, unsigned priority)
{
    struct port *p = port_lookup(d, number);
    int err = -EINVAL;

    if (priority > EVTCHN_FIFO_PRIORITY_MIN || !p)
        return -EINVAL;
    spin_lock(&p->lock);
    if (p->state != PORT_FREE && !p->consumer)
        err = fifo_of(d) ? 0 : -ENOSYS;
    if (!err)
        __atomic_store_n(&p->priority, (uint8_t)priority, __ATOMIC_RELAXED);
    spin_unlock(&p->lock);
    return err;
}

void fifo_destroy(struct domain *d)
{
    struct fifo_domain *f = d->evtchn.fifo;

    if (!f)
        return;
    __atomic_store_n(&d->evtchn.fifo, NULL, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(d, i);
        struct fifo_vcpu *fv = v ? v->evtchn.fifo : NULL;

        if (!fv)
            continue;
        __atomic_store_n(&v->evtchn.fifo, NULL, __ATOMIC_RELEASE);
        frame_put_writer(virt_to_mfn(fv->control));
        heap_free(fv, sizeof(*fv));
    }
    for (unsigned i = 0; i < f->nr_pages; i++)
        frame_put_writer(virt_to_mfn(f->pages[i]));
    heap_free(f, sizeof(*f));
}

/* --- For records --- */

bool fifo_control(const struct vcpu *v, uint64_t *gfn, uint32_t *offset, uint32_t tail[EVTCHN_FIFO_MAX_QUEUES])
{
    const struct fifo_vcpu *fv = v->evtchn.fifo;

    if (!fv)
        return false;
    *gfn = fv->gfn.gfn;
    *offset = (uint32_t)((uintptr_t)fv->control & ~PAGE_MASK);
    for (unsigned i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        tail[i] = fv->tail[i];
    return true;
}

mfn_t fifo_control_frame(const struct vcpu *v) { return virt_to_mfn(v->evtchn.fifo->control); }
unsigned fifo_pages(const struct domain *d) { return fifo_of(d) ? fifo_of(d)->nr_pages : 0; }

gfn_t fifo_page(const struct domain *d, unsigned page, mfn_t *frame)
{
    *frame = virt_to_mfn(fifo_of(d)->pages[page]);
    return fifo_of(d)->gfns[page];
}

/* Its ports may have been reset by somebody else meanwhile: then there are no queues. */
void fifo_set_tails(struct vcpu *v, const uint32_t tail[EVTCHN_FIFO_MAX_QUEUES])
{
    struct domain *d = v->domain;

    spin_lock(&d->evtchn.lock);
    for (unsigned i = 0; v->evtchn.fifo && i < EVTCHN_FIFO_MAX_QUEUES; i++)
        v->evtchn.fifo->tail[i] = tail[i];
    spin_unlock(&d->evtchn.lock);
}

/* Of a port without a word: 0. */
static uint32_t word_load(const struct fifo_domain *f, unsigned nr_pages, uint32_t port)
{
    unsigned page = port / WORDS_PER_PAGE;

    return page < nr_pages ? __atomic_load_n(&f->pages[page][port % WORDS_PER_PAGE], __ATOMIC_RELAXED) : 0;
}

/* Each event is on one queue: all queues together are no longer than there are words, whatever the links say. */
static uint32_t last_behind(const struct fifo_domain *f, unsigned nr_pages, uint32_t tail, unsigned *steps)
{
    for (; *steps; --*steps) {
        uint32_t word = word_load(f, nr_pages, tail);

        if (!(word & WORD_LINKED) || !(word & WORD_LINK))
            break;
        tail = word & WORD_LINK;
    }
    return tail;
}

/*
 * Memory may be of another moment than the tail: where that is not on the queue, its first event is the one that the
 * guest is told of and has not taken yet.
 */
static uint32_t first_known(const struct fifo_domain *f, unsigned nr_pages, const struct fifo_vcpu *fv, unsigned q)
{
    uint32_t head = __atomic_load_n(&fv->control->head[q], __ATOMIC_RELAXED) & WORD_LINK;
    bool told = __atomic_load_n(&fv->control->ready, __ATOMIC_RELAXED) & BIT32(q);

    if (word_load(f, nr_pages, fv->tail[q]) & WORD_LINKED)
        return fv->tail[q];
    return told && (word_load(f, nr_pages, head) & WORD_LINKED) ? head : fv->tail[q];
}

static void find_tails(struct domain *d, struct fifo_domain *f, unsigned nr_pages) REQUIRES(d->evtchn.lock)
{
    unsigned steps = nr_pages * WORDS_PER_PAGE;

    spin_lock(&f->lock);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct fifo_vcpu *fv = domain_vcpu(d, i) ? domain_vcpu(d, i)->evtchn.fifo : NULL;

        for (unsigned q = 0; fv && q < EVTCHN_FIFO_MAX_QUEUES; q++)
            fv->tail[q] = last_behind(f, nr_pages, first_known(f, nr_pages, fv, q), &steps);
    }
    spin_unlock(&f->lock);
}

/* As long as no page is shown, an event that comes is missed: no queue changes. */
static bool pages_restore(struct domain *d, const uint64_t *gfns, const mfn_t *frames, unsigned n)
    REQUIRES(d->evtchn.lock)
{
    struct fifo_domain *f = d->evtchn.fifo;

    if (!f || f->nr_pages)
        return false;
    for (unsigned i = 0; i < n; i++) {
        f->pages[i] = mfn_to_virt(frames[i]);
        f->gfns[i] = GFN(gfns[i]);
    }
    find_tails(d, f, n);
    STORE_BEFORE_LOADS(&f->nr_pages, n);
    for (unsigned i = 0; i < n; i++)
        raise_missed(d, i);
    return true;
}

bool fifo_restore_pages(struct domain *d, const uint64_t *gfns, unsigned n)
{
    mfn_t frames[FIFO_MAX_PAGES];
    bool restored = false;
    unsigned got = 0;

    while (got < n && p2m_get_frame_to_write(&d->p2m, GFN(gfns[got]), false, &frames[got]))
        got++;
    spin_lock(&d->evtchn.lock);
    if (got == n)
        restored = pages_restore(d, gfns, frames, n);
    spin_unlock(&d->evtchn.lock);
    while (!restored && got)
        frame_put_writer(frames[--got]);
    return restored;
}
