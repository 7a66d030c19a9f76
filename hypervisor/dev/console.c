// SPDX-License-Identifier: Apache-2.0
/*
 * The UART, and where its input goes.
 *
 * One lock for the UART and the input; the hypervisor's lines come here under the lines' lock (base/printk.c), which is
 * outside this one: nothing prints while it is held.
 */
#include "dev/console.h"

#include "arch/lock.h"
#include "base/panic.h"
#include "base/printk.h"
#include "lib/print.h"
#include "lib/string.h"
#include "sleep/sleep.h"

#define INPUT_SIZE  256           /* a power of two */
#define INPUT_BURST 256           /* characters taken in one interrupt */
#define SWITCH_COUNT 3

static struct spinlock lock = SPINLOCK_INIT;

static struct uart uart GUARDED_BY(lock);
static bool uart_started GUARDED_BY(lock);   /* off while the UART sleeps */
static bool uart_sleeps GUARDED_BY(lock);
static bool line_begun GUARDED_BY(lock);     /* dom0's output on the UART stands in the middle of a line */
static char last_raw GUARDED_BY(lock);       /* dom0's last character */

static struct {
    char text[INPUT_SIZE];
    unsigned first, end;         /* positions; end - first characters wait for dom0 */
    bool to_dom0;
    char switch_code;            /* 0: input is not switched */
    unsigned switch_seen;        /* so many switch_codes in a row */
    bool switched;               /* and nobody has been told yet */
    void (*notify)(void);        /* NULL: no dom0 yet */
} input GUARDED_BY(lock);

static void uart_put(char c) REQUIRES(lock)
{
    if (c == '\n')
        uart.put(&uart, '\r');
    uart.put(&uart, c);
}

static void uart_wake(void) REQUIRES(lock)
{
    if (!uart_sleeps)
        return;
    uart.resume(&uart);
    uart_started = true;
    uart_sleeps = false;
}

/* The hypervisor's text begins at the start of a line. */
static void put_lines(const char *text, size_t n)
{
    panic_proof_lock(&lock);
    if (panic_under_way())
        uart_wake();
    if (uart_started) {
        if (line_begun)
            uart_put('\n');
        line_begun = false;
        for (size_t i = 0; i < n; i++)
            uart_put(text[i]);
        if (panic_under_way())
            uart.drain(&uart);   /* a reset would lose it */
    }
    panic_proof_unlock(&lock);
}

void console_raw_write(const char *text, size_t n)
{
    panic_proof_lock(&lock);
    for (size_t i = 0; i < n && uart_started; i++) {
        if (text[i] == '\n' && last_raw != '\r')
            uart.put(&uart, '\r');
        uart.put(&uart, text[i]);
        last_raw = text[i];
        line_begun = text[i] != '\n';
    }
    panic_proof_unlock(&lock);
}

/* --- Input --- */

size_t console_guest_read(char *buf, size_t size)
{
    size_t n = 0;

    panic_proof_lock(&lock);
    while (n < size && input.first != input.end)
        buf[n++] = input.text[input.first++ % INPUT_SIZE];
    panic_proof_unlock(&lock);
    return n;
}

/* Input that does not fit because dom0 does not read is lost, as on a real line. */
static void input_store(char c) REQUIRES(lock)
{
    if (input.end - input.first < INPUT_SIZE)
        input.text[input.end++ % INPUT_SIZE] = c;
}

/* Where input goes, if that has changed: without the lock, for it prints. */
static void input_say_where(void)
{
    bool switched, to_dom0;
    char code;

    panic_proof_lock(&lock);
    switched = input.switched;
    to_dom0 = input.to_dom0;
    code = input.switch_code;
    input.switched = false;
    panic_proof_unlock(&lock);
    if (switched && code)
        printk("*** Serial input to %s (type 'CTRL-%c' three times to switch input)", to_dom0 ? "DOM0" : "Torpor",
               code - 1 + 'a');
    else if (switched)
        printk("*** Serial input to %s", to_dom0 ? "DOM0" : "Torpor");
}

/* True if `c` is part of a switching sequence. One that was begun and not ended was dom0's after all. */
static bool input_switches(char c) REQUIRES(lock)
{
    if (!input.switch_code || !input.notify)
        return false;
    if (c == input.switch_code) {
        if (++input.switch_seen == SWITCH_COUNT) {
            input.switch_seen = 0;
            input.to_dom0 = !input.to_dom0;
            input.switched = true;
        }
        return true;
    }
    for (; input.switch_seen; input.switch_seen--)
        if (input.to_dom0)
            input_store(input.switch_code);
    return false;
}

/* One character: the key to run, or 0. */
static char input_take(char c) REQUIRES(lock)
{
    if (input_switches(c))
        return 0;
    if (!input.to_dom0)
        return c;
    input_store(c);
    return 0;
}

/* Takes one character off the UART. False: there is none. */
static bool input_poll(char *key)
{
    int c;

    panic_proof_lock(&lock);
    c = uart_started ? uart.get(&uart) : -1;
    *key = c < 0 ? 0 : input_take((char)c);
    panic_proof_unlock(&lock);
    input_say_where();
    return c >= 0;
}

void console_interrupt(void)
{
    void (*notify)(void);
    bool waiting;
    char key;

    panic_proof_lock(&lock);
    if (uart_started)
        uart.acknowledge(&uart);
    panic_proof_unlock(&lock);
    for (unsigned i = 0; i < INPUT_BURST && input_poll(&key); i++)
        if (key)
            console_debug_key(key);
    panic_proof_lock(&lock);
    waiting = input.first != input.end;
    notify = input.notify;
    panic_proof_unlock(&lock);
    if (waiting && notify)
        notify();
}

void console_connect_dom0(char switch_letter, bool to_dom0, void (*typed)(void))
{
    panic_proof_lock(&lock);
    input.switch_code = switch_letter ? (char)(switch_letter - 'a' + 1) : 0;
    input.to_dom0 = to_dom0;
    input.notify = typed;
    input.switched = true;
    panic_proof_unlock(&lock);
    input_say_where();
}

/* --- Start and end --- */

void console_start_uart(const struct uart *u)
{
    char said[128];
    uint32_t index = 0;
    size_t n = printk_ring_read(said, sizeof(said), &index, false, false);

    panic_proof_lock(&lock);
    uart = *u;
    uart_started = true;
    panic_proof_unlock(&lock);
    for (; n; n = printk_ring_read(said, sizeof(said), &index, true, false))
        put_lines(said, n);
    printk_set_output(put_lines);
}

void console_enable_input(void)
{
    panic_proof_lock(&lock);
    if (uart_started)
        uart.enable_input(&uart);
    panic_proof_unlock(&lock);
}

static int console_enter(struct sleep *s)
{
    (void)s;
    panic_proof_lock(&lock);
    if (uart_started) {
        uart.suspend(&uart);
        uart_sleeps = true;
        uart_started = false;
    }
    panic_proof_unlock(&lock);
    return 0;
}

static void console_leave(struct sleep *s)
{
    (void)s;
    panic_proof_lock(&lock);
    uart_wake();
    panic_proof_unlock(&lock);
}

const struct sleep_stage console_stage = { .name = "console", .enter = console_enter, .leave = console_leave };
