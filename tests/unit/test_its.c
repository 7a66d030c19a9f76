// SPDX-License-Identifier: Apache-2.0
/*
 * The driver of the ITS on an ITS: one that carries out its commands as IHI 0069 5.3 has them, that reads memory as it
 * was when it was last cleaned out of the caches, and whose devices write their messages to it. The driver is part of
 * this file, for a machine starts it once and here it is started anew for each test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/io.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "sleep/sleep.h"

#include "hypervisor/dev/its.c"

#define FRAMES    4096u               /* of our memory */
#define MEMORY_AT UINT64_C(0x40000000)
#define ITS_AT    UINT64_C(0x8080000)
#define RD_AT     UINT64_C(0x80a0000)
#define RD_SIZE   0x20000u
#define CPUS      3u
#define FIRST     80u
#define COUNT     200u
#define DEVICES   300u
#define EVENTS    512u
#define NOBODY    UINT32_MAX

struct cpu cpus[MAX_CPUS];
struct gic_info gic;

static char *memory, *cleaned;        /* as the CPUs see it, and as others do */
static bool frame_taken[FRAMES];
static int fail_allocation;           /* the n-th from now on; -1: none */
static uint64_t now;
static char printed[256];

static struct {
    uint64_t typer, cbaser, cwriter, creadr, baser[8], baser_fixed[8];
    uint32_t ctlr;
    unsigned page_sizes;              /* the only one it has, as BASER says it; 3: all */
    bool not_shareable, deaf;
    unsigned devices;                 /* its table of them has room for so many */
    struct { bool valid; uint64_t target; } collections[MAX_CPUS];
    struct { bool valid; unsigned events; uint32_t lpi[EVENTS], collection[EVENTS]; } device[DEVICES];
    unsigned commands;
} its_hw;

static struct { uint64_t propbaser, pendbaser; uint32_t ctlr, typer; bool sticky; } rds[CPUS];
static uint32_t gicd_typer;

/* --- The machine --- */

void *pages_alloc(unsigned order)
{
    unsigned size = 1u << order;

    if (fail_allocation >= 0 && !fail_allocation--)
        return NULL;
    for (unsigned at = 0; at + size <= FRAMES; at += size) {
        unsigned n = 0;

        while (n < size && !frame_taken[at + n])
            n++;
        if (n < size)
            continue;
        memset(frame_taken + at, true, size);
        memset(memory + at * PAGE_SIZE, 0, size * PAGE_SIZE);
        return memory + at * PAGE_SIZE;
    }
    return NULL;
}

void pages_free(void *va, unsigned order)
{
    for (unsigned i = 0; i < 1u << order; i++) {
        bool *taken = &frame_taken[((char *)va - memory) / PAGE_SIZE + i];

        assert_true(*taken);
        *taken = false;
    }
}

static unsigned frames_taken(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < FRAMES; i++)
        n += frame_taken[i];
    return n;
}

mfn_t virt_to_mfn(const void *va)
{
    return MFN((MEMORY_AT + (uint64_t)((char *)va - memory)) >> PAGE_SHIFT);
}

void cache_clean(const void *va, size_t size)
{
    uint64_t at = (uint64_t)((char *)va - memory);

    assert_true(at + size <= FRAMES * PAGE_SIZE);
    memcpy(cleaned + at, va, size);
}

void cache_clean_invalidate(const void *va, size_t size) { cache_clean(va, size); }
static const void *physical_memory(uint64_t pa) { return cleaned + (pa - MEMORY_AT); }

void *el2_map_device(paddr_t at, uint64_t size)
{
    assert_int_equal(at.pa, ITS_AT);
    assert_int_equal(size, 0x20000);
    return (void *)ITS_AT;
}

uint64_t counter_now(void) { return now += 1000; }
uint64_t ns_to_ticks(uint64_t ns) { return ns; }
unsigned cpus_present(void) { return CPUS; }
gic_frame gicv3_redistributor(unsigned cpu) { return (gic_frame)(RD_AT + cpu * RD_SIZE); }
uint32_t gicv3_distributor_typer(void) { return gicd_typer; }

uint64_t gicv3_redistributor_target(unsigned cpu, bool by_address)
{
    return by_address ? RD_AT + cpu * RD_SIZE : (uint64_t)cpu << 16;
}

void printk(const char *format, ...)
{
    size_t n = strlen(printed);
    va_list args;

    va_start(args, format);
    vsnprintf(printed + n, sizeof(printed) - n, format, args);
    va_end(args);
}

/* --- The ITS --- */

static void carry_out(const uint64_t *w)
{
    uint32_t device = (uint32_t)(w[0] >> 32), event = (uint32_t)w[1];
    unsigned collection = w[2] & 0xffff;

    its_hw.commands++;
    switch (w[0] & 0xff) {
    case 0x08:   /* MAPD */
        assert_true(device < its_hw.devices);
        its_hw.device[device].valid = w[2] >> 63;
        its_hw.device[device].events = 2u << (w[1] & 0x1f);
        memset(its_hw.device[device].lpi, 0, sizeof(its_hw.device[device].lpi));
        if (w[2] >> 63) {
            const char *table = physical_memory(w[2] & UINT64_C(0x000fffffffffff00));

            for (unsigned i = 0; i < its_hw.device[device].events * 8; i++)
                assert_int_equal(table[i], 0);
        }
        break;
    case 0x09:   /* MAPC */
        its_hw.collections[collection].valid = w[2] >> 63;
        its_hw.collections[collection].target = w[2] & UINT64_C(0x0007ffffffff0000);
        break;
    case 0x0a:   /* MAPTI */
        assert_true(device < its_hw.devices && its_hw.device[device].valid && event < its_hw.device[device].events);
        assert_true(its_hw.collections[collection].valid);
        its_hw.device[device].lpi[event] = (uint32_t)(w[1] >> 32);
        its_hw.device[device].collection[event] = collection;
        break;
    case 0x01:   /* MOVI */
        assert_true(its_hw.device[device].valid && its_hw.device[device].lpi[event]);
        assert_true(its_hw.collections[collection].valid);
        its_hw.device[device].collection[event] = collection;
        break;
    case 0x05: case 0x0d: case 0x0e:   /* SYNC, INVALL, MOVALL */
        break;
    default:
        fail_msg("unknown command %#x", (unsigned)w[0] & 0xff);
    }
}

static void read_commands(void)
{
    uint64_t size = ((its_hw.cbaser & 0xff) + 1) * 4096;

    while (its_hw.creadr != its_hw.cwriter && !its_hw.deaf) {
        carry_out(physical_memory((its_hw.cbaser & UINT64_C(0x000ffffffffff000)) + its_hw.creadr));
        its_hw.creadr = (its_hw.creadr + 32) % size;
    }
}

/* The register at an offset, and the bits of it that can be written; NULL: none of ours. */
static uint64_t *register_at(uint64_t offset, uint64_t *writable)
{
    *writable = ~UINT64_C(0);
    if (offset >= 0x100 && offset < 0x140) {
        *writable = ~(UINT64_C(7) << 56 | UINT64_C(0x1f) << 48);
        return &its_hw.baser[(offset - 0x100) / 8];
    }
    return offset == 0x80 ? &its_hw.cbaser : offset == 0x88 ? &its_hw.cwriter : NULL;
}

static bool is_redistributor(const volatile void *at, unsigned *cpu, uint64_t *offset)
{
    *cpu = (unsigned)(((uint64_t)at - RD_AT) / RD_SIZE);
    *offset = ((uint64_t)at - RD_AT) % RD_SIZE;
    return (uint64_t)at >= RD_AT && *cpu < CPUS;
}

uint64_t host_mmio_read64(const volatile void *at)
{
    uint64_t offset, writable, *reg;
    unsigned cpu;

    if (is_redistributor(at, &cpu, &offset))
        return offset == 0x70 ? rds[cpu].propbaser : offset == 0x78 ? rds[cpu].pendbaser : rds[cpu].typer;
    offset = (uint64_t)at - ITS_AT;
    reg = register_at(offset, &writable);
    return reg ? *reg : offset == 0x08 ? its_hw.typer : its_hw.creadr;
}

void host_mmio_write64(volatile void *at, uint64_t value)
{
    uint64_t offset, writable, *reg;
    unsigned cpu;

    if (its_hw.not_shareable && (uint64_t)at - ITS_AT != 0x88)
        value &= ~(UINT64_C(3) << 10);
    if (is_redistributor(at, &cpu, &offset)) {
        assert_false(rds[cpu].ctlr & 1);
        *(offset == 0x70 ? &rds[cpu].propbaser : &rds[cpu].pendbaser) = value;
        return;
    }
    offset = (uint64_t)at - ITS_AT;
    reg = register_at(offset, &writable);
    assert_non_null(reg);
    assert_true(offset == 0x88 || !(its_hw.ctlr & 1));
    *reg = (*reg & ~writable) | (value & writable);
    if (offset == 0x80)
        its_hw.creadr = 0;
    if (offset >= 0x100 && *reg >> 56 & 7 && its_hw.page_sizes != 3)
        *reg = (*reg & ~(UINT64_C(3) << 8)) | (uint64_t)its_hw.page_sizes << 8;
    if (offset == 0x88 && its_hw.ctlr & 1)
        read_commands();
}

uint32_t host_mmio_read(const volatile void *at, unsigned width)
{
    uint64_t offset;
    unsigned cpu;

    assert_int_equal(width, 4);
    if (is_redistributor(at, &cpu, &offset))
        return rds[cpu].ctlr;
    return its_hw.ctlr & 1 ? its_hw.ctlr : its_hw.ctlr | UINT32_C(1) << 31;
}

void host_mmio_write(volatile void *at, unsigned width, uint32_t value)
{
    uint64_t offset;
    unsigned cpu;

    assert_int_equal(width, 4);
    if (!is_redistributor(at, &cpu, &offset)) {
        assert_int_equal((uint64_t)at, ITS_AT);
        its_hw.ctlr = value & 1;
        return;
    }
    if (value & 1 && !(rds[cpu].ctlr & 1)) {
        const char *pending = physical_memory(rds[cpu].pendbaser & UINT64_C(0x000fffffffff0000));

        assert_true(rds[cpu].pendbaser & UINT64_C(1) << 62);
        for (unsigned i = 0; i < (2u << (rds[cpu].propbaser & 0x1f)) / 8; i++)
            assert_int_equal(pending[i], 0);
    }
    rds[cpu].ctlr = rds[cpu].sticky ? value | 1 : value;
}

/* A device writes a message: the CPU that takes its LPI, and takes it; NOBODY: nothing comes of it. */
static unsigned write_message(uint32_t device, uint32_t event)
{
    unsigned before = host_cpu, cpu;
    uint64_t target;
    uint32_t lpi;
    const char *properties;

    if (!(its_hw.ctlr & 1) || device >= its_hw.devices || !its_hw.device[device].valid ||
        event >= its_hw.device[device].events || !its_hw.device[device].lpi[event])
        return NOBODY;
    lpi = its_hw.device[device].lpi[event];
    assert_true(its_hw.collections[its_hw.device[device].collection[event]].valid);
    target = its_hw.collections[its_hw.device[device].collection[event]].target;
    cpu = (unsigned)(its_hw.typer >> 19 & 1 ? (target - RD_AT) / RD_SIZE : target >> 16);
    assert_true(cpu < CPUS && rds[cpu].ctlr & 1);
    properties = physical_memory(rds[cpu].propbaser & UINT64_C(0x000ffffffffff000));
    assert_true(properties[lpi - 8192] & 1);
    assert_true(lpi < 2u << (rds[cpu].propbaser & 0x1f));
    host_cpu = cpu;
    its_take(lpi);
    host_cpu = before;
    return cpu;
}

/* --- Whoever the messages are for --- */

static unsigned last_message, wanted_cpu;

static unsigned take_message(unsigned message)
{
    last_message = message;
    return wanted_cpu == NOBODY ? host_cpu : wanted_cpu;
}

#define assert_comes(device, event, cpu) \
    do { \
        last_message = 0; \
        assert_int_equal(write_message(device, event), cpu); \
        assert_int_equal(last_message, event); \
    } while (0)

static int setup(void **state)
{
    (void)state;
    memory = aligned_alloc(64 * KIB, FRAMES * PAGE_SIZE);
    cleaned = malloc(FRAMES * PAGE_SIZE);
    memset(cleaned, 0xa5, FRAMES * PAGE_SIZE);
    memset(frame_taken, 0, sizeof(frame_taken));
    memset(&its_hw, 0, sizeof(its_hw));
    memset(rds, 0, sizeof(rds));
    its_hw.typer = 1 | 7 << 4 | 15 << 8 | 15 << 13;
    its_hw.page_sizes = 3;
    its_hw.devices = DEVICES;
    its_hw.baser[0] = UINT64_C(1) << 56 | UINT64_C(7) << 48;
    its_hw.baser[1] = UINT64_C(4) << 56 | UINT64_C(7) << 48;
    gicd_typer = 1 << 17 | 15 << 19;
    for (unsigned i = 0; i < CPUS; i++) {
        rds[i].typer = 1;
        cpus[i] = (struct cpu){ .id = i, .online = true };
    }
    memset(&its, 0, sizeof(its));
    gic.its.base = ITS_AT;
    gic.its.size = 0x20000;
    host_cpu = 0;
    fail_allocation = -1;
    wanted_cpu = NOBODY;
    printed[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    free(cleaned);
    return 0;
}

static void start_with(unsigned devices)
{
    assert_int_equal(its_map_functions(0, 0, 0xffff, 0, 0x10000), 0);
    assert_int_equal(its_start(FIRST, COUNT, take_message), 0);
    for (unsigned i = 0; i < devices; i++)
        assert_int_equal(its_add_function(0, i), 0);
}

/* --- Starting --- */

static void a_machine_without_one_has_none(void **state)
{
    (void)state;
    gic.its.base = 0;
    assert_int_equal(its_start(FIRST, COUNT, take_message), -ENODEV);
    assert_int_equal(its_add_function(0, 1), 0);
    assert_int_equal(its_remove_function(0, 1), 0);
    its_cpu_on();
    its_evict(1, 0);
    its_take(8192);
    assert_int_equal(its_stage.enter(NULL), 0);
    its_stage.leave(NULL);
    assert_int_equal(its_jump_stage.enter(NULL), 0);
    assert_int_equal(frames_taken(), 0);
    assert_string_equal(printed, "");
}

static void messages_come_as_their_numbers(void **state)
{
    (void)state;
    start_with(2);
    assert_comes(0, FIRST, 0);
    assert_comes(0, FIRST + COUNT - 1, 0);
    assert_comes(1, FIRST + 7, 0);
    assert_int_equal(write_message(0, FIRST - 1), NOBODY);
    assert_int_equal(write_message(0, FIRST + COUNT), NOBODY);
    assert_int_equal(write_message(2, FIRST), NOBODY);
    assert_string_equal(printed, "");
}

/* Each way in which hardware may have them: pages of one size, no way to look into caches, CPUs by address. */
static void tables_are_as_the_hardware_wants_them(void **state)
{
    static const uint64_t sizes[] = { 4096, 16384, 65536 };

    for (unsigned page = 0; page < 3; page++)
        for (unsigned variant = 0; variant < 4; variant++) {
            (void)teardown(state);
            (void)setup(state);
            its_hw.page_sizes = page;
            its_hw.not_shareable = variant & 1;
            its_hw.typer |= variant & 2 ? 1 << 19 : 0;
            start_with(2);
            for (unsigned n = 0; n < 2; n++) {
                uint64_t bytes = ((its_hw.baser[n] & 0xff) + 1) * sizes[page], want = n ? MAX_CPUS * 8 : 65536 * 8;

                assert_true(its_hw.baser[n] >> 63);
                assert_true(bytes >= want && bytes < want + 65536);
                assert_int_equal(its_hw.baser[n] >> 59 & 7, variant & 1 ? 1 : 7);
            }
            assert_int_equal(its_hw.baser[2], 0);
            assert_int_equal(rds[1].propbaser >> 7 & 7, variant & 1 ? 1 : 7);
            assert_comes(1, FIRST, 0);
        }
}

static void one_that_is_too_small_is_left_alone(void **state)
{
    static const struct { uint64_t typer; uint32_t gicd; } small[] = {
        { 0 | 7 << 4 | 15 << 8 | 15 << 13, 1 << 17 | 15 << 19 },   /* no physical LPIs */
        { 1 | 7 << 4 | 7 << 8 | 15 << 13, 1 << 17 | 15 << 19 },    /* 256 events */
        { 1 | 7 << 4 | 15 << 8 | 15 << 13, 15 << 19 },             /* a distributor without LPIs */
        { 1 | 7 << 4 | 15 << 8 | 15 << 13, 1 << 17 | 12 << 19 },   /* no number for any LPI */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(small); i++) {
        (void)teardown(state);
        (void)setup(state);
        its_hw.typer = small[i].typer;
        gicd_typer = small[i].gicd;
        assert_int_equal(its_start(FIRST, COUNT, take_message), -ENODEV);
        assert_non_null(strstr(printed, "cannot be used (error 19)"));
        assert_int_equal(its_hw.ctlr, 0);
        its_cpu_on();
        assert_int_equal(its_add_function(0, 1), 0);
    }
}

static void no_memory_is_told(void **state)
{
    for (int n = 0; n < 7; n++) {
        (void)teardown(state);
        (void)setup(state);
        fail_allocation = n;
        assert_int_equal(its_start(FIRST, COUNT, take_message), -ENOMEM);
        assert_non_null(strstr(printed, "cannot be used"));
    }
    (void)teardown(state);
    (void)setup(state);
    fail_allocation = 7;   /* queue, properties, two tables, three CPUs */
    start_with(0);
}

/* --- Devices --- */

static void functions_are_devices_by_the_map(void **state)
{
    (void)state;
    assert_int_equal(its_map_functions(0, 0x100, 0xfff8, 0x20, 0x100), 0);
    assert_int_equal(its_map_functions(1, 0, 0xffff, 0x40, 0x10), 0);
    assert_int_equal(its_start(FIRST, COUNT, take_message), 0);
    assert_int_equal(its_add_function(0, 0x10b), 0);   /* the mask takes the function's number */
    assert_int_equal(its_add_function(1, 2), 0);
    assert_int_equal(its_add_function(0, 0xff), 0);    /* led nowhere */
    assert_int_equal(its_add_function(0, 0x200), 0);
    assert_int_equal(its_add_function(2, 2), 0);
    assert_comes(0x28, FIRST, 0);
    assert_comes(0x42, FIRST + 1, 0);
    for (unsigned i = 0; i < DEVICES; i++)
        assert_int_equal(its_hw.device[i].valid, i == 0x28 || i == 0x42);
}

static void maps_without_end_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_MAPS; i++)
        assert_int_equal(its_map_functions(i, 0, 0xffff, 0, 1), 0);
    assert_int_equal(its_map_functions(MAX_MAPS, 0, 0xffff, 0, 1), -ENOSPC);
}

static void a_device_that_is_known_is_not_added_twice(void **state)
{
    unsigned commands, taken;

    (void)state;
    start_with(1);
    commands = its_hw.commands;
    taken = frames_taken();
    assert_int_equal(its_add_function(0, 0), 0);
    assert_int_equal(its_hw.commands, commands);
    assert_int_equal(frames_taken(), taken);
}

/* By a mask that leaves out the function's number, both are one device. */
static void a_device_of_two_functions_outlives_one_of_them(void **state)
{
    (void)state;
    assert_int_equal(its_map_functions(0, 0x108, 0xfff8, 0x28, 1), 0);
    assert_int_equal(its_start(FIRST, COUNT, take_message), 0);
    assert_int_equal(its_add_function(0, 0x108), 0);
    assert_int_equal(its_add_function(0, 0x109), 0);
    assert_int_equal(its_remove_function(0, 0x109), 0);
    assert_comes(0x28, FIRST, 0);
    assert_int_equal(its_remove_function(0, 0x108), 0);
    assert_int_equal(its_add_function(0, 0x108), 0);
    assert_comes(0x28, FIRST, 0);
}

static void devices_go_and_their_memory_with_them(void **state)
{
    unsigned taken;

    (void)state;
    start_with(1);
    taken = frames_taken();
    assert_int_equal(its_add_function(0, 5), 0);
    assert_int_equal(its_remove_function(0, 5), 0);
    assert_int_equal(its_remove_function(0, 5), 0);
    assert_int_equal(frames_taken(), taken);
    assert_int_equal(write_message(5, FIRST), NOBODY);
    assert_comes(0, FIRST, 0);
    assert_int_equal(its_add_function(0, 6), 0);
    assert_comes(6, FIRST + 3, 0);
}

/* 16 bits of INTIDs: (65536 - 8192) / 200 devices, but never more than MAX_DEVICES; and the queue goes round. */
static void lpis_end_before_devices_do(void **state)
{
    unsigned taken;

    (void)state;
    gicd_typer = 1 << 17 | 13 << 19;   /* 14 bits: 8192 LPIs, 40 devices */
    start_with(40);
    taken = frames_taken();
    assert_int_equal(its_add_function(0, 40), -ENOSPC);
    assert_int_equal(frames_taken(), taken);
    for (unsigned i = 0; i < 40; i++)
        for (unsigned event = FIRST; event < FIRST + COUNT; event++)
            assert_comes(i, event, 0);
    assert_int_equal(its_remove_function(0, 3), 0);
    assert_int_equal(its_add_function(0, 40), 0);
    assert_comes(40, FIRST, 0);
}

static void a_device_that_it_cannot_have_is_refused(void **state)
{
    (void)state;
    its_hw.typer = 1 | 7 << 4 | 15 << 8 | 3 << 13;   /* 16 devices */
    start_with(0);
    assert_int_equal(its_add_function(0, 16), -ERANGE);
    fail_allocation = 0;
    assert_int_equal(its_add_function(0, 15), -ENOMEM);
    assert_int_equal(its_add_function(0, 15), 0);
    assert_comes(15, FIRST, 0);
}

static void one_that_does_not_answer_ends_nothing_else(void **state)
{
    unsigned taken;

    (void)state;
    start_with(1);
    taken = frames_taken();
    its_hw.deaf = true;
    assert_int_equal(its_add_function(0, 1), -EIO);
    assert_non_null(strstr(printed, "does not carry out its commands"));
    printed[0] = 0;
    assert_int_equal(its_remove_function(0, 0), -EIO);
    assert_true(frames_taken() > taken);   /* it may still look at them */
    for (unsigned i = 0; i < 3000; i++)
        its_evict(1, 0);
    wanted_cpu = 1;
    its_take(8192);
    assert_string_equal(printed, "");
}

/* --- CPUs --- */

static void messages_follow_whom_they_are_for(void **state)
{
    (void)state;
    start_with(2);
    wanted_cpu = 2;
    assert_comes(0, FIRST, 0);
    assert_comes(0, FIRST, 2);
    assert_comes(0, FIRST + 1, 0);
    assert_comes(1, FIRST, 0);
    wanted_cpu = 1;
    assert_comes(0, FIRST, 2);
    assert_comes(0, FIRST, 1);
    wanted_cpu = NOBODY;
    assert_comes(0, FIRST, 1);
    assert_comes(0, FIRST, 1);
}

static void a_cpu_that_is_lost_gets_no_more(void **state)
{
    (void)state;
    start_with(1);
    wanted_cpu = 2;
    assert_comes(0, FIRST, 0);
    its_evict(2, 1);
    rds[2].ctlr = 0;
    assert_comes(0, FIRST, 1);   /* and is not sent there again */
    assert_comes(0, FIRST, 1);
    assert_comes(0, FIRST + 1, 0);
    assert_comes(0, FIRST + 1, 0);
}

static void a_cpu_that_cannot_take_any_is_gone_without(void **state)
{
    (void)state;
    cpus[2].online = false;
    start_with(1);
    rds[2].sticky = true;
    rds[2].ctlr = 1;   /* another kernel's, for good */
    host_cpu = 2;
    its_cpu_on();
    assert_non_null(strstr(printed, "CPU 2 can take no message interrupts (error 16)"));
    assert_int_equal(its_add_function(0, 9), 0);   /* by that CPU */
    host_cpu = 0;
    wanted_cpu = 2;
    assert_comes(9, FIRST, 0);
    assert_comes(9, FIRST, 0);
}

static void another_kernels_lpis_are_switched_off_first(void **state)
{
    (void)state;
    rds[1].ctlr = 1;
    rds[1].propbaser = 0x12345000;
    start_with(1);
    wanted_cpu = 1;
    assert_comes(0, FIRST, 0);
    assert_comes(0, FIRST, 1);
}

/* --- Sleeps --- */

/* All CPUs but `stays` go off, and come on again after `asleep`. */
static void sleep_on(unsigned stays, const struct sleep_stage *stage, void (*asleep)(void))
{
    host_cpu = stays;
    assert_int_equal(stage->enter(NULL), 0);
    asleep();
    its_cpu_on();   /* gic_stage, which leaves before */
    stage->leave(NULL);
    for (unsigned i = 0; i < CPUS; i++) {
        host_cpu = i;
        its_cpu_on();
    }
    host_cpu = 0;
}

static void message_arrives(void) { assert_comes(0, FIRST, 1); }

static void lose_everything(void)
{
    its_hw.ctlr = 0;
    its_hw.cbaser = its_hw.cwriter = its_hw.creadr = 0;
    memset(its_hw.device, 0, sizeof(its_hw.device));
    memset(its_hw.collections, 0, sizeof(its_hw.collections));
    for (unsigned n = 0; n < 8; n++)
        its_hw.baser[n] &= UINT64_C(7) << 56 | UINT64_C(0x1f) << 48;
    for (unsigned i = 0; i < CPUS; i++)
        rds[i].ctlr = 0, rds[i].propbaser = rds[i].pendbaser = 0;
}

static void run_another_kernel(void)
{
    assert_int_equal(its_hw.ctlr, 0);
    for (unsigned i = 0; i < CPUS; i++)
        assert_int_equal(rds[i].ctlr & 1, 0);
    lose_everything();
    its_hw.cbaser = UINT64_C(1) << 63 | 0x7000000;
    its_hw.creadr = its_hw.cwriter = 64;
    its_hw.ctlr = 1;
    for (unsigned i = 0; i < CPUS; i++)
        rds[i].ctlr = 1, rds[i].propbaser = 0x7100000;
}

static void every_message_reaches_the_cpu_that_sleeps(void **state)
{
    unsigned commands;

    (void)state;
    start_with(2);
    wanted_cpu = 2;
    assert_comes(0, FIRST, 0);
    wanted_cpu = NOBODY;
    sleep_on(1, &its_stage, message_arrives);
    commands = its_hw.commands;
    assert_comes(0, FIRST, 2);   /* where it went before: nothing was lost, and nothing set up anew */
    assert_int_equal(its_hw.commands, commands);
}

static void what_a_sleep_loses_is_set_up_anew(void **state)
{
    (void)state;
    start_with(3);
    assert_int_equal(its_remove_function(0, 1), 0);
    sleep_on(1, &its_stage, lose_everything);
    assert_comes(0, FIRST, 1);
    assert_comes(2, FIRST + COUNT - 1, 1);
    assert_int_equal(write_message(1, FIRST), NOBODY);
    wanted_cpu = 0;
    assert_comes(0, FIRST, 1);
    assert_comes(0, FIRST, 0);
    assert_string_equal(printed, "");
}

static void before_a_jump_it_is_silent_and_comes_back_from_whatever_was_done_to_it(void **state)
{
    (void)state;
    start_with(2);
    sleep_on(0, &its_jump_stage, run_another_kernel);
    assert_comes(0, FIRST, 0);
    assert_comes(1, FIRST + 5, 0);
    wanted_cpu = 2;
    assert_comes(1, FIRST + 5, 0);
    assert_comes(1, FIRST + 5, 2);
    assert_string_equal(printed, "");
}

static void go_deaf(void) { lose_everything(), its_hw.deaf = true; }

static void one_that_does_not_come_back_is_told(void **state)
{
    (void)state;
    start_with(1);
    sleep_on(0, &its_stage, go_deaf);
    assert_non_null(strstr(printed, "does not come back"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_without_one_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_come_as_their_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_are_as_the_hardware_wants_them, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_too_small_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_are_devices_by_the_map, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_without_end_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_is_known_is_not_added_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_of_two_functions_outlives_one_of_them, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_go_and_their_memory_with_them, setup, teardown),
        cmocka_unit_test_setup_teardown(lpis_end_before_devices_do, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_it_cannot_have_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_answer_ends_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_follow_whom_they_are_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cpu_that_is_lost_gets_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cpu_that_cannot_take_any_is_gone_without, setup, teardown),
        cmocka_unit_test_setup_teardown(another_kernels_lpis_are_switched_off_first, setup, teardown),
        cmocka_unit_test_setup_teardown(every_message_reaches_the_cpu_that_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_sleep_loses_is_set_up_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(before_a_jump_it_is_silent_and_comes_back_from_whatever_was_done_to_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_come_back_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
