// SPDX-License-Identifier: Apache-2.0
/*
 * Output, and where input goes.
 *
 * One lock makes every line whole, on the UART and in the ring alike; it is a leaf: nothing is called out to while it is held but
 * the UART's driver, so printk works in any context. Ring positions count characters since the start and wrap
 * at 2^32, so that a reader's index stays meaningful: oldest <= position < newest are there.
 */
#include "dev/console.h"

#include <stdarg.h>

#include "arch/lock.h"
#include "base/printk.h"
#include "lib/print.h"
#include "lib/string.h"
#include "sleep/sleep.h"

#define RING_SIZE   (32 * 1024)   /* a power of two */
#define INPUT_SIZE  256           /* a power of two */
#define INPUT_BURST 256           /* characters taken in one interrupt */
#define PREFIX      "(XEN) "
#define SWITCH_COUNT 3

static struct spinlock lock;

static struct {
    char text[RING_SIZE];
    uint32_t oldest, newest;
} ring GUARDED_BY(lock);

static struct uart uart GUARDED_BY(lock);
static bool uart_started;   /* under lock; off while the UART sleeps */
static bool line_begun GUARDED_BY(lock);   /* dom0's output on the UART stands in the middle of a line */
static char last_raw GUARDED_BY(lock);     /* dom0's last character */
static bool panicking;

static struct {
    char text[INPUT_SIZE];
    unsigned first, end;         /* positions; end - first characters wait for dom0 */
    bool to_dom0;
    char switch_code;            /* 0: input is not switched */
    unsigned switch_seen;        /* so many switch_codes in a row */
    void (*notify)(void);        /* NULL: no dom0 yet */
} input GUARDED_BY(lock);

static void (*written)(void) GUARDED_BY(lock);   /* NULL: no dom0 yet */

/* In a panic another CPU may hold the lock for ever. */
static UNCHECKED_LOCKING void console_lock(void) ACQUIRES(lock)
{
    if (!__atomic_load_n(&panicking, __ATOMIC_RELAXED))
        spin_lock(&lock);
}

static UNCHECKED_LOCKING void console_unlock(void) RELEASES(lock)
{
    if (!__atomic_load_n(&panicking, __ATOMIC_RELAXED))
        spin_unlock(&lock);
}

static void ring_put(char c) REQUIRES(lock)
{
    ring.text[ring.newest++ % RING_SIZE] = c;
    if (ring.newest - ring.oldest > RING_SIZE)
        ring.oldest++;
}

static void uart_put(char c) REQUIRES(lock)
{
    if (!uart_started)
        return;
    if (c == '\n')
        uart.put(&uart, '\r');
    uart.put(&uart, c);
}

/* To both: what the hypervisor says. */
static void put_text(const char *text, size_t n) REQUIRES(lock)
{
    for (size_t i = 0; i < n; i++) {
        ring_put(text[i]);
        uart_put(text[i]);
    }
}

static void put_line(const char *prefix, const char *text, size_t n) REQUIRES(lock)
{
    if (line_begun)
        uart_put('\n');
    line_begun = false;
    put_text(prefix, strlen(prefix));
    put_text(text, n);
    put_text("\n", 1);
}

static void put_lines(const char *text) REQUIRES(lock)
{
    for (;;) {
        const char *end = strchr(text, '\n');

        put_line(PREFIX, text, end ? (size_t)(end - text) : strlen(text));
        if (!end || !end[1])
            return;
        text = end + 1;
    }
}

void printk(const char *fmt, ...)
{
    char text[CONSOLE_LINE];
    void (*tell)(void);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    console_lock();
    put_lines(text);
    tell = written;
    console_unlock();
    if (tell && !__atomic_load_n(&panicking, __ATOMIC_RELAXED))
        tell();
}

void console_raw_write(const char *text, size_t n)
{
    console_lock();
    for (size_t i = 0; i < n && uart_started; i++) {
        if (text[i] == '\n' && last_raw != '\r')
            uart.put(&uart, '\r');
        uart.put(&uart, text[i]);
        last_raw = text[i];
        line_begun = text[i] != '\n';
    }
    console_unlock();
}

/* --- The ring's reader --- */

size_t console_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
    uint32_t from;
    size_t n = 0;

    console_lock();
    from = incremental ? *index : ring.oldest;
    if (from - ring.oldest > ring.newest - ring.oldest)
        from = ring.oldest;
    while (n < size && from != ring.newest)
        buf[n++] = ring.text[from++ % RING_SIZE];
    if (clear)
        ring.oldest = from;
    console_unlock();
    *index = from;
    return n;
}

/* --- Input --- */

size_t console_guest_read(char *buf, size_t size)
{
    size_t n = 0;

    console_lock();
    while (n < size && input.first != input.end)
        buf[n++] = input.text[input.first++ % INPUT_SIZE];
    console_unlock();
    return n;
}

/* dom0 that does not read loses what does not fit, as on a real line. */
static void input_store(char c) REQUIRES(lock)
{
    if (input.end - input.first < INPUT_SIZE)
        input.text[input.end++ % INPUT_SIZE] = c;
}

static void input_say_where(void) REQUIRES(lock)
{
    char text[100];

    if (input.switch_code)
        snprintf(text, sizeof(text), "*** Serial input to %s (type 'CTRL-%c' three times to switch input)",
                 input.to_dom0 ? "DOM0" : "Torpor", input.switch_code - 1 + 'a');
    else
        snprintf(text, sizeof(text), "*** Serial input to %s", input.to_dom0 ? "DOM0" : "Torpor");
    put_line(PREFIX, text, strlen(text));
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
            input_say_where();
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

    console_lock();
    c = uart_started ? uart.get(&uart) : -1;
    *key = c < 0 ? 0 : input_take((char)c);
    console_unlock();
    return c >= 0;
}

void console_interrupt(void)
{
    void (*notify)(void);
    bool waiting;
    char key;

    console_lock();
    if (uart_started)
        uart.acknowledge(&uart);
    console_unlock();
    for (unsigned i = 0; i < INPUT_BURST && input_poll(&key); i++)
        if (key)
            console_debug_key(key);
    console_lock();
    waiting = input.first != input.end;
    notify = input.notify;
    console_unlock();
    if (waiting && notify)
        notify();
}

void console_connect_dom0(char switch_letter, bool to_dom0, void (*typed)(void), void (*ring_written)(void))
{
    console_lock();
    input.switch_code = switch_letter ? (char)(switch_letter - 'a' + 1) : 0;
    input.to_dom0 = to_dom0;
    input.notify = typed;
    written = ring_written;
    input_say_where();
    console_unlock();
}

/* --- Start and end --- */

void console_start_uart(const struct uart *u)
{
    console_lock();
    uart = *u;
    uart_started = true;
    for (uint32_t at = ring.oldest; at != ring.newest; at++)
        uart_put(ring.text[at % RING_SIZE]);
    console_unlock();
}

void console_enable_input(void)
{
    console_lock();
    if (uart_started)
        uart.enable_input(&uart);
    console_unlock();
}

bool console_has_uart(void)
{
    return __atomic_load_n(&uart_started, __ATOMIC_RELAXED);
}

void console_panic_mode(void)
{
    __atomic_store_n(&panicking, true, __ATOMIC_RELAXED);
}

static bool uart_sleeps GUARDED_BY(lock);

static int console_enter(struct sleep *s)
{
    (void)s;
    spin_lock(&lock);
    if (uart_started) {
        uart.suspend(&uart);
        uart_sleeps = true;
        uart_started = false;
    }
    spin_unlock(&lock);
    return 0;
}

static void console_leave(struct sleep *s)
{
    (void)s;
    spin_lock(&lock);
    if (uart_sleeps) {
        uart.resume(&uart);
        uart_started = true;
        uart_sleeps = false;
    }
    spin_unlock(&lock);
}

const struct sleep_stage console_stage = { .name = "console", .enter = console_enter, .leave = console_leave };
