// SPDX-License-Identifier: Apache-2.0
/*
 * The interrupt controller: found in the device tree, driven through the table of operations of its version.
 *
 * The registers that hold a bit, a byte or two bits per interrupt are the same in both versions and are handled here;
 * a version only says in which frame they are. Of these ICFGR alone is read and written back, under config_lock.
 */
#include "arch/io.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "lib/devicetree.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "mm/el2.h"

#define MSI_TYPER      0x008
#define MSI_FRAME_SIZE 0x1000
#define ITS_SIZE       0x20000   /* IHI 0069 12.19: control frame and translation frame */

struct gic_info gic;

static const struct gic_ops *ops;
static struct spinlock config_lock = SPINLOCK_INIT;

/* --- The device tree --- */

static uint32_t node_u32(const struct dt *dt, const struct dt_node *n, const char *name, uint32_t fallback)
{
    struct dt_value p = dt_property(dt, n, name);
    uint32_t v;

    return p.data && p.size && dt_cell(&p, p.size / 4 - 1, &v) ? v : fallback;
}

static int read_v2_node(const struct dt_node *n)
{
    if (dt_reg(n, 0, &gic.distributor, &gic.distributor_size) ||
        dt_reg(n, 1, &gic.cpu_interface, &gic.cpu_interface_size)) {
        printk("gic: %s lacks its distributor or CPU interface: correct its reg", n->name);
        return -EINVAL;
    }
    if (dt_reg(n, 2, &gic.hypervisor_interface, &gic.hypervisor_interface_size) ||
        dt_reg(n, 3, &gic.virtual_interface, &gic.virtual_interface_size)) {
        printk("gic: %s has no virtualization registers (GICH, GICV) in its reg: on QEMU use virtualization=on",
               n->name);
        return -ENODEV;
    }
    return 0;
}

static int read_v3_node(const struct dt *dt, const struct dt_node *n)
{
    uint32_t regions = node_u32(dt, n, "#redistributor-regions", 1);

    if (dt_reg(n, 0, &gic.distributor, &gic.distributor_size)) {
        printk("gic: %s lacks its distributor: correct its reg", n->name);
        return -EINVAL;
    }
    if (regions < 1 || regions > ARRAY_SIZE(gic.redistributors)) {
        printk("gic: %s has %u redistributor regions, 1 to %zu can be used: correct #redistributor-regions", n->name,
               regions, ARRAY_SIZE(gic.redistributors));
        return -EINVAL;
    }
    for (unsigned i = 0; i < regions; i++)
        if (dt_reg(n, 1 + i, &gic.redistributors[i].base, &gic.redistributors[i].size)) {
            printk("gic: %s lacks redistributor region %u: correct its reg", n->name, i);
            return -EINVAL;
        }
    gic.redistributor_regions = regions;
    gic.redistributor_stride = node_u32(dt, n, "redistributor-stride", 0);
    return 0;
}

static int read_node(const struct dt *dt, const struct dt_node *n)
{
    struct dt_irq irq;
    int error;

    gic.version = dt_gic_version(n);
    error = gic.version == 3 ? read_v3_node(dt, n) : read_v2_node(n);
    if (error)
        return error;
    if (dt_irq(dt, n, 0, &irq) || irq.intid < 16 || irq.intid >= 32) {
        printk("gic: %s names no maintenance interrupt (a PPI): add `interrupts`", n->name);
        return -EINVAL;
    }
    gic.maintenance_irq = irq.intid;
    return 0;
}

/*
 * One that makes no sense is nobody's, and devices go without message interrupts. The tree may say what MSI_TYPER
 * should (bindings/interrupt-controller/arm,gic.yaml).
 */
static void read_message_frame(const struct dt *dt, const struct dt_node *n)
{
    struct gic_message_frame f = { .phandle = node_u32(dt, n, "phandle", 0) };
    uint8_t *registers;
    uint32_t typer;

    if (gic.message_frame_count == GIC_MESSAGE_FRAMES || dt_reg(n, 0, &f.base, &f.size) || f.size < MSI_FRAME_SIZE)
        return;
    registers = el2_map_device(PADDR(f.base), f.size);
    if (!registers)
        return;
    typer = mmio_read32(registers + MSI_TYPER);
    f.first = node_u32(dt, n, "arm,msi-base-spi", typer >> 16 & 0x3ff);
    f.count = node_u32(dt, n, "arm,msi-num-spis", typer & 0x3ff);
    if (f.first >= 32 && f.first < gic.nr_irqs && f.count && f.count <= gic.nr_irqs - f.first)
        gic.message_frames[gic.message_frame_count++] = f;
}

/* The first one; devices of any other go without message interrupts. */
static void read_its(const struct dt *dt, const struct dt_node *n)
{
    if (gic.its.base || dt_reg(n, 0, &gic.its.base, &gic.its.size) || gic.its.size < ITS_SIZE)
        return;
    gic.its.phandle = node_u32(dt, n, "phandle", 0);
}

/* The children of the GIC's node, on which the walk stands. */
static void read_children(struct dt_walk *walk, unsigned depth)
{
    const struct dt_node *n;

    while ((n = dt_walk_next(walk)) && n->depth > depth) {
        if (!n->enabled || n->depth != depth + 1)
            continue;
        if (gic.version == 2 && dt_is_compatible(n, "arm,gic-v2m-frame"))
            read_message_frame(walk->dt, n);
        if (gic.version == 3 && dt_is_compatible(n, "arm,gic-v3-its"))
            read_its(walk->dt, n);
    }
}

int gic_init(const void *fdt)
{
    static struct dt_walk walk;   /* boot only, and large for a stack */
    const struct dt_node *n;
    struct dt dt;
    int error;

    if (dt_open(&dt, fdt))
        return -EINVAL;   /* it was read before */
    dt_walk_start(&walk, &dt);
    while ((n = dt_walk_next(&walk)) && !(n->enabled && dt_gic_version(n) >= 2))
        ;
    if (!n) {
        printk("gic: no GICv2 or GICv3 in the device tree: Torpor needs one of them");
        return -ENODEV;
    }
    error = read_node(&dt, n);
    if (error)
        return error;
    ops = gic.version == 3 ? gicv3_probe() : gicv2_probe();
    if (!ops)
        return -ENODEV;
    read_children(&walk, n->depth);
    printk("gic: GICv%u, %u interrupts, %u list registers, %u priority bits%s", gic.version, gic.nr_irqs, gic.nr_lrs,
           gic.priority_bits, gic.lr_deactivates ? "" : ", ends physical interrupts by software");
    return 0;
}

static int gic_cpu_on(void)
{
    int error = ops->cpu_init();

    if (error)
        return error;
    gic_set_type(gic.maintenance_irq, GIC_LEVEL_HIGH);
    gic_enable_irq(gic.maintenance_irq);
    return 0;
}

/* --- Registers that both versions have --- */

static void reset_bitmaps(gic_frame frame, unsigned first, bool group1)
{
    unsigned at = first / 32 * 4;

    mmio_write32(~0u, frame + GICD_ICENABLER + at);
    mmio_write32(~0u, frame + GICD_ICPENDR + at);
    mmio_write32(~0u, frame + GICD_ICACTIVER + at);
    if (group1)
        mmio_write32(~0u, frame + GICD_IGROUPR + at);
    for (unsigned i = 0; i < 32; i += 4)
        mmio_write32(GIC_PRIORITY * 0x01010101u, frame + GICD_IPRIORITYR + first + i);
}

const struct gic_ops *gic_operations(void) { return ops; }

static void gic_cpu_off(void) { ops->cpu_exit(); }

const struct cpu_stage gic_cpu_stage = { .name = "gic", .on = gic_cpu_on, .off = gic_cpu_off, .kept = true };

void gic_reset_spis(gic_frame distributor, bool group1)
{
    for (unsigned irq = 32; irq < gic.nr_irqs; irq += 32) {
        reset_bitmaps(distributor, irq, group1);
        mmio_write32(0, distributor + GICD_ICFGR + irq / 4);
        mmio_write32(0, distributor + GICD_ICFGR + irq / 4 + 4);
    }
}

void gic_reset_private(gic_frame frame, bool group1)
{
    reset_bitmaps(frame, 0, group1);
    mmio_write32(0xffff, frame + GICD_ISENABLER);
}

static void write_bit(unsigned irq, unsigned reg)
{
    mmio_write32(1u << (irq % 32), ops->frame(irq) + reg + irq / 32 * 4);
}

static bool read_bit(unsigned irq, unsigned reg)
{
    return (mmio_read32(ops->frame(irq) + reg + irq / 32 * 4) >> (irq % 32)) & 1;
}

void gic_enable_irq(unsigned irq) { write_bit(irq, GICD_ISENABLER); }

void gic_disable_irq(unsigned irq)
{
    write_bit(irq, GICD_ICENABLER);
    ops->frame_wait(irq);
}

void gic_set_active(unsigned irq, bool active) { write_bit(irq, active ? GICD_ISACTIVER : GICD_ICACTIVER); }
void gic_set_pending(unsigned irq, bool pending) { write_bit(irq, pending ? GICD_ISPENDR : GICD_ICPENDR); }
bool gic_is_pending(unsigned irq) { return read_bit(irq, GICD_ISPENDR); }
bool gic_is_enabled(unsigned irq) { return read_bit(irq, GICD_ISENABLER); }

void gic_set_type(unsigned irq, enum gic_type type)
{
    gic_frame reg = ops->frame(irq) + GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = 2u << (irq % 16 * 2);
    uint32_t v;

    spin_lock(&config_lock);
    v = mmio_read32(reg);
    mmio_write32(type == GIC_EDGE_RISING ? v | bit : v & ~bit, reg);
    spin_unlock(&config_lock);
}

/* --- Operations that each version does in its way --- */

uint32_t gic_ack(void) { return ops->ack(); }
void gic_drop_priority(uint32_t ack) { ops->drop_priority(ack); }
void gic_deactivate(uint32_t ack) { ops->deactivate(ack); }
void gic_set_target(unsigned irq, unsigned cpu) { ops->write_target(irq, ops->target_of(cpu)); }
void gic_send_sgi(unsigned cpu, unsigned sgi) { ops->send_sgi(cpu, sgi); }
void gic_clear_sgis(void) { ops->clear_sgis(); }
uint64_t gic_lr_encode(const struct gic_lr *lr) { return ops->lr_encode(lr); }
void gic_lr_decode(uint64_t raw, struct gic_lr *lr) { ops->lr_decode(raw, lr); }
void gic_lr_write(unsigned n, uint64_t raw) { ops->lr_write(n, raw); }
uint64_t gic_lr_read(unsigned n) { return ops->lr_read(n); }
uint32_t gic_lrs_empty(void) { return ops->lrs_empty(); }
bool gic_lr_pend_again(unsigned n, unsigned source, bool hw) { return ops->lr_pend_again(n, source, hw); }
uint32_t gic_read_vmcr(void) { return ops->read_vmcr(); }
uint32_t gic_vmcr_fields(void) { return ops->vmcr_fields; }
uint32_t gic_vmcr_reset(void) { return ops->vmcr_reset(); }
void gic_set_maintenance(uint32_t reasons) { ops->set_maintenance(reasons); }
unsigned gic_take_eoi_count(void) { return ops->take_eoi_count(); }
void gic_vcpu_save(struct gic_vcpu_state *s) { ops->vcpu_save(s); }
void gic_vcpu_load(const struct gic_vcpu_state *s) { ops->vcpu_load(s); }

void gic_vmcr_decode(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2])
{
    ops->vmcr_decode(vmcr, priority_mask, group_enabled);
}
