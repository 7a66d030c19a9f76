// SPDX-License-Identifier: Apache-2.0
/*
 * GICv3 (IHI 0069), two security states, affinity routing on in both. A redistributor is reached from every CPU, the
 * CPU interface is system registers: with SCR_EL3.NS set, those that are banked are the non-secure ones.
 */
#include "arch/barrier.h"
#include "arch/io.h"
#include "firmware/cpu.h"
#include "firmware/gic_ops.h"
#include "firmware/machine.h"
#include "firmware/sysreg.h"

/* 12.9 */
#define GICD_CTLR_ARE_S  (1u << 4)
#define GICD_CTLR_ARE_NS (1u << 5)
#define GICD_CTLR_RWP    (1u << 31)
#define GICD_IGRPMODR    0x0d00
#define GICD_IROUTER     0x6000
#define IROUTER_NOBODY   UINT64_C(0xff00ffffff)

/* 12.11 */
#define GICR_CTLR        0x0000
#define GICR_CTLR_RWP    (1u << 3)
#define GICR_TYPER       0x0008
#define GICR_TYPER_VLPIS (BIT(1))
#define GICR_TYPER_LAST  (BIT(4))
#define GICR_WAKER       0x0014
#define GICR_WAKER_SLEEP (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)
#define GICR_PROPBASER   0x0070
#define GICR_PENDBASER   0x0078
#define GICR_FRAME       (64 * KIB)

/* 12.2, 12.4 */
#define ICC_SRE_SRE      0x7u    /* and neither IRQ nor FIQ bypass */
#define ICC_SRE_ENABLE   0x8u    /* lower levels reach their own ICC_SRE */
#define ICC_IGRPEN1_NS   0x1u    /* ICC_IGRPEN1_EL3 */
#define ICC_CTLR3_EOIMODE_EL3 (1u << 2)
#define ICC_RPR_IDLE     0xffu
#define PRIORITY_LEVELS  128     /* at most */
#define ICH_VMCR_POISON  0xffffffffu
#define ICH_AP_POISON    0xffffffffu
#define ICH_LR_POISON    (LR_POISON_INTID | BIT(60) | BIT(62))   /* pending, group 1, the highest priority */
#define INTID_MASK       0xffffffu

static volatile char *redistributors[MAX_CPUS];

static volatile char *gicd(uint64_t offset) { return machine_register(MACHINE_GICD, offset); }

static void wait_clear(volatile char *reg, uint32_t bit)
{
    while (mmio_read32(reg) & bit)
        ;
}

static void set_control(uint32_t v)
{
    mmio_write32(v, gicd(GICD_CTLR));
    wait_clear(gicd(GICD_CTLR), GICD_CTLR_RWP);
}

static void find_redistributors(void)
{
    volatile char *at = machine_register(MACHINE_GICR, 0);

    for (;;) {
        uint64_t typer = mmio_read64(at + GICR_TYPER), affinity = typer >> 32;

        if (affinity < MAX_CPUS)
            redistributors[affinity] = at;
        if (typer & GICR_TYPER_LAST)
            return;
        at += typer & GICR_TYPER_VLPIS ? 4 * GICR_FRAME : 2 * GICR_FRAME;
    }
}

static void reset_redistributor(volatile char *rd)
{
    volatile char *sgi = rd + GICR_FRAME;

    mmio_write32(mmio_read32(rd + GICR_WAKER) & ~GICR_WAKER_SLEEP, rd + GICR_WAKER);
    wait_clear(rd + GICR_WAKER, GICR_WAKER_ASLEEP);
    mmio_write32(0, rd + GICR_CTLR);
    wait_clear(rd + GICR_CTLR, GICR_CTLR_RWP);
    mmio_write64(0, rd + GICR_PROPBASER);
    mmio_write64(0, rd + GICR_PENDBASER);
    mmio_write32(0, sgi + GICD_IGRPMODR);
    gicd_reset_private(sgi);
    wait_clear(rd + GICR_CTLR, GICR_CTLR_RWP);
}

static void v3_reset_shared(void)
{
    uint32_t kept = mmio_read32(gicd(GICD_CTLR)) & GICD_CTLR_GRP0;

    set_control(kept);
    set_control(kept | GICD_CTLR_ARE_S | GICD_CTLR_ARE_NS);
    gicd_reset_spis();
    for (unsigned i = 1; i < gicd_words(); i++)
        mmio_write32(0, gicd(GICD_IGRPMODR + i * 4));
    for (uint64_t irq = 32; irq < gicd_words() * 32 && irq < 1020; irq++)
        mmio_write64(IROUTER_NOBODY, gicd(GICD_IROUTER + irq * 8));
    wait_clear(gicd(GICD_CTLR), GICD_CTLR_RWP);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        if (redistributors[i])
            reset_redistributor(redistributors[i]);
}

static void v3_reset_private(void) { reset_redistributor(redistributors[this_cpu()->id]); }

/* How many registers of active priorities there are for so many bits of priority, or of preemption. */
static unsigned active_registers(unsigned bits) { return bits > 5 ? 1u << (bits - 5) : 1; }

/*
 * QEMU (hw/intc/arm_gicv3_cpuif.c: icc_ap_write) ignores writes to the non-secure ICC_AP1R0 and ICC_AP1R1 as if there
 * were always 7 bits of priority, so active priorities are dropped by ending interrupts that were never taken, here SGI
 * 0.
 */
static void drop_active_priorities(void)
{
    uint64_t control = read_sysreg(icc_ctlr_el3);

    write_sysreg(control | ICC_CTLR3_EOIMODE_EL3, icc_ctlr_el3);
    isb();
    for (unsigned i = 0; i < PRIORITY_LEVELS && read_sysreg(icc_rpr_el1) != ICC_RPR_IDLE; i++) {
        write_sysreg(0, icc_eoir1_el1);
        isb();
    }
    write_sysreg(control, icc_ctlr_el3);
}

static void clear_active_priorities(void)
{
    unsigned count = active_registers(((read_sysreg(icc_ctlr_el3) >> 8) & 7) + 1);

    write_sysreg(0, icc_ap0r0_el1);
    write_sysreg(0, icc_ap1r0_el1);
    if (count >= 2) {
        write_sysreg(0, icc_ap0r1_el1);
        write_sysreg(0, icc_ap1r1_el1);
    }
    if (count == 4) {
        write_sysreg(0, icc_ap0r2_el1);
        write_sysreg(0, icc_ap0r3_el1);
        write_sysreg(0, icc_ap1r2_el1);
        write_sysreg(0, icc_ap1r3_el1);
    }
    isb();
    drop_active_priorities();
    isb();
}

static void reset_physical_interface(void)
{
    write_sysreg(ICC_SRE_SRE | ICC_SRE_ENABLE, icc_sre_el3);
    isb();
    write_sysreg(ICC_SRE_SRE, icc_sre_el2);
    write_sysreg(ICC_SRE_SRE, icc_sre_el1);
    isb();
    write_sysreg(0, icc_igrpen0_el1);
    write_sysreg(0, icc_igrpen1_el3);
    write_sysreg(0, icc_ctlr_el3);
    write_sysreg(0, icc_ctlr_el1);
    write_sysreg(PMR_CLOSED, icc_pmr_el1);
    write_sysreg(7, icc_bpr0_el1);
    write_sysreg(7, icc_bpr1_el1);
    clear_active_priorities();
}

/* A register's number is part of the instruction: one line for each. */
#define EACH_LR(op) \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

static void reset_virtual_interface(void)
{
    uint64_t vtr = read_sysreg(ich_vtr_el2);
    unsigned list_registers = (vtr & 0x1f) + 1, count = active_registers(((vtr >> 26) & 7) + 1);

    write_sysreg(0, ich_hcr_el2);
    write_sysreg(ICH_VMCR_POISON, ich_vmcr_el2);
    /* No priority may be active in both groups (12.4.2). */
    write_sysreg(0, ich_ap0r0_el2);
    write_sysreg(ICH_AP_POISON, ich_ap1r0_el2);
    if (count >= 2) {
        write_sysreg(0, ich_ap0r1_el2);
        write_sysreg(ICH_AP_POISON, ich_ap1r1_el2);
    }
    if (count == 4) {
        write_sysreg(0, ich_ap0r2_el2);
        write_sysreg(0, ich_ap0r3_el2);
        write_sysreg(ICH_AP_POISON, ich_ap1r2_el2);
        write_sysreg(ICH_AP_POISON, ich_ap1r3_el2);
    }
#define FORGET(n) \
    if (n < list_registers) \
        write_sysreg(ICH_LR_POISON, ich_lr##n##_el2);
    EACH_LR(FORGET)
#undef FORGET
    isb();
}

static void v3_reset_interface(void)
{
    reset_physical_interface();
    reset_virtual_interface();
}

static void v3_listen(bool all)
{
    write_sysreg(0, ich_hcr_el2);
    clear_active_priorities();
    write_sysreg(PMR_OPEN, icc_pmr_el1);
    write_sysreg(ICC_IGRPEN1_NS, icc_igrpen1_el3);
    isb();
    if (!all)
        return;
    gicd_clear_active(gicd(0), 1, gicd_words());
    gicd_clear_active(redistributors[this_cpu()->id] + GICR_FRAME, 0, 1);
    set_control(GICD_CTLR_GRP0 | GICD_CTLR_GRP1 | GICD_CTLR_ARE_S | GICD_CTLR_ARE_NS);
}

static void v3_knock(unsigned cpu)
{
    dsb_sy();
    write_sysreg((uint64_t)KNOCK << 24 | BIT(cpu), icc_sgi0r_el1);
    isb();
}

static void v3_listen_for_knock(bool listen)
{
    write_sysreg(listen ? PMR_OPEN : PMR_CLOSED, icc_pmr_el1);
    write_sysreg(listen, icc_igrpen0_el1);
    isb();
}

static bool v3_take_knock(void)
{
    uint64_t taken = read_sysreg(icc_iar0_el1);

    dsb_sy();
    if ((taken & INTID_MASK) != KNOCK)
        return false;
    write_sysreg(taken, icc_eoir0_el1);
    isb();
    return true;
}

const struct gic_ops gicv3_ops = {
    .init = find_redistributors,
    .reset_shared = v3_reset_shared,
    .reset_private = v3_reset_private,
    .reset_interface = v3_reset_interface,
    .listen = v3_listen,
    .knock = v3_knock,
    .listen_for_knock = v3_listen_for_knock,
    .take_knock = v3_take_knock,
};
