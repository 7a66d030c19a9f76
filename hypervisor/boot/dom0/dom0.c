// SPDX-License-Identifier: Apache-2.0
/*
 * dom0: memory 1:1, the kernel and ramdisk where the loader left them (or copied, where that cannot be), every
 * device that the hypervisor does not keep, and a device tree that says so.
 *
 * Memory is taken in blocks of 2 MiB: first those under the modules, then on from the kernel upwards, then
 * wherever there is any. So dom0 has few banks, and stage 2 has large mappings.
 */
#include "boot/dom0/dom0.h"

#include <xen/hvm/params.h>
#include <xen/xen.h>

#include "base/cpu.h"
#include "base/printk.h"
#include "lib/devicetree.h"
#include "boot/dom0/dom0_dt.h"
#include "boot/dom0/kernel_image.h"
#include "base/options.h"
#include "dev/gic.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/domain.h"
#include "vm/kexec.h"
#include "dev/irq.h"
#include "dev/its.h"
#include "vm/irq.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"

#define BLOCK           (2 * MIB)
#define BLOCK_ORDER     9
#define DOM0_MIN_MEM    (64 * MIB)
#define LEFT_FOR_OTHERS (16 * MIB)
#define GRANT_FRAMES    64
#define EXTENDED_MAX    8
#define BOOTARGS_MAX    2048     /* COMMAND_LINE_SIZE of Linux on arm64 */
#define DOM0_PORTS      131071   /* FIFO's last port */
#define DOM0_MAPTRACK   1024
/* How events come, as HVM_PARAM_CALLBACK_IRQ says it: by a level-triggered private interrupt. */
#define CALLBACK_IRQ \
    ((uint64_t)HVM_PARAM_CALLBACK_TYPE_PPI << 56 | HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_LOW_LEVEL << 8 | GUEST_EVTCHN_PPI)

struct builder {
    const struct bootinfo *b;
    const void *fdt;
    struct dma *dma;              /* or NULL */
    struct domain *d;
    struct kernel_image kernel;
    uint64_t wanted;              /* bytes */
    struct boot_ranges banks;     /* dom0's */
    uint64_t kernel_at, ramdisk_at, dt_at;
    struct boot_range window;     /* for kernels beside dom0's; size 0: none */
    char bootargs[BOOTARGS_MAX];
    bool in_place;                /* modules' memory became dom0's */
};

/* The 2 MiB blocks that hold the module; only if they are all RAM and nothing else is reserved there. */
static bool widened(const struct bootinfo *b, const struct boot_range *module, struct boot_range *out)
{
    struct boot_ranges others = b->reserved;

    out->start = align_down(module->start, BLOCK);
    out->size = align_up(module->start + module->size, BLOCK) - out->start;
    return module->size && boot_ranges_contain(&b->ram, out->start, out->size) &&
           !boot_ranges_remove(&others, b->kernel.start, align_up(b->kernel.size, PAGE_SIZE)) &&
           !boot_ranges_remove(&others, b->ramdisk.start, align_up(b->ramdisk.size, PAGE_SIZE)) &&
           !boot_ranges_overlap(&others, out->start, out->size);
}

static struct boot_range kernel_blocks, ramdisk_blocks;

/* The kernel can run where it is if it stands at its text_offset; the ramdisk anywhere. */
void dom0_reserve_modules(struct bootinfo *b)
{
    struct boot_range k, r;

    if (!widened(b, &b->kernel, &k) || (b->kernel.start & (BLOCK - 1)))
        return;
    if (b->ramdisk.size && (!widened(b, &b->ramdisk, &r) || (r.start < k.start + k.size && k.start < r.start + r.size)))
        return;
    if (bootinfo_reserve(b, k.start, k.size) || (b->ramdisk.size && bootinfo_reserve(b, r.start, r.size)))
        return;
    kernel_blocks = k;
    if (b->ramdisk.size)
        ramdisk_blocks = r;
}

static int take_block(struct builder *x, uint64_t start)
{
    if (frames_alloc_domain_at(&x->d->frames, MFN(start >> PAGE_SHIFT), BLOCK_ORDER))
        return 0;
    return boot_ranges_add(&x->banks, start, BLOCK);
}

static void take_between(struct builder *x, uint64_t start, uint64_t end)
{
    for (uint64_t at = align_up(start, BLOCK); at + BLOCK <= end; at += BLOCK)
        if (boot_ranges_total(&x->banks) >= x->wanted || take_block(x, at))
            return;
}

struct free_walk {
    struct builder *x;
    uint64_t from, to;   /* only memory in between */
};

static void take_free(void *context, uint64_t start, uint64_t size)
{
    struct free_walk *w = context;

    take_between(w->x, max_u64(start, w->from), min_u64(start + size, w->to));
}

static void take_from_free(struct builder *x, uint64_t from, uint64_t to)
{
    struct free_walk w = { x, from, to };

    bootinfo_for_each_free(x->b, take_free, &w);
}

/* Nobody else may get these frames in between: they are free for no longer than it takes to make them dom0's. */
static void take_module(struct builder *x, const struct boot_range *blocks)
{
    for (uint64_t at = blocks->start; at < blocks->start + blocks->size; at += BLOCK) {
        frames_add(PADDR(at), BLOCK);
        (void)take_block(x, at);
    }
}

static void take_memory(struct builder *x)
{
    uint64_t above = kernel_blocks.size ? kernel_blocks.start + kernel_blocks.size : 0;

    if (kernel_blocks.size) {
        take_module(x, &kernel_blocks);
        take_module(x, &ramdisk_blocks);
        x->in_place = true;
    }
    take_from_free(x, above, UINT64_MAX);
    take_from_free(x, 0, above);
}

/* Room of `size` bytes on a 2 MiB boundary in dom0's memory, clear of the parts that are placed already. */
static int place(const struct builder *x, const struct boot_ranges *taken, uint64_t size, uint64_t *at)
{
    for (unsigned i = 0; i < x->banks.count; i++) {
        struct boot_range bank = boot_ranges_at(&x->banks, i);

        for (uint64_t start = align_up(bank.start, BLOCK); start + size <= bank.start + bank.size; start += BLOCK) {
            if (boot_ranges_overlap(taken, start, size))
                continue;
            *at = start;
            return 0;
        }
    }
    return -ENOMEM;
}

static int place_new(const struct builder *x, struct boot_ranges *taken, uint64_t size, uint64_t *at)
{
    int err = place(x, taken, size, at);

    return err ? err : boot_ranges_add(taken, *at, align_up(size, PAGE_SIZE));
}

static bool kernel_runs_in_place(const struct builder *x)
{
    uint64_t need = x->kernel.image_size;

    return x->in_place && x->kernel.text_offset == 0 && boot_ranges_contain(&x->banks, x->b->kernel.start, need) &&
           (x->b->ramdisk.start >= x->b->kernel.start + need ||
            x->b->ramdisk.start + x->b->ramdisk.size <= x->b->kernel.start);
}

/* To memory itself: dom0's kernel begins with its caches off. */
static void copy_module(uint64_t to, const struct boot_range *module)
{
    char *at = (char *)mfn_to_virt(MFN(to >> PAGE_SHIFT)) + (to & ~PAGE_MASK);

    memmove(at, mfn_to_virt(MFN(module->start >> PAGE_SHIFT)) + (module->start & ~PAGE_MASK), module->size);
    cache_clean(at, module->size);
}

/* crashkernel=: part of dom0's memory, which its kernel is told to keep off. */
static void place_window(struct builder *x, struct boot_ranges *taken)
{
    uint64_t size = options.crashkernel, at = options.crashkernel_at;

    if (!size)
        return;
    if (at ? boot_ranges_contain(&x->banks, at, size) && !boot_ranges_overlap(taken, at, size)
           : !place(x, taken, size, &at))
        x->window = (struct boot_range){ at, size };
    else
        printk("torpor: crashkernel=: no such room in dom0's %lu MiB beside its kernel and ramdisk; dom0 can load no "
               "other kernel\n", boot_ranges_total(&x->banks) / MIB);
}

/* In front of dom0's own words: words behind a "--" are not the kernel's. */
static const char *bootargs_of(struct builder *x)
{
    const char *own = x->b->dom0_cmdline;

    if (!x->window.size)
        return own;
    if (strlen(own) + 64 > sizeof(x->bootargs)) {
        printk("torpor: crashkernel=: dom0's command line is too long to tell it so; dom0 can load no other kernel\n");
        x->window.size = 0;
        return own;
    }
    snprintf(x->bootargs, sizeof(x->bootargs), "crashkernel=0x%lx@0x%lx %s", x->window.size, x->window.start, own);
    return x->bootargs;
}

static void open_window(struct builder *x)
{
    if (!x->window.size)
        return;
    if (kexec_window_init(x->d, x->window.start, x->window.size))
        printk("torpor: crashkernel=: no memory to keep account of it; dom0 can load no other kernel\n");
    else
        printk("torpor: dom0 loads other kernels at 0x%lx, %lu MiB\n", x->window.start, x->window.size / MIB);
}

/* Decides where kernel, ramdisk and device tree stand, and copies modules that do not stand there. */
static int place_modules(struct builder *x)
{
    const struct bootinfo *b = x->b;
    struct boot_ranges taken = { .count = 0 };
    bool kernel_stays = kernel_runs_in_place(x);
    int err = 0;

    x->kernel_at = b->kernel.start;
    x->ramdisk_at = b->ramdisk.start;
    /* Modules that stay are taken first, so that nothing is copied over them. */
    if (kernel_stays)
        err = boot_ranges_add(&taken, b->kernel.start, align_up(x->kernel.image_size, PAGE_SIZE));
    else if (x->in_place)
        err = boot_ranges_add(&taken, kernel_blocks.start, kernel_blocks.size);
    if (!err && x->in_place)
        err = boot_ranges_add(&taken, ramdisk_blocks.start, ramdisk_blocks.size);
    if (!err && !kernel_stays) {
        err = place_new(x, &taken, x->kernel.image_size + x->kernel.text_offset, &x->kernel_at);
        x->kernel_at += x->kernel.text_offset;
        if (!err)
            copy_module(x->kernel_at, &b->kernel);
    }
    if (!err && !x->in_place && b->ramdisk.size) {
        err = place_new(x, &taken, b->ramdisk.size, &x->ramdisk_at);
        if (!err)
            copy_module(x->ramdisk_at, &b->ramdisk);
    }
    if (!err)
        err = place_new(x, &taken, DT_MAX_SIZE, &x->dt_at);
    if (!err)
        place_window(x, &taken);
    if (err)
        printk("torpor: dom0's kernel, ramdisk and device tree do not fit into its %lu MiB; raise dom0_mem\n",
               boot_ranges_total(&x->banks) / MIB);
    return err;
}

/* A tree that calls RAM a device would give dom0 memory that is not its own. */
static int allow_mmio(void *context, uint64_t start, uint64_t size)
{
    struct builder *x = context;

    if (boot_ranges_overlap(&x->b->ram, start, size))
        return -EINVAL;
    return capability_grant(x->d, CAPABILITY_IOMEM, start >> PAGE_SHIFT, (start + size - 1) >> PAGE_SHIFT);
}

static int map_mmio(void *context, uint64_t start, uint64_t size)
{
    struct builder *x = context;
    int err = allow_mmio(context, start, size);

    if (err)
        return err;
    return p2m_map(&x->d->p2m, GFN(start >> PAGE_SHIFT), MFN(start >> PAGE_SHIFT),
                   align_up(size, PAGE_SIZE) >> PAGE_SHIFT, P2M_DEVICE);
}

static int map_memory(void *context, uint64_t start, uint64_t size)
{
    struct builder *x = context;

    return p2m_map(&x->d->p2m, GFN(start >> PAGE_SHIFT), MFN(start >> PAGE_SHIFT),
                   align_up(size, PAGE_SIZE) >> PAGE_SHIFT, P2M_DEVICE_CACHED);
}

static int allow_irq(void *context, unsigned irq, bool edge, const char *device)
{
    struct builder *x = context;

    irq_set_device(irq, device);
    gic_set_type(irq, edge ? GIC_EDGE_RISING : GIC_LEVEL_HIGH);
    return capability_grant(x->d, CAPABILITY_IRQ, irq, irq);
}

static int route_irq(void *context, unsigned irq, bool edge, const char *device)
{
    struct builder *x = context;
    int err = allow_irq(context, irq, edge, device);

    return err ? err : vgic_route_irq(x->d, irq, irq);
}

static int map_functions(void *context, unsigned segment, uint32_t rid, uint32_t mask, uint32_t device, uint32_t count)
{
    (void)context;
    return its_map_functions(segment, rid, mask, device, count);
}

static int carry_messages(void *context, unsigned first, unsigned count)
{
    struct builder *x = context;

    return irq_route_messages(x->d, first, count);
}

static const struct dom0_device_visitor visitor = {
    map_mmio, map_memory, route_irq, allow_mmio, allow_irq, map_functions, carry_messages,
};

struct extended_walk {
    struct builder *x;
    struct boot_ranges left;
};

/* RAM that dom0 did not get: addresses where no device answers, good for mapping other domains' pages. */
static void extended_add(void *context, uint64_t start, uint64_t size)
{
    struct extended_walk *w = context;
    uint64_t first = align_up(start, BLOCK), end = align_down(start + size, BLOCK);

    if (end > first)
        (void)boot_ranges_add(&w->left, first, end - first);
}

static unsigned extended_regions(struct builder *x, struct boot_range *out)
{
    struct extended_walk w = { .x = x };

    bootinfo_for_each_free(x->b, extended_add, &w);
    for (unsigned i = 0; i < x->banks.count; i++) {
        struct boot_range bank = boot_ranges_at(&x->banks, i);

        (void)boot_ranges_remove(&w.left, bank.start, bank.size);
    }
    return boot_ranges_list(&w.left, out, EXTENDED_MAX);
}

static int build_tree(struct builder *x)
{
    uint64_t mpidrs[DOMAIN_MAX_VCPUS];
    struct boot_range extended[EXTENDED_MAX], memory[BOOT_RANGES];
    struct dom0_dt_params p = {
        .memory = memory,
        .memory_count = boot_ranges_list(&x->banks, memory, BOOT_RANGES),
        .bootargs = bootargs_of(x),
        .ramdisk = { x->ramdisk_at, x->b->ramdisk.size },
        .mpidrs = mpidrs,
        .vcpus = x->d->max_vcpus,
        .gic = &gic,
        /* The image's own place: RAM that dom0 will never get, and 1:1 with nothing else. */
        .grant_table = { image_start_address().pa, GRANT_FRAMES * PAGE_SIZE },
        .extended = extended,
        .extended_count = extended_regions(x, extended),
        .event_irq = GUEST_EVTCHN_PPI,
        .uart_path = options.uart_console && x->b->uart.driver ? x->b->uart.path : NULL,
        .visitor = &visitor,
        .context = x,
    };
    void *out = mfn_to_virt(MFN(x->dt_at >> PAGE_SHIFT));
    int length;

    for (unsigned i = 0; i < x->d->max_vcpus; i++)
        mpidrs[i] = x->d->vcpus[i]->core.vmpidr & ~BIT(31);
    length = dom0_dt_build(x->fdt, &p, out, DT_MAX_SIZE);
    if (length < 0)
        return length;
    cache_clean_invalidate(out, (size_t)length);
    return 0;
}

static int map_banks(struct builder *x)
{
    for (unsigned i = 0; i < x->banks.count; i++) {
        struct boot_range r = boot_ranges_at(&x->banks, i);
        int err = p2m_map(&x->d->p2m, GFN(r.start >> PAGE_SHIFT), MFN(r.start >> PAGE_SHIFT), r.size >> PAGE_SHIFT,
                          P2M_RAM_RW);

        if (err)
            return err;
    }
    return 0;
}

static unsigned wanted_vcpus(void)
{
    unsigned wanted = options.dom0_max_vcpus ? options.dom0_max_vcpus : cpus_present();

    if (gic.version != 2 || wanted <= VGIC_V2_MAX_VCPUS)
        return wanted;
    printk("torpor: dom0 has %u vCPUs, not %u: a GICv2 serves no more\n", VGIC_V2_MAX_VCPUS, wanted);
    return VGIC_V2_MAX_VCPUS;
}

static int create_domain(struct builder *x)
{
    struct domain_config config = {
        .max_vcpus = wanted_vcpus(),
        .nr_spis = (unsigned)min_u64(align_up(gic.nr_irqs, 32) - VGIC_NR_PRIVATE, VGIC_MAX_SPIS),
        .max_event_ports = DOM0_PORTS,
        .max_grant_frames = GRANT_FRAMES,
        .max_maptrack_frames = DOM0_MAPTRACK,
        .privileged = true,
        .direct_mapped = true,
    };
    int err = domain_create(0, &config, &x->d);

    if (err)
        return err;
    p2m_serve_devices(&x->d->p2m, x->dma);
    params_set(x->d, HVM_PARAM_CALLBACK_IRQ, CALLBACK_IRQ);
    for (unsigned i = 0; i < config.max_vcpus; i++)
        if (!vcpu_create(x->d, i))
            return -ENOMEM;
    dom0 = x->d;
    return 0;
}

static uint64_t wanted_memory(const struct bootinfo *b)
{
    uint64_t have = frames_free() * PAGE_SIZE + kernel_blocks.size + ramdisk_blocks.size;
    uint64_t most = align_down(have > LEFT_FOR_OTHERS ? have - LEFT_FOR_OTHERS : 0, BLOCK);
    uint64_t wanted = align_up(options.dom0_mem, BLOCK);

    (void)b;
    if (wanted <= most)
        return wanted;
    printk("torpor: dom0_mem=%luM is more than this machine has free; dom0 gets %lu MiB\n", wanted / MIB, most / MIB);
    return most;
}

/* Where the modules were copied from is free memory now. */
static void release_modules(const struct builder *x)
{
    if (x->in_place)
        return;
    frames_add(PADDR(align_up(x->b->kernel.start, PAGE_SIZE)), align_down(x->b->kernel.size, PAGE_SIZE));
}

/*
 * Mappings of others' pages break dom0's blocks, wherever Linux takes the frame numbers from. The tables for that are
 * put aside, so that running guests does not fail for want of a page, nor change the amount of free memory.
 */
static int reserve_tables(struct builder *x)
{
    int err = p2m_reserve(&x->d->p2m, boot_ranges_total(&x->banks) / BLOCK + 1);

    if (err)
        printk("torpor: no memory for dom0's stage-2 tables; lower dom0_mem\n");
    return err;
}

static int build(struct builder *x)
{
    const struct bootinfo *b = x->b;
    int err;

    if (!b->kernel.size) {
        printk("torpor: no kernel for dom0: the boot loader gave no module compatible with multiboot,kernel (QEMU: "
               "-device guest-loader,addr=...,kernel=FILE)\n");
        return -ENOENT;
    }
    err = kernel_image_check(mfn_to_virt(MFN(b->kernel.start >> PAGE_SHIFT)) + (b->kernel.start & ~PAGE_MASK),
                             b->kernel.size, &x->kernel);
    if (err)
        return err;
    err = create_domain(x);
    if (err) {
        printk("torpor: dom0 cannot be created (error %d)\n", -err);
        return err;
    }
    x->wanted = wanted_memory(b);
    take_memory(x);
    if (boot_ranges_total(&x->banks) < DOM0_MIN_MEM) {
        printk("torpor: only %lu MiB of memory for dom0; give the machine more, or raise dom0_mem\n",
               boot_ranges_total(&x->banks) / MIB);
        return -ENOMEM;
    }
    frames_set_limit(&x->d->frames, max_u64(options.dom0_mem_max, boot_ranges_total(&x->banks)) >> PAGE_SHIFT);
    err = place_modules(x);
    if (!err)
        err = map_banks(x);
    if (!err)
        err = build_tree(x);
    if (!err)
        release_modules(x);
    if (!err)
        err = reserve_tables(x);
    if (!err)
        open_window(x);
    return err;
}

int dom0_build(const struct bootinfo *b, const void *fdt, struct dma *dma)
{
    static struct builder x;   /* once, and large for a stack */
    struct vcpu *v;
    int err;

    x.b = b;
    x.fdt = fdt;
    x.dma = dma;
    err = build(&x);
    if (err)
        return err;
    v = x.d->vcpus[0];
    vcpu_reset(v, x.kernel_at, x.dt_at);   /* x0: the device tree (Linux Documentation/arm64/booting.rst) */
    vcpu_claim_paused(v);
    vcpu_release(v, true);
    printk("torpor: dom0: %lu MiB in %u banks, %u vCPUs, kernel at 0x%lx%s\n", boot_ranges_total(&x.banks) / MIB,
           x.banks.count, x.d->max_vcpus, x.kernel_at, x.kernel_at == b->kernel.start ? " (where it was loaded)" : "");
    domain_start(x.d);
    return domain_unpause_by_controller(x.d);
}
