// SPDX-License-Identifier: Apache-2.0
/*
 * GICv3 (IHI 0069): distributor and redistributors by MMIO, the CPU interface and the hypervisor's view of the virtual
 * one by system registers. Affinity routing is always on; all our interrupts are Non-secure group 1.
 */
#include "arch/barrier.h"
#include "arch/io.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "dev/gic_ops.h"
#include "dev/its.h"
#include "lib/errno.h"
#include "mm/el2.h"

/* IHI 0069 12.9 (GICD), 12.11 (GICR) */
#define GICD_CTLR_GRP1      (BIT(1))     /* EnableGrp1 / EnableGrp1A */
#define GICD_CTLR_ARE       (BIT(4))     /* ARE / ARE_NS */
#define GICD_CTLR_RWP       (BIT(31))
#define GICD_IROUTER        0x6000
#define GICR_CTLR           0x0000
#define GICR_CTLR_RWP       (BIT(3))
#define GICR_TYPER          0x0008
#define GICR_TYPER_VLPIS    (BIT(1))
#define GICR_TYPER_LAST     (BIT(4))
#define GICR_WAKER          0x0014
#define GICR_WAKER_SLEEP    (BIT(1))
#define GICR_WAKER_ASLEEP   (BIT(2))
#define GICR_FRAME          (64 * KIB)

/* IHI 0069 12.2 (ICC), 12.4 (ICH) */
#define ICC_SRE_SRE         (BIT(0))
#define ICC_CTLR_EOIMODE    (BIT(1))
#define ICH_HCR_EN          (BIT(0))
#define ICH_HCR_UIE         (BIT(1))
#define ICH_HCR_LRENPIE     (BIT(2))
#define ICH_HCR_NPIE        (BIT(3))
#define ICH_HCR_EOICOUNT_SHIFT 27
#define ICH_LR_PENDING      (BIT(62))
#define ICH_LR_ACTIVE       (BIT(63))
#define ICH_LR_HW           (BIT(61))
#define ICH_LR_GROUP1       (BIT(60))
#define ICH_LR_PRIORITY_SHIFT 48
#define ICH_LR_PINTID_SHIFT 32
#define ICH_LR_EOI          (BIT(41))
#define ICH_VMCR_VENG0      (BIT(0))
#define ICH_VMCR_VENG1      (BIT(1))
#define ICH_VMCR_VPMR_SHIFT 24
#define ICH_VMCR_FIELDS     0xfffc021fu    /* enables, modes, binary points, mask */

static gic_frame distributor;
static gic_frame redistributors[MAX_CPUS];   /* RD_base of each CPU */
static unsigned apr_registers;               /* of each group: 1, 2 or 4 */
static gic_frame regions[ARRAY_SIZE(gic.redistributors)];

static void wait_clear(gic_frame reg, uint32_t bit)
{
    while (mmio_read32(reg) & bit)
        cpu_relax();
}

static gic_frame v3_frame(unsigned irq)
{
    return irq < 32 ? redistributors[this_cpu()->id] + GICR_FRAME : distributor;
}

static void v3_frame_wait(unsigned irq)
{
    if (irq < 32)
        wait_clear(redistributors[this_cpu()->id] + GICR_CTLR, GICR_CTLR_RWP);
    else
        wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP);
}

gic_frame gicv3_redistributor(unsigned cpu) { return redistributors[cpu]; }
uint32_t gicv3_distributor_typer(void) { return mmio_read32(distributor + GICD_TYPER); }

uint64_t gicv3_redistributor_target(unsigned cpu, bool by_address)
{
    gic_frame rd = redistributors[cpu];

    if (!by_address)
        return mmio_read64(rd + GICR_TYPER) >> 8 << 16 & 0xffff0000;
    for (unsigned i = 0; i < gic.redistributor_regions; i++)
        if (rd >= regions[i] && rd < regions[i] + gic.redistributors[i].size)
            return gic.redistributors[i].base + (uint64_t)(rd - regions[i]);
    return 0;   /* never: it was found in one of them */
}

/* --- Start --- */

static uint64_t typer_affinity(uint64_t typer)
{
    uint64_t affinity = typer >> 32;

    return (affinity & 0xffffff) | (affinity >> 24) << 32;
}

static uint64_t frame_stride(uint64_t typer)
{
    if (gic.redistributor_stride)
        return gic.redistributor_stride;
    return typer & GICR_TYPER_VLPIS ? 4 * GICR_FRAME : 2 * GICR_FRAME;
}

/*
 * The redistributor of the CPU with these affinity fields, or NULL. Each region ends at its size, or at the frame
 * marked last.
 */
static gic_frame find_redistributor(uint64_t mpidr, unsigned *seen)
{
    *seen = 0;
    for (unsigned i = 0; i < gic.redistributor_regions; i++)
        for (uint64_t at = 0; at + 2 * GICR_FRAME <= gic.redistributors[i].size;) {
            uint64_t typer = mmio_read64(regions[i] + at + GICR_TYPER);

            ++*seen;
            if (typer_affinity(typer) == mpidr)
                return regions[i] + at;
            if (typer & GICR_TYPER_LAST)
                break;
            at += frame_stride(typer);
        }
    return NULL;
}

static int v3_cpu_init(void)
{
    struct cpu *cpu = this_cpu();
    unsigned seen;
    gic_frame rd = find_redistributor(cpu->mpidr, &seen);

    if (!rd) {
        printk("gic: CPU %u (MPIDR %#llx) has no redistributor among the %u found: correct the device tree",
               cpu->id, (unsigned long long)cpu->mpidr, seen);
        return -ENODEV;
    }
    redistributors[cpu->id] = rd;
    mmio_write32(mmio_read32(rd + GICR_WAKER) & ~(uint32_t)GICR_WAKER_SLEEP, rd + GICR_WAKER);
    wait_clear(rd + GICR_WAKER, GICR_WAKER_ASLEEP);
    gic_reset_private(rd + GICR_FRAME, true);
    wait_clear(rd + GICR_CTLR, GICR_CTLR_RWP);

    write_sysreg(ICC_SRE_SRE, ICC_SRE_EL2);
    isb();
    if (!(read_sysreg(ICC_SRE_EL2) & ICC_SRE_SRE)) {
        printk("gic: CPU %u cannot use the GICv3's system registers (ICC_SRE_EL2): the firmware has to allow it",
               cpu->id);
        return -ENODEV;
    }
    /* On for EL1 too. ICC_SRE_EL2.Enable stays off: a guest that could switch it off would do so for others. */
    write_sysreg(ICC_SRE_SRE, ICC_SRE_EL1);
    isb();
    write_sysreg(0xff, ICC_PMR_EL1);
    write_sysreg(0, ICC_BPR1_EL1);
    write_sysreg(ICC_CTLR_EOIMODE, ICC_CTLR_EL1);
    write_sysreg(0, ICH_HCR_EL2);
    for (unsigned n = 0; n < gic.nr_lrs; n++)
        gic_lr_write(n, 0);
    write_sysreg(1, ICC_IGRPEN1_EL1);
    isb();
    its_cpu_on();
    return 0;
}

/* --- Interrupts --- */

static uint32_t v3_ack(void)
{
    uint32_t intid = (uint32_t)read_sysreg(ICC_IAR1_EL1);

    dsb_sy();
    return intid;
}

static void v3_drop_priority(uint32_t ack)
{
    write_sysreg(ack, ICC_EOIR1_EL1);
    isb();
}

static void v3_deactivate(uint32_t ack)
{
    write_sysreg(ack, ICC_DIR_EL1);
    isb();
}

static uint64_t v3_read_target(unsigned irq) { return mmio_read64(distributor + GICD_IROUTER + irq * 8); }
static void v3_write_target(unsigned irq, uint64_t raw) { mmio_write64(raw, distributor + GICD_IROUTER + irq * 8); }
static uint64_t v3_target_of(unsigned cpu) { return cpus[cpu].mpidr; }

static void v3_send_sgi(unsigned cpu, unsigned sgi)
{
    uint64_t m = cpus[cpu].mpidr;
    uint64_t value = ((m >> 32) & 0xff) << 48 | ((m >> 16) & 0xff) << 32 | ((m >> 8) & 0xff) << 16 |
                     ((m >> 4) & 0xf) << 44 | (uint64_t)sgi << 24 | BIT(m & 0xf);

    dsb_ishst();
    write_sysreg(value, ICC_SGI1R_EL1);
    isb();
}

static void v3_clear_sgis(void) { mmio_write32(0xffff, v3_frame(0) + GICD_ICPENDR); }

/* --- The virtual interface --- */

static uint64_t v3_lr_encode(const struct gic_lr *lr)
{
    uint64_t raw = lr->intid | (uint64_t)lr->priority << ICH_LR_PRIORITY_SHIFT;

    if (lr->group1)
        raw |= ICH_LR_GROUP1;
    if (lr->pending)
        raw |= ICH_LR_PENDING;
    if (lr->active)
        raw |= ICH_LR_ACTIVE;
    if (lr->hw)
        raw |= ICH_LR_HW | (uint64_t)lr->hw_irq << ICH_LR_PINTID_SHIFT;
    else if (lr->eoi_interrupt)
        raw |= ICH_LR_EOI;
    return raw;
}

static void v3_lr_decode(uint64_t raw, struct gic_lr *lr)
{
    *lr = (struct gic_lr){
        .intid = (uint16_t)raw,
        .priority = (uint8_t)(raw >> ICH_LR_PRIORITY_SHIFT),
        .group1 = raw & ICH_LR_GROUP1,
        .pending = raw & ICH_LR_PENDING,
        .active = raw & ICH_LR_ACTIVE,
        .hw = raw & ICH_LR_HW,
    };
    if (lr->hw)
        lr->hw_irq = (raw >> ICH_LR_PINTID_SHIFT) & 0x3ff;
    else
        lr->eoi_interrupt = raw & ICH_LR_EOI;
}

/* A register's name is part of the instruction: one case for each. */
#define EACH_LR(op) \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

static void v3_lr_write(unsigned n, uint64_t raw)
{
    switch (n) {
#define WRITE(i) case i: write_sysreg(raw, ICH_LR##i##_EL2); break;
    EACH_LR(WRITE)
#undef WRITE
    }
}

static uint64_t v3_lr_read(unsigned n)
{
    switch (n) {
#define READ(i) case i: return read_sysreg(ICH_LR##i##_EL2);
    EACH_LR(READ)
#undef READ
    }
    return 0;
}

static uint32_t v3_lrs_empty(void) { return (uint32_t)read_sysreg(ICH_ELRSR_EL2); }

static bool v3_lr_pend_again(unsigned n, unsigned source, bool hw)
{
    /* With HW set, the maintenance bit is one of the physical number. */
    uint64_t mask = hw ? ICH_LR_ACTIVE | ICH_LR_HW : ICH_LR_ACTIVE | ICH_LR_HW | ICH_LR_EOI, plain = hw ? ICH_LR_HW : 0,
             raw;

    (void)source;
    switch (n) {
#define PEND_AGAIN(i) \
    case i: \
        raw = read_sysreg(ICH_LR##i##_EL2); \
        if ((raw & mask) != plain) \
            return false; \
        if (!(raw & ICH_LR_PENDING)) \
            write_sysreg(raw | ICH_LR_PENDING, ICH_LR##i##_EL2); \
        return true;
    EACH_LR(PEND_AGAIN)
#undef PEND_AGAIN
    }
    return false;
}

static uint32_t v3_read_vmcr(void) { return (uint32_t)read_sysreg(ICH_VMCR_EL2); }

static void v3_vmcr_decode(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2])
{
    *priority_mask = (uint8_t)(vmcr >> ICH_VMCR_VPMR_SHIFT);
    group_enabled[0] = vmcr & ICH_VMCR_VENG0;
    group_enabled[1] = vmcr & ICH_VMCR_VENG1;
}

/* Groups off, priority mask 0; the hardware raises the binary points to its minimum. */
static uint32_t v3_vmcr_reset(void) { return 0; }

static void v3_set_maintenance(uint32_t reasons)
{
    uint64_t hcr = ICH_HCR_EN;

    if (reasons & GIC_MAINT_UNDERFLOW)
        hcr |= ICH_HCR_UIE;
    if (reasons & GIC_MAINT_NO_PENDING)
        hcr |= ICH_HCR_NPIE;
    if (reasons & GIC_MAINT_EOI_COUNT)
        hcr |= ICH_HCR_LRENPIE;
    write_sysreg(hcr, ICH_HCR_EL2);
    isb();
}

static unsigned v3_take_eoi_count(void)
{
    uint64_t hcr = read_sysreg(ICH_HCR_EL2);
    unsigned count = (hcr >> ICH_HCR_EOICOUNT_SHIFT) & 0x1f;

    if (count)
        write_sysreg(hcr & ~(UINT64_C(0x1f) << ICH_HCR_EOICOUNT_SHIFT), ICH_HCR_EL2);
    return count;
}

static void v3_vcpu_save(struct gic_vcpu_state *s)
{
    s->vmcr = (uint32_t)read_sysreg(ICH_VMCR_EL2);
    s->apr[0] = (uint32_t)read_sysreg(ICH_AP0R0_EL2);
    s->apr[4] = (uint32_t)read_sysreg(ICH_AP1R0_EL2);
    if (apr_registers >= 2) {
        s->apr[1] = (uint32_t)read_sysreg(ICH_AP0R1_EL2);
        s->apr[5] = (uint32_t)read_sysreg(ICH_AP1R1_EL2);
    }
    if (apr_registers == 4) {
        s->apr[2] = (uint32_t)read_sysreg(ICH_AP0R2_EL2);
        s->apr[3] = (uint32_t)read_sysreg(ICH_AP0R3_EL2);
        s->apr[6] = (uint32_t)read_sysreg(ICH_AP1R2_EL2);
        s->apr[7] = (uint32_t)read_sysreg(ICH_AP1R3_EL2);
    }
    write_sysreg(0, ICH_HCR_EL2);
    isb();
}

static void v3_vcpu_load(const struct gic_vcpu_state *s)
{
    write_sysreg(s->vmcr, ICH_VMCR_EL2);
    write_sysreg(s->apr[0], ICH_AP0R0_EL2);
    write_sysreg(s->apr[4], ICH_AP1R0_EL2);
    if (apr_registers >= 2) {
        write_sysreg(s->apr[1], ICH_AP0R1_EL2);
        write_sysreg(s->apr[5], ICH_AP1R1_EL2);
    }
    if (apr_registers == 4) {
        write_sysreg(s->apr[2], ICH_AP0R2_EL2);
        write_sysreg(s->apr[3], ICH_AP0R3_EL2);
        write_sysreg(s->apr[6], ICH_AP1R2_EL2);
        write_sysreg(s->apr[7], ICH_AP1R3_EL2);
    }
    write_sysreg(ICH_HCR_EN, ICH_HCR_EL2);
    isb();
}

/* IHI 0069 11.1: the CPU interface first, then the redistributor, which from then on keeps interrupts that come. */
static void v3_cpu_exit(void)
{
    gic_frame rd = redistributors[this_cpu()->id];

    write_sysreg(0, ICH_HCR_EL2);
    write_sysreg(0, ICC_IGRPEN1_EL1);
    isb();
    mmio_write32(mmio_read32(rd + GICR_WAKER) | GICR_WAKER_SLEEP, rd + GICR_WAKER);
    while (!(mmio_read32(rd + GICR_WAKER) & GICR_WAKER_ASLEEP))
        cpu_relax();
}

static void v3_distributor_init(void)
{
    mmio_write32(0, distributor + GICD_CTLR);
    wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP);
    mmio_write32(GICD_CTLR_ARE, distributor + GICD_CTLR);
    wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP);
    gic_reset_spis(distributor, true);
    for (unsigned irq = 32; irq < gic.nr_irqs; irq++)
        v3_write_target(irq, v3_target_of(this_cpu()->id));
    mmio_write32(GICD_CTLR_ARE | GICD_CTLR_GRP1, distributor + GICD_CTLR);
    wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP);
}

static const struct gic_ops v3_ops = {
    .distributor_init = v3_distributor_init,
    .cpu_init = v3_cpu_init,
    .cpu_exit = v3_cpu_exit,
    .ack = v3_ack,
    .drop_priority = v3_drop_priority,
    .deactivate = v3_deactivate,
    .frame = v3_frame,
    .frame_wait = v3_frame_wait,
    .read_target = v3_read_target,
    .write_target = v3_write_target,
    .target_of = v3_target_of,
    .send_sgi = v3_send_sgi,
    .clear_sgis = v3_clear_sgis,
    .lr_encode = v3_lr_encode,
    .lr_decode = v3_lr_decode,
    .lr_write = v3_lr_write,
    .lr_read = v3_lr_read,
    .lrs_empty = v3_lrs_empty,
    .lr_pend_again = v3_lr_pend_again,
    .read_vmcr = v3_read_vmcr,
    .vmcr_decode = v3_vmcr_decode,
    .vmcr_reset = v3_vmcr_reset,
    .vmcr_fields = ICH_VMCR_FIELDS,
    .set_maintenance = v3_set_maintenance,
    .take_eoi_count = v3_take_eoi_count,
    .vcpu_save = v3_vcpu_save,
    .vcpu_load = v3_vcpu_load,
};

static bool map_registers(void)
{
    distributor = el2_map_device(PADDR(gic.distributor), GICR_FRAME);
    if (!distributor)
        return false;
    for (unsigned i = 0; i < gic.redistributor_regions; i++) {
        regions[i] = el2_map_device(PADDR(gic.redistributors[i].base), gic.redistributors[i].size);
        if (!regions[i])
            return false;
    }
    return true;
}

const struct gic_ops *gicv3_probe(void)
{
    uint32_t lines;
    uint64_t vtr;

    if (!map_registers()) {
        printk("gic: the GICv3's registers do not fit into EL2's device window: correct the sizes in its reg");
        return NULL;
    }
    write_sysreg(ICC_SRE_SRE, ICC_SRE_EL2);
    isb();
    vtr = read_sysreg(ICH_VTR_EL2);
    lines = ((mmio_read32(distributor + GICD_TYPER) & 0x1f) + 1) * 32;
    gic.nr_irqs = lines > 1020 ? 1020 : lines;
    gic.nr_lrs = (vtr & 0x1f) + 1 > GIC_MAX_LRS ? GIC_MAX_LRS : (unsigned)(vtr & 0x1f) + 1;
    gic.priority_bits = (unsigned)(vtr >> 29 & 7) + 1;
    gic.lr_deactivates = true;
    apr_registers = 1u << ((vtr >> 26 & 7) + 1 - 5);

    v3_distributor_init();
    return &v3_ops;
}
