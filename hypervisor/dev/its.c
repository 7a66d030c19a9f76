// SPDX-License-Identifier: Apache-2.0
/*
 * Commands are written to a queue in memory, which the ITS reads. Its tables and the redistributors' are in memory as
 * well, and theirs alone once they were handed over: each is cleaned out of our caches before, as if none of them could
 * look there, and the redistributors' table of properties is the same for all LPIs and never changes.
 *
 * An LPI's number says which message of which device it is: device `slot` has count LPIs from ITS_FIRST_LPI +
 * slot * count on. Each CPU has a collection of its own number.
 */
#include "dev/its.h"

#include "arch/barrier.h"
#include "arch/io.h"
#include "arch/lock.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "sleep/sleep.h"

/* IHI 0069 12.19 (GITS), 12.11 (GICR) */
#define GITS_CTLR             0x0000
#define GITS_CTLR_ENABLED     BIT(0)
#define GITS_CTLR_QUIESCENT   BIT(31)
#define GITS_TYPER            0x0008
#define GITS_TYPER_PHYSICAL   BIT(0)
#define GITS_TYPER_PTA        BIT(19)
#define GITS_CBASER           0x0080
#define GITS_CWRITER          0x0088
#define GITS_CREADR           0x0090
#define GITS_CREADR_STALLED   BIT(0)
#define GITS_BASER            0x0100
#define GITS_BASERS           8u
#define BASER_VALID           BIT(63)
#define BASER_TYPE(v)         ((v) >> 56 & 7)
#define BASER_DEVICES         1u
#define BASER_COLLECTIONS     4u
#define BASER_PAGE_SIZE(v)    ((v) >> 8 & 3)    /* 4, 16 or 64 KiB */
#define GICD_TYPER_LPIS       BIT(17)
#define GICR_CTLR             0x0000
#define GICR_CTLR_LPIS        BIT(0)
#define GICR_CTLR_RWP         BIT(3)
#define GICR_TYPER            0x0008
#define GICR_TYPER_PLPIS      BIT(0)
#define GICR_PROPBASER        0x0070
#define GICR_PENDBASER        0x0078
#define PENDBASER_ZERO        BIT(62)
#define TABLE_ADDRESS         UINT64_C(0x000ffffffffff000)

/* Memory attributes of tables: shareability, in all of these registers, and the two places of inner cacheability. */
#define SHAREABLE             (UINT64_C(1) << 10)
#define SHAREABILITY          (UINT64_C(3) << 10)
#define WRITE_BACK            UINT64_C(7)
#define NOT_CACHED            UINT64_C(1)
#define GITS_CACHE_SHIFT      59
#define GICR_CACHE_SHIFT      7

/* IHI 0069 5.3 */
#define CMD_MOVI              0x01u
#define CMD_SYNC              0x05u
#define CMD_MAPD              0x08u
#define CMD_MAPC              0x09u
#define CMD_MAPTI             0x0au
#define CMD_INVALL            0x0du
#define CMD_MOVALL            0x0eu
#define CMD_VALID             BIT(63)

#define LARGE_PAGE            (64 * KIB)
#define LARGE_PAGE_ORDER      4u
#define QUEUE_COMMANDS        (LARGE_PAGE / sizeof(struct command))
#define LPI_BITS              16u               /* of all INTIDs, at most */
#define LPI_PROPERTY          (GIC_PRIORITY | 1u)   /* enabled */
#define DEVICE_BITS           16u               /* that we keep a table for: a segment's functions */
#define MAX_DEVICES           224u
#define MAX_MAPS              16u
#define PATIENCE_NS           1000000000u

struct command { uint64_t word[4]; };

struct table {
    char *memory;
    uint64_t size, entry; /* bytes */
    bool of_devices;      /* by their numbers; else of collections */
};

static struct {
    volatile char *regs;  /* NULL: not started */
    its_handler *handler;
    unsigned first, count;
    unsigned event_bits;  /* that a device's messages have */
    unsigned device_bits, device_order;   /* bits of a device's number, and the order of its table's memory */
    struct spinlock lock;
    struct command *queue;
    unsigned written GUARDED_BY(lock);    /* commands, modulo the queue's size */
    bool stuck GUARDED_BY(lock);
    struct table tables[GITS_BASERS];     /* where memory is NULL: none is needed */
    unsigned lpi_bits;
    uint8_t *properties;                  /* a byte for each LPI */
    struct {
        void *pending;                    /* its redistributor's table */
        uint64_t target;                  /* its redistributor, as commands take it */
        bool on;                          /* it takes LPIs; under lock */
    } cpus[MAX_CPUS];
    struct device {
        void *table;                      /* NULL: the slot is free */
        uint32_t id;
        uint32_t function;                /* that it was added for: function_of() */
        bool shared;                      /* it was added for others, too (msi-map-mask): it stays */
    } devices[MAX_DEVICES] GUARDED_BY(lock);
    unsigned slots;
    struct { unsigned segment; uint32_t rid, mask, device, count; } maps[MAX_MAPS];
    unsigned map_count;
} its;

static uint64_t physical(const void *table) { return mfn_to_paddr(virt_to_mfn(table)).pa; }

/* For a reader that does not look into caches. */
static void clear(void *table, uint64_t size)
{
    memset(table, 0, size);
    cache_clean_invalidate(table, size);
}

/* --- Registers --- */

/* Writes a table's address with the best attributes that the hardware has. */
static uint64_t write_base(uint64_t value, volatile char *at, unsigned cache_shift)
{
    uint64_t seen;

    mmio_write64(value | SHAREABLE | WRITE_BACK << cache_shift, at);
    seen = mmio_read64(at);
    if (!(seen & SHAREABILITY)) {
        mmio_write64(value | NOT_CACHED << cache_shift, at);
        seen = mmio_read64(at);
    }
    return seen;
}

static bool wait_for(volatile char *at, uint32_t mask, uint32_t value)
{
    uint64_t since = counter_now(), limit = ns_to_ticks(PATIENCE_NS);

    while ((mmio_read32(at) & mask) != value) {
        if (counter_now() - since > limit)
            return false;
        cpu_relax();
    }
    return true;
}

/* --- Commands --- */

static void submit(void) REQUIRES(its.lock)
{
    mmio_write64(its.written * sizeof(struct command), its.regs + GITS_CWRITER);
}

static unsigned commands_read(void) REQUIRES(its.lock)
{
    uint64_t at = mmio_read64(its.regs + GITS_CREADR);

    return at & GITS_CREADR_STALLED ? QUEUE_COMMANDS : (unsigned)(at / sizeof(struct command));
}

/* Until the ITS has read up to there, or is found to be stuck. */
static void await(unsigned place) REQUIRES(its.lock)
{
    uint64_t since = counter_now(), limit = ns_to_ticks(PATIENCE_NS);

    while (!its.stuck && commands_read() != place) {
        /* once more: this CPU may have been away for long (a hypervisor below us) */
        if (counter_now() - since > limit && commands_read() != place) {
            its.stuck = true;
            printk("its: it does not carry out its commands any more: devices' message interrupts are lost");
        }
        cpu_relax();
    }
}

static void command(uint64_t a, uint64_t b, uint64_t c, uint64_t d) REQUIRES(its.lock)
{
    struct command *to = &its.queue[its.written];

    *to = (struct command){ { a, b, c, d } };
    cache_clean(to, sizeof(*to));
    its.written = (its.written + 1) % QUEUE_COMMANDS;
    if (its.written % (QUEUE_COMMANDS / 2))
        return;
    /* half of the queue is written: it is read before the other half is, which may not be passed unread either */
    submit();
    await(its.written);
}

/* All that was written is carried out, as `target`'s redistributor sees it too. 0 or -EIO. */
static int finish(uint64_t target) REQUIRES(its.lock)
{
    command(CMD_SYNC, 0, target, 0);
    submit();
    await(its.written);
    return its.stuck ? -EIO : 0;
}

static void map_collection(unsigned cpu, uint64_t target) REQUIRES(its.lock)
{
    command(CMD_MAPC, 0, CMD_VALID | target | cpu, 0);
}

static void map_device(const struct device *d, unsigned slot, unsigned cpu) REQUIRES(its.lock)
{
    uint64_t device = (uint64_t)d->id << 32, lpi = ITS_FIRST_LPI + slot * its.count;

    command(device | CMD_MAPD, its.event_bits - 1, CMD_VALID | physical(d->table), 0);
    for (unsigned i = 0; i < its.count; i++)
        command(device | CMD_MAPTI, (lpi + i) << 32 | (its.first + i), cpu, 0);
}

/* --- Redistributors --- */

static bool lpis_are_ours(gic_frame rd)
{
    return mmio_read32(rd + GICR_CTLR) & GICR_CTLR_LPIS &&
           (mmio_read64(rd + GICR_PROPBASER) & TABLE_ADDRESS) == physical(its.properties);
}

/* Another kernel's LPIs, or ours. False: they stay on, as hardware may have it (IHI 0069, GICR_CTLR.EnableLPIs). */
static bool lpis_off(gic_frame rd)
{
    mmio_write32(mmio_read32(rd + GICR_CTLR) & ~(uint32_t)GICR_CTLR_LPIS, rd + GICR_CTLR);
    return wait_for(rd + GICR_CTLR, GICR_CTLR_LPIS | GICR_CTLR_RWP, 0);
}

/* 0, -ENODEV, -ENOMEM or -EBUSY. */
static int lpis_on(unsigned cpu)
{
    gic_frame rd = gicv3_redistributor(cpu);

    if (!(mmio_read64(rd + GICR_TYPER) & GICR_TYPER_PLPIS))
        return -ENODEV;
    if (!its.cpus[cpu].pending) {
        its.cpus[cpu].pending = pages_alloc(LARGE_PAGE_ORDER);
        if (!its.cpus[cpu].pending)
            return -ENOMEM;
        its.cpus[cpu].target = gicv3_redistributor_target(cpu, mmio_read64(its.regs + GITS_TYPER) & GITS_TYPER_PTA);
    }
    if (lpis_are_ours(rd))
        return 0;
    if (!lpis_off(rd))
        return -EBUSY;
    clear(its.cpus[cpu].pending, BIT(its.lpi_bits) / 8);
    (void)write_base(physical(its.properties) | (its.lpi_bits - 1), rd + GICR_PROPBASER, GICR_CACHE_SHIFT);
    (void)write_base(physical(its.cpus[cpu].pending) | PENDBASER_ZERO, rd + GICR_PENDBASER, GICR_CACHE_SHIFT);
    dsb_sy();
    mmio_write32(mmio_read32(rd + GICR_CTLR) | (uint32_t)GICR_CTLR_LPIS, rd + GICR_CTLR);
    return 0;
}

/* On, and with our commands: not lost, and not another kernel's. */
static bool its_is_ours(void)
{
    return mmio_read32(its.regs + GITS_CTLR) & GITS_CTLR_ENABLED &&
           (mmio_read64(its.regs + GITS_CBASER) & TABLE_ADDRESS) == physical(its.queue);
}

void its_cpu_on(void)
{
    unsigned cpu = this_cpu()->id;
    int error;

    if (!its.regs)
        return;
    error = lpis_on(cpu);
    if (error)
        printk("its: CPU %u can take no message interrupts (error %d); another does", cpu, -error);
    spin_lock(&its.lock);
    its.cpus[cpu].on = !error;
    if (!error && its_is_ours()) {   /* if not, its_stage is about to set it up */
        map_collection(cpu, its.cpus[cpu].target);
        (void)finish(its.cpus[cpu].target);
    }
    spin_unlock(&its.lock);
}

static void move_all(unsigned from, unsigned to) REQUIRES(its.lock)
{
    map_collection(from, its.cpus[to].target);
    if (its.cpus[from].target != its.cpus[to].target)
        command(CMD_MOVALL, 0, its.cpus[from].target, its.cpus[to].target);
}

void its_evict(unsigned from, unsigned to)
{
    if (!its.regs)
        return;
    spin_lock(&its.lock);
    if (its.cpus[from].on && its.cpus[to].on) {
        its.cpus[from].on = false;
        move_all(from, to);
        (void)finish(its.cpus[to].target);
    }
    spin_unlock(&its.lock);
}

/* --- Setting it up --- */

/* The ITS has written only what our commands were about. */
static void table_empty(const struct table *t) REQUIRES(its.lock)
{
    if (!t->of_devices)
        clear(t->memory, t->entry * MAX_CPUS);
    for (unsigned slot = 0; slot < its.slots && t->of_devices; slot++)
        if (its.devices[slot].table)
            clear(t->memory + its.devices[slot].id * t->entry, t->entry);
}

/* Describes table n to the ITS, empty. */
static int table_set_up(unsigned n) REQUIRES(its.lock)
{
    static const uint64_t page_sizes[] = { 4 * KIB, 16 * KIB, 64 * KIB, 64 * KIB };
    const struct table *t = &its.tables[n];
    volatile char *at = its.regs + GITS_BASER + n * 8;
    unsigned size = 2;   /* 64 KiB, unless it has no such pages */

    if (!t->memory) {
        mmio_write64(0, at);
        return 0;
    }
    table_empty(t);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t pages = t->size / page_sizes[size], seen;

        if (pages > 256)
            return -EIO;
        seen = write_base(BASER_VALID | physical(t->memory) | (uint64_t)size << 8 | (pages - 1), at, GITS_CACHE_SHIFT);
        if (BASER_PAGE_SIZE(seen) == size)
            return 0;
        size = BASER_PAGE_SIZE(seen);
    }
    return -EIO;
}

static bool switch_off(void)
{
    mmio_write32(mmio_read32(its.regs + GITS_CTLR) & ~(uint32_t)GITS_CTLR_ENABLED, its.regs + GITS_CTLR);
    return wait_for(its.regs + GITS_CTLR, GITS_CTLR_QUIESCENT, GITS_CTLR_QUIESCENT);
}

/* From whatever state it is in: on, with all known devices. All messages go to this CPU, which takes LPIs. */
static int set_up(void) REQUIRES(its.lock)
{
    unsigned here = this_cpu()->id;

    if (!switch_off())
        return -EIO;
    for (unsigned n = 0; n < GITS_BASERS; n++)
        if (table_set_up(n))
            return -EIO;
    (void)write_base(BASER_VALID | physical(its.queue) | (LARGE_PAGE / (4 * KIB) - 1), its.regs + GITS_CBASER,
                     GITS_CACHE_SHIFT);
    mmio_write64(0, its.regs + GITS_CWRITER);
    its.written = 0;
    its.stuck = false;
    mmio_write32(mmio_read32(its.regs + GITS_CTLR) | (uint32_t)GITS_CTLR_ENABLED, its.regs + GITS_CTLR);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (its.cpus[cpu].on)
            map_collection(cpu, its.cpus[here].target);
    for (unsigned slot = 0; slot < its.slots; slot++)
        if (its.devices[slot].table) {
            clear(its.devices[slot].table, PAGE_SIZE << its.device_order);
            map_device(&its.devices[slot], slot, here);
        }
    command(CMD_INVALL, 0, here, 0);
    return finish(its.cpus[here].target);
}

static unsigned order_of(uint64_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

/* Memory for table n, if the ITS has one there that we use. */
static int table_get(unsigned n)
{
    uint64_t baser = mmio_read64(its.regs + GITS_BASER + n * 8), entry = (baser >> 48 & 0x1f) + 1;
    struct table *t = &its.tables[n];

    if (BASER_TYPE(baser) != BASER_DEVICES && BASER_TYPE(baser) != BASER_COLLECTIONS)
        return 0;
    t->of_devices = BASER_TYPE(baser) == BASER_DEVICES;
    t->entry = entry;
    t->size = align_up(t->of_devices ? entry << its.device_bits : entry * MAX_CPUS, LARGE_PAGE);
    t->memory = pages_alloc(order_of(t->size));
    if (!t->memory)
        return -ENOMEM;
    cache_clean_invalidate(t->memory, t->size);
    return 0;
}

/* 0, or -ENODEV for an ITS that is too small for us. */
static int measure(uint64_t typer, uint32_t gicd_typer)
{
    unsigned id_bits = (typer >> 8 & 0x1f) + 1;

    its.device_bits = (unsigned)min_u64((typer >> 13 & 0x1f) + 1, DEVICE_BITS);
    its.lpi_bits = (unsigned)min_u64((gicd_typer >> 19 & 0x1f) + 1, LPI_BITS);
    while (BIT(its.event_bits) < its.first + its.count)
        its.event_bits++;
    its.device_order = order_of(((typer >> 4 & 0xf) + 1) << its.event_bits);
    if (!(typer & GITS_TYPER_PHYSICAL) || !(gicd_typer & GICD_TYPER_LPIS) || id_bits < its.event_bits ||
        BIT(its.lpi_bits) < ITS_FIRST_LPI + its.count)
        return -ENODEV;
    its.slots = (unsigned)min_u64((BIT(its.lpi_bits) - ITS_FIRST_LPI) / its.count, MAX_DEVICES);
    return 0;
}

static int tables_get(void)
{
    int error = 0;

    its.queue = pages_alloc(LARGE_PAGE_ORDER);
    its.properties = pages_alloc(LARGE_PAGE_ORDER);
    if (!its.queue || !its.properties)
        return -ENOMEM;
    for (unsigned n = 0; n < GITS_BASERS && !error; n++)
        error = table_get(n);
    memset(its.properties, LPI_PROPERTY, LARGE_PAGE);
    cache_clean(its.properties, LARGE_PAGE);
    return error;
}

static int start(void) REQUIRES(its.lock)
{
    int error = measure(mmio_read64(its.regs + GITS_TYPER), gicv3_distributor_typer());

    if (!error)
        error = tables_get();
    for (unsigned cpu = 0; !error && cpu < cpus_present(); cpu++)
        if (cpus[cpu].online) {
            error = lpis_on(cpu);
            its.cpus[cpu].on = !error;
        }
    if (!error)
        error = set_up();
    for (unsigned cpu = 0; !error && cpu < cpus_present(); cpu++)
        if (its.cpus[cpu].on)
            map_collection(cpu, its.cpus[cpu].target);
    return error ? error : finish(its.cpus[this_cpu()->id].target);
}

/* What a failure leaves allocated stays so: the machine has an ITS that it should not have. */
int its_start(unsigned first, unsigned count, its_handler *handler)
{
    int error;

    if (!gic.its.base || !count || count > ITS_MAX_MESSAGES)
        return -ENODEV;
    its.first = first;
    its.count = count;
    its.handler = handler;
    its.regs = el2_map_device(PADDR(gic.its.base), gic.its.size);
    if (!its.regs) {
        printk("its: its registers do not fit into EL2's device window; devices have no message interrupts");
        return -ENOMEM;
    }
    spin_lock(&its.lock);
    error = start();
    spin_unlock(&its.lock);
    if (error) {
        printk("its: it cannot be used (error %d); devices have no message interrupts", -error);
        its.regs = NULL;
    }
    return error;
}

/* --- Devices --- */

int its_map_functions(unsigned segment, uint32_t rid, uint32_t mask, uint32_t device, uint32_t count)
{
    if (its.map_count == MAX_MAPS)
        return -ENOSPC;
    its.maps[its.map_count++] = (typeof(its.maps[0])){ segment, rid, mask, device, count };
    return 0;
}

static bool device_of(unsigned segment, uint32_t rid, uint32_t *id)
{
    for (unsigned i = 0; i < its.map_count; i++) {
        uint32_t at = (rid & its.maps[i].mask) - its.maps[i].rid;

        if (its.maps[i].segment == segment && at < its.maps[i].count) {
            *id = its.maps[i].device + at;
            return true;
        }
    }
    return false;
}

/* The slot of a device, or of none: id_or_none is not of any that is known then. MAX_DEVICES: there is none. */
static unsigned slot_of(bool is_known, uint32_t id) REQUIRES(its.lock)
{
    unsigned slot = 0;

    while (slot < its.slots && !(is_known ? its.devices[slot].table && its.devices[slot].id == id
                                          : !its.devices[slot].table))
        slot++;
    return slot;
}

/* A CPU that takes LPIs; this one if it does. */
static unsigned taker(void) REQUIRES(its.lock)
{
    unsigned cpu = this_cpu()->id;

    for (unsigned i = 0; !its.cpus[cpu].on && i < MAX_CPUS; i++)
        cpu = i;
    return cpu;
}

static uint32_t function_of(unsigned segment, uint32_t rid) { return (uint32_t)segment << 16 | rid; }

/* *table is used up, unless the device is known. */
static int add_device(uint32_t id, uint32_t function, void **table) REQUIRES(its.lock)
{
    unsigned known = slot_of(true, id), slot = slot_of(false, 0), cpu = taker();

    if (known < its.slots) {
        its.devices[known].shared |= its.devices[known].function != function;
        return 0;
    }
    if (slot == its.slots)
        return -ENOSPC;
    its.devices[slot] = (struct device){ .table = *table, .id = id, .function = function };
    *table = NULL;
    map_device(&its.devices[slot], slot, cpu);
    return finish(its.cpus[cpu].target);
}

int its_add_function(unsigned segment, uint32_t rid)
{
    uint32_t id;
    void *table;
    int error;

    if (!its.regs || !device_of(segment, rid, &id))
        return 0;
    if (id >> its.device_bits)
        return -ERANGE;
    table = pages_alloc(its.device_order);
    if (!table)
        return -ENOMEM;
    cache_clean_invalidate(table, PAGE_SIZE << its.device_order);
    spin_lock(&its.lock);
    error = add_device(id, function_of(segment, rid), &table);
    spin_unlock(&its.lock);
    if (table)
        pages_free(table, its.device_order);
    return error;
}

/* The memory of an ITS that does not answer stays its own. */
int its_remove_function(unsigned segment, uint32_t rid)
{
    void *table = NULL;
    unsigned slot;
    uint32_t id;
    int error = 0;

    if (!its.regs || !device_of(segment, rid, &id))
        return 0;
    spin_lock(&its.lock);
    slot = slot_of(true, id);
    if (slot < its.slots && !its.devices[slot].shared) {
        command((uint64_t)id << 32 | CMD_MAPD, 0, 0, 0);
        error = finish(its.cpus[taker()].target);
        table = error ? NULL : its.devices[slot].table;
        its.devices[slot].table = NULL;
    }
    spin_unlock(&its.lock);
    if (table)
        pages_free(table, its.device_order);
    return error;
}

/* --- Messages --- */

/* The device's next message goes to that CPU; nobody waits until the ITS has heard of it. */
static void follow(unsigned slot, unsigned message, unsigned cpu)
{
    const struct device *d = &its.devices[slot];

    spin_lock(&its.lock);
    if (d->table && its.cpus[cpu].on) {
        command((uint64_t)d->id << 32 | CMD_MOVI, message, cpu, 0);
        command(CMD_SYNC, 0, its.cpus[this_cpu()->id].target, 0);
        submit();
    }
    spin_unlock(&its.lock);
}

void its_take(uint32_t lpi)
{
    unsigned n = lpi - ITS_FIRST_LPI, message, cpu;

    if (!its.regs || n >= its.slots * its.count)
        return;   /* another kernel's, that its redistributor still had */
    message = its.first + n % its.count;
    cpu = its.handler(message);
    if (cpu != this_cpu()->id)
        follow(n / its.count, message, cpu);
}

/* --- Sleeps --- */

static int its_enter(struct sleep *s)
{
    unsigned here = this_cpu()->id;

    (void)s;
    if (!its.regs || !its.cpus[here].on)
        return 0;
    spin_lock(&its.lock);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (its.cpus[cpu].on)
            move_all(cpu, here);
    (void)finish(its.cpus[here].target);   /* what comes then is said by the line that says so */
    spin_unlock(&its.lock);
    return 0;
}

static void its_leave(struct sleep *s)
{
    (void)s;
    if (!its.regs)
        return;
    spin_lock(&its.lock);
    if (!its_is_ours() && set_up())
        printk("its: it does not come back; devices' message interrupts are lost");
    spin_unlock(&its.lock);
}

const struct sleep_stage its_stage = { .name = "its", .enter = its_enter, .leave = its_leave };

void its_silence(void)
{
    if (!its.regs)
        return;
    (void)switch_off();
    for (unsigned cpu = 0; cpu < cpus_present(); cpu++)
        if (its.cpus[cpu].pending)
            (void)lpis_off(gicv3_redistributor(cpu));
}

static int its_jump_enter(struct sleep *s)
{
    (void)s;
    its_silence();
    return 0;
}

const struct sleep_stage its_jump_stage = { .name = "its", .enter = its_jump_enter, .leave = its_leave };
