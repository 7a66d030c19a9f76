// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c tests/unit/panic.c arch/arm64/lock.c record/record.c */
/* sources: hypervisor/vm/clock.c hypervisor/vm/shared_info.c hypervisor/vm/watchdog.c */
/* sources: hypervisor/vm/runstate.c hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c */
/* sources: hypervisor/vm/arm64/cpu_view.c hypervisor/vm/arm64/idregs.c hypervisor/vm/arm64/vtimer.c */
/* sources: hypervisor/vm/arm64/vuart.c */
/*
 * Random bytes as the other records of a domain (libFuzzer), with an emulated UART and without; but for DOMAIN and
 * SHUTDOWN, which are two numbers each. What is taken is saved again; that is taken as well, and saved again it is
 * the same. Then the domain's time begins: no vCPU is anywhere but at EL0 or EL1, and nothing waits for a time that has
 * been.
 */
#include "../../unit/fakes.h"

#include <xen/io/console.h>

#include <stdlib.h>
#include <string.h>

#include "arch/sysreg.h"
#include "base/time.h"
#include "cpu/timer.h"
#include "mutate.h"
#include "record/record.h"
#include "vm/clock.h"
#include "vm/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

enum { PAGES = 4, VCPUS = 2, MOST = 16384 };

#define NOW         UINT64_C(1000000000000)
#define FREQUENCY   UINT64_C(62500000)
#define NS_PER_TICK 16

static const struct record_kind *const kinds[] = {
    &vuart_record,  &cpu_view_record, &clock_record, &shared_info_record, &watchdogs_record,
    &vtimer_record, &runstate_record, &fpu_record,   &core_record,        &vcpu_record,
};
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };
static struct xencons_interface ring;

/* --- The machine: a Cortex-A57 (its technical reference manual, DDI 0488, 4.3) whose counter stands still --- */

uint64_t host_read_sysreg(const char *name)
{
    static const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        { "midr_el1", 0x411fd070 },    { "ctr_el0", 0x8444c004 },       { "dczid_el0", 4 },
        { "id_aa64pfr0_el1", 0x2222 }, { "id_aa64isar0_el1", 0x11120 }, { "id_aa64mmfr0_el1", 0x1124 },
        { "id_pfr0_el1", 0x131 },      { "mvfr0_el1", 0x10110222 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
        if (!strcmp(name, values[i].name))
            return values[i].value;
    return 0;
}

uint64_t counter_now(void) { return NOW; }
uint64_t counter_frequency(void) { return FREQUENCY; }
uint64_t system_time_boot_counter(void) { return 0; }
uint64_t ticks_to_ns(uint64_t ticks) { return ticks * NS_PER_TICK; }
uint64_t ns_to_ticks(uint64_t ns) { return ns / NS_PER_TICK; }
uint64_t system_time_ns(void) { return ticks_to_ns(NOW); }

/* --- The rest of the hypervisor --- */

unsigned record_count_one(const void *d)
{
    (void)d;
    return 1;
}
unsigned record_count_vcpus(const void *d) { return ((const struct domain *)d)->max_vcpus; }
bool record_place_is_ram(struct domain *d, gfn_t gfn) { return gfn.gfn < PAGES && fake_type(d, gfn.gfn) == P2M_RAM_RW; }
bool record_place_is_free(struct domain *d, gfn_t gfn)
{
    (void)d;
    return gfn.gfn < FAKE_GFNS;
}
bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    return gfn.gfn < FAKE_GFNS && fake_mfn(d, gfn.gfn).mfn == mfn.mfn;
}
bool domain_awaits_resume(struct domain *d)
{
    (void)d;
    return false;
}
bool domain_is_suspended(const struct domain *d) { return d->vcpus[0]->suspended || d->vcpus[1]->suspended; }
bool domain_shutdown(struct domain *d, unsigned reason)
{
    (void)d;
    (void)reason;
    return true;
}
bool evtchn_polling(const struct vcpu *v)
{
    (void)v;
    return false;
}
void vgic_pair_private(struct vcpu *v, unsigned intid, unsigned irq)
{
    (void)v;
    (void)intid;
    (void)irq;
}
void vgic_set_line(struct domain *d, struct vcpu *v, unsigned intid, bool high)
{
    (void)d;
    (void)v;
    (void)intid;
    (void)high;
}
void vgic_inject_away(struct vcpu *v, unsigned intid)
{
    (void)v;
    (void)intid;
}
void vcpu_pause_sync(struct vcpu *v) { v->pause_count++; }
void vcpu_unpause(struct vcpu *v) { v->pause_count--; }
void vcpu_claim_paused(struct vcpu *v) { v->power = VCPU_COMING; }
void vcpu_release(struct vcpu *v, bool on) { v->power = on ? VCPU_ON : VCPU_OFF; }
void vcpu_wait_again(struct vcpu *v, bool blocked, bool suspended)
{
    v->blocked = blocked;
    v->suspended = suspended;
}

/* --- A domain that has never run, and its end --- */

static struct domain *begin(bool uart)
{
    struct domain *d;

    fake_reset();
    d = fake_domain(1, VCPUS, PAGES);
    d->vuart.ring = uart ? &ring : NULL;
    watchdogs_init(d);
    domain_watchdogs_halt(d);
    for (unsigned i = 0; i < VCPUS; i++) {
        runstate_vcpu_init(d->vcpus[i]);
        vtimer_vcpu_init(d->vcpus[i]);
    }
    return d;
}

static void finish(struct domain *d)
{
    for (unsigned i = 0; i < VCPUS; i++)
        runstate_vcpu_destroy(d->vcpus[i]);
    cpu_view_free(d);
    fake_assert_refs(d, PAGES, 1);
    fake_domain_release(d);
    fake_domain_free(d);
    fake_assert_nothing_left();
}

static size_t save(struct domain *d, uint8_t *to)
{
    struct record_writer w = { to, MOST, 0, NULL };
    struct record_fault fault;

    if (records_save(&table, d, &w, &fault))
        abort();
    return w.used;
}

/* The mode, without which PSTATE.SS and the like are nothing: EL0t, EL1t, EL1h, and User of AArch32 (C5.2.19). */
static bool mode_is_a_guests(uint64_t pstate)
{
    uint64_t mode = pstate & 0x1f;

    return mode == 0 || mode == 4 || mode == 5 || mode == 0x10;
}

/* A physical timer that is due when it is set would be set again, for ever; a watchdog barks once. */
static void check_timer(const struct timer *t, uint64_t earliest)
{
    if (t->queued && timer_expires(t) < earliest)
        abort();
}

static void live(struct domain *d)
{
    clock_begin(d);
    domain_watchdogs_continue(d);
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
        check_timer(&d->watchdogs.each[i].timer, NOW);
    for (unsigned i = 0; i < VCPUS; i++) {
        const struct vcpu *v = d->vcpus[i];

        check_timer(&v->vtimer.phys, NOW + 1);
        if (!mode_is_a_guests(v->regs.pstate) || (v->blocked && !vcpu_is_on(v)) || v->pause_count)
            abort();
    }
}

/* As the stream says in its first record. */
static bool has_uart(const uint8_t *data, size_t size)
{
    enum { THERE_AT = 24 + 16 };

    return size > THERE_AT && data[THERE_AT];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t once[MOST], twice[MOST];
    bool uart = has_uart(data, size), begun;
    struct domain *d = begin(uart);
    struct record_fault fault = { 0 };

    if (records_restore(&table, d, data, size, &begun, &fault)) {
        if (!fault.kind || !fault.why || fault.at > size)
            abort(); /* nothing is refused without a line that says why */
    } else {
        size = save(d, once);
        live(d);
        finish(d);
        d = begin(uart);
        if (records_restore(&table, d, once, size, &begun, &fault) || save(d, twice) != size ||
            memcmp(once, twice, size))
            abort();
    }
    finish(d);
    return 0;
}

/* A domain with some of everything, to begin with. */
static size_t make_seed(uint8_t *data, bool uart)
{
    struct domain *d = begin(uart);
    size_t size;

    for (unsigned i = 0; i < VCPUS; i++)
        d->vcpus[i]->regs.pstate = 5;
    d->vcpus[0]->initialised = true;
    vcpu_release(d->vcpus[0], true);
    vcpu_wait_again(d->vcpus[0], true, false);
    d->vcpus[0]->vtimer.phys_ctl = 1;
    d->vcpus[0]->vtimer.phys_cval = NOW;
    d->watchdogs.each[0].in_use = true;
    d->watchdogs.each[0].left = FREQUENCY;
    if (shared_info_map(d, GFN(PAGES)) || runstate_set_area(d->vcpus[1], (gfn_t[2]){ GFN(1), INVALID_GFN }, 64))
        abort();
    size = save(d, data);
    finish(d);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if ((size < DESCRIPTOR_BYTES || seed % 3 == 0) && most >= MOST)
        size = make_seed(data, seed % 2);
    return mutate_records(data, size, most, seed / 3);
}
