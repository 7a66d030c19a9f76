// SPDX-License-Identifier: Apache-2.0
/*
 * A bare Image at EL2 that asks the firmware for everything it offers and looks at the state afterwards. One line for
 * each behaviour, "ok NAME" or "FAIL NAME: reason", then "done", and the machine is switched off. Started with the
 * command line "probe=SET": firmware, refuse, race (the build's variants) or reset.
 *
 * Invariant between tests: one CPU is on, every interrupt is disabled, the timers and the RTC's alarm are off.
 */
#include "firmware/test/probe.h"

#include <libfdt.h>

#include "arch/barrier.h"
#include "arch/idle.h"
#include "arch/io.h"
#include "arch/psci.h"
#include "arch/relax.h"
#include "arch/sysreg.h"
#include "lib/print.h"
#include "lib/stack_protector.h"
#include "lib/string.h"

/* power_state, DEN0022D 5.4.2 */
#define POWERDOWN              0x10000

#define UART                   UINT64_C(0x09000000)
#define RTC                    UINT64_C(0x09010000)
#define GICD                   UINT64_C(0x08000000)
#define GICC                   UINT64_C(0x08010000)
#define GICH                   UINT64_C(0x08030000)
#define GICR                   UINT64_C(0x080a0000)
#define GICR_SGI               (GICR + 0x10000)

/* The view of the non-secure world: IHI 0048 4.3, 4.4; IHI 0069 12.9 */
#define GICD_CTLR              0x000
#define GICD_TYPER             0x004
#define GICD_ISENABLER         0x100
#define GICD_ICENABLER         0x180
#define GICD_ISPENDR           0x200
#define GICD_ICPENDR           0x280
#define GICD_ISACTIVER         0x300
#define GICD_ICACTIVER         0x380
#define GICD_IPRIORITYR        0x400
#define GICD_ITARGETSR         0x800
#define GICD_ICFGR             0xc00
#define GICD_IROUTER           0x6000
#define PRIORITY               0xa0

#define INTID_EL2_TIMER        26u
#define INTID_VIRTUAL_TIMER    27u
#define INTID_RTC              34u
#define INTID_UNUSED           60u   /* an SPI without a device on it: virtio-mmio's, but none is started */

#define MAX_CPUS               8
#define MARKER                 UINT64_C(0x600d600d600d600d)

static const void *tree;
static bool gicv3;
static unsigned cpu_count;
static bool failed;
static const char *running;

/* --- Printing and judging --- */

static void reg_write(uint32_t v, uint64_t at) { mmio_write32(v, (volatile void *)at); }
static uint32_t reg_read(uint64_t at) { return mmio_read32((volatile void *)at); }

static void PRINTF(1, 2) say(const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    reg_write(0x301, UART + 0x30);
    for (const char *p = text; *p; p++) {
        while (reg_read(UART + 0x18) & BIT(5))
            ;
        reg_write((uint8_t)*p, UART);
    }
}

static void expect(bool ok, const char *what)
{
    if (ok)
        return;
    say("FAIL %s: %s\n", running, what);
    failed = true;
}

static void expect_equal(int64_t got, int64_t wanted, const char *what)
{
    if (got == wanted)
        return;
    say("FAIL %s: %s: %#llx instead of %#llx\n", running, what, (unsigned long long)got, (unsigned long long)wanted);
    failed = true;
}

NORETURN static void power_off(void)
{
    for (;;)
        probe_call(PSCI_SYSTEM_OFF, 0, 0, 0, MARKER);
}

void probe_trapped(void)
{
    say("FAIL %s: exception at EL2: ESR %#llx, pc %#llx, FAR %#llx\n", running,
        (unsigned long long)read_sysreg(esr_el2), (unsigned long long)read_sysreg(elr_el2),
        (unsigned long long)read_sysreg(far_el2));
    power_off();
}

uint64_t __stack_chk_guard = 0x7d3105c2e6f4a800;
void __stack_chk_fail(void) { probe_trapped(); }

/* --- The machine --- */

static int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    return probe_call(function, a, b, c, MARKER);
}

static uint64_t frame(unsigned irq) { return gicv3 && irq < 32 ? GICR_SGI : GICD; }
static uint64_t word(unsigned irq) { return gicv3 && irq < 32 ? 0 : irq / 32 * 4; }
static void irq_write(uint64_t offset, unsigned irq)
{
    reg_write((uint32_t)BIT(irq % 32), frame(irq) + offset + word(irq));
}
static bool irq_read(uint64_t offset, unsigned irq)
{
    return reg_read(frame(irq) + offset + word(irq)) & BIT(irq % 32);
}

static uint8_t irq_priority(unsigned irq) { return mmio_read8((volatile void *)(frame(irq) + GICD_IPRIORITYR + irq)); }

static void irq_target(unsigned irq, unsigned cpu)
{
    if (gicv3)
        mmio_write64(cpu, (volatile void *)(GICD + GICD_IROUTER + irq * 8));
    else
        mmio_write8((uint8_t)BIT(cpu), (volatile void *)(GICD + GICD_ITARGETSR + irq));
}

static void irq_enable(unsigned irq)
{
    mmio_write8(PRIORITY, (volatile void *)(frame(irq) + GICD_IPRIORITYR + irq));
    if (irq >= 32)
        irq_target(irq, 0);
    irq_write(GICD_ISENABLER, irq);
}

/* Sets the GIC up as an operating system does at its start. */
static void gic_open(void)
{
    reg_write(gicv3 ? 0x12 : 1, GICD + GICD_CTLR);
    if (gicv3) {
        write_sysreg(1, icc_sre_el2);
        isb();
        write_sysreg(0xff, icc_pmr_el1);
        write_sysreg(2, icc_ctlr_el1);   /* EOImode */
        write_sysreg(1, icc_igrpen1_el1);
        isb();
    } else {
        reg_write(0xff, GICC + 4);
        reg_write(1, GICC);
    }
}

static bool physical_interrupt_waits(void) { return read_sysreg(isr_el1) & BIT(7); }

static uint64_t milliseconds(unsigned ms) { return read_sysreg(cntfrq_el0) / 1000 * ms; }
static uint64_t now(void) { isb(); return read_sysreg(cntpct_el0); }

static void timer_start(unsigned ms)
{
    write_sysreg(now() + milliseconds(ms), cnthp_cval_el2);
    write_sysreg(1, cnthp_ctl_el2);
    isb();
}

/* PL031, DDI 0224C 3.3: an alarm at the next second's change or later. */
static void rtc_alarm(unsigned seconds)
{
    reg_write(1, RTC + 0x10);
    reg_write(reg_read(RTC) + seconds, RTC + 4);
}

static void quiet(void)
{
    write_sysreg(0, cnthp_ctl_el2);
    write_sysreg(0, cntv_ctl_el0);
    reg_write(0, RTC + 0x10);
    reg_write(1, RTC + 0x1c);
    for (unsigned irq = 16; irq < 64; irq++) {
        irq_write(GICD_ICENABLER, irq);
        irq_write(GICD_ICACTIVER, irq);
        irq_write(GICD_ICPENDR, irq);
    }
    gic_open();
}

static struct arrival arrival;

static int64_t sleep_system(void)
{
    memset(&arrival, 0, sizeof(arrival));
    return psci(PSCI_SYSTEM_SUSPEND_64, (uint64_t)probe_entry_back, (uint64_t)&arrival, 0);
}

/* --- Tests: the tree, and plain calls --- */

static void tree_describes_psci_and_hides_the_secure_world(void)
{
    int psci_node = fdt_path_offset(tree, "/psci"), cpus = fdt_path_offset(tree, "/cpus"), node;

    expect(psci_node >= 0, "no /psci");
    expect(fdt_node_check_compatible(tree, psci_node, "arm,psci-1.0") == 0, "not arm,psci-1.0");
    expect(fdt_node_check_compatible(tree, psci_node, "arm,psci-0.2") == 0, "not arm,psci-0.2");
    expect(fdt_stringlist_search(tree, psci_node, "method", "smc") == 0, "method is not smc");
    fdt_for_each_subnode(node, tree, cpus)
        if (fdt_stringlist_search(tree, node, "device_type", "cpu") == 0)
            expect(fdt_stringlist_search(tree, node, "enable-method", "psci") == 0, "a CPU without enable-method psci");
    expect(fdt_path_offset(tree, "/secram@e000000") < 0, "secure RAM is in the tree");
    expect(fdt_path_offset(tree, "/pl011@9040000") < 0, "the secure UART is in the tree");
    expect(fdt_path_offset(tree, "/gpio-poweroff") < 0, "the secure power switch is in the tree");
    expect(fdt_path_offset(tree, "/pl011@9000000") >= 0, "the non-secure UART is not in the tree");
}

/* test_firmware.py writes it. */
static void initial_ramdisk_is_where_the_tree_says(void)
{
    int chosen = fdt_path_offset(tree, "/chosen"), length;
    const fdt64_t *start = fdt_getprop(tree, chosen, "linux,initrd-start", &length);
    const fdt64_t *end = fdt_getprop(tree, chosen, "linux,initrd-end", &length);

    expect(start && end, "no ramdisk in /chosen");
    if (start && end) {
        expect_equal((int64_t)(fdt64_ld(end) - fdt64_ld(start)), 12, "its size");
        expect(memcmp((const void *)fdt64_ld(start), "a ramdisk\n\0\0", 12) == 0, "its contents");
    }
}

/* "a module\n" by a guest-loader, to where a ramdisk is put by QEMU and, if nothing is in its way, by the firmware. */
static void modules_are_left_alone(void)
{
    expect(memcmp((const void *)0x48000000, "a module\n", 9) == 0, "the module's contents");
}

static void features_are_what_the_calls_are(void)
{
    expect_equal(psci(PSCI_VERSION, 0, 0, 0), 0x10000, "version");
    expect_equal(psci(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND_64, 0, 0), 0, "SYSTEM_SUSPEND, 64 bits");
    expect_equal(psci(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND_32, 0, 0), 0, "SYSTEM_SUSPEND, 32 bits");
    expect_equal(psci(PSCI_FEATURES, PSCI_CPU_ON_64, 0, 0), 0, "CPU_ON");
    expect_equal(psci(PSCI_FEATURES, PSCI_CPU_SUSPEND_64, 0, 0), 0, "CPU_SUSPEND");
    expect_equal(psci(PSCI_FEATURES, PSCI_MIGRATE_64, 0, 0), PSCI_NOT_SUPPORTED, "MIGRATE");
    expect_equal(psci(PSCI_MIGRATE_64, 0, 0, 0), PSCI_NOT_SUPPORTED, "calling MIGRATE");
}

static void hypervisor_calls_are_allowed(void)
{
    expect(probe_hvc(), "HVC is undefined");
}

static void entry_points_outside_ram_are_refused(void)
{
    static const uint64_t bad[] = { 0, 0x0e000000, UART, 0x40000002, UINT64_C(0x8000000000), ~UINT64_C(3) };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        expect_equal(psci(PSCI_SYSTEM_SUSPEND_64, bad[i], 0, 0), PSCI_INVALID_ADDRESS, "SYSTEM_SUSPEND");
        expect_equal(psci(PSCI_CPU_SUSPEND_64, POWERDOWN, bad[i], 0), PSCI_INVALID_ADDRESS, "CPU_SUSPEND");
        if (cpu_count > 1)
            expect_equal(psci(PSCI_CPU_ON_64, 1, bad[i], 0), PSCI_INVALID_ADDRESS, "CPU_ON");
    }
    expect_equal(psci(PSCI_CPU_ON_64, cpu_count, 0x40200000, 0), PSCI_INVALID_PARAMETERS,
                 "CPU_ON of a CPU that is not there");
    expect_equal(psci(PSCI_CPU_ON_64, 0x100, 0x40200000, 0), PSCI_INVALID_PARAMETERS, "CPU_ON of another cluster");
    expect_equal(psci(PSCI_CPU_ON_64, 0, 0x40200000, 0), PSCI_ALREADY_ON, "CPU_ON of this CPU");
    expect_equal(psci(PSCI_AFFINITY_INFO_64, 0, 1, 0), PSCI_INVALID_PARAMETERS, "AFFINITY_INFO of a cluster");
    expect_equal(psci(PSCI_CPU_SUSPEND_64, 0x2, 0, 0), PSCI_INVALID_PARAMETERS,
                 "CPU_SUSPEND to a state that is not there");
}

/* --- Tests: other CPUs --- */

static struct probe_cpu others[MAX_CPUS];
static char stacks[MAX_CPUS][4096] __attribute__((aligned(16)));
static unsigned rounds[MAX_CPUS];   /* atomic; how often each CPU has run */
static unsigned may_leave;          /* atomic */
static unsigned timers_on;          /* atomic; how many came up with the timer that they had left on */

/* Not probe_call: its save area is for one CPU. */
NORETURN static void cpu_off(void)
{
    for (;;)
        __asm__ volatile("mov x0, %0\n\tsmc #0" : : "r"((uint64_t)PSCI_CPU_OFF) : "x0", "x1", "x2", "x3", "memory");
}

static void run_and_leave(struct probe_cpu *cpu)
{
    __atomic_add_fetch(&timers_on, read_sysreg(cntv_ctl_el0) & 1, __ATOMIC_SEQ_CST);
    write_sysreg(1, cntv_ctl_el0);
    __atomic_add_fetch(&rounds[cpu - others], 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&may_leave, __ATOMIC_SEQ_CST))
        cpu_relax();
    cpu_off();
}

static int64_t start_cpu(unsigned n)
{
    others[n].stack_top = (uint64_t)stacks[n] + sizeof(stacks[n]);
    others[n].run = run_and_leave;
    dsb_sy();
    return psci(PSCI_CPU_ON_64, n, (uint64_t)probe_entry_cpu, (uint64_t)&others[n]);
}

static void wait_state(unsigned n, int64_t state)
{
    while (psci(PSCI_AFFINITY_INFO_64, n, 0, 0) != state)
        cpu_relax();
}

static void wait_round(unsigned n, unsigned round)
{
    while (__atomic_load_n(&rounds[n], __ATOMIC_SEQ_CST) != round)
        cpu_relax();
}

static void cpus_go_on_and_off_again_and_again(void)
{
    for (unsigned round = 1; round <= 20; round++) {
        __atomic_store_n(&may_leave, 0, __ATOMIC_SEQ_CST);
        for (unsigned n = 1; n < cpu_count; n++)
            expect_equal(start_cpu(n), 0, "CPU_ON");
        for (unsigned n = 1; n < cpu_count; n++) {
            wait_round(n, round);
            expect_equal(psci(PSCI_AFFINITY_INFO_64, n, 0, 0), 0, "AFFINITY_INFO of one that is on");
            expect_equal(start_cpu(n), PSCI_ALREADY_ON, "CPU_ON of one that is on");
            expect_equal((int64_t)others[n].context_seen, (int64_t)&others[n], "the context");
        }
        if (cpu_count > 1)
            expect_equal(sleep_system(), PSCI_DENIED, "SYSTEM_SUSPEND while others are on");
        __atomic_store_n(&may_leave, 1, __ATOMIC_SEQ_CST);
        for (unsigned n = 1; n < cpu_count; n++)
            wait_state(n, 1);
    }
}

static void expect_fresh(const struct arrival *a)
{
    expect_equal((int64_t)a->level, 2 << 2, "CurrentEL");
    expect_equal((int64_t)a->daif, 0x3c0, "DAIF");
    expect(!(a->sctlr & 0x1005), "the MMU or a cache is on");
    for (unsigned n = 1; n <= 30; n++)
        expect(a->x[n] != MARKER, "a general register was kept");
    expect(a->vector[0] != MARKER && a->vector[1] != MARKER, "V8 was kept");
}

static void cpus_come_up_with_nothing_but_the_context(void)
{
    for (unsigned n = 1; n < cpu_count; n++)
        expect_fresh(&others[n].arrival);
    expect_equal(__atomic_load_n(&timers_on, __ATOMIC_SEQ_CST), 0, "timers that are still on");
}

/* --- Tests: the system asleep --- */

static void expect_slept(int64_t result, uint64_t from, unsigned ms)
{
    uint64_t slept = now() - from;

    expect_equal(result, CAME_BACK, "SYSTEM_SUSPEND");
    if (slept < milliseconds(ms))
        say("FAIL %s: woken after %llu ms\n", running, (unsigned long long)(slept / milliseconds(1)));
    failed |= slept < milliseconds(ms);
}

static void timer_wakes_through_the_entry_point(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    timer_start(300);
    expect_slept(sleep_system(), from, 300);
    expect_equal((int64_t)arrival.x[0], (int64_t)&arrival, "the context");
    expect_fresh(&arrival);
}

static void rtc_wakes_and_is_pending_again(void)
{
    uint64_t from = now();

    irq_enable(INTID_RTC);
    rtc_alarm(2);
    expect_slept(sleep_system(), from, 1000);
    expect(irq_read(GICD_ISPENDR, INTID_RTC), "the alarm is still asserted, and not pending");
    expect(!irq_read(GICD_ISENABLER, INTID_RTC), "it is still enabled");
    gic_open();
    expect(!physical_interrupt_waits(), "it is signalled though it is disabled");
    irq_enable(INTID_RTC);
    dsb_sy();
    expect(physical_interrupt_waits(), "it is not signalled after it was enabled again");
}

/* The alarm, not enabled; the same for another CPU; then the timer that may wake. */
static void only_enabled_interrupts_of_this_cpu_wake(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    rtc_alarm(1);
    timer_start(2200);
    expect_slept(sleep_system(), from, 2200);
    expect(irq_read(GICD_ISPENDR, INTID_RTC), "the alarm did not come meanwhile");
    quiet();
    if (cpu_count == 1)
        return;
    from = now();
    irq_enable(INTID_EL2_TIMER);
    irq_enable(INTID_RTC);
    irq_target(INTID_RTC, 1);
    rtc_alarm(1);
    timer_start(2200);
    expect_slept(sleep_system(), from, 2200);
    expect(irq_read(GICD_ISPENDR, INTID_RTC), "the other CPU's alarm did not come meanwhile");
}

/*
 * The CPU interface and the distributor off, the alarm active and of a priority behind an active one: it is enabled, so
 * it wakes.
 */
static void masks_and_active_interrupts_do_not_keep_it_asleep(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    irq_write(GICD_ISENABLER, INTID_EL2_TIMER);
    timer_start(10);
    while (!physical_interrupt_waits())
        ;
    if (gicv3)
        (void)read_sysreg(icc_iar1_el1);
    else
        (void)reg_read(GICC + 0xc);
    expect(irq_read(GICD_ISACTIVER, INTID_EL2_TIMER), "the timer is not active");
    timer_start(300);
    if (gicv3) {
        write_sysreg(0, icc_igrpen1_el1);
        write_sysreg(0, icc_pmr_el1);
    } else {
        reg_write(0, GICC);
        reg_write(0, GICC + 4);
    }
    reg_write(gicv3 ? 0x10 : 0, GICD + GICD_CTLR);
    expect_slept(sleep_system(), from, 300);
}

static void virtual_interrupts_do_not_wake(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    write_sysreg(HCR_RW | HCR_IMO | HCR_FMO | BIT(6) | BIT(7), hcr_el2);   /* VF, VI */
    if (gicv3) {
        write_sysreg(BIT(62) | BIT(60) | 40, ich_lr0_el2);
        write_sysreg(0xff000002, ich_vmcr_el2);
        write_sysreg(1, ich_hcr_el2);
    } else {
        reg_write(1u << 28 | 40, GICH + 0x100);
        reg_write(0xf8000001, GICH + 8);
        reg_write(1, GICH);
    }
    isb();
    timer_start(300);
    expect_slept(sleep_system(), from, 300);
}

static void pending_interrupt_ends_the_sleep_at_once(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    timer_start(0);
    expect_equal(sleep_system(), CAME_BACK, "SYSTEM_SUSPEND");
    expect(now() - from < milliseconds(60000), "it took a minute");
}

static void edge_that_woke_is_lost(void)
{
    irq_write(GICD_ICENABLER, INTID_UNUSED);
    reg_write(reg_read(GICD + GICD_ICFGR + INTID_UNUSED / 16 * 4) | 2u << INTID_UNUSED % 16 * 2,
              GICD + GICD_ICFGR + INTID_UNUSED / 16 * 4);
    irq_enable(INTID_UNUSED);
    irq_write(GICD_ISPENDR, INTID_UNUSED);
    expect_equal(sleep_system(), CAME_BACK, "SYSTEM_SUSPEND");
    expect(!irq_read(GICD_ISPENDR, INTID_UNUSED), "an edge was remembered");
    expect(!(reg_read(GICD + GICD_ICFGR + INTID_UNUSED / 16 * 4) & 2u << INTID_UNUSED % 16 * 2), "it is still an edge");
}

/* --- Tests: state that a sleep loses --- */

static void sleep_a_moment(void)
{
    irq_enable(INTID_EL2_TIMER);
    timer_start(20);
    expect_equal(sleep_system(), CAME_BACK, "SYSTEM_SUSPEND");
}

static void sleep_loses_system_registers(void)
{
    uint64_t before[] = { read_sysreg(vbar_el2), read_sysreg(ttbr0_el2), read_sysreg(mair_el2), read_sysreg(tcr_el2) };

#define EACH_REGISTER(op) \
    op(tpidr_el2) op(vttbr_el2) op(cntvoff_el2) op(hstr_el2) op(vpidr_el2) op(vmpidr_el2) op(elr_el2) op(spsr_el2) \
    op(sctlr_el1) op(ttbr0_el1) op(ttbr1_el1) op(tcr_el1) op(mair_el1) op(vbar_el1) op(contextidr_el1) \
    op(cpacr_el1) op(elr_el1) op(spsr_el1) op(sp_el1) op(sp_el0) op(tpidr_el0) op(tpidr_el1) op(tpidrro_el0) \
    op(cntkctl_el1) op(cnthctl_el2) op(par_el1)
#define SET(name) write_sysreg(0, name);
    EACH_REGISTER(SET)
#undef SET
    sleep_a_moment();
    for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
        expect(before[i] != seen_system_registers[i], "VBAR_EL2, TTBR0_EL2, MAIR_EL2 or TCR_EL2 was kept");
#define LOOK(name) expect(read_sysreg(name) != 0, #name " was kept");
    EACH_REGISTER(LOOK)
#undef LOOK
    write_sysreg(0, cntvoff_el2);
}

static void sleep_loses_the_gic(void)
{
    irq_enable(INTID_RTC);
    irq_enable(INTID_UNUSED);
    irq_enable(INTID_VIRTUAL_TIMER);
    irq_write(GICD_ISACTIVER, INTID_UNUSED);
    sleep_a_moment();
    expect(!(reg_read(GICD + GICD_CTLR) & 3), "the distributor is on");
    expect(!irq_read(GICD_ISENABLER, INTID_RTC) && !irq_read(GICD_ISENABLER, INTID_UNUSED), "an SPI is enabled");
    expect(!irq_read(GICD_ISENABLER, INTID_VIRTUAL_TIMER), "a PPI is enabled");
    expect(!irq_read(GICD_ISACTIVER, INTID_UNUSED), "an SPI is active");
    expect(irq_priority(INTID_RTC) != PRIORITY && irq_priority(INTID_VIRTUAL_TIMER) != PRIORITY, "a priority was kept");
    if (gicv3)
        expect(mmio_read64((volatile void *)(GICD + GICD_IROUTER + INTID_RTC * 8)) != 0, "an SPI's target was kept");
    else if (cpu_count > 1)
        expect(mmio_read8((volatile void *)(GICD + GICD_ITARGETSR + INTID_RTC)) == 0, "an SPI's target was kept");
}

static void sleep_loses_the_cpu_interface(void)
{
    if (gicv3) {
        write_sysreg(0, ich_lr0_el2);
        write_sysreg(0, ich_vmcr_el2);
        sleep_a_moment();
        expect_equal((int64_t)read_sysreg(icc_igrpen1_el1), 0, "ICC_IGRPEN1_EL1");
        expect(!(read_sysreg(icc_ctlr_el1) & 2), "ICC_CTLR_EL1.EOImode was kept");
        expect(read_sysreg(icc_pmr_el1) != 0xff, "ICC_PMR_EL1 was kept");
        expect(read_sysreg(ich_lr0_el2) != 0, "ICH_LR0_EL2 was kept");
        expect(read_sysreg(ich_vmcr_el2) != 0, "ICH_VMCR_EL2 was kept");
    } else {
        reg_write(0, GICH + 0x100);
        reg_write(0, GICH + 8);
        sleep_a_moment();
        expect_equal(reg_read(GICC), 0, "GICC_CTLR");
        expect_equal(reg_read(GICC + 4), 0, "GICC_PMR");
        expect(reg_read(GICH + 0x100) != 0, "GICH_LR0 was kept");
        expect(reg_read(GICH + 8) != 0, "GICH_VMCR was kept");
    }
}

static void sleep_turns_the_timers_off(void)
{
    write_sysreg(now() + milliseconds(100000), cntv_cval_el0);
    write_sysreg(1, cntv_ctl_el0);
    sleep_a_moment();
    expect_equal((int64_t)(read_sysreg(cnthp_ctl_el2) & 1), 0, "CNTHP_CTL_EL2");
    expect_equal((int64_t)read_sysreg(cnthp_cval_el2), 0, "CNTHP_CVAL_EL2");
    expect_equal((int64_t)(read_sysreg(cntv_ctl_el0) & 1), 0, "CNTV_CTL_EL0");
    expect_equal((int64_t)read_sysreg(cntv_cval_el0), 0, "CNTV_CVAL_EL0");
}

static void sleep_resets_the_uart(void)
{
    uint32_t control, divisor, line, mask;

    reg_write(13, UART + 0x24);
    reg_write(0x70, UART + 0x2c);
    reg_write(0x50, UART + 0x38);
    sleep_a_moment();
    control = reg_read(UART + 0x30);
    divisor = reg_read(UART + 0x24);
    line = reg_read(UART + 0x2c);
    mask = reg_read(UART + 0x38);
    expect_equal(control, 0x300, "UARTCR");
    expect_equal(divisor, 0, "UARTIBRD");
    expect_equal(line, 0, "UARTLCR_H");
    expect_equal(mask, 0, "UARTIMSC");
}

/* --- Tests: one CPU asleep --- */

static void standby_keeps_everything(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    timer_start(300);
    expect_equal(psci(PSCI_CPU_SUSPEND_64, 0, 0, 0), 0, "CPU_SUSPEND");
    expect(now() - from >= milliseconds(300), "woken too early");
    expect(physical_interrupt_waits(), "the timer is not signalled any more");
}

static void powerdown_loses_the_cpu_and_not_the_gic(void)
{
    uint64_t from = now();

    irq_enable(INTID_EL2_TIMER);
    irq_enable(INTID_RTC);
    timer_start(300);
    expect_equal(psci(PSCI_CPU_SUSPEND_64, POWERDOWN, (uint64_t)probe_entry_back, (uint64_t)&arrival), CAME_BACK,
                 "CPU_SUSPEND");
    expect(now() - from >= milliseconds(300), "woken too early");
    expect_fresh(&arrival);
    expect(irq_read(GICD_ISENABLER, INTID_RTC) && irq_read(GICD_ISENABLER, INTID_EL2_TIMER),
           "an interrupt was disabled");
    expect_equal((int64_t)read_sysreg(cnthp_ctl_el2), 5, "CNTHP_CTL_EL2: on, and its time has come");
    gic_open();
    dsb_sy();
    expect(physical_interrupt_waits(), "the timer is not signalled");
}

/* --- Tests: the variants --- */

static void refusing_build_denies_and_goes_on(void)
{
    expect_equal(psci(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND_64, 0, 0), 0, "SYSTEM_SUSPEND is advertised");
    irq_enable(INTID_EL2_TIMER);
    timer_start(0);
    expect_equal(sleep_system(), PSCI_DENIED, "SYSTEM_SUSPEND");
    expect(irq_read(GICD_ISENABLER, INTID_EL2_TIMER), "an interrupt was disabled");
    expect(physical_interrupt_waits(), "the timer is not signalled");
}

/* Nothing is enabled that could wake: from a proper sleep there would be no return. */
static void racing_build_comes_back_at_once_with_all_lost(void)
{
    timer_start(0);
    expect_equal(sleep_system(), CAME_BACK, "SYSTEM_SUSPEND");
    expect_fresh(&arrival);
    expect_equal((int64_t)read_sysreg(cnthp_cval_el2), 0, "CNTHP_CVAL_EL2");
}

/* --- The list --- */

struct test {
    const char *set, *name;
    void (*run)(void);
};
#define TEST(set, name) { set, #name, name }

static const struct test tests[] = {
    TEST("firmware", tree_describes_psci_and_hides_the_secure_world),
    TEST("firmware", initial_ramdisk_is_where_the_tree_says),
    TEST("firmware", modules_are_left_alone),
    TEST("firmware", features_are_what_the_calls_are),
    TEST("firmware", hypervisor_calls_are_allowed),
    TEST("firmware", entry_points_outside_ram_are_refused),
    TEST("firmware", cpus_go_on_and_off_again_and_again),
    TEST("firmware", cpus_come_up_with_nothing_but_the_context),
    TEST("firmware", timer_wakes_through_the_entry_point),
    TEST("firmware", rtc_wakes_and_is_pending_again),
    TEST("firmware", only_enabled_interrupts_of_this_cpu_wake),
    TEST("firmware", masks_and_active_interrupts_do_not_keep_it_asleep),
    TEST("firmware", virtual_interrupts_do_not_wake),
    TEST("firmware", pending_interrupt_ends_the_sleep_at_once),
    TEST("firmware", edge_that_woke_is_lost),
    TEST("firmware", sleep_loses_system_registers),
    TEST("firmware", sleep_loses_the_gic),
    TEST("firmware", sleep_loses_the_cpu_interface),
    TEST("firmware", sleep_turns_the_timers_off),
    TEST("firmware", sleep_resets_the_uart),
    TEST("firmware", standby_keeps_everything),
    TEST("firmware", powerdown_loses_the_cpu_and_not_the_gic),
    TEST("refuse", refusing_build_denies_and_goes_on),
    TEST("race", racing_build_comes_back_at_once_with_all_lost),
};

static void run(const struct test *t)
{
    running = t->name;
    failed = false;
    quiet();
    t->run();
    quiet();
    if (!failed)
        say("ok %s\n", t->name);
}

static void count_cpus(void)
{
    int cpus = fdt_path_offset(tree, "/cpus"), node;

    fdt_for_each_subnode(node, tree, cpus)
        cpu_count += fdt_stringlist_search(tree, node, "device_type", "cpu") == 0;
}

void probe_main(void *t)
{
    const char *arguments;
    int length;

    tree = t;
    running = "start";
    gicv3 = (read_sysreg(id_aa64pfr0_el1) >> 24) & 0xf;
    write_sysreg(0, cntvoff_el2);
    count_cpus();
    arguments = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bootargs", &length);
    if (!arguments || strncmp(arguments, "probe=", 6)) {
        say("FAIL start: no probe=SET on the command line\n");
        power_off();
    }
    say("probe %s: %u CPUs, GICv%u\n", arguments + 6, cpu_count, gicv3 ? 3 : 2);
    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
        if (!strcmp(tests[i].set, arguments + 6))
            run(&tests[i]);
    say("done\n");
    if (!strcmp(arguments + 6, "reset"))
        psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    power_off();
}
