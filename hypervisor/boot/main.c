// SPDX-License-Identifier: Apache-2.0
/*
 * Start-up, as a table of contents: from the boot loader's device tree to dom0's first instruction.
 */
#include "boot/main.h"

#include <libfdt.h>
#include <xen/xen.h>

#include "base/hypfs.h"
#include "arch/stage2.h"
#include "arch/sysreg.h"
#include "base/panic.h"
#include "base/printk.h"
#include "base/time.h"
#include "boot/bootinfo.h"
#include "lib/devicetree.h"
#include "boot/dom0/dom0.h"
#include "boot/host_tree.h"
#include "base/options.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "cpu/speculation.h"
#include "cpu/timer.h"
#include "dev/console.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "dev/psci.h"
#include "dev/smmu.h"
#include "dev/uart.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "power/handover.h"
#include "power/host.h"
#include "vm/domain.h"
#include "vm/dump.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/vtimer.h"

static struct bootinfo boot;

/* Nothing more can be done; the line that says why has been printed. */
static NORETURN void stop(void)
{
    printk("torpor: cannot start; halted\n");
    machine_halt();
}

static const void *fdt_at(paddr_t fdt)
{
    if (!fdt.pa || (fdt.pa & 7)) {
        printk("torpor: no device tree: the boot loader has to pass its address, on 8 bytes, in x0\n");
        stop();
    }
    return (char *)mfn_to_virt(MFN(fdt.pa >> PAGE_SHIFT)) + (fdt.pa & ~PAGE_MASK);
}

/* What earlycon= says; NULL: nothing that could be. */
static const struct uart_driver *described_uart(struct uart_place *at)
{
    const struct uart_driver *driver = uart_of_name(options.earlycon);

    *at = (struct uart_place){ options.earlycon_at, PAGE_SIZE - (options.earlycon_at & ~PAGE_MASK),
                               options.earlycon_shift, options.earlycon_shift < 2 ? 1 : 4 };
    if (driver && (!driver->compatible || !boot_ranges_overlap(&boot.ram, at->base, at->size)))
        return driver;
    printk("torpor: earlycon=%s: %s; output only goes to xl dmesg\n", options.earlycon,
           driver ? "that address is RAM" : "no such UART is known, see docs/command-line.md");
    return NULL;
}

/* The device tree's UART, or the one that the command line describes for want of that. */
static void console_init(void)
{
    const struct uart_driver *driver = boot.uart.driver;
    struct uart_place place = boot.uart.place;
    struct uart uart;
    int err;

    if (!options.uart_console)
        return;
    if (!driver && options.earlycon[0])
        driver = described_uart(&place);
    err = driver ? driver->open(&uart, &place) : 0;
    if (err)
        printk("torpor: the console UART at 0x%lx cannot be used (error %d); output only goes to xl dmesg\n",
               place.base, -err);
    else if (driver)
        console_start_uart(&uart);
}

static void uart_interrupt(unsigned irq, void *data)
{
    (void)irq;
    (void)data;
    console_interrupt();
}

static void console_input_init(void)
{
    unsigned irq = boot.uart.irq;

    if (!options.uart_console || !irq)
        return;
    if (irq_request(irq, uart_interrupt, NULL, "console")) {
        printk("torpor: the console's interrupt %u is taken; no input\n", irq);
        return;
    }
    irq_set_device(irq, strrchr(boot.uart.path, '/') + 1);
    gic_set_type(irq, GIC_LEVEL_HIGH);
    gic_set_target(irq, 0);
    gic_enable_irq(irq);
    console_enable_input();
    if (options.console_wakeup)
        irq_set_wakes_host(irq);
}

static void input_waits(void)
{
    evtchn_send_global_virq(VIRQ_CONSOLE);
}

/*
 * Readers of the console ring are told a little later, once for a burst of lines, and from a timer, where no lock is
 * held. A CPU that does not yet, or no longer, run guests may not come to its timers: another CPU's next line tells of
 * its lines, too.
 */
#define RING_NEWS_NS UINT64_C(5000000)
static struct timer ring_news;
static bool ring_news_due;

static void ring_news_fired(void *data)
{
    (void)data;
    __atomic_store_n(&ring_news_due, false, __ATOMIC_SEQ_CST);
    evtchn_send_global_virq(VIRQ_CON_RING);
}

static void ring_written(void)
{
    if (this_cpu()->online && !__atomic_exchange_n(&ring_news_due, true, __ATOMIC_SEQ_CST))
        timer_set(&ring_news, counter_now() + ns_to_ticks(RING_NEWS_NS));
}

/*
 * Everything that the device tree and the command line say. The console is found first, so that the rest can be told.
 */
static int read_boot_information(const void *fdt)
{
    int err = bootinfo_parse(fdt, &boot);

    options_parse(boot.cmdline ? boot.cmdline : "");
    if (!err && options.dtuart[0])
        (void)bootinfo_select_uart(fdt, &boot, options.dtuart);
    console_init();
    return err;
}

static void map_all_ram(void)
{
    struct boot_ranges mapped = boot.ram;

    if (boot_ranges_remove(&mapped, image_start_address().pa, image_end_address().pa - image_start_address().pa))
        panic("the memory map has too many pieces");
    for (unsigned i = 0; i < mapped.count; i++) {
        struct boot_range r = boot_ranges_at(&mapped, i);

        if (el2_map_ram(PADDR(r.start), r.size) == 0)
            continue;
        printk("torpor: RAM at 0x%lx (%lu KiB) is too scattered or too high to be mapped; left alone\n", r.start,
               r.size / KIB);
        if (boot_ranges_remove(&boot.ram, r.start, r.size))
            panic("the memory map has too many pieces");
    }
}

struct table_place {
    uint64_t size, start;
};

/* The end of the last free range that is large enough: low memory stays for dom0. */
static void find_table_place(void *context, uint64_t start, uint64_t size)
{
    struct table_place *p = context;

    if (size >= p->size)
        p->start = start + size - p->size;
}

static void give_free(void *context, uint64_t start, uint64_t size)
{
    (void)context;
    frames_add(PADDR(start), size);
}

/* All that there are, of which the one that boots may be missing in the tree; or as many as the command line allows. */
static unsigned most_cpus(void)
{
    unsigned most = boot.cpu_count < MAX_CPUS ? boot.cpu_count + 1 : MAX_CPUS;

    return options.maxcpus && options.maxcpus < most ? options.maxcpus : most;
}

static void memory_init(paddr_t fdt)
{
    struct boot_range last;
    struct table_place place = { 0 };
    paddr_t start, end;

    image_keep_stacks(most_cpus());
    if (bootinfo_reserve(&boot, image_start_address().pa, image_end_address().pa - image_start_address().pa) ||
        bootinfo_reserve(&boot, fdt.pa, boot.fdt_size))
        panic("the memory map has too many pieces");
    map_all_ram();
    dom0_reserve_modules(&boot);
    if (!boot.ram.count)
        panic("the device tree names no usable memory");
    last = boot_ranges_at(&boot.ram, boot.ram.count - 1);
    start = PADDR(align_down(boot_ranges_at(&boot.ram, 0).start, 2 * MIB));
    end = PADDR(last.start + last.size);
    place.size = frames_table_size(start, end);
    bootinfo_for_each_free(&boot, find_table_place, &place);
    if (!place.start || bootinfo_reserve(&boot, place.start, place.size))
        panic("no room for the frame table (%lu KiB)", place.size / KIB);
    frames_init(mfn_to_virt(MFN(place.start >> PAGE_SHIFT)), start, end, boot_ranges_total(&boot.ram));
    bootinfo_for_each_free(&boot, give_free, NULL);
    stage2_widen(end);
}

/* The interrupt controller and the parts that hang on it, on the boot CPU. */
static void interrupts_init(const void *fdt)
{
    struct timer_irqs irqs = { .physical = boot.timer.phys, .virtual = boot.timer.virt };

    if (gic_init(fdt))
        stop();
    cpu_stop_init();
    timers_init(boot.timer.hyp);
    vgic_init();
    vtimer_init(&irqs);
    if (cpu_stages_on())
        stop();
}

static void firmware_init(void)
{
    psci_init(!boot.psci.present ? PSCI_NONE : boot.psci.hvc ? PSCI_HVC : PSCI_SMC, boot.psci.cpu_on);
}

static void start_cpus(void)
{
    uint64_t mpidrs[MAX_CPUS];
    unsigned n = 1, limit = most_cpus();

    mpidrs[0] = this_cpu()->mpidr;
    for (unsigned i = 0; i < boot.cpu_count && n < limit; i++)
        if (boot.cpus[i].mpidr != mpidrs[0])
            mpidrs[n++] = boot.cpus[i].mpidr;
    cpus_start(mpidrs, n);
}

NORETURN void hypervisor_start(uint64_t fdt_pa, uint64_t image_pa)
{
    paddr_t fdt = PADDR(fdt_pa);

    el2_init(PADDR(image_pa), fdt);
    cpu_boot_init();
    if (read_boot_information(fdt_at(fdt)))
        stop();
    stack_guard_init(boot.seed);
    time_init(boot.timer.frequency);
    printk("torpor: Torpor %s, Xen ABI 4.17\n", TORPOR_VERSION);
    memory_init(fdt);
    sched_init();
    firmware_init();
    interrupts_init(fdt_at(fdt));
    start_cpus();
    speculation_report();
    dump_register_keys();
    hypfs_init();
    host_sleep_init();
    handover_init(TORPOR_VERSION, fdt, boot.fdt_size);
    if (options.crashkernel)
        host_tree_keep(fdt_at(fdt));
    console_input_init();
    printk("torpor: %u CPUs, %lu MiB of memory, GICv%u\n", cpus_present(), frames_total() * PAGE_SIZE / MIB,
           gic.version);
    if (dom0_build(&boot, fdt_at(fdt), options.iommu ? smmu_init(fdt_at(fdt)) : NULL))
        stop();
    timer_init(&ring_news, ring_news_fired, NULL);
    console_connect_dom0(options.console_switch, options.console_switch_to_dom0, input_waits);
    printk_set_listener(ring_written);
    cpu_run_guests();
}

/* Only as far as it takes to say so. */
NORETURN void hypervisor_start_without_el2(uint64_t fdt_pa, uint64_t image_pa)
{
    el2_init(PADDR(image_pa), PADDR(fdt_pa));
    (void)read_boot_information(fdt_at(PADDR(fdt_pa)));
    printk("torpor: entered below EL2: this CPU or boot loader offers no virtualization (QEMU: -machine "
           "virt,virtualization=on)\n");
    stop();
}
