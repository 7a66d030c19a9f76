// SPDX-License-Identifier: Apache-2.0
/*
 * A machine for unit tests: the functions that the parts under test call in other rooms, kept simple enough to be
 * obviously right, and counting everything that is taken and given back. Each frame is an allocation of its own, so
 * that the address sanitizer sees every access to one that is gone.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cpu.h"
#include "lib/base.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "mm/p2m.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define FAKE_GFNS  256   /* a fake domain's p2m */
#define FAKE_VCPUS 4

/* Before and after each test: nothing may be left. */
void fake_reset(void);
void fake_assert_nothing_left(void);

/* The n-th allocation from now on (0: the next) fails, once; -1: none. */
void fake_fail_allocation(int n);

/* Pages that the hypervisor gave back, since last asked. */
unsigned fake_pages_freed(void);

/*
 * A domain with vCPUs and the first `pages` of its p2m filled with RAM; evtchn_domain_init and the like are the test's.
 */
struct domain *fake_domain(domid_t id, unsigned vcpus, unsigned pages);
/* Takes its p2m's mappings and its pages from it. */
void fake_domain_release(struct domain *d);
/* It has to have only one reference left. */
void fake_domain_free(struct domain *d);

mfn_t fake_mfn(struct domain *d, uint64_t gfn);
void *fake_page(struct domain *d, uint64_t gfn);
/* Its first `pages` frames have this many references. */
void fake_assert_refs(struct domain *d, unsigned pages, unsigned refs);
unsigned fake_writers(struct domain *d, uint64_t gfn);   /* of its frame, past its p2m */
unsigned frame_refs(mfn_t mfn);
enum p2m_type fake_type(struct domain *d, uint64_t gfn);
void fake_set_type(struct domain *d, uint64_t gfn, enum p2m_type type);

unsigned fake_injected(struct vcpu *v);   /* calls of vgic_inject for its event channel interrupt, since last asked */
unsigned fake_kicked(struct vcpu *v);     /* calls of vcpu_kick, since last asked */
void fake_set_current(struct vcpu *v);
/* preempt_pending() says yes at every n-th call; 0: never. */
void fake_preempt_every(unsigned n);

/* Reproducible: the same sequence from the same seed. */
uint32_t fake_random(void);
void fake_random_seed(uint32_t seed);
static inline uint32_t fake_random_below(uint32_t n) { return fake_random() % n; }
