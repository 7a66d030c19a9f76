// SPDX-License-Identifier: Apache-2.0
/*
 * Linux's half of `bench dormouse`: the first process of a stock kernel, alone in its ramdisk, without a C library. It
 * does what bench/guest/kernel.c does: switches between two threads, or requests to a disk, past the page cache. Or it
 * has an address, at which the kernel answers pings, as dormouse/programs/echo.c does. Or it shows when the
 * kernel says what it does in a suspend, by the kernel's clock, which stands still while the guest is away.
 */
#include <stddef.h>
#include <stdint.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <asm/unistd.h>

enum { ROUNDS = 4096, REQUESTS = 512, REQUEST_SIZE = 4096 };
enum { O_RDONLY = 0, O_NONBLOCK = 0x800, O_DIRECT = 0x4000, STDOUT = 1, CLOCK_MONOTONIC = 1 };

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

/* Debian's front ends are modules. A device is there some time after its front end. */
static void module_load(const char *path)
{
    long module = call3(__NR_open, (uintptr_t)path, O_RDONLY, 0);

    call3(__NR_finit_module, (uint64_t)module, (uintptr_t)"", 0);
}

static long disk_open(void)
{
    long disk;

    call3(__NR_mkdir, (uintptr_t)"/dev", 0700, 0);
    call5(__NR_mount, (uintptr_t)"d", (uintptr_t)"/dev", (uintptr_t)"devtmpfs", 0, 0);
    module_load("/xen-blkfront.ko");
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

/* netdevice(7) */
struct interface_request {
    char name[16];
    union {
        struct { uint16_t family, port; uint8_t address[4]; } internet;
        int16_t flags;
        char room[24];
    };
};

/* eth0 is 192.168.77.9, and is up. */
static void answer_pings(void)
{
    enum { AF_INET = 2, SOCK_DGRAM = 2, IFF_UP = 1 };
    struct interface_request address = { "eth0", { .internet = { AF_INET, 0, { 192, 168, 77, 9 } } } };
    struct interface_request flags = { "eth0", { .flags = IFF_UP } };
    uint64_t socket = (uint64_t)call3(__NR_socket, AF_INET, SOCK_DGRAM, 0);

    module_load("/xen-netfront.ko");
    while (call3(__NR_ioctl, socket, SIOCSIFADDR, (uintptr_t)&address) < 0)
        call3(__NR_sched_yield, 0, 0, 0);
    if (call3(__NR_ioctl, socket, SIOCSIFFLAGS, (uintptr_t)&flags) < 0)
        say("bench: not ok: eth0 does not come up\n");
}

static int begins_with(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return !*prefix;
}

/* A record of /dev/kmsg: "LEVEL,NUMBER,MICROSECONDS,FLAGS;MESSAGE". */
static void show_if_of_suspend(char *record, size_t length)
{
    static const char *const messages[] = { "Freezing user space processes\n", "xen:grant_table: Grant tables using",
                                            "OOM killer enabled." };
    const char *message = record;

    record[length] = '\0';
    while (*message && *message++ != ';')
        ;
    for (unsigned i = 0; i < sizeof(messages) / sizeof(*messages); i++)
        if (begins_with(message, messages[i]))
            say(record);
}

static void show_suspends(void)
{
    static const int64_t pause[2] = { 0, 50000000 };
    static char record[8192];
    long file, n;

    call3(__NR_mkdir, (uintptr_t)"/dev", 0700, 0);
    call5(__NR_mount, (uintptr_t)"d", (uintptr_t)"/dev", (uintptr_t)"devtmpfs", 0, 0);
    file = call3(__NR_open, (uintptr_t)"/dev/kmsg", O_RDONLY | O_NONBLOCK, 0);
    say("bench: end\n");
    for (;;) {
        n = call3(__NR_read, (uint64_t)file, (uintptr_t)record, sizeof(record) - 1);
        if (n > 0)
            show_if_of_suspend(record, (size_t)n);
        else    /* a reader that waits costs nothing while it is frozen, but may not be woken any more after that */
            call3(__NR_nanosleep, (uintptr_t)pause, 0, 0);
    }
}

static void sleep_for_ever(void)
{
    say("bench: end\n");
    for (;;)
        call3(__NR_pause, 0, 0, 0);
}

/* The kernel's command line ends in `-- WHAT`: boot, measure, disk, net, suspend. */
__attribute__((used, noreturn)) static void begin(const uint64_t *stack)
{
    const char *what = stack[0] > 1 ? (const char *)stack[2] : "";

    say("bench: main\n");
    if (*what == 'm')
        switches();
    if (*what == 'd')
        requests();
    if (*what == 'n')
        answer_pings();
    if (*what == 's')
        show_suspends();
    sleep_for_ever();
    __builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin");
