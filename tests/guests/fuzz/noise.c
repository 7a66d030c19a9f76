// SPDX-License-Identifier: Apache-2.0
/*
 * Noise: hypercalls, loads and stores, system registers and firmware calls with random arguments, some of them nearly
 * right.
 *
 * Calls that shut down are never made, all that the hypervisor may write to or unmap lies in the arena, and registers
 * that hold up this kernel itself are left alone. Interrupts are masked meanwhile, because a random configuration of
 * the interrupt controller may rightfully make one stay for ever; interrupts_restore() sets it right again.
 */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/evtchn.h"
#include "tests/guests/fuzz/fuzz.h"
#include "tests/guests/tap.h"

enum { HYPERCALLS = 64, BUFFER = 24, MULTICALLS = 6, SGIS = 0xffff };

/* each vCPU's own: it calls the very code that was looked at */
static uint32_t code[MAX_CPUS][16] __attribute__((aligned(64)));
static multicall_entry_t multicalls[MAX_CPUS][MULTICALLS];
static unsigned console_port, store_port;

void noise_init(void)
{
    console_port = (unsigned)hvm_param(HVM_PARAM_CONSOLE_EVTCHN);
    store_port = (unsigned)hvm_param(HVM_PARAM_STORE_EVTCHN);
}

static uint64_t draw_arena(void)
{
    uint64_t p = (uintptr_t)arena[below(ARENA_PAGES)];

    switch (below(4)) {
    case 0: return p;
    case 1: return p + below(4096);
    case 2: return p + 4096 - below(64);
    default: return p + below(512) * 8;
    }
}

static uint64_t draw_pointer(void)
{
    switch (below(12)) {
    case 0: return 0;
    case 1: return below(4096);
    case 2: return platform.gicd + below(0x1000);
    case 3: return platform.ram_base + platform.ram_size - below(64);
    case 4: return ~below(64);
    case 5: return 1ul << 38 | below(4096);
    case 6: return 1ul << below(64);
    default: return draw_arena();
    }
}

static uint64_t draw_frame(void)
{
    switch (below(6)) {
    case 0: return draw();
    case 1: return 1ul << below(52);
    case 2: return platform.grant_base / PAGE_SIZE + 256 + below(1024);
    default: return (uintptr_t)arena[below(ARENA_PAGES)] >> PAGE_SHIFT;
    }
}

static uint64_t draw_number(void)
{
    switch (below(10)) {
    case 0: return 0;
    case 1: return below(8);
    case 2: return below(256);
    case 3: return DOMID_SELF;
    case 4: return DOMID_FIRST_RESERVED + below(16);
    case 5: return 1ul << below(64);
    case 6: return ~0ul >> below(64);
    case 7: return draw();
    case 8: return draw_frame();
    default: return below(128);
    }
}

static uint64_t draw_any(void) { return one_in(3) ? draw_pointer() : draw_number(); }

/*
 * Draws words as structures have them: numbers, frames, pointers, halves of different kinds. Returns where they shall
 * stand.
 */
static uint64_t *draw_buffer(uint64_t words[BUFFER])
{
    uint64_t *at = arena[below(ARENA_PAGES)] + below(448);

    for (unsigned i = 0; i < BUFFER; i++)
        words[i] = one_in(2) ? draw_any() : (draw_number() & 0xffffffff) | draw_number() << 32;
    return at;
}

/* Into the arena, where a page may be missing: an operation before may rightfully have given it away. */
static void put(uint64_t *at, const uint64_t *words, unsigned n)
{
    trap_catch();
    for (unsigned i = 0; i < n; i++)
        ((volatile uint64_t *)at)[i] = words[i];
    trap_caught();
}

struct random_call { uint64_t number, args[5]; };

/* Whether the call, made by this domain, would rightfully end it or take its console away. */
static bool harmful(const struct random_call *c)
{
    uint32_t cmd = (uint32_t)c->args[0];

    switch (c->number) {
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_sched_op:
        /* shutdown, remote shutdown of oneself and the watchdog end it; block and poll wait for what may never come */
        return cmd != SCHEDOP_yield && cmd != SCHEDOP_shutdown_code && cmd != SCHEDOP_pin_override && cmd < 16;
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_event_channel_op:
        return cmd == EVTCHNOP_reset && !own_console;
    case __HYPERVISOR_multicall:
        return true;    /* made by multicall() below, of calls that were looked at */
    default:
        return false;
    }
}

static struct random_call draw_call(void)
{
    struct random_call c = { .number = one_in(20) ? draw_number() : below(HYPERCALLS) };
    uint64_t b[BUFFER], *at = draw_buffer(b);

    for (unsigned i = 0; i < ARRAY_SIZE(c.args); i++)
        c.args[i] = draw_any();
    switch (c.number) {
    case __HYPERVISOR_domctl:
        ((uint32_t *)b)[0] = (uint32_t)below(90);
        ((uint32_t *)b)[1] = 0x15;      /* XEN_DOMCTL_INTERFACE_VERSION */
        ((uint16_t *)b)[4] = (uint16_t)(one_in(2) ? below(4) : DOMID_SELF);
        c.args[0] = one_in(8) ? draw_pointer() : (uintptr_t)at;
        break;
    case __HYPERVISOR_sysctl:
        ((uint32_t *)b)[0] = (uint32_t)below(40);
        ((uint32_t *)b)[1] = 0x15;      /* XEN_SYSCTL_INTERFACE_VERSION */
        c.args[0] = one_in(8) ? draw_pointer() : (uintptr_t)at;
        break;
    case __HYPERVISOR_platform_op:
        ((uint32_t *)b)[0] = (uint32_t)below(70);
        ((uint32_t *)b)[1] = 0x03000000;
        c.args[0] = one_in(8) ? draw_pointer() : (uintptr_t)at;
        break;
    case __HYPERVISOR_vcpu_op:
        c.args[0] = below(16);
        c.args[1] = below(3);
        c.args[2] = one_in(4) ? draw_pointer() : (uintptr_t)at;
        break;
    case __HYPERVISOR_grant_table_op:
        c.args[0] = below(16);
        c.args[1] = one_in(4) ? draw_pointer() : (uintptr_t)at;
        c.args[2] = one_in(4) ? draw_number() : below(4);
        break;
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_hvm_op:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_xen_version:
        c.args[0] = one_in(8) ? draw_number() : below(32);
        c.args[1] = one_in(4) ? draw_pointer() : (uintptr_t)at;
        break;
    default:
        break;
    }
    /* the domain's own commands take DOMID_SELF more often than not, and never the ports that it speaks through */
    if (one_in(2))
        ((uint16_t *)b)[0] = DOMID_SELF;
    if (((uint32_t *)b)[0] == console_port || ((uint32_t *)b)[0] == store_port)
        ((uint32_t *)b)[0] = 0;
    put(at, b, BUFFER);
    return c;
}

static void multicall(void)
{
    multicall_entry_t *e = multicalls[this_cpu()->id];
    unsigned n = 1 + (unsigned)below(MULTICALLS);
    struct random_call c;

    for (unsigned i = 0; i < n; i++) {
        do
            c = draw_call();
        while (harmful(&c));
        e[i] = (multicall_entry_t){ .op = c.number, .args = { c.args[0], c.args[1], c.args[2], c.args[3], c.args[4] } };
    }
    call(__HYPERVISOR_multicall, (uintptr_t)e, n, 0, 0, 0);
}

void noise_hypercall(void)
{
    struct random_call c = draw_call();

    if (counted)    /* nobody could tell the frames that it gave away or took */
        noise_mmio();
    else if (c.number == __HYPERVISOR_multicall)
        multicall();
    else if (!harmful(&c))
        call(c.number, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4]);
}

/* Makes the instruction, and runs it with x0 and x1 as given. */
static void run_instruction(uint32_t instruction, uint64_t x0, uint64_t x1)
{
    register uint64_t r0 __asm__("x0") = x0;
    register uint64_t r1 __asm__("x1") = x1;

    if (trace)
        print("#   instruction %08x x0 %lx x1 %lx\n", instruction, x0, x1);
    uint32_t *at = code[this_cpu()->id];

    at[0] = instruction;
    at[1] = 0xd503201f;         /* nop: stock Xen reports an undefined hvc at the instruction after it */
    at[2] = 0xd65f03c0;         /* ret */
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" : : "r"(at) : "memory");
    trap_catch();
    __asm__ volatile("blr %2" : "+r"(r0), "+r"(r1) : "r"(at)
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x18", "x30", "memory", "cc");
    trap_caught();
}

static uint64_t draw_mmio_address(void)
{
    switch (below(10)) {
    case 0: return platform.gicd + below(0x10000);
    case 1: return platform.gicd + below(0x400) * 4;
    case 2: return platform.gicd + 0x10000 + below(0x10000);
    case 3: return (platform.gic_version == 3 ? platform.gicr : platform.gicc) + below(0x40000);
    case 4: return (platform.gic_version == 3 ? platform.gicr : platform.gicc) + below(0x1000);
    case 5:
        return platform.gic_version == 3 ? platform.gicr + GICR_SGI_FRAME + below(0x400) * 4
                                         : platform.gicc + below(0x40) * 4;
    case 6: return 0x22000000 + below(0x2000);          /* where a configured UART would be */
    case 7: return below(0x38000000);
    case 8: return platform.ram_base + platform.ram_size + below(1 << 20);
    default: return 1ul << 32 | below(1ul << 33);
    }
}

/* Loads and stores of x1 at x0: with a syndrome that says all, and without (pairs, write-back, exclusive, vector). */
void noise_mmio(void)
{
    static const uint32_t forms[] = {
        0x39400001, 0x79400001, 0xb9400001, 0xf9400001,     /* ldrb ldrh ldr ldr */
        0x39000001, 0x79000001, 0xb9000001, 0xf9000001,     /* strb strh str str */
        0x39800001, 0x79c00001, 0xb9800001, 0xb9000001,     /* ldrsb ldrsh ldrsw str */
        0xb9400001, 0xb9000001, 0xb9400001, 0xb9000001,
        0xa9400401, 0xa9000401, 0x29400401, 0x29000401,     /* ldp stp, both widths */
        0xb8404401, 0xf8408401, 0xb8004401, 0xf8008401,     /* with write-back */
        0xc85f7c01, 0xc8017c02, 0xc8dffc01, 0xc89ffc01,     /* ldxr stxr ldar stlr */
        0xd50b7420, 0xd50b7a20, 0xd50b7e20, 0xf9800000,     /* dc zva, cvac, civac; prfm */
        0xb900001f, 0xf900001f, 0xb940001f,                 /* the zero register */
    };
    uint64_t a = draw_mmio_address();

    if (!one_in(8))
        a &= ~7ul;
    run_instruction(forms[below(ARRAY_SIZE(forms))], a, draw());
}

/*
 * System registers that hold up this kernel: translation, vectors, stack selection, its own pointer, interrupt masks.
 */
static bool own_register(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    if (op0 != 3)
        return false;
    if (op1 == 0)
        return crn == 1 || crn == 2 || crn == 10 || (crn == 12 && crm == 0) || (crn == 13 && crm == 0 && op2 == 4) ||
               (crn == 4 && crm >= 2 && crm < 6);
    if (op1 == 3)
        return crn == 4 && crm == 2;
    return false;
}

void noise_sysreg(void)
{
    unsigned op0 = 1 + (unsigned)below(3), op1 = (unsigned)below(8), crn = (unsigned)below(16),
             crm = (unsigned)below(16);
    unsigned op2 = (unsigned)below(8);
    bool read = one_in(2);
    uint64_t value = one_in(2) ? draw_arena() : draw_number();

    if (one_in(4))
        /* GIC, timers, PMU: the emulated ones */
        op0 = 3, op1 = one_in(3) ? 3 : 0, crn = one_in(2) ? 12 : one_in(2) ? 14 : 9;
    if (!read && own_register(op0, op1, crn, crm, op2))
        read = true;
    /* QEMU 7.2 adds the virtual offset to CNTV_CVAL in 64 bits, and its main loop spins once that overflows */
    if (op0 == 3 && op1 == 3 && crn == 14)
        value &= ~0ul >> 2;
    /* QEMU 7.2 keeps three bits of a value written to ICC_BPR1_EL1 after it has checked the whole, and dies of an
       assertion (icv_gprio_mask) at the next interrupt taken if those are zero */
    if (op0 == 3 && op1 == 0 && crn == 12 && crm == 12 && op2 == 3)
        value &= 7;
    /* SYS (op0 1) takes an address: cache and translation maintenance of the arena, or of absent memory */
    if (op0 == 1)
        value = one_in(4) ? draw_mmio_address() : draw_arena(), read = false;
    run_instruction(0xd5000000 | (uint32_t)read << 21 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5, value,
                    0);
}

/* PSCI numbers that stop the domain or this vCPU, or resume it at an address of the caller's. */
static bool stops(uint32_t fn)
{
    switch (fn & 0xbfffffff) {
    case PSCI_CPU_SUSPEND_32: case PSCI_CPU_OFF: case PSCI_SYSTEM_OFF: case PSCI_SYSTEM_RESET:
    case PSCI_SYSTEM_SUSPEND_32:
    case 0x8400000b: case 0x8400000c: case 0x84000012:      /* CPU_FREEZE, CPU_DEFAULT_SUSPEND, SYSTEM_RESET2 */
        return true;
    default:
        /* before version 0.2 the numbers were a hypervisor's own: 0 suspend, 1 off, 2 on, 3 migrate */
        return fn < 16;
    }
}

void noise_firmware(void)
{
    static const uint32_t bases[] = { 0x84000000, 0xc4000000, 0x80000000, 0xc0000000,
                                      0x86000000, 0x85000000, 0x81000000, 0x8600ff00 };
    uint32_t fn = bases[below(ARRAY_SIZE(bases))] + (uint32_t)below(one_in(4) ? 0x10000 : 32);
    uint32_t immediate = one_in(4) ? (uint32_t)below(0x10000) : 0;
    uint64_t a1 = draw_any(), a2 = draw_any();

    if (one_in(6))
        fn = (uint32_t)draw();
    if (stops(fn))
        return;
    if ((fn & 0xbfffffff) == PSCI_CPU_ON_32)
        a1 = below(4), a2 = one_in(8) ? draw_mmio_address() : (uintptr_t)flicker;
    if (one_in(2)) {
        /* hvc with Xen's tag is a hypercall, and those have their own generator */
        if (immediate == 0xea1)
            immediate = 0;
        run_instruction(0xd4000002 | immediate << 5, fn, a1);
    } else if (one_in(2)) {
        run_instruction(0xd4000003 | immediate << 5, fn, a1);
    } else {
        if (trace)
            print("#   firmware %x %lx %lx\n", fn, a1, a2);
        if (one_in(2))
            psci_call(fn, a1, a2, draw_any());
        else
            smc_call(fn, a1, a2, draw_any());
    }
}

static bool timer_offered(void)
{
    timer_virtual_set(timer_now());
    bool offered = wait_until(gic_highest_pending() == platform.timer_virtual, 10);
    timer_virtual_stop();
    return offered;
}

/*
 * An interrupt acknowledged by chance holds back all that follow, and stock Xen has no way to clear it: then there is
 * no wait.
 */
bool interrupts_restore(void)
{
    mmio_write32(gic_frame(0) + GICD_ICENABLER, ~0u);
    trap_catch();
    mmio_write32(gic_frame(0) + GICD_ICACTIVER, ~0u);
    trap_caught();
    timer_physical_stop();
    timer_virtual_stop();
    if (this_cpu()->id)
        gic_init_cpu();
    else
        gic_init();
    for (unsigned i = 0; i < 32; i++)
        gic_eoi(i);
    mmio_write32(gic_frame(0) + GICD_ICENABLER, ~0u);   /* an SGI that is pending would be offered first */
    gic_enable(platform.timer_virtual);
    if (!timer_offered())
        return false;
    mmio_write32(gic_frame(0) + GICD_ISENABLER, SGIS);
    gic_enable(platform.evtchn_intid);
    gic_enable(UART_INTID);
    return true;
}

void noise_wait(void)
{
    if (!interrupts_restore())
        return;
    timer_virtual_set(timer_now() + timer_frequency() / 2000);
    switch (below(3)) {
    case 0: wfi(); break;
    case 1: psci_call(PSCI_CPU_SUSPEND_64, 0, 0, 0); break;
    default: sched_op(SCHEDOP_yield, NULL); break;
    }
    timer_virtual_stop();
}
