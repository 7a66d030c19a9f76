// SPDX-License-Identifier: Apache-2.0
/* Two fake domains, a and b, with event channels; for the tests of these. */
#pragma once

#include "fakes.h"

#include <string.h>

#include "lib/bitmap.h"
#include "vm/evtchn/internal.h"

#define PAGES 16

static struct domain *a, *b;

static inline struct domain *domain_new(domid_t id, unsigned vcpus, uint32_t max_port)
{
    struct domain *d = fake_domain(id, vcpus, PAGES);

    assert_int_equal(evtchn_domain_init(d, max_port), 0);
    for (unsigned i = 0; i < vcpus; i++)
        evtchn_vcpu_init(d->vcpus[i]);
    return d;
}

static inline void domain_end(struct domain *d)
{
    int err;

    do
        err = evtchn_domain_destroy(d, preempt_pending);
    while (err == -ERESTART);
    assert_int_equal(err, 0);
    fake_assert_refs(d, PAGES, 1);
    fake_domain_release(d);
    evtchn_domain_free(d);
    fake_domain_free(d);
}

static inline int setup(void **state)
{
    (void)state;
    fake_reset();
    a = domain_new(1, 2, 1023);
    b = domain_new(2, 4, 1023);
    fake_set_current(a->vcpus[0]);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    domain_end(a);
    domain_end(b);
    fake_assert_nothing_left();
    return 0;
}

static inline struct shared_info *shared(struct domain *d) { return d->shared_info.page; }
static inline struct vcpu_info *info(struct domain *d, unsigned v) { return d->vcpus[v]->evtchn.info; }
static inline bool pending(struct domain *d, uint32_t port) { return bitmap_test(shared(d)->evtchn_pending, port); }

/* A guest's upcall, of the 2-level form: takes all that is pending and not masked. */
static inline void guest_take_all(struct domain *d, unsigned vcpu)
{
    info(d, vcpu)->evtchn_upcall_pending = 0;
    info(d, vcpu)->evtchn_pending_sel = 0;
    memset(shared(d)->evtchn_pending, 0, sizeof(shared(d)->evtchn_pending));
    fake_injected(d->vcpus[vcpu]);
}

/* A channel between a and b: *pa and *pb are its ends. */
static inline void connect_domains(uint32_t *pa, uint32_t *pb)
{
    assert_int_equal(evtchn_alloc_unbound(b, a->id, pb), 0);
    assert_int_equal(evtchn_bind_interdomain(a, b, *pb, pa), 0);
    guest_take_all(a, 0);
}
