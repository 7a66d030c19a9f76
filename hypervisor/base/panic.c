// SPDX-License-Identifier: Apache-2.0
/*
 * A panic is a list of steps. One CPU goes through it, whichever came first; `reached` moves on before a step is tried,
 * so that a panic within a step, or a lock that was held, costs that step and no more: the end of the list is always
 * reached.
 */
#include "base/panic.h"

#include <stdarg.h>

#include "base/cpu.h"
#include "base/options.h"
#include "base/printk.h"
#include "lib/print.h"

static const void *panicking;   /* the CPU that panics, as a tag that is not NULL; atomic */
static unsigned reached;
static char reason[256];

bool panic_under_way(void)
{
    return __atomic_load_n(&panicking, __ATOMIC_RELAXED) != NULL;
}

static void report(void)
{
    printk("torpor: panic: %s", reason);
}

static bool address_is_text(uint64_t pc)
{
    return pc >= (uint64_t)image_start && pc < (uint64_t)text_end;
}

/* Return addresses from the frame records (AAPCS64 6.4.6); each record must lie above the one before, on this stack. */
static void backtrace(void)
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
    printk("torpor: called from%s (addr2line -e build/hypervisor/torpor.elf)", at ? line : " nowhere");
}

static void say_what_follows(void)
{
    printk(options.noreboot ? "torpor: halted, as noreboot says; reset the machine"
                            : "torpor: resetting the machine (noreboot halts it)");
}

/* With no output to say it on, a debugger may still listen; it gets all that has been said. */
static void last_words(void)
{
    static char text[4096];
    uint32_t index = 0;
    size_t n;

    if (printk_has_output())
        return;
    n = printk_ring_read(text, sizeof(text) - 1, &index, false, false);
    text[n] = '\0';
    machine_print_raw(text);
}

static void end(void)
{
    if (!options.noreboot)
        machine_reset();
}

static void (*const steps[])(void) = {
    machine_stop_others, report, backtrace, machine_enter_crash_kernel, say_what_follows, last_words, end,
};

NORETURN void panic(const char *fmt, ...)
{
    const void *self = (const char *)this_cpu() + 1, *nobody = NULL;
    va_list ap;

    if (__atomic_compare_exchange_n(&panicking, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        va_start(ap, fmt);
        vsnprintf(reason, sizeof(reason), fmt, ap);
        va_end(ap);
    } else if (nobody != self) {
        cpu_stop_here();
    }
    while (reached < ARRAY_SIZE(steps))
        steps[reached++]();
    cpu_halt();
}

NORETURN void machine_halt(void)
{
    /* should the last words fault: there is nothing to report, and a reset would only come here again */
    reached = ARRAY_SIZE(steps);
    last_words();
    cpu_halt();
}

NORETURN void __stack_chk_fail(void)
{
    panic("a stack buffer overflowed");
}
