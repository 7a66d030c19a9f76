// SPDX-License-Identifier: Apache-2.0
/*
 * Linux's half of `bench dormouse`: the first process of a stock kernel, alone in its ramdisk, without a C library. It
 * does what bench/guest/kernel.c does: switches between two threads, or requests to a disk, past the page cache. Or it
 * shows what the kernel's function tracer says of suspends, by the CPU's own clock.
 */
#include <stddef.h>
#include <stdint.h>
#include <linux/sched.h>
#include <asm/unistd.h>

enum { ROUNDS = 4096, REQUESTS = 512, REQUEST_SIZE = 4096 };
enum { O_RDONLY = 0, O_WRONLY = 1, O_DIRECT = 0x4000, STDOUT = 1, CLOCK_MONOTONIC = 1 };

#define FUNCTIONS "do_suspend xen_arch_pre_suspend xen_arch_post_suspend thaw_processes"

static long call5(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static long call3(long number, uint64_t a, uint64_t b, uint64_t c)
{
    return call5(number, a, b, c, 0, 0);
}

static size_t length_of(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    return n;
}

static void say(const char *text)
{
    call3(__NR_write, STDOUT, (uintptr_t)text, length_of(text));
}

static void say_number(uint64_t number)
{
    char digits[24], *at = &digits[sizeof(digits) - 1];

    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    say(at);
}

static uint64_t now_ns(void)
{
    int64_t time[2];

    call3(__NR_clock_gettime, CLOCK_MONOTONIC, (uintptr_t)time, 0);
    return (uint64_t)time[0] * 1000000000 + (uint64_t)time[1];
}

static char other_stack[4096] __attribute__((aligned(16)));

/* A thread that runs fn for ever. */
static void thread_begin(void (*fn)(void))
{
    uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    uint64_t *top = (uint64_t *)(other_stack + sizeof(other_stack)) - 1;
    long result;

    *top = (uintptr_t)fn;
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tret\n1:"
                     : "=a"(result) : "a"(__NR_clone), "D"(flags), "S"(top), "d"(0) : "rcx", "r11", "memory");
}

static void yield_for_ever(void)
{
    for (;;)
        call3(__NR_sched_yield, 0, 0, 0);
}

static void say_figure(const char *name, uint64_t ns)
{
    say("bench: ");
    say(name);
    say(" ");
    say_number(ns);
    say(" ns\n");
}

static void switches(void)
{
    uint64_t begun;

    thread_begin(yield_for_ever);
    call3(__NR_sched_yield, 0, 0, 0);
    begun = now_ns();
    for (unsigned i = 0; i < ROUNDS; i++)
        call3(__NR_sched_yield, 0, 0, 0);
    say_figure("switch", (now_ns() - begun) / ROUNDS / 2);
}

static void write_file(const char *path, const char *text)
{
    long file = call3(__NR_open, (uintptr_t)path, O_WRONLY, 0);

    if (file < 0 || call3(__NR_write, (uint64_t)file, (uintptr_t)text, length_of(text)) < 0) {
        say("bench: not ok: ");
        say(path);
        say("\n");
    }
    call3(__NR_close, (uint64_t)file, 0, 0);
}

/* Debian's front end is a module. The disk is there some time after it. */
static long disk_open(void)
{
    long module = call3(__NR_open, (uintptr_t)"/xen-blkfront.ko", O_RDONLY, 0), disk;

    call3(__NR_mkdir, (uintptr_t)"/dev", 0700, 0);
    call5(__NR_mount, (uintptr_t)"d", (uintptr_t)"/dev", (uintptr_t)"devtmpfs", 0, 0);
    call3(__NR_finit_module, (uint64_t)module, (uintptr_t)"", 0);
    while ((disk = call3(__NR_open, (uintptr_t)"/dev/xvda", O_RDONLY | O_DIRECT, 0)) < 0)
        call3(__NR_sched_yield, 0, 0, 0);
    return disk;
}

static void requests(void)
{
    static char page[REQUEST_SIZE] __attribute__((aligned(REQUEST_SIZE)));
    uint64_t disk = (uint64_t)disk_open(), begun = now_ns();

    for (unsigned i = 0; i < REQUESTS; i++) {
        if (call3(__NR_read, disk, (uintptr_t)page, REQUEST_SIZE) != REQUEST_SIZE) {
            say("bench: not ok: nothing is read from xvda\n");
            return;
        }
    }
    say_figure("request", (now_ns() - begun) / REQUESTS);
}

static void show_suspends(void)
{
    static char text[4096];
    long file, n;

    call3(__NR_mkdir, (uintptr_t)"/t", 0700, 0);
    call5(__NR_mount, (uintptr_t)"t", (uintptr_t)"/t", (uintptr_t)"tracefs", 0, 0);
    write_file("/t/trace_clock", "x86-tsc");
    write_file("/t/set_ftrace_filter", FUNCTIONS);
    write_file("/t/current_tracer", "function");
    file = call3(__NR_open, (uintptr_t)"/t/trace_pipe", 0, 0);
    say("bench: end\n");
    while ((n = call3(__NR_read, (uint64_t)file, (uintptr_t)text, sizeof(text))) != 0)
        if (n > 0)
            call3(__NR_write, STDOUT, (uintptr_t)text, (uint64_t)n);
}

static void sleep_for_ever(void)
{
    say("bench: end\n");
    for (;;)
        call3(__NR_pause, 0, 0, 0);
}

/* The kernel's command line ends in `-- WHAT`: boot, measure, disk, suspend. */
__attribute__((used, noreturn)) static void begin(const uint64_t *stack)
{
    const char *what = stack[0] > 1 ? (const char *)stack[2] : "";

    say("bench: main\n");
    if (*what == 'm')
        switches();
    if (*what == 'd')
        requests();
    if (*what == 's')
        show_suspends();
    sleep_for_ever();
    __builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin");
