// SPDX-License-Identifier: Apache-2.0
/*
 * GICv2 (IHI 0048): distributor (GICD), CPU interface (GICC) and the hypervisor's control of the virtual one (GICH),
 * all by MMIO. Interrupts stay in the group that they are in; as the firmware left them, those that are ours signal as
 * IRQ.
 */
#include "arch/barrier.h"
#include "arch/io.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "mm/el2.h"

/* IHI 0048 4.3 */
#define GICD_CTLR_ENABLE    1u
#define GICD_SGIR           0x0f00
#define GICD_CPENDSGIR      0x0f10
#define GICD_IIDR_PRODUCT_SHIFT 24

/* IHI 0048 4.4 */
#define GICC_CTLR           0x0000
#define GICC_PMR            0x0004
#define GICC_BPR            0x0008
#define GICC_IAR            0x000c
#define GICC_EOIR           0x0010
#define GICC_CTLR_ENABLE    (BIT(0))
#define GICC_CTLR_EOIMODE   (BIT(9))
#define GICC_SIZE           (8 * KIB)
#define GICC_DIR            0x1000
#define GICC_ALIASED_SIZE   (128 * KIB)   /* each page repeated sixteen times */
#define GICC_ALIASED_OFFSET 0xf000        /* of the last copy of the first page, which the second page follows */

/* IHI 0048 5.3 */
#define GICH_HCR            0x0000
#define GICH_VTR            0x0004
#define GICH_VMCR           0x0008
#define GICH_ELRSR0         0x0030
#define GICH_APR            0x00f0
#define GICH_LR             0x0100
#define GICH_HCR_EN         (BIT(0))
#define GICH_HCR_UIE        (BIT(1))
#define GICH_HCR_LRENPIE    (BIT(2))
#define GICH_HCR_NPIE       (BIT(3))
#define GICH_HCR_EOICOUNT_SHIFT 27
#define GICH_LR_PINTID_SHIFT 10
#define GICH_LR_SOURCE_SHIFT 10
#define GICH_LR_EOI         (BIT(19))
#define GICH_LR_PRIORITY_SHIFT 23
#define GICH_LR_PENDING     (BIT(28))
#define GICH_LR_ACTIVE      (BIT(29))
#define GICH_LR_GROUP1      (BIT(30))
#define GICH_LR_HW          (BIT(31))
#define GICH_VMCR_GRP0      (BIT(0))
#define GICH_VMCR_GRP1      (BIT(1))
#define GICH_VMCR_PMR_SHIFT 27
#define GICH_VMCR_FIELDS    0xf8fc021fu    /* enables, modes, binary points, mask */

static gic_frame distributor, cpu_interface, hypervisor_interface;
static uint8_t interface_mask[MAX_CPUS];   /* each CPU's bit in GICD_ITARGETSR and GICD_SGIR */

static gic_frame v2_frame(unsigned irq)
{
    (void)irq;
    return distributor;
}

/* The architecture has nothing to wait for; reading back makes the write arrive. */
static void v2_frame_wait(unsigned irq)
{
    (void)irq;
    (void)mmio_read32(distributor + GICD_CTLR);
}

/* The first eight target registers say which interface the reader is. */
static uint8_t read_own_mask(void)
{
    for (unsigned i = 0; i < 32; i += 4) {
        uint32_t v = mmio_read32(distributor + GICD_ITARGETSR + i);

        v |= v >> 16;
        v |= v >> 8;
        if (v & 0xff)
            return (uint8_t)v;
    }
    return 1;   /* a GIC of one CPU reads as zero */
}

static int v2_cpu_init(void)
{
    unsigned id = this_cpu()->id;

    interface_mask[id] = read_own_mask();
    for (unsigned i = 0; i < id; i++)
        if (interface_mask[i] == interface_mask[id]) {
            printk(
                "gic: CPU %u has no interface of its own in this GICv2 (it reads as CPU %u's): correct the device tree",
                id, i);
            return -ENODEV;
        }
    gic_reset_private(distributor, false);
    for (unsigned n = 0; n < gic.nr_lrs; n++)
        gic_lr_write(n, 0);
    mmio_write32(0, hypervisor_interface + GICH_HCR);
    mmio_write32(0xff, cpu_interface + GICC_PMR);
    mmio_write32(0, cpu_interface + GICC_BPR);
    mmio_write32(GICC_CTLR_ENABLE | GICC_CTLR_EOIMODE, cpu_interface + GICC_CTLR);
    return 0;
}

/* --- Interrupts --- */

static uint32_t v2_ack(void)
{
    uint32_t ack = mmio_read32(cpu_interface + GICC_IAR);

    dsb_sy();
    return ack;
}

static void v2_drop_priority(uint32_t ack) { mmio_write32(ack, cpu_interface + GICC_EOIR); }
static void v2_deactivate(uint32_t ack) { mmio_write32(ack, cpu_interface + GICC_DIR); }

static uint64_t v2_read_target(unsigned irq) { return mmio_read8(distributor + GICD_ITARGETSR + irq); }
static void v2_write_target(unsigned irq, uint64_t raw)
{
    mmio_write8((uint8_t)raw, distributor + GICD_ITARGETSR + irq);
}
static uint64_t v2_target_of(unsigned cpu) { return interface_mask[cpu]; }

static void v2_send_sgi(unsigned cpu, unsigned sgi)
{
    dsb_ishst();
    mmio_write32((uint32_t)interface_mask[cpu] << 16 | sgi, distributor + GICD_SGIR);
}

/* A byte for each SGI, a bit for each sender. */
static void v2_clear_sgis(void)
{
    for (unsigned i = 0; i < 16; i += 4)
        mmio_write32(~0u, distributor + GICD_CPENDSGIR + i);
}

/* --- The virtual interface --- */

static uint64_t v2_lr_encode(const struct gic_lr *lr)
{
    uint64_t raw = lr->intid | (uint64_t)(lr->priority >> 3) << GICH_LR_PRIORITY_SHIFT;

    if (lr->group1)
        raw |= GICH_LR_GROUP1;
    if (lr->pending)
        raw |= GICH_LR_PENDING;
    if (lr->active)
        raw |= GICH_LR_ACTIVE;
    if (lr->hw)
        return raw | GICH_LR_HW | (uint64_t)lr->hw_irq << GICH_LR_PINTID_SHIFT;
    if (lr->eoi_interrupt)
        raw |= GICH_LR_EOI;
    return raw | (uint64_t)lr->source << GICH_LR_SOURCE_SHIFT;
}

static void v2_lr_decode(uint64_t raw, struct gic_lr *lr)
{
    *lr = (struct gic_lr){
        .intid = raw & 0x3ff,
        .priority = (uint8_t)((raw >> GICH_LR_PRIORITY_SHIFT) << 3),
        .group1 = raw & GICH_LR_GROUP1,
        .pending = raw & GICH_LR_PENDING,
        .active = raw & GICH_LR_ACTIVE,
        .hw = raw & GICH_LR_HW,
    };
    if (lr->hw) {
        lr->hw_irq = (raw >> GICH_LR_PINTID_SHIFT) & 0x3ff;
    } else {
        lr->eoi_interrupt = raw & GICH_LR_EOI;
        lr->source = (raw >> GICH_LR_SOURCE_SHIFT) & 7;
    }
}

static void v2_lr_write(unsigned n, uint64_t raw)
{
    mmio_write32((uint32_t)raw, hypervisor_interface + GICH_LR + n * 4);
}
static uint64_t v2_lr_read(unsigned n) { return mmio_read32(hypervisor_interface + GICH_LR + n * 4); }
static uint32_t v2_lrs_empty(void) { return mmio_read32(hypervisor_interface + GICH_ELRSR0); }

static bool v2_lr_pend_again(unsigned n, unsigned source, bool hw)
{
    uint64_t raw = v2_lr_read(n);

    /* With HW set, the maintenance bit and the sender are bits of the physical number. */
    if (hw ? (raw & (GICH_LR_ACTIVE | GICH_LR_HW)) != GICH_LR_HW
           : raw & (GICH_LR_ACTIVE | GICH_LR_HW | GICH_LR_EOI) || ((raw >> GICH_LR_SOURCE_SHIFT) & 7) != source)
        return false;
    if (!(raw & GICH_LR_PENDING))
        v2_lr_write(n, raw | GICH_LR_PENDING);
    return true;
}

static uint32_t v2_read_vmcr(void) { return mmio_read32(hypervisor_interface + GICH_VMCR); }

static void v2_vmcr_decode(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2])
{
    *priority_mask = (uint8_t)((vmcr >> GICH_VMCR_PMR_SHIFT) << 3);
    group_enabled[0] = vmcr & GICH_VMCR_GRP0;
    group_enabled[1] = vmcr & GICH_VMCR_GRP1;
}

/* Groups off, priority mask 0; the hardware raises the binary points to its minimum. */
static uint32_t v2_vmcr_reset(void) { return 0; }

static void v2_set_maintenance(uint32_t reasons)
{
    uint32_t hcr = GICH_HCR_EN;

    if (reasons & GIC_MAINT_UNDERFLOW)
        hcr |= GICH_HCR_UIE;
    if (reasons & GIC_MAINT_NO_PENDING)
        hcr |= GICH_HCR_NPIE;
    if (reasons & GIC_MAINT_EOI_COUNT)
        hcr |= GICH_HCR_LRENPIE;
    mmio_write32(hcr, hypervisor_interface + GICH_HCR);
}

static unsigned v2_take_eoi_count(void)
{
    uint32_t hcr = mmio_read32(hypervisor_interface + GICH_HCR);
    unsigned count = hcr >> GICH_HCR_EOICOUNT_SHIFT;

    if (count)
        mmio_write32(hcr & ((1u << GICH_HCR_EOICOUNT_SHIFT) - 1), hypervisor_interface + GICH_HCR);
    return count;
}

static void v2_vcpu_save(struct gic_vcpu_state *s)
{
    s->vmcr = mmio_read32(hypervisor_interface + GICH_VMCR);
    s->apr[0] = mmio_read32(hypervisor_interface + GICH_APR);
    mmio_write32(0, hypervisor_interface + GICH_HCR);
}

static void v2_vcpu_load(const struct gic_vcpu_state *s)
{
    mmio_write32(s->apr[0], hypervisor_interface + GICH_APR);
    mmio_write32(s->vmcr, hypervisor_interface + GICH_VMCR);
    mmio_write32(GICH_HCR_EN, hypervisor_interface + GICH_HCR);
}

static void v2_cpu_exit(void)
{
    mmio_write32(0, hypervisor_interface + GICH_HCR);
    mmio_write32(0, cpu_interface + GICC_CTLR);
}

static void v2_distributor_init(void)
{
    mmio_write32(0, distributor + GICD_CTLR);
    gic_reset_spis(distributor, false);
    interface_mask[this_cpu()->id] = read_own_mask();
    for (unsigned irq = 32; irq < gic.nr_irqs; irq++)
        v2_write_target(irq, interface_mask[this_cpu()->id]);
    mmio_write32(GICD_CTLR_ENABLE, distributor + GICD_CTLR);
}

static const struct gic_ops v2_ops = {
    .distributor_init = v2_distributor_init,
    .cpu_init = v2_cpu_init,
    .cpu_exit = v2_cpu_exit,
    .ack = v2_ack,
    .drop_priority = v2_drop_priority,
    .deactivate = v2_deactivate,
    .frame = v2_frame,
    .frame_wait = v2_frame_wait,
    .read_target = v2_read_target,
    .write_target = v2_write_target,
    .target_of = v2_target_of,
    .send_sgi = v2_send_sgi,
    .clear_sgis = v2_clear_sgis,
    .lr_encode = v2_lr_encode,
    .lr_decode = v2_lr_decode,
    .lr_write = v2_lr_write,
    .lr_read = v2_lr_read,
    .lrs_empty = v2_lrs_empty,
    .lr_pend_again = v2_lr_pend_again,
    .read_vmcr = v2_read_vmcr,
    .vmcr_decode = v2_vmcr_decode,
    .vmcr_reset = v2_vmcr_reset,
    .vmcr_fields = GICH_VMCR_FIELDS,
    .set_maintenance = v2_set_maintenance,
    .take_eoi_count = v2_take_eoi_count,
    .vcpu_save = v2_vcpu_save,
    .vcpu_load = v2_vcpu_load,
};

static gic_frame map_cpu_interface(void)
{
    uint64_t at = gic.cpu_interface;

    if (gic.cpu_interface_size >= GICC_ALIASED_SIZE)
        at += GICC_ALIASED_OFFSET;
    return el2_map_device(PADDR(at), GICC_SIZE);
}

/*
 * QEMU's model (7.2's hw/intc/arm_gic.c), whose product number is 0, does not look again whether a physical interrupt,
 * still high, has to be signalled after a list register deactivated it: the next one is lost until something else makes
 * it look. Older ones also deactivate an SPI only in the view of the CPU that the list register is of. Writes to
 * GICD_ICACTIVER are right, so there we end physical interrupts ourselves. (Cortex-A15's GIC has that number too, and
 * pays a trap for each interrupt.)
 */
static bool deactivates_from_list_registers(void)
{
    return mmio_read32(distributor + GICD_IIDR) >> GICD_IIDR_PRODUCT_SHIFT != 0;
}

const struct gic_ops *gicv2_probe(void)
{
    uint32_t lines, vtr;

    distributor = el2_map_device(PADDR(gic.distributor), 4 * KIB);
    cpu_interface = map_cpu_interface();
    hypervisor_interface = el2_map_device(PADDR(gic.hypervisor_interface), 4 * KIB);
    if (!distributor || !cpu_interface || !hypervisor_interface) {
        printk("gic: the GICv2's registers do not fit into EL2's device window: correct its reg");
        return NULL;
    }
    lines = ((mmio_read32(distributor + GICD_TYPER) & 0x1f) + 1) * 32;
    vtr = mmio_read32(hypervisor_interface + GICH_VTR);
    gic.nr_irqs = lines > 1020 ? 1020 : lines;
    gic.nr_lrs = (vtr & 0x3f) + 1 > GIC_MAX_LRS ? GIC_MAX_LRS : (vtr & 0x3f) + 1;
    gic.priority_bits = 5;   /* as many as a list register holds */
    gic.lr_deactivates = deactivates_from_list_registers();

    v2_distributor_init();
    return &v2_ops;
}
