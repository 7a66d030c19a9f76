// SPDX-License-Identifier: Apache-2.0
/*
 * GICv3 as a guest sees it (IHI 0069 12.9, 12.11): one distributor with affinity routing always on and a single
 * security state, one redistributor of two 64 KiB frames per vCPU, no LPIs. The CPU interface is the hardware's, but
 * for the registers that send SGIs.
 */
#include "arch/nospec.h"
#include "arch/sysreg.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "vm/vgic/internal.h"

#define FRAME              (64 * KIB)
#define GICR_SIZE          (2 * FRAME)

#define GICD_IROUTER       0x6000
#define GICD_IROUTER_END   0x8000
#define GICD_CTLR_ARE      (1u << 4)
#define GICD_CTLR_DS       (1u << 6)
#define GICD_TYPER_NO1N    (1u << 25)
#define GICD_TYPER_IDBITS  (9u << 19)       /* 10 bits */
#define IROUTER_IRM        BIT(31)
#define IROUTER_MASK       (MPIDR_AFFINITY | IROUTER_IRM)   /* the affinity fields are those of MPIDR_EL1 */

#define GICR_IIDR          0x0004
#define GICR_TYPER         0x0008
#define GICR_WAKER         0x0014
#define GICR_WAKER_SLEEP   (1u << 1)
#define GICR_WAKER_ASLEEP  (1u << 2)
#define GICR_TYPER_LAST    BIT(4)

#define ID_REGISTERS       0xffd0

/* ICC_SGI1R_EL1 (IHI 0069 12.2.19) */
#define SGI_TARGETS(v)     ((v) & 0xffff)
#define SGI_AFF1(v)        (((v) >> 16) & 0xff)
#define SGI_INTID(v)       (((v) >> 24) & 0xf)
#define SGI_AFF2(v)        (((v) >> 32) & 0xff)
#define SGI_IRM(v)         (((v) >> 40) & 1)
#define SGI_RS(v)          (((v) >> 44) & 0xf)
#define SGI_AFF3(v)        (((v) >> 48) & 0xff)

/* PIDR4..7, PIDR0..3, CIDR0..3 as of an Arm GICv3 (IHI 0069 12.1.13) */
static uint64_t id_register(uint64_t offset)
{
    static const uint8_t ids[] = { 0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1 };

    return ids[index_nospec((offset - ID_REGISTERS) / 4, ARRAY_SIZE(ids))];
}

/* Sixteen vCPUs to a cluster. */
static struct vcpu *vcpu_by_affinity(const struct domain *d, uint64_t affinity)
{
    uint64_t id = (affinity & 0xf) | ((affinity >> 8) & 0xff) << 4;
    struct vcpu *v = domain_vcpu(d, (unsigned)id);

    return v && (v->core.vmpidr & MPIDR_AFFINITY) == affinity ? v : NULL;
}

struct vcpu *vgicv3_route_target(const struct domain *d, uint64_t route)
{
    if (route & IROUTER_IRM)
        return domain_vcpu(d, 0);
    return vcpu_by_affinity(d, route & MPIDR_AFFINITY);
}

bool vgicv3_route_is_valid(uint64_t route) { return !(route & ~IROUTER_MASK); }

/* --- SGIs --- */

static void send_to(struct domain_vgic *g, struct vcpu *v, unsigned sgi, bool group1) REQUIRES(g->lock)
{
    if (v->vgic.private[sgi].group1 == group1)
        vgic_send_sgi(g, v, sgi, 0);
}

static void send_to_others(struct domain_vgic *g, const struct vcpu *self, unsigned sgi, bool group1) REQUIRES(g->lock)
{
    for (unsigned i = 0; i < g->domain->max_vcpus; i++) {
        struct vcpu *v = g->domain->vcpus[i];

        if (v && v != self)
            send_to(g, v, sgi, group1);
    }
}

static bool write_sgir(struct vcpu *self, uint64_t value, bool group1)
{
    struct domain_vgic *g = &self->domain->vgic;
    unsigned sgi = (unsigned)SGI_INTID(value);
    uint64_t cluster = SGI_AFF3(value) << 32 | SGI_AFF2(value) << 16 | SGI_AFF1(value) << 8 | SGI_RS(value) << 4;

    if (g->version != 3)
        return false;
    vgic_begin(g);
    if (SGI_IRM(value)) {
        send_to_others(g, self, sgi, group1);
    } else {
        for (uint64_t targets = SGI_TARGETS(value); targets; targets &= targets - 1) {
            struct vcpu *v = vcpu_by_affinity(self->domain, cluster | (uint64_t)__builtin_ctzll(targets));

            if (v)
                send_to(g, v, sgi, group1);
        }
    }
    vgic_end(g);
    return true;
}

bool vgic_write_sgi1r(struct vcpu *v, uint64_t value) { return write_sgir(v, value, true); }
bool vgic_write_sgi0r(struct vcpu *v, uint64_t value) { return write_sgir(v, value, false); }

/* --- The distributor --- */

/* GICD_IROUTER: 64 bits, or either half. Those of private interrupts do not exist. */
static NOINLINE bool access_router(struct domain_vgic *g, struct mmio_access *a)
{
    unsigned intid = (unsigned)(a->offset - GICD_IROUTER) / 8, shift = (unsigned)(a->offset & 4) * 8;
    struct virq *irq;

    if (a->size < 4)
        return false;
    vgic_begin(g);
    irq = vgic_virq(g, NULL, intid);
    if (!a->write) {
        a->value = irq ? irq->route >> shift : 0;
        if (a->size == 4)
            a->value = (uint32_t)a->value;
    } else if (irq) {
        uint64_t mask = a->size == 8 ? ~UINT64_C(0) : UINT64_C(0xffffffff) << shift;

        irq->route = ((irq->route & ~mask) | (a->value << shift)) & IROUTER_MASK;
        vgic_retarget(g, irq, vgicv3_route_target(g->domain, irq->route));
    }
    vgic_end(g);
    return true;
}

static bool zero_and_ignored(struct mmio_access *a)
{
    a->value = 0;
    return a->size == 4;
}

static bool access_id(struct mmio_access *a)
{
    if (!a->write)
        a->value = id_register(a->offset);
    return a->size == 4;
}

static NOINLINE bool access_behind_control(struct domain_vgic *g, struct mmio_access *a)
{
    if (a->offset < GICD_ITARGETSR || (a->offset >= GICD_ICFGR && a->offset < GICD_ICFGR + 0x100))
        return vgic_bank_access(g, NULL, a);
    if (a->offset >= GICD_IROUTER && a->offset < GICD_IROUTER_END)
        return access_router(g, a);
    if (a->offset >= ID_REGISTERS)
        return access_id(a);
    return zero_and_ignored(a);
}

static bool access_distributor(struct vcpu *v, struct mmio_access *a, void *context)
{
    (void)v;
    return a->offset < GICD_IGROUPR ? vgic_control_access(context, a) : access_behind_control(context, a);
}

/* --- Redistributors --- */

static uint64_t redistributor_typer(const struct vgic_region *r, const struct vcpu *v)
{
    uint64_t affinity = v->core.vmpidr & MPIDR_AFFINITY;
    uint64_t value = ((affinity & 0xffffff) | (affinity >> 32) << 24) << 32 | (uint64_t)v->id << 8;

    return v->id + 1 == r->first + r->count ? value | GICR_TYPER_LAST : value;
}

static bool access_typer(const struct vgic_region *r, const struct vcpu *v, struct mmio_access *a)
{
    uint64_t value = redistributor_typer(r, v) >> ((a->offset & 4) * 8);

    if (a->size < 4)
        return false;
    if (!a->write)
        a->value = a->size == 8 ? value : (uint32_t)value;
    return true;
}

static void access_waker(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    vgic_begin(g);
    if (a->write)
        v->vgic.asleep = a->value & GICR_WAKER_SLEEP;
    else
        a->value = v->vgic.asleep ? GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP : 0;
    vgic_end(g);
}

static bool access_rd_frame(const struct vgic_region *r, struct vcpu *v, struct mmio_access *a)
{
    if (a->offset >= ID_REGISTERS)
        return access_id(a);
    if ((a->offset & ~UINT64_C(7)) == GICR_TYPER)
        return access_typer(r, v, a);
    if (a->offset >= 0x40 && a->offset < 0x100) {   /* those of LPIs are 64-bit registers */
        a->value = 0;
        return a->size >= 4;
    }
    if (a->offset == GICR_WAKER && a->size == 4) {
        access_waker(r->vgic, v, a);
        return true;
    }
    if (a->offset == GICR_IIDR && a->size == 4 && !a->write) {
        a->value = GIC_IIDR;
        return true;
    }
    return zero_and_ignored(a);
}

/* One register of each bank that has a bit per interrupt, eight words of priorities, two of types. */
static bool is_private_register(uint64_t offset)
{
    if (offset < GICD_IGROUPR)
        return false;
    if (offset < GICD_IPRIORITYR)
        return (offset & 0x7f) < 4;
    return offset < GICD_IPRIORITYR + VGIC_NR_PRIVATE || (offset >= GICD_ICFGR && offset < GICD_ICFGR + 8);
}

static bool access_sgi_frame(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    if (is_private_register(a->offset))
        return vgic_bank_access(g, v, a);
    return zero_and_ignored(a);
}

static bool access_redistributor(struct vcpu *self, struct mmio_access *a, void *context)
{
    const struct vgic_region *r = context;
    uint64_t n = a->offset / r->stride;
    struct vcpu *v = n < r->count ? domain_vcpu(self->domain, r->first + (unsigned)n) : NULL;

    if (!v)
        return zero_and_ignored(a);
    a->offset %= r->stride;
    if (a->offset < FRAME)
        return access_rd_frame(r, v, a);
    a->offset -= FRAME;
    return a->offset < FRAME ? access_sgi_frame(r->vgic, v, a) : zero_and_ignored(a);
}

/* Puts vCPUs from `first` on into a region; the number of them, or -errno. */
static int add_region(struct domain *d, unsigned i, uint64_t base, uint64_t size, uint64_t stride, unsigned first)
{
    struct vgic_region *r = &d->vgic.regions[i];
    uint64_t fit = size / stride;
    int error;

    *r = (struct vgic_region){ &d->vgic, first, (unsigned)min_u64(fit, d->max_vcpus - first), stride };
    error = mmio_add_region(d, base, size, access_redistributor, r);
    return error ? error : (int)r->count;
}

/* dom0 finds the machine's regions in its device tree, and its vCPUs' redistributors there, in order. */
static int add_machine_regions(struct domain *d)
{
    uint64_t stride = gic.redistributor_stride ? gic.redistributor_stride : GICR_SIZE;
    unsigned placed = 0;

    for (unsigned i = 0; i < gic.redistributor_regions; i++) {
        int n = add_region(d, i, gic.redistributors[i].base, gic.redistributors[i].size, stride, placed);

        if (n < 0)
            return n;
        placed += (unsigned)n;
    }
    return (int)placed;
}

int vgicv3_init(struct domain *d, const struct vgic_layout *layout)
{
    int n;

    d->vgic.typer = d->vgic.nr_spis / 32 | GICD_TYPER_IDBITS | GICD_TYPER_NO1N;
    d->vgic.ctlr_fixed = GICD_CTLR_ARE | GICD_CTLR_DS;
    n = mmio_add_region(d, layout->distributor, FRAME, access_distributor, &d->vgic);
    if (n)
        return n;
    if (layout->redistributors == gic.redistributors[0].base)
        n = add_machine_regions(d);
    else
        n = add_region(d, 0, layout->redistributors, layout->redistributors_size, GICR_SIZE, 0);
    if (n < 0)
        return n;
    return (unsigned)n < d->max_vcpus ? -EINVAL : 0;
}
