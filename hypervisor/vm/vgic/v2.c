// SPDX-License-Identifier: Apache-2.0
/*
 * GICv2 as a guest sees it (IHI 0048 4.3): the distributor is emulated, the CPU interface is the hardware's virtual one
 * (GICV), mapped where the guest expects its GICC. At most eight vCPUs. An SGI has a sender, and is pending once for
 * each.
 */
#include "arch/nospec.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "vm/vgic/internal.h"

#define GICD_SIZE          (4 * KIB)
#define GICC_SIZE          (8 * KIB)
#define GICC_ALIASED_SIZE  (128 * KIB)

#define GICD_SGIR          0x0f00
#define GICD_CPENDSGIR     0x0f10
#define GICD_SPENDSGIR     0x0f20
#define GICD_SPENDSGIR_END 0x0f30
#define ID_REGISTERS       0x0fd0

/* GICD_SGIR (IHI 0048 4.3.15) */
#define SGIR_TARGETS(v)    (((v) >> 16) & 0xff)
#define SGIR_FILTER(v)     (((v) >> 24) & 3)
#define SGIR_INTID(v)      ((v) & 0xf)
enum sgir_filter { TO_LIST, TO_OTHERS, TO_SELF };

static uint8_t all_vcpus(const struct domain *d) { return (uint8_t)(BIT(d->max_vcpus) - 1); }

/* The first of the targets: one interrupt goes to one vCPU, which the architecture leaves to us (IHI 0048 1.4.3). */
struct vcpu *vgicv2_route_target(const struct domain *d, uint64_t route)
{
    return route ? domain_vcpu(d, (unsigned)__builtin_ctzll(route)) : NULL;
}

bool vgicv2_route_is_valid(const struct domain *d, uint64_t route) { return !(route & ~(uint64_t)all_vcpus(d)); }

/*
 * GICD_ITARGETSR: a byte per interrupt. A private one's says whose register this is, which is how a CPU learns its
 * number.
 */
static bool access_targets(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    unsigned first = (unsigned)(a->offset - GICD_ITARGETSR);

    if (a->size != 1 && a->size != 4)
        return false;
    if (!a->write)
        a->value = 0;
    vgic_begin(g);
    for (unsigned i = 0; i < a->size; i++) {
        struct virq *irq = vgic_virq(g, NULL, first + i);

        if (first + i < VGIC_NR_PRIVATE && !a->write)
            a->value |= BIT(v->id) << (8 * i);
        if (!irq)
            continue;
        if (a->write) {
            irq->route = (uint8_t)(a->value >> (8 * i)) & all_vcpus(g->domain);
            vgic_retarget(g, irq, vgicv2_route_target(g->domain, irq->route));
        } else {
            a->value |= irq->route << (8 * i);
        }
    }
    vgic_end(g);
    return true;
}

static bool write_sgir(struct domain_vgic *g, struct vcpu *self, struct mmio_access *a)
{
    uint8_t targets = (uint8_t)SGIR_TARGETS(a->value), own = (uint8_t)BIT(self->id);

    if (a->size != 4)
        return false;
    if (!a->write) {
        a->value = 0;
        return true;
    }
    if (SGIR_FILTER(a->value) == TO_OTHERS)
        targets = (uint8_t)~own;
    else if (SGIR_FILTER(a->value) == TO_SELF)
        targets = own;
    else if (SGIR_FILTER(a->value) != TO_LIST)
        return true;
    vgic_begin(g);
    for (unsigned left = targets & all_vcpus(g->domain); left; left &= left - 1) {
        struct vcpu *v = g->domain->vcpus[__builtin_ctz(left)];

        if (v)
            vgic_send_sgi(g, v, (unsigned)SGIR_INTID(a->value), self->id);
    }
    vgic_end(g);
    return true;
}

/* GICD_CPENDSGIR, GICD_SPENDSGIR: a byte per SGI of this vCPU, a bit for each sender. */
static bool access_sgi_pending(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    unsigned first = (unsigned)(a->offset & 0xf);
    bool set = a->offset >= GICD_SPENDSGIR;

    if (a->size != 1 && a->size != 4)
        return false;
    if (!a->write)
        a->value = 0;
    vgic_begin(g);
    for (unsigned i = 0; i < a->size; i++) {
        struct virq *irq = &v->vgic.private[first + i];
        uint8_t senders = (uint8_t)(a->value >> (8 * i)) & all_vcpus(g->domain);

        if (a->write && !senders)
            continue;
        vgic_gather(g, irq);   /* this vCPU's own: its list registers are here */
        if (a->write)
            irq->sources = set ? irq->sources | senders : irq->sources & (uint8_t)~senders;
        else
            a->value |= (uint64_t)irq->sources << (8 * i);
        vgic_settle(g, irq);
    }
    vgic_end(g);
    return true;
}

static NOINLINE bool access_behind_control(struct vcpu *v, struct mmio_access *a, struct domain_vgic *g)
{
    static const uint8_t ids[] = { 0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1 };   /* IHI 0048 4.3.18 */

    if (a->offset < GICD_ITARGETSR || (a->offset >= GICD_ICFGR && a->offset < GICD_ICFGR + 0x100))
        return vgic_bank_access(g, v, a);
    if (a->offset < GICD_ICFGR)
        return access_targets(g, v, a);
    if (a->offset == GICD_SGIR)
        return write_sgir(g, v, a);
    if (a->offset >= GICD_CPENDSGIR && a->offset < GICD_SPENDSGIR_END)
        return access_sgi_pending(g, v, a);
    a->value = a->offset >= ID_REGISTERS && !a->write
                   ? ids[index_nospec((a->offset - ID_REGISTERS) / 4, ARRAY_SIZE(ids))]
                   : 0;
    return a->size == 4;
}

static bool access_distributor(struct vcpu *v, struct mmio_access *a, void *context)
{
    return a->offset < GICD_IGROUPR ? vgic_control_access(context, a) : access_behind_control(v, a, context);
}

/*
 * Some boards decode GICC and GICV so that each 4 KiB page shows sixteen times, over 128 KiB; the two pages are then
 * next to each other only in the middle. A domain that sees the machine's addresses gets all of it, another the two
 * pages.
 */
static int map_cpu_interface(struct domain *d, uint64_t guest)
{
    uint64_t machine = gic.virtual_interface, size = GICC_SIZE;

    if (gic.virtual_interface_size >= GICC_ALIASED_SIZE) {
        if (guest == gic.cpu_interface)
            size = GICC_ALIASED_SIZE;
        else
            machine += 0xf000;
    }
    return p2m_map(&d->p2m, GFN(guest >> PAGE_SHIFT), MFN(machine >> PAGE_SHIFT), size >> PAGE_SHIFT, P2M_DEVICE);
}

int vgicv2_init(struct domain *d, const struct vgic_layout *layout)
{
    int error;

    if (d->max_vcpus > VGIC_V2_MAX_VCPUS)
        return -EINVAL;
    d->vgic.typer = d->vgic.nr_spis / 32 | (d->max_vcpus - 1) << 5;
    error = mmio_add_region(d, layout->distributor, GICD_SIZE, access_distributor, &d->vgic);
    return error ? error : map_cpu_interface(d, layout->cpu_interface);
}
