// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c tests/unit/panic.c record/record.c hypervisor/vm/params.c */
/* sources: hypervisor/vm/evtchn/evtchn.c */
/* sources: hypervisor/vm/evtchn/port.c hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c */
/* sources: hypervisor/vm/evtchn/deliver.c hypervisor/vm/evtchn/virq.c hypervisor/vm/evtchn/record.c */
/* sources: hypervisor/vm/grant/grant.c hypervisor/vm/grant/map.c hypervisor/vm/grant/record.c arch/arm64/lock.c */
/*
 * Random bytes as the records of a domain (libFuzzer): parameters, grants and event channels, which hold most of the
 * guest's choices. Records that are taken are lived with: events are sent, the domain is saved again and destroyed, and
 * nothing may be left of it. A stream whose frames are wrong is refused at the first byte: see mutate.h.
 */
#include "../../unit/evtchn_domains.h"

#include <stdlib.h>

#include "mutate.h"
#include "record/record.h"
#include "vm/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

enum { FRAMES = 2 };

static const struct record_kind *const kinds[] = {
    &params_record, &grants_record, &evtchn_vcpu_record, &evtchn_record,
};
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };

bool domain_awaits_resume(struct domain *d) { (void)d; return false; }
unsigned record_count_one(const void *d) { (void)d; return 1; }
unsigned record_count_vcpus(const void *d) { return ((const struct domain *)d)->max_vcpus; }
bool record_place_is_ram(struct domain *d, gfn_t gfn) { return gfn.gfn < PAGES && fake_type(d, gfn.gfn) == P2M_RAM_RW; }
bool record_place_is_free(struct domain *d, gfn_t gfn) { (void)d; return gfn.gfn >= PAGES && gfn.gfn < FAKE_GFNS; }
bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    return record_place_is_ram(d, gfn) && fake_mfn(d, gfn.gfn).mfn == mfn.mfn;
}

static struct domain *begin(domid_t id)
{
    struct domain *d = domain_new(id, 2, 1023);

    assert_int_equal(grant_domain_init(d, FRAMES, 1), 0);
    fake_set_current(d->vcpus[0]);
    return d;
}

static void finish(struct domain *d)
{
    while (grant_domain_destroy(d, preempt_pending))
        ;
    grant_domain_free(d);
    domain_end(d);
    fake_assert_nothing_left();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_fault fault = { 0 };
    struct record_writer w = { 0 };
    struct domain *d;
    bool begun;

    fake_reset();
    d = begin(1);
    if (records_restore(&table, d, data, size, &begun, &fault)) {
        if (!fault.kind || !fault.why || fault.at > size)
            abort();   /* nothing is refused without a line that says why */
    } else {
        for (uint32_t port = 1; port < 16; port++)
            (void)evtchn_send(d, port);
        if (records_save(&table, d, &w, &fault) && !fault.why)
            abort();
    }
    finish(d);
    return 0;
}

/* A domain with some of everything, to begin with. */
static size_t make_seed(uint8_t *data, size_t most)
{
    struct record_writer w = { data, most, 0, NULL };
    struct record_fault fault;
    struct domain *d;
    uint32_t port;

    fake_reset();
    d = begin(1);
    params_set(d, 1, 0x39000);
    grant_grow(d, FRAMES);
    evtchn_register_vcpu_info(d->vcpus[0], GFN(1), 64);
    for (unsigned i = 0; i < 2; i++)
        evtchn_init_control(d, i, GFN(4 + i), 0);
    evtchn_expand_array(d, GFN(8));
    evtchn_bind_ipi(d, 1, &port);
    evtchn_send(d, port);
    evtchn_bind_virq(d, VIRQ_DEBUG, 1, &port);
    evtchn_alloc_unbound(d, 7, &port);
    if (records_save(&table, d, &w, &fault))
        abort();
    finish(d);
    return w.used;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if ((size < DESCRIPTOR_BYTES || seed % 3 == 0) && most >= 16384)
        size = make_seed(data, most);
    return mutate_records(data, size, most, seed / 3);
}
