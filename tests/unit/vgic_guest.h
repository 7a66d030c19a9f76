// SPDX-License-Identifier: Apache-2.0
/*
 * A guest of two vCPUs on the fake machine, for the tests of the virtual interrupt controller. One program includes
 * this once.
 */
#pragma once

#include "fake_gic.h"

#include "lib/errno.h"

#define GICD        0x3001000ul
#define GICR(v)     (0x3020000ul + (v) * 0x20000)
#define SGI_BASE(v) (GICR(v) + 0x10000)
#define CTLR        0x000
#define TYPER       0x004
#define SETSPI      0x040
#define CLRSPI      0x048
#define ISENABLER   0x100
#define ICENABLER   0x180
#define ISPENDR     0x200
#define ICPENDR     0x280
#define ISACTIVER   0x300
#define ICACTIVER   0x380
#define IPRIORITYR  0x400
#define ITARGETSR   0x800
#define ICFGR       0xc00
#define SGIR        0xf00
#define CPENDSGIR   0xf10
#define SPENDSGIR   0xf20
#define IROUTER     0x6000

#define SPI         40u
#define PHYSICAL    50u
#define NOTHING     1023u

static struct domain *d;
static struct vcpu *v0, *v1;

/* Two vCPUs, both running, all private interrupts and SPIs enabled with priority 0x80. */
static inline void begin(unsigned version, unsigned lrs, bool lr_deactivates)
{
    fake_gic_reset(version, lrs, lr_deactivates);
    d = fake_guest(2, 64);
    v0 = d->vcpus[0];
    v1 = d->vcpus[1];
    fake_run(1, v1);
    fake_run(0, v0);
    fake_write(v0, GICD + CTLR, 4, 3);
    for (unsigned id = 0; id < 96; id += 4) {
        if (id >= 32 || version == 2)
            fake_write(v0, GICD + IPRIORITYR + id, 4, 0x80808080);
        for (unsigned v = 0; version == 3 && id < 32 && v < 2; v++)
            fake_write(v0, SGI_BASE(v) + IPRIORITYR + id, 4, 0x80808080);
    }
    for (unsigned word = version == 3; word < 3; word++)
        fake_write(v0, GICD + ISENABLER + 4 * word, 4, 0xffffffff);
    for (unsigned v = 0; version == 3 && v < 2; v++)
        fake_write(v0, SGI_BASE(v) + ISENABLER, 4, 0xffffffff);
    if (version == 2) {
        fake_write(v1, GICD + ISENABLER, 4, 0xffffffff);
        for (unsigned id = 0; id < 32; id += 4)
            fake_write(v1, GICD + IPRIORITYR + id, 4, 0x80808080);
    }
    fake_settle();
    fake_mask(0, 0xff);
    fake_mask(1, 0xff);
    fake_kicks(v0);
    fake_kicks(v1);
}

static inline int begin_v3(void **state) { (void)state; begin(3, 4, true); return 0; }
static inline int begin_v2(void **state) { (void)state; begin(2, 4, true); return 0; }
static inline int begin_by_software(void **state) { (void)state; begin(2, 4, false); return 0; }

static inline int end(void **state)
{
    (void)state;
    fake_assert_consistent(d);
    fake_guest_free(d);
    fake_gic_assert_nothing_left();
    return 0;
}

static inline void set_priority(unsigned id, uint8_t p)
{
    fake_write(v0, (id < 32 && gic.version == 3 ? SGI_BASE(0) : GICD) + IPRIORITYR + id, 1, p);
}

static inline uint64_t bit_of(unsigned reg, unsigned id)
{
    uint64_t base = id < 32 && gic.version == 3 ? SGI_BASE(0) : GICD;

    return fake_read(v0, base + reg + id / 32 * 4, 4) >> id % 32 & 1;
}

static inline void write_bit(unsigned reg, unsigned id)
{
    uint64_t base = id < 32 && gic.version == 3 ? SGI_BASE(0) : GICD;

    assert_int_not_equal(fake_write(v0, base + reg + id / 32 * 4, 4, 1u << id % 32), FAKE_REFUSED);
    fake_settle();
}

static inline void assert_taken_and_ended(unsigned cpu, unsigned id)
{
    assert_int_equal(fake_ack(cpu), id);
    fake_end(cpu, id);
    fake_settle();
}

#define V3(t) cmocka_unit_test_setup_teardown(t, begin_v3, end)
#define V2(t) cmocka_unit_test_setup_teardown(t, begin_v2, end)
#define SOFTWARE(t) { #t "_by_software", t, begin_by_software, end, NULL }
#define EITHER(t) V3(t), { #t "_on_v2", t, begin_v2, end, NULL }
