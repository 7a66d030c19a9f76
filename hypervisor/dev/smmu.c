// SPDX-License-Identifier: Apache-2.0
/*
 * Commands and events are in queues in memory, a page each; so are the tables of streams (two levels: an entry of the
 * first for each 256 streams) and the one context that they all lead to. None of it changes once it is made, but for
 * the translation itself, and that is never looked at without its lock; so it is all there again after a sleep that the
 * registers do not outlive.
 */
#include "dev/smmu.h"

#include "arch/barrier.h"
#include "arch/io.h"
#include "arch/lock.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "lib/devicetree.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/dma.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "sleep/sleep.h"

/* IHI 0070 6.3 */
#define IDR0                 0x0000
#define IDR0_STAGE1          BIT(1)
#define IDR0_AARCH64         BIT(3)     /* of TTF: 10 or 11 */
#define IDR0_COHERENT        BIT(4)
#define IDR0_MSI             BIT(13)
#define IDR0_STALL_MODEL(v)  ((v) >> 24 & 3)
#define STALL_FORCED         2u
#define IDR0_TWO_LEVELS      BIT(27)    /* of ST_LEVEL: 01 */
#define IDR1                 0x0004
#define IDR1_STREAM_BITS(v)  ((v) & 0x3f)
#define IDR1_EVENT_BITS(v)   ((v) >> 16 & 0x1f)
#define IDR1_COMMAND_BITS(v) ((v) >> 21 & 0x1f)
#define IDR1_PRESET          (BIT(29) | BIT(30))   /* QUEUES_PRESET, TABLES_PRESET: their places are fixed */
#define IDR3                 0x000c
#define IDR3_BBM_LEVEL(v)    ((v) >> 11 & 3)
#define IDR5                 0x0014
#define IDR5_ADDRESS_SIZE(v) ((v) & 7)
#define ADDRESS_48           5u
#define IDR5_4K              BIT(4)
#define CR0                  0x0020
#define CR0_ACK              0x0024
#define CR0_ENABLED          BIT(0)
#define CR0_EVENTS           BIT(2)
#define CR0_COMMANDS         BIT(3)
#define CR1                  0x0028
#define CR1_COHERENT         0xd75u     /* tables and queues: inner shareable, write-back */
#define CR2                  0x002c
#define CR2_TELL_BAD_STREAMS BIT(1)
#define CR2_PRIVATE          BIT(2)     /* CPUs' TLB maintenance is not listened to */
#define GBPA                 0x0044
#define GBPA_ABORT           BIT(20)
#define GBPA_UPDATE          BIT(31)
#define IRQ_CTRL             0x0050
#define IRQ_CTRL_ACK         0x0054
#define IRQ_ERRORS           BIT(0)
#define IRQ_EVENTS           BIT(2)
#define GERROR               0x0060
#define GERRORN              0x0064
#define GERROR_IRQ_CFG0      0x0068     /* where to write instead of raising the line */
#define STRTAB_BASE          0x0080
#define STRTAB_BASE_CFG      0x0088
#define STRTAB_TWO_LEVELS    (UINT64_C(1) << 16)
#define CMDQ_BASE            0x0090
#define CMDQ_PROD            0x0098
#define CMDQ_CONS            0x009c
#define CMDQ_READ            0xfffffu   /* of CMDQ_CONS; an error's kind is above */
#define EVENTQ_BASE          0x00a0
#define EVENTQ_IRQ_CFG0      0x00b0
#define EVENTQ_PROD          0x100a8
#define EVENTQ_CONS          0x100ac
#define EVENTQ_OVERFLOW      BIT(31)
#define BASE_ALLOCATE        BIT(62)
#define BASE_ADDRESS         UINT64_C(0x000fffffffffffc0)
#define REGISTERS_SIZE       0x20000u

/* 4.1 to 4.7 */
#define CMD_CFGI_ALL         0x04u
#define CFGI_ALL_RANGE       31u
#define CMD_TLBI_NH_VAA      0x13u
#define CMD_TLBI_NSNH_ALL    0x30u
#define CMD_SYNC             0x46u

/* 5.1 to 5.4 */
#define L1_SPAN              9u         /* 2^(9 - 1) streams */
#define STE_VALID            BIT(0)
#define STE_STAGE1           (UINT64_C(5) << 1)
#define STE_CONTEXT_COHERENT (UINT64_C(1) << 2 | UINT64_C(1) << 4 | UINT64_C(3) << 6)
#define STE_SHARED_AS_ASKED  (UINT64_C(1) << 44)
#define CD_TABLES_COHERENT   (UINT64_C(1) << 8 | UINT64_C(1) << 10 | UINT64_C(3) << 12)
#define CD_NO_TTB1           BIT(30)
#define CD_VALID             BIT(31)
#define CD_IPS_SHIFT         32
#define CD_NO_AF_FAULTS      BIT(35)
#define CD_AARCH64           BIT(41)
#define CD_TELL              BIT(45)
#define CD_ABORT             BIT(46)
#define CD_ASID_PRIVATE      BIT(47)

/* 7.3 */
#define EVENT_KIND(e)        ((e)->word[0] & 0xff)
#define EVENT_STREAM(e)      ((uint32_t)((e)->word[0] >> 32))
#define EVENT_IS_READ(e)     ((e)->word[1] & BIT(35))
#define F_TRANSLATION        0x10u
#define F_PERMISSION         0x13u

#define MAX_SMMUS     8u
#define MAX_RANGES    64u
#define SPLIT         8u                /* streams of a table of the second level, as a power of 2 */
#define MAX_STREAM_BITS 20u
#define STREAMS_ORDER 2u                /* pages of such a table */
#define COMMANDS      (PAGE_SIZE / sizeof(struct command))
#define EVENTS        (PAGE_SIZE / sizeof(struct event))
#define BY_ADDRESS    16u               /* more pages than that are forgotten with all others */
#define PATIENCE_NS   1000000000u
#define LINES         8u                /* on the console in TELL_NS */
#define TELL_NS       1000000000u
#define NAME          IRQ_DEVICE_NAME

struct command { uint64_t word[2]; };
struct event { uint64_t word[4]; };
struct stream { uint64_t word[8]; };

struct smmu {
    volatile char *regs;
    uint64_t base;
    uint32_t phandle;
    unsigned stream_bits;
    uint64_t *streams;                  /* of the first level */
    struct event *events;
    struct command *commands;
    struct spinlock lock;
    unsigned written GUARDED_BY(lock);  /* commands, modulo twice the queue's size */
    bool on GUARDED_BY(lock);           /* it is asked, and knows what was asked before */
    bool quiet GUARDED_BY(lock);        /* its events are not taken any more: there were too many */
};

static struct {
    struct smmu smmus[MAX_SMMUS];
    unsigned count;
    struct dma dma;
    uint64_t *context;                  /* the one that there is */
    struct stream *all;                 /* a table of the second level of which every stream is dom0's */
    /* The devices' names; boot only. */
    struct { const struct smmu *smmu; uint32_t first, count, rid; bool pci; char name[NAME]; } ranges[MAX_RANGES];
    unsigned range_count;
} s;

static struct {
    struct spinlock lock;
    uint64_t since GUARDED_BY(lock);    /* in ticks: when the second began */
    unsigned lines GUARDED_BY(lock), lost GUARDED_BY(lock);
    struct event last GUARDED_BY(lock); /* of this second */
} told = { .lock = SPINLOCK_INIT };

static uint64_t physical(const void *table) { return mfn_to_paddr(virt_to_mfn(table)).pa; }

/* --- Registers --- */

static bool wait_for(const struct smmu *u, unsigned at, uint32_t mask, uint32_t value)
{
    uint64_t since = counter_now(), limit = ns_to_ticks(PATIENCE_NS);

    while ((mmio_read32(u->regs + at) & mask) != value) {
        if (counter_now() - since > limit && (mmio_read32(u->regs + at) & mask) != value)
            return false;
        cpu_relax();
    }
    return true;
}

static bool write_cr0(const struct smmu *u, uint32_t value)
{
    mmio_write32(value, u->regs + CR0);
    return wait_for(u, CR0_ACK, ~0u, value);
}

/* What becomes of transactions while it is disabled. */
static void set_bypass(const struct smmu *u, bool abort)
{
    uint32_t value;

    if (!wait_for(u, GBPA, GBPA_UPDATE, 0))
        return;
    value = mmio_read32(u->regs + GBPA) & ~(uint32_t)(GBPA_ABORT | GBPA_UPDATE);
    mmio_write32(value | (abort ? (uint32_t)GBPA_ABORT : 0) | (uint32_t)GBPA_UPDATE, u->regs + GBPA);
    (void)wait_for(u, GBPA, GBPA_UPDATE, 0);
}

/* On, and with our tables: not lost, and not another kernel's. */
static bool is_ours(const struct smmu *u)
{
    return mmio_read32(u->regs + CR0) & CR0_ENABLED &&
           (mmio_read64(u->regs + STRTAB_BASE) & BASE_ADDRESS) == physical(u->streams);
}

/* --- Commands --- */

/* It may know what is no longer so: nothing gets through any more. */
static void give_up(struct smmu *u, const char *why) REQUIRES(u->lock)
{
    u->on = false;
    mmio_write32(0, u->regs + IRQ_CTRL);   /* nobody answers any more */
    set_bypass(u, true);
    (void)write_cr0(u, 0);
    printk("smmu: the one at 0x%lx %s: its devices reach nothing any more", u->base, why);
}

/* All that was written is carried out. */
static void await(struct smmu *u) REQUIRES(u->lock)
{
    if (!wait_for(u, CMDQ_CONS, CMDQ_READ, u->written))
        give_up(u, "does not carry out its commands");
}

static void command(struct smmu *u, uint64_t a, uint64_t b) REQUIRES(u->lock)
{
    u->commands[u->written % COMMANDS] = (struct command){ { a, b } };
    u->written = (u->written + 1) % (2 * COMMANDS);
}

/* The commands since the last time, of which there are fewer than the queue has. */
static void carry_out(struct smmu *u) REQUIRES(u->lock)
{
    command(u, CMD_SYNC, 0);
    dsb_ishst();
    mmio_write32(u->written, u->regs + CMDQ_PROD);
    await(u);
}

static void forget(mfn_t first, uint64_t nr)
{
    for (struct smmu *u = s.smmus; u < s.smmus + s.count; u++) {
        spin_lock(&u->lock);
        if (u->on && nr > BY_ADDRESS)
            command(u, CMD_TLBI_NSNH_ALL, 0);
        for (uint64_t i = 0; u->on && nr <= BY_ADDRESS && i < nr; i++)
            command(u, CMD_TLBI_NH_VAA, mfn_to_paddr(mfn_add(first, i)).pa);
        if (u->on)
            carry_out(u);
        spin_unlock(&u->lock);
    }
}

/* --- Events --- */

static bool is_alike(const struct event *a, const struct event *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1] && !((a->word[2] ^ b->word[2]) & PAGE_MASK);
}

/*
 * False: it is like the one before, as one access may be cut into many, or there were enough for this second. *lost: of
 * how many lines before that is so.
 */
static bool may_tell(const struct event *e, unsigned *lost)
{
    uint64_t now = counter_now();
    bool alike, may;

    spin_lock(&told.lock);
    if (now - told.since > ns_to_ticks(TELL_NS)) {
        told.since = now;
        told.lines = 0;
    }
    alike = told.lines && is_alike(e, &told.last);
    may = !alike && told.lines++ < LINES;
    told.last = *e;
    *lost = may ? told.lost : 0;
    told.lost = may ? 0 : told.lost + !alike;
    spin_unlock(&told.lock);
    return may;
}

static void name_stream(const struct smmu *u, uint32_t stream, char *name, size_t size)
{
    for (unsigned i = 0; i < s.range_count; i++) {
        uint32_t at = stream - s.ranges[i].first, rid = s.ranges[i].rid + at;

        if (s.ranges[i].smmu != u || at >= s.ranges[i].count)
            continue;
        if (s.ranges[i].pci)
            snprintf(name, size, "PCI device %02x:%02x.%u of %s", rid >> 8 & 0xff, rid >> 3 & 0x1f, rid & 7,
                     s.ranges[i].name);
        else
            snprintf(name, size, "%s", s.ranges[i].name);
        return;
    }
    snprintf(name, size, "a device that the device tree does not tell (stream %u)", stream);
}

static void tell(const struct smmu *u, const struct event *e)
{
    char name[NAME + 48];
    unsigned lost;

    if (!may_tell(e, &lost))
        return;
    if (lost)
        printk("smmu: %u more such lines were left out", lost);
    name_stream(u, EVENT_STREAM(e), name, sizeof(name));
    if (EVENT_KIND(e) >= F_TRANSLATION && EVENT_KIND(e) <= F_PERMISSION)
        printk("smmu: %s was kept from %s at 0x%lx", name, EVENT_IS_READ(e) ? "reading" : "writing", e->word[2]);
    else
        printk("smmu: %s was kept from memory (event 0x%lx)", name, EVENT_KIND(e));
}

/* A device that goes on and on is not listened to until the next sleep: it reaches no more for that. */
static void take_events(struct smmu *u) REQUIRES(u->lock)
{
    uint32_t read = mmio_read32(u->regs + EVENTQ_CONS), written;

    for (unsigned n = 0; !u->quiet && (written = mmio_read32(u->regs + EVENTQ_PROD)) != read; n++) {
        struct event e;

        if (n == 2 * EVENTS) {
            u->quiet = true;
            (void)write_cr0(u, CR0_ENABLED | CR0_COMMANDS);
            printk("smmu: too much of this; the one at 0x%lx tells no more until the host has slept", u->base);
            return;
        }
        if ((read ^ written) % (2 * EVENTS) == 0) {   /* nothing is left but the word of those that were lost */
            read = written;
        } else {
            smp_rmb();
            e = u->events[read % EVENTS];
            tell(u, &e);
            read = ((read + 1) % (2 * EVENTS)) | (read & (uint32_t)EVENTQ_OVERFLOW);
        }
        mmio_write32(read, u->regs + EVENTQ_CONS);
    }
}

/* Errors are of its own memory accesses and commands, which are right: there is no going on with those. */
static void take_errors(struct smmu *u) REQUIRES(u->lock)
{
    uint32_t errors = mmio_read32(u->regs + GERROR), known = mmio_read32(u->regs + GERRORN);

    if (errors == known)
        return;
    mmio_write32(errors, u->regs + GERRORN);
    printk("smmu: the one at 0x%lx has an error (0x%x, command queue 0x%x)", u->base, errors ^ known,
           mmio_read32(u->regs + CMDQ_CONS));
    if (u->on)
        give_up(u, "is of no use");
}

static void interrupt(unsigned irq, void *data)
{
    struct smmu *u = data;

    (void)irq;
    spin_lock(&u->lock);
    if (u->on) {
        take_errors(u);
        take_events(u);
    }
    spin_unlock(&u->lock);
}

/* --- Setting up --- */

/* With nothing of what it knew before. 0 or -EIO. */
static int set_up(struct smmu *u) REQUIRES(u->lock)
{
    set_bypass(u, true);
    if (!write_cr0(u, 0))
        return -EIO;
    u->written = 0;
    u->quiet = false;
    mmio_write32(0, u->regs + IRQ_CTRL);
    (void)wait_for(u, IRQ_CTRL_ACK, ~0u, 0);
    if (mmio_read32(u->regs + IDR0) & IDR0_MSI) {   /* another kernel may have had it so */
        mmio_write64(0, u->regs + GERROR_IRQ_CFG0);
        mmio_write64(0, u->regs + EVENTQ_IRQ_CFG0);
    }
    mmio_write32(CR1_COHERENT, u->regs + CR1);
    mmio_write32(CR2_PRIVATE | CR2_TELL_BAD_STREAMS, u->regs + CR2);
    mmio_write64(physical(u->streams) | BASE_ALLOCATE, u->regs + STRTAB_BASE);
    mmio_write32((uint32_t)STRTAB_TWO_LEVELS | SPLIT << 6 | u->stream_bits, u->regs + STRTAB_BASE_CFG);
    mmio_write64(physical(u->commands) | BASE_ALLOCATE | (uint64_t)__builtin_ctzl(COMMANDS), u->regs + CMDQ_BASE);
    mmio_write32(0, u->regs + CMDQ_PROD);
    mmio_write32(0, u->regs + CMDQ_CONS);
    mmio_write64(physical(u->events) | BASE_ALLOCATE | (uint64_t)__builtin_ctzl(EVENTS), u->regs + EVENTQ_BASE);
    mmio_write32(0, u->regs + EVENTQ_PROD);
    mmio_write32(0, u->regs + EVENTQ_CONS);
    mmio_write32(mmio_read32(u->regs + GERROR), u->regs + GERRORN);
    if (!write_cr0(u, CR0_COMMANDS))
        return -EIO;
    u->on = true;
    command(u, CMD_CFGI_ALL, CFGI_ALL_RANGE);
    command(u, CMD_TLBI_NSNH_ALL, 0);
    carry_out(u);
    if (!u->on)
        return -EIO;
    mmio_write32(IRQ_ERRORS | IRQ_EVENTS, u->regs + IRQ_CTRL);
    if (!write_cr0(u, CR0_COMMANDS | CR0_EVENTS) || !write_cr0(u, CR0_COMMANDS | CR0_EVENTS | CR0_ENABLED)) {
        u->on = false;
        return -EIO;
    }
    return 0;
}

/* NULL: it can be driven. */
static const char *why_not(const struct smmu *u)
{
    uint32_t idr0 = mmio_read32(u->regs + IDR0), idr1 = mmio_read32(u->regs + IDR1),
             idr5 = mmio_read32(u->regs + IDR5);

    if (!(idr0 & IDR0_STAGE1) || !(idr0 & IDR0_AARCH64))
        return "has no stage 1 with 64-bit tables";
    if (!(idr0 & IDR0_COHERENT))
        return "does not look into CPUs' caches";
    if (!(idr0 & IDR0_TWO_LEVELS))
        return "has no two levels of streams";
    if (IDR0_STALL_MODEL(idr0) == STALL_FORCED)
        return "stalls every fault";
    if (idr1 & IDR1_PRESET || IDR1_STREAM_BITS(idr1) < SPLIT)
        return "has tables of its own";
    if (IDR1_COMMAND_BITS(idr1) < (unsigned)__builtin_ctzl(COMMANDS) ||
        IDR1_EVENT_BITS(idr1) < (unsigned)__builtin_ctzl(EVENTS))
        return "has too small queues";
    return idr5 & IDR5_4K ? NULL : "has no 4 KiB pages";
}

/* Boot: what was taken before it failed stays taken. */
static int take_memory(struct smmu *u)
{
    unsigned order = 0;

    u->stream_bits = (unsigned)min_u64(IDR1_STREAM_BITS(mmio_read32(u->regs + IDR1)), MAX_STREAM_BITS);
    while (PAGE_SIZE << order < sizeof(*u->streams) << (u->stream_bits - SPLIT))
        order++;
    u->streams = pages_alloc(order);
    u->commands = page_alloc();
    u->events = page_alloc();
    return u->streams && u->commands && u->events ? 0 : -ENOMEM;
}

static void read_smmu(const struct dt *dt, const struct dt_node *n)
{
    struct smmu *u = &s.smmus[s.count];
    struct dt_value phandle = dt_property(dt, n, "phandle");
    uint64_t size;
    const char *why;

    if (s.count == MAX_SMMUS || dt_reg(n, 0, &u->base, &size) || size < REGISTERS_SIZE ||
        !dt_cell(&phandle, 0, &u->phandle)) {
        printk("smmu: %s is left alone: its node makes no sense; its devices reach everything", n->name);
        return;
    }
    u->regs = el2_map_device(PADDR(u->base), size);
    why = u->regs ? why_not(u) : "cannot be mapped";
    if (!why && take_memory(u))
        why = "finds no memory";
    if (why) {
        printk("smmu: the one at 0x%lx is left alone: it %s; its devices reach everything", u->base, why);
        *u = (struct smmu){ 0 };
        return;
    }
    s.count++;
}

static struct smmu *smmu_of(uint32_t phandle)
{
    for (unsigned i = 0; i < s.count; i++)
        if (s.smmus[i].phandle == phandle)
            return &s.smmus[i];
    return NULL;
}

static void fill(struct stream *table, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        table[i].word[1] = STE_CONTEXT_COHERENT | STE_SHARED_AS_ASKED;
        table[i].word[0] = physical(s.context) | STE_STAGE1 | STE_VALID;
    }
}

/* Streams first .. first + count - 1, which are of one table of the second level. -ENOMEM. */
static int open_streams(struct smmu *u, uint32_t first, unsigned count)
{
    uint64_t *entry = &u->streams[first >> SPLIT];
    struct stream *table;

    if (count == BIT(SPLIT)) {
        *entry = physical(s.all) | L1_SPAN;
        return 0;
    }
    if (*entry == (physical(s.all) | L1_SPAN))
        return 0;
    if (!*entry) {
        table = pages_alloc(STREAMS_ORDER);
        if (!table)
            return -ENOMEM;
        *entry = physical(table) | L1_SPAN;
    }
    table = mfn_to_virt(MFN((*entry & BASE_ADDRESS) >> PAGE_SHIFT));
    fill(table, first % BIT(SPLIT), count);
    return 0;
}

/* They are dom0's. One line if some cannot be: these reach nothing. */
static void add_range(const struct dt_node *n, struct smmu *u, uint32_t first, uint32_t count, bool pci, uint32_t rid)
{
    uint64_t end = (uint64_t)first + count, limit = BIT(u->stream_bits);
    int error = s.range_count < MAX_RANGES ? 0 : -ENOSPC;

    if (!error) {
        s.ranges[s.range_count].smmu = u;
        s.ranges[s.range_count].first = first;
        s.ranges[s.range_count].count = count;
        s.ranges[s.range_count].pci = pci;
        s.ranges[s.range_count].rid = rid;
        snprintf(s.ranges[s.range_count++].name, NAME, "%s", n->name);
    }
    for (uint64_t at = first, part; !error && at < min_u64(end, limit); at += part) {
        part = min_u64(min_u64(end, limit) - at, BIT(SPLIT) - at % BIT(SPLIT));
        error = open_streams(u, (uint32_t)at, (unsigned)part);
    }
    if (error || end > limit)
        printk("smmu: not all of the devices of %s are known (error %d): the others reach nothing", n->name, -error);
}

/* bindings/pci/pci-iommu.txt: RID base, IOMMU, its stream, count; the mask is put on RIDs before. */
static void read_map(const struct dt *dt, const struct dt_node *n)
{
    struct dt_value map = dt_property(dt, n, "iommu-map");
    uint32_t rid, phandle, stream, count;

    for (unsigned i = 0; dt_cell(&map, i, &rid) && dt_cell(&map, i + 1, &phandle) && dt_cell(&map, i + 2, &stream) &&
                         dt_cell(&map, i + 3, &count); i += 4) {
        struct smmu *u = smmu_of(phandle);

        if (u)
            add_range(n, u, stream, count, true, rid);
    }
}

/* bindings/iommu/arm,smmu-v3.yaml: #iommu-cells is 1. */
static void read_streams(const struct dt *dt, const struct dt_node *n)
{
    struct dt_value list = dt_property(dt, n, "iommus");
    uint32_t phandle, stream;

    for (unsigned i = 0; dt_cell(&list, i, &phandle) && dt_cell(&list, i + 1, &stream); i += 2) {
        struct smmu *u = smmu_of(phandle);

        if (u)
            add_range(n, u, stream, 1, false, 0);
    }
}

/* Devices interrupt by writes there: an ITS's second frame, or a GICv2m's. */
static int read_doorbell(const struct dt_node *n)
{
    bool its = dt_is_compatible(n, "arm,gic-v3-its");
    uint64_t base, size, offset = its ? 0x10000 : 0;

    if (!its && !dt_is_compatible(n, "arm,gic-v2m-frame"))
        return 0;
    if (dt_reg(n, 0, &base, &size) || size <= offset)
        return 0;
    return dma_allow_doorbell(&s.dma, PADDR(base + offset));
}

static void for_each_node(const struct dt *dt, int (*visit)(const struct dt *dt, const struct dt_node *n), int *error)
{
    static struct dt_walk walk;   /* boot only, and large for a stack */
    const struct dt_node *n;

    dt_walk_start(&walk, dt);
    while (!*error && (n = dt_walk_next(&walk)))
        if (n->enabled)
            *error = visit(dt, n);
}

static int visit_smmu(const struct dt *dt, const struct dt_node *n)
{
    if (dt_is_compatible(n, "arm,smmu-v3"))
        read_smmu(dt, n);
    return 0;
}

/* It, or what it hangs on. */
static bool is_for_guests(const struct dt *dt, const struct dt_node *n)
{
    while (n && !dt_property(dt, n, "xen,passthrough").data)
        n = n->parent;
    return n;
}

static int visit_device(const struct dt *dt, const struct dt_node *n)
{
    if (!is_for_guests(dt, n)) {
        read_map(dt, n);
        read_streams(dt, n);
    }
    return read_doorbell(n);
}

static int make_context(void)
{
    uint64_t size = ADDRESS_48;
    struct stream *all = pages_alloc(STREAMS_ORDER);
    bool has_blocks = true;

    s.context = page_alloc();
    if (!all || !s.context)
        return -ENOMEM;
    for (unsigned i = 0; i < s.count; i++) {
        has_blocks &= IDR3_BBM_LEVEL(mmio_read32(s.smmus[i].regs + IDR3)) > 0;
        size = min_u64(size, IDR5_ADDRESS_SIZE(mmio_read32(s.smmus[i].regs + IDR5)));
    }
    if (dma_init(&s.dma, has_blocks, forget))
        return -ENOMEM;
    s.context[1] = physical(s.dma.root);
    s.context[3] = DMA_MAIR;
    s.context[0] = (64 - DMA_ADDRESS_BITS) | CD_TABLES_COHERENT | CD_NO_TTB1 | size << CD_IPS_SHIFT | CD_NO_AF_FAULTS |
                   CD_AARCH64 | CD_TELL | CD_ABORT | CD_ASID_PRIVATE | CD_VALID;
    s.all = all;
    fill(s.all, 0, (unsigned)BIT(SPLIT));
    return 0;
}

/* Those of events and errors, and others that never come. An SMMU that nobody hears works all the same. */
static void take_interrupts(const struct dt *dt, const struct dt_node *n)
{
    struct dt_value phandle = dt_property(dt, n, "phandle");
    uint32_t number;
    struct smmu *u = dt_cell(&phandle, 0, &number) ? smmu_of(number) : NULL;
    struct dt_irq irq;

    for (unsigned i = 0; u && dt_irq(dt, n, i, &irq) == 0; i++) {
        if (irq_request(irq.intid, interrupt, u, "smmu"))
            continue;   /* one for all of them */
        irq_set_device(irq.intid, n->name);
        gic_set_type(irq.intid, irq.edge ? GIC_EDGE_RISING : GIC_LEVEL_HIGH);
        gic_set_target(irq.intid, 0);
        gic_enable_irq(irq.intid);
    }
}

static int visit_interrupts(const struct dt *dt, const struct dt_node *n)
{
    if (dt_is_compatible(n, "arm,smmu-v3"))
        take_interrupts(dt, n);
    return 0;
}

static int start(struct smmu *u)
{
    int error;

    spin_lock(&u->lock);
    error = set_up(u);
    spin_unlock(&u->lock);
    return error;
}

struct dma *smmu_init(const void *fdt)
{
    struct dt dt;
    int error = 0;

    if (dt_open(&dt, fdt))
        return NULL;   /* it was read before */
    for_each_node(&dt, visit_smmu, &error);
    if (!s.count)
        return NULL;
    error = make_context();
    if (!error)
        for_each_node(&dt, visit_device, &error);
    for (unsigned i = 0; !error && i < s.count; i++)
        error = start(&s.smmus[i]);
    if (error)
        panic("the SMMU cannot be set up (error %d): iommu=no leaves it alone", -error);
    for_each_node(&dt, visit_interrupts, &error);
    printk("smmu: %u SMMUv3 %s: devices reach what dom0 may", s.count, s.dma.has_blocks ? "with blocks" : "by pages");
    return &s.dma;
}

/* --- Sleeps --- */

static void smmu_leave(struct sleep *sleep)
{
    (void)sleep;
    for (struct smmu *u = s.smmus; u < s.smmus + s.count; u++) {
        spin_lock(&u->lock);
        if (!is_ours(u) && set_up(u)) {
            set_bypass(u, true);
            printk("smmu: the one at 0x%lx does not come back: its devices reach nothing any more", u->base);
        }
        spin_unlock(&u->lock);
    }
}

const struct sleep_stage smmu_stage = { .name = "smmu", .leave = smmu_leave };

void smmu_silence(void)
{
    for (struct smmu *u = s.smmus; u < s.smmus + s.count; u++) {
        set_bypass(u, false);
        (void)write_cr0(u, 0);
    }
}

static int smmu_jump_enter(struct sleep *sleep)
{
    (void)sleep;
    smmu_silence();
    return 0;
}

const struct sleep_stage smmu_jump_stage = { .name = "smmu", .enter = smmu_jump_enter, .leave = smmu_leave };
