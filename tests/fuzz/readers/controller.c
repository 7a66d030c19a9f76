// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/vgic/vgic.c hypervisor/vm/vgic/lr.c hypervisor/vm/vgic/dist.c hypervisor/vm/vgic/route.c */
/* sources: hypervisor/vm/vgic/v2.c hypervisor/vm/vgic/v3.c hypervisor/vm/vgic/record.c hypervisor/vm/irq.c */
/* sources: hypervisor/dev/irq.c hypervisor/vm/mmio.c record/record.c tests/unit/fake_gic.c tests/unit/panic.c */
/* sources: arch/arm64/lock.c */
/*
 * Random bytes as the records of an interrupt controller (libFuzzer), of either version. Records that are taken are
 * lived with: the guest runs, takes what it is sent and is saved again, and each interrupt is in one place.
 */
#include "../../unit/vgic_guest.h"

#include <stdlib.h>
#include <string.h>

#include "mutate.h"
#include "record/record.h"
#include "vm/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static const struct record_kind *const kinds[] = { &vgic_record, &vgic_vcpu_record };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };

unsigned record_count_one(const void *domain) { (void)domain; return 1; }
unsigned record_count_vcpus(const void *domain) { return ((const struct domain *)domain)->max_vcpus; }

/* Of whichever version the stream says in its first record. */
static unsigned version_of(const uint8_t *data, size_t size)
{
    enum { VERSION_AT = 24 + 16 };

    return size > VERSION_AT && data[VERSION_AT] == 2 ? 2 : 3;
}

static void stop(void)
{
    fake_run(0, NULL);
    fake_run(1, NULL);
}

static void live(void)
{
    fake_run(1, v1);
    fake_run(0, v0);
    fake_settle();
    for (unsigned i = 0, iar; i < 12 && (iar = fake_ack(0)) != NOTHING; i++) {
        fake_end(0, iar);
        fake_settle();
    }
    fake_assert_consistent(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_fault fault = { 0 };
    struct record_writer w = { 0 };
    bool begun;

    begin(version_of(data, size), 4, true);
    stop();
    fake_guest_free(d);
    d = fake_guest(2, 64);
    v0 = d->vcpus[0];
    v1 = d->vcpus[1];
    if (records_restore(&table, d, data, size, &begun, &fault)) {
        if (!fault.kind || !fault.why || fault.at > size)
            abort();   /* nothing is refused without a line that says why */
    } else {
        live();
        stop();
        if (records_save(&table, d, &w, &fault))
            abort();   /* a restored controller can be saved */
    }
    fake_guest_free(d);
    return 0;
}

/* Some in each state, to begin with. */
static size_t make_seed(uint8_t *data, size_t most, unsigned version)
{
    struct record_writer w = { data, most, 0, NULL };
    struct record_fault fault;

    begin(version, 4, true);
    for (unsigned i = 0; i < 8; i++)
        write_bit(ISPENDR, SPI + i);
    fake_ack(0);
    write_bit(ISACTIVER, SPI + 10);
    write_bit(ICENABLER, SPI + 9);
    stop();
    if (records_save(&table, d, &w, &fault))
        abort();
    fake_guest_free(d);
    return w.used;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if ((size < DESCRIPTOR_BYTES || seed % 3 == 0) && most >= 16384)
        size = make_seed(data, most, seed % 2 ? 3 : 2);
    return mutate_records(data, size, most, seed / 3);
}
