// SPDX-License-Identifier: Apache-2.0
/* The end: one line that says why, where it happened, and the machine stands still. */
#include <stdarg.h>

#include "arch/sysreg.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "dev/console.h"
#include "dev/semihosting.h"
#include "lib/base.h"
#include "lib/print.h"

static bool panicking;

/* With no UART to say it on, a debugger may still listen; it gets all that has been said. */
static void print_last_words(void)
{
    static char text[4096];
    uint32_t index = 0;
    size_t n = console_ring_read(text, sizeof(text) - 1, &index, false, false);

    text[n] = '\0';
    semihosting_print(text);
}

NORETURN void cpu_stop_for_good(void)
{
    static bool told;

    if (!console_has_uart() && !__atomic_exchange_n(&told, true, __ATOMIC_SEQ_CST))
        print_last_words();
    cpu_halt();
}

NORETURN void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("msr daifset, #0xf\n\twfi");
}

static bool address_is_text(uint64_t pc)
{
    extern char image_start[], text_end[];

    return pc >= (uint64_t)image_start && pc < (uint64_t)text_end;
}

/* Return addresses from the frame records (AAPCS64 6.4.6); each record must lie above the one before, on this stack. */
static void print_backtrace(void)
{
    uint64_t *frame = __builtin_frame_address(0);
    char line[200];
    int at = 0;

    for (unsigned depth = 0; depth < 12 && frame && address_is_text(frame[1]); depth++) {
        uint64_t *next = (uint64_t *)frame[0];

        at += snprintf(line + at, sizeof(line) - (size_t)at, " %lx", frame[1]);
        if (at >= (int)sizeof(line) - 20 || next <= frame || (uint64_t)next - (uint64_t)frame > CPU_STACK_SIZE)
            break;
        frame = next;
    }
    printk("torpor: called from%s (addr2line -e build/hypervisor/torpor.elf)\n", at ? line : " nowhere");
}

NORETURN void panic(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST))
        cpu_halt();
    console_panic_mode();
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    printk("torpor: panic: %s\n", text);
    print_backtrace();
    printk("torpor: halted; reset the machine\n");
    cpu_stop_for_good();
}

/* -fstack-protector: called by the compiler's epilogues. */
NORETURN void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    panic("a stack buffer overflowed");
}

uint64_t __stack_chk_guard = 0x5a1ab0f0e3d4c200;
