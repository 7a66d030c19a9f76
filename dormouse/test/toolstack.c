// SPDX-License-Identifier: Apache-2.0
/* See toolstack.h. The guest's addresses are those of xen/include/public/arch-arm.h, as libxl uses them. */
#define __XEN_TOOLS__ 1
#include "dormouse/test/toolstack.h"

#include <libfdt.h>
#include <xen/domctl.h>
#include <xen/io/console.h>
#include <xen/sysctl.h>

#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "lib/string.h"

enum {
    BLOCK_ORDER = 9, KIB_PER_PAGE = 4, SPIS = 32, TREE_SIZE = 8192, GIC_PHANDLE = 1,
    /* where a domain's frames appear here: above all RAM that a dom0 of these machines has */
    WINDOW_PAGES = 1024, WINDOW_FIRST_GFN = 0xf0000,
    MAGIC_PAGES = 2, EXTENTS_AT_ONCE = 32, PAGES_AT_ONCE = 64,
    CONSOLE_GFN = GUEST_MAGIC_BASE >> PAGE_SHIFT, VUART_GFN,
    /* behind the image */
    TREE_OFFSET = 5 << 20,
};

_Static_assert(DOMAIN_RAM_GFN == GUEST_RAM_BASE >> PAGE_SHIFT, "toolstack.h knows where RAM begins");

static struct xen_domctl domctl;

static long domctl_call(uint32_t cmd, domid_t id)
{
    domctl.cmd = cmd;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.domain = id;
    return hypercall2(__HYPERVISOR_domctl, (uintptr_t)&domctl, 0);
}

static gfn_t window_gfn(unsigned window, uint64_t page) { return GFN(WINDOW_FIRST_GFN + window * WINDOW_PAGES + page); }
static void *window_address(unsigned window, uint64_t page)
{
    return (void *)(window_gfn(window, page).gfn << PAGE_SHIFT);
}

long foreign_map(domid_t id, gfn_t theirs, gfn_t ours)
{
    xen_ulong_t idx = theirs.gfn;
    xen_pfn_t gfn = ours.gfn;
    int error = 0;
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = id,
    };
    set_xen_guest_handle(b.idxs, &idx);
    set_xen_guest_handle(b.gpfns, &gfn);
    set_xen_guest_handle(b.errs, &error);
    long r = memory_op(XENMEM_add_to_physmap_batch, &b);

    return r ? r : error;
}

long foreign_unmap(gfn_t ours)
{
    struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = ours.gfn };

    return memory_op(XENMEM_remove_from_physmap, &r);
}

/* The hypervisor's table of domains has a page for so many numbers, from the first domain on that gets one of them. */
enum { IDS_A_PAGE = 512 };

static domid_t highest_id;

long domain_create(domid_t *id, const struct domain_limits *limits)
{
    long r;

    memset(&domctl, 0, sizeof(domctl));
    domctl.u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = limits->vcpus,
        .max_evtchn_port = limits->max_port,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch = { .gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE, .nr_spis = SPIS },
    };
    r = domctl_call(XEN_DOMCTL_createdomain, 0);
    if (r)
        return r;
    highest_id = domctl.domain > highest_id ? domctl.domain : highest_id;
    *id = domctl.domain;
    domctl.u.max_vcpus.max = limits->vcpus;
    r = domctl_call(XEN_DOMCTL_max_vcpus, *id);
    if (!r) {
        domctl.u.max_mem.max_memkb = limits->pages * KIB_PER_PAGE;
        r = domctl_call(XEN_DOMCTL_max_mem, *id);
    }
    if (r)
        domain_remove(*id);
    return r;
}

long domain_set_pool(domid_t id, uint64_t pages)
{
    domctl.u.paging_mempool.size = pages << PAGE_SHIFT;
    return domctl_call(XEN_DOMCTL_set_paging_mempool_size, id);
}

long domain_allow_device(domid_t id, mfn_t frame, bool allow)
{
    domctl.u.iomem_permission = (struct xen_domctl_iomem_permission){ frame.mfn, 1, allow };
    return domctl_call(XEN_DOMCTL_iomem_permission, id);
}

long domain_port_peer(domid_t id, evtchn_port_t port, domid_t *remote, evtchn_port_t *remote_port)
{
    struct evtchn_status s = { .dom = id, .port = port };
    long r = event_channel_op(EVTCHNOP_status, &s);

    if (r || s.status != EVTCHNSTAT_interdomain)
        return r == -EACCES ? 0 : r;
    *remote = s.u.interdomain.dom;
    *remote_port = s.u.interdomain.port;
    return 1;
}

long domain_populate(domid_t id, gfn_t gfn, unsigned order, unsigned n)
{
    xen_pfn_t at[EXTENTS_AT_ONCE];

    for (unsigned done = 0, some; done < n; done += some) {
        struct xen_memory_reservation r = { .extent_order = order, .domid = id };

        some = (unsigned)min_u64(n - done, ARRAY_SIZE(at));
        for (unsigned i = 0; i < some; i++)
            at[i] = gfn.gfn + ((uint64_t)(done + i) << order);
        r.nr_extents = some;
        set_xen_guest_handle(r.extent_start, at);
        long got = memory_op(XENMEM_populate_physmap, &r);

        if (got != (long)some)
            return got < 0 ? got : -ENOMEM;
    }
    return 0;
}

static long give_memory(const struct domain *d, const struct domain_plan *plan)
{
    long r = domain_set_pool(d->id, plan->pool_pages);

    if (!r)
        r = domain_populate(d->id, GFN(DOMAIN_RAM_GFN), BLOCK_ORDER, (unsigned)(plan->ram_pages >> BLOCK_ORDER));
    return r ? r : domain_populate(d->id, GFN(CONSOLE_GFN), 0, MAGIC_PAGES);
}

/* Puts bytes at a page of the domain's, through the window, whose pages from 1 on are free. */
static long put(const struct domain *d, uint64_t address, const void *from, size_t n)
{
    for (size_t at = 0; at < n; at += PAGE_SIZE) {
        gfn_t here = window_gfn(d->window, 1);
        long r = foreign_map(d->id, GFN((address + at) >> PAGE_SHIFT), here);

        if (r)
            return r;
        memcpy(window_address(d->window, 1), (const char *)from + at, min_u64(n - at, PAGE_SIZE));
        foreign_unmap(here);
    }
    /* it begins with caches off */
    domctl.u.cacheflush = (struct xen_domctl_cacheflush){ address >> PAGE_SHIFT, (n + PAGE_SIZE - 1) >> PAGE_SHIFT };
    return domctl_call(XEN_DOMCTL_cacheflush, d->id);
}

static void cells(void *tree, const char *name, const uint32_t *values, unsigned n)
{
    fdt32_t big[16];

    for (unsigned i = 0; i < n; i++)
        big[i] = cpu_to_fdt32(values[i]);
    fdt_property(tree, name, big, (int)(n * sizeof(big[0])));
}

#define CELLS(tree, name, ...) do { \
        const uint32_t values_[] = { __VA_ARGS__ }; \
        cells(tree, name, values_, ARRAY_SIZE(values_)); \
    } while (0)
#define PPI(n) 1, (n) - 16, 0xf08       /* cells of a per-CPU interrupt, level, for all CPUs */

static void tree_gic(void *t)
{
    fdt_begin_node(t, "interrupt-controller@3001000");
    fdt_property_string(t, "compatible", platform.gic_version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
    fdt_property_u32(t, "phandle", GIC_PHANDLE);
    fdt_property_u32(t, "#interrupt-cells", 3);
    fdt_property(t, "interrupt-controller", NULL, 0);
    if (platform.gic_version == 3)
        CELLS(t, "reg", 0, GUEST_GICV3_GICD_BASE, 0, GUEST_GICV3_GICD_SIZE, 0, GUEST_GICV3_GICR0_BASE, 0,
              GUEST_GICV3_GICR0_SIZE);
    else
        CELLS(t, "reg", 0, GUEST_GICD_BASE, 0, GUEST_GICD_SIZE, 0, GUEST_GICC_BASE, 0, GUEST_GICC_SIZE);
    fdt_end_node(t);
}

static void tree_cpus(void *t, unsigned vcpus)
{
    fdt_begin_node(t, "cpus");
    fdt_property_u32(t, "#address-cells", 1);
    fdt_property_u32(t, "#size-cells", 0);
    for (unsigned i = 0; i < vcpus; i++) {
        const char name[] = { 'c', 'p', 'u', '@', (char)('0' + i), 0 };

        fdt_begin_node(t, name);
        fdt_property_u32(t, "reg", i);
        fdt_end_node(t);
    }
    fdt_end_node(t);
}

static void tree_node(void *t, const char *name, const char *compatible)
{
    fdt_begin_node(t, name);
    fdt_property_string(t, "compatible", compatible);
}

/* The nodes that dormouse/arch/arm64/platform.c reads, and those only. */
static int tree_make(void *t, const struct domain_plan *plan)
{
    fdt_create(t, TREE_SIZE);
    fdt_finish_reservemap(t);
    fdt_begin_node(t, "");
    fdt_property_u32(t, "#address-cells", 2);
    fdt_property_u32(t, "#size-cells", 2);
    fdt_property_u32(t, "interrupt-parent", GIC_PHANDLE);
    fdt_begin_node(t, "chosen");
    fdt_property_string(t, "bootargs", plan->arguments);
    fdt_end_node(t);
    tree_cpus(t, plan->vcpus);
    tree_node(t, "psci", "arm,psci");
    fdt_property_string(t, "method", "hvc");
    fdt_end_node(t);
    fdt_begin_node(t, "memory@40000000");
    fdt_property_string(t, "device_type", "memory");
    CELLS(t, "reg", 0, GUEST_RAM_BASE, 0, (uint32_t)(plan->ram_pages << PAGE_SHIFT));
    fdt_end_node(t);
    tree_gic(t);
    tree_node(t, "timer", "arm,armv8-timer");
    CELLS(t, "interrupts", PPI(GUEST_TIMER_PHYS_S_PPI), PPI(GUEST_TIMER_PHYS_NS_PPI), PPI(GUEST_TIMER_VIRT_PPI));
    fdt_end_node(t);
    tree_node(t, "hypervisor", "xen,xen");
    CELLS(t, "reg", 0, GUEST_GNTTAB_BASE, 0, GUEST_GNTTAB_SIZE);
    CELLS(t, "interrupts", PPI(GUEST_EVTCHN_PPI));
    fdt_end_node(t);
    fdt_end_node(t);
    return fdt_finish(t);
}

static long hvm_param_set(domid_t id, unsigned index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = id, .index = index, .value = value };

    return hvm_op(HVMOP_set_param, &p);
}

static long connect_console(struct domain *d)
{
    long r = hvm_param_set(d->id, HVM_PARAM_CONSOLE_PFN, CONSOLE_GFN);

    if (r || (r = foreign_map(d->id, GFN(CONSOLE_GFN), window_gfn(d->window, 0))))
        return r;
    d->console = window_address(d->window, 0);
    return 0;
}

static long connect_vuart(struct domain *d)
{
    domctl.u.vuart_op = (struct xen_domctl_vuart_op){
        .cmd = XEN_DOMCTL_VUART_OP_INIT, .type = XEN_DOMCTL_VUART_TYPE_VPL011, .gfn = VUART_GFN, .console_domid = 0,
    };
    long r = domctl_call(XEN_DOMCTL_vuart_op, d->id);

    return r ? r : evtchn_bind_interdomain(d->id, domctl.u.vuart_op.evtchn, &d->vuart_port);
}

long domain_vcpu_set(domid_t id, unsigned vcpu, uint64_t pc, uint64_t x0)
{
    static struct vcpu_guest_context c;

    c = (struct vcpu_guest_context){ .flags = VGCF_online, .sctlr = SCTLR_GUEST_INIT };
    c.user_regs.pc64 = pc;
    c.user_regs.cpsr = PSR_GUEST64_INIT;
    c.user_regs.x0 = x0;
    domctl.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(domctl.u.vcpucontext.ctxt, &c);
    return domctl_call(XEN_DOMCTL_setvcpucontext, id);
}

static long fill(struct domain *d, const struct domain_plan *plan)
{
    static uint64_t tree[TREE_SIZE / 8];
    long r = give_memory(d, plan);

    if (r)
        return r;
    if (tree_make(tree, plan))
        return -ENOSPC;
    if ((r = put(d, GUEST_RAM_BASE, plan->image, plan->image_size)) ||
        (r = put(d, GUEST_RAM_BASE + TREE_OFFSET, tree, sizeof(tree))) || (r = connect_console(d)))
        return r;
    if (plan->vuart && (r = connect_vuart(d)))
        return r;
    return domain_vcpu_set(d->id, 0, GUEST_RAM_BASE, GUEST_RAM_BASE + TREE_OFFSET);
}

static long build(struct domain *d, const struct domain_plan *plan, unsigned window,
                  long (*how)(struct domain *d, const struct domain_plan *plan))
{
    struct domain_limits limits = {
        .vcpus = plan->vcpus, .max_port = plan->max_port, .pages = plan->ram_pages + plan->spare_pages + MAGIC_PAGES,
    };

    *d = (struct domain){ .window = window };
    long r = domain_create(&d->id, &limits);

    if (r)
        return r;
    r = how(d, plan);
    if (r)
        domain_destroy(d);
    return r;
}

long domain_build(struct domain *d, const struct domain_plan *plan, unsigned window)
{
    return build(d, plan, window, fill);
}

static long fill_with_nothing(struct domain *d, const struct domain_plan *plan)
{
    long r = give_memory(d, plan);

    if (!r)
        r = connect_console(d);
    return !r && plan->vuart ? connect_vuart(d) : r;
}

long domain_build_empty(struct domain *d, const struct domain_plan *plan, unsigned window)
{
    return build(d, plan, window, fill_with_nothing);
}

long domain_records_get(domid_t id, void *buffer, uint32_t *size)
{
    domctl.u.hvmcontext.size = *size;
    set_xen_guest_handle(domctl.u.hvmcontext.buffer, (uint8_t *)buffer);
    long r = domctl_call(XEN_DOMCTL_gethvmcontext, id);

    *size = domctl.u.hvmcontext.size;
    return r;
}

long domain_record_get(domid_t id, unsigned type, unsigned instance, void *buffer, uint64_t *size)
{
    domctl.u.hvmcontext_partial =
        (struct xen_domctl_hvmcontext_partial){ .type = type, .instance = instance, .bufsz = *size };
    set_xen_guest_handle(domctl.u.hvmcontext_partial.buffer, (uint8_t *)buffer);
    long r = domctl_call(XEN_DOMCTL_gethvmcontext_partial, id);

    *size = domctl.u.hvmcontext_partial.bufsz;
    return r;
}

long domain_records_set(domid_t id, const void *buffer, uint32_t size)
{
    domctl.u.hvmcontext.size = size;
    set_xen_guest_handle(domctl.u.hvmcontext.buffer, (uint8_t *)(uintptr_t)buffer);
    return domctl_call(XEN_DOMCTL_sethvmcontext, id);
}

/* Maps n pages of d's behind its window's first, in place of others; errors[i] is 0 for those that are RAM. */
static long window_map(const struct domain *d, gfn_t theirs, unsigned n, int *errors)
{
    xen_ulong_t idxs[PAGES_AT_ONCE];
    xen_pfn_t gfns[PAGES_AT_ONCE];
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = (uint16_t)n, .u.foreign_domid = d->id,
    };

    for (unsigned i = 0; i < n; i++) {
        idxs[i] = theirs.gfn + i;
        gfns[i] = window_gfn(d->window, 1 + i).gfn;
        errors[i] = -EINVAL;
    }
    set_xen_guest_handle(b.idxs, idxs);
    set_xen_guest_handle(b.gpfns, gfns);
    set_xen_guest_handle(b.errs, errors);
    return memory_op(XENMEM_add_to_physmap_batch, &b);
}

static bool is_zero(const uint64_t *page)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        if (page[i])
            return false;
    return true;
}

static long visit_pages(const struct domain *d, gfn_t from, unsigned n, page_visitor *visit, void *context)
{
    int errors[PAGES_AT_ONCE];
    long r = window_map(d, from, n, errors);

    for (unsigned i = 0; i < n && !r; i++) {
        const void *page = window_address(d->window, 1 + i);

        if (!errors[i] && !is_zero(page))
            r = visit(context, GFN(from.gfn + i), page);
    }
    return r;
}

long domain_each_page(const struct domain *d, uint64_t pages, page_visitor *visit, void *context)
{
    long r = visit_pages(d, GFN(CONSOLE_GFN), MAGIC_PAGES, visit, context);

    for (uint64_t at = 0, n; at < pages && !r; at += n) {
        n = min_u64(PAGES_AT_ONCE, pages - at);
        r = visit_pages(d, GFN(DOMAIN_RAM_GFN + at), (unsigned)n, visit, context);
    }
    for (unsigned i = 0; i < PAGES_AT_ONCE; i++)
        foreign_unmap(window_gfn(d->window, 1 + i));
    return r;
}

long domain_write_page(const struct domain *d, gfn_t gfn, const void *page)
{
    gfn_t here = window_gfn(d->window, 1);
    long r = foreign_map(d->id, gfn, here);

    if (r)
        return r;
    memcpy(window_address(d->window, 1), page, PAGE_SIZE);
    return foreign_unmap(here);
}

static long copy_page(void *to, gfn_t gfn, const void *page) { return domain_write_page(to, gfn, page); }

long domain_copy_memory(const struct domain *from, struct domain *to, uint64_t pages)
{
    return domain_each_page(from, pages, copy_page, to);
}

long domain_start(domid_t id) { return domctl_call(XEN_DOMCTL_unpausedomain, id); }
long domain_pause(domid_t id) { return domctl_call(XEN_DOMCTL_pausedomain, id); }
long domain_resume(domid_t id) { return domctl_call(XEN_DOMCTL_resumedomain, id); }

long domain_remove(domid_t id)
{
    long r;

    while ((r = domctl_call(XEN_DOMCTL_destroydomain, id)) == -ERESTART)
        ;
    return r;
}

long domain_destroy(struct domain *d)
{
    long r = domain_remove(d->id);

    if (d->vuart_port)
        evtchn_close(d->vuart_port);
    if (d->console)
        foreign_unmap(window_gfn(d->window, 0));
    *d = (struct domain){ .window = d->window };
    return r;
}

/* NULL: there is none of that number. */
static const struct xen_domctl_getdomaininfo *info(domid_t id)
{
    return domctl_call(XEN_DOMCTL_getdomaininfo, id) || domctl.u.getdomaininfo.domain != id ? NULL
                                                                                            : &domctl.u.getdomaininfo;
}

bool domain_exists(domid_t id) { return info(id); }

int domain_end_reason(domid_t id)
{
    const struct xen_domctl_getdomaininfo *i = info(id);

    return i && (i->flags & XEN_DOMINF_shutdown) ? (int)(i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask)
                                                 : -1;
}

bool domain_shows_paused(domid_t id)
{
    const struct xen_domctl_getdomaininfo *i = info(id);

    return i && (i->flags & XEN_DOMINF_paused);
}

uint64_t domain_room(domid_t id)
{
    const struct xen_domctl_getdomaininfo *i = info(id);

    return i && i->max_pages > i->tot_pages ? i->max_pages - i->tot_pages : 0;
}

uint64_t host_free_pages(void)
{
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_physinfo;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall2(__HYPERVISOR_sysctl, (uintptr_t)&s, 0) ? 0 : s.u.physinfo.free_pages + highest_id / IDS_A_PAGE;
}

static long shadow_op(domid_t id)
{
    long r;

    while ((r = domctl_call(XEN_DOMCTL_shadow_op, id)) == -ERESTART)
        ;
    return r;
}

long domain_track(domid_t id, bool on)
{
    domctl.u.shadow_op = (struct xen_domctl_shadow_op){ .op = on ? XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY
                                                                 : XEN_DOMCTL_SHADOW_OP_OFF };
    return shadow_op(id);
}

long domain_dirty(domid_t id, uint64_t *bitmap, uint64_t pages, bool clean, struct dirty_counts *counts)
{
    domctl.u.shadow_op = (struct xen_domctl_shadow_op){
        .op = clean ? XEN_DOMCTL_SHADOW_OP_CLEAN : XEN_DOMCTL_SHADOW_OP_PEEK, .pages = pages,
    };
    set_xen_guest_handle(domctl.u.shadow_op.dirty_bitmap, (uint8_t *)bitmap);
    long r = shadow_op(id);

    counts->dirty = domctl.u.shadow_op.stats.dirty_count;
    counts->faults = domctl.u.shadow_op.stats.fault_count;
    return r;
}

size_t domain_console_read(struct domain *d, char *text, size_t n)
{
    struct xencons_interface *ring = d->console;
    uint32_t cons = ring->out_cons, waiting = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE) - cons;

    /* the guest may have written anything into the indices */
    n = min_u64(n, min_u64(waiting, sizeof(ring->out)));
    for (size_t i = 0; i < n; i++)
        text[i] = ring->out[MASK_XENCONS_IDX(cons + (uint32_t)i, ring->out)];
    __atomic_store_n(&ring->out_cons, cons + (uint32_t)n, __ATOMIC_RELEASE);
    return n;
}
