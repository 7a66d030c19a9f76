// SPDX-License-Identifier: Apache-2.0
/*
 * Lines, and the ring that keeps them.
 *
 * One lock makes every line whole, in the ring and at the output alike. Nothing is called out to while it is held but
 * the output, whose lock is inside it, so printk works in any context. Ring positions count characters since the start
 * and wrap at 2^32, so that a reader's index stays meaningful: oldest <= position < newest are there.
 */
#include "base/printk.h"

#include <stdarg.h>

#include "arch/lock.h"
#include "base/panic.h"
#include "lib/print.h"
#include "lib/string.h"

#define RING_SIZE   (32 * 1024)   /* a power of two */
#define PREFIX      "(XEN) "

static struct spinlock lock = SPINLOCK_INIT;

static struct {
    char text[RING_SIZE];
    uint32_t oldest, newest;
} ring GUARDED_BY(lock);

static printk_output *output GUARDED_BY(lock);
static void (*listener)(void) GUARDED_BY(lock);

static void ring_put(const char *text, size_t n) REQUIRES(lock)
{
    for (size_t i = 0; i < n; i++)
        ring.text[ring.newest++ % RING_SIZE] = text[i];
    if (ring.newest - ring.oldest > RING_SIZE)
        ring.oldest = ring.newest - RING_SIZE;
}

static void put_line(const char *text, size_t n) REQUIRES(lock)
{
    char line[sizeof(PREFIX) + CONSOLE_LINE];
    size_t at = sizeof(PREFIX) - 1;

    memcpy(line, PREFIX, at);
    memcpy(line + at, text, n);
    at += n;
    line[at++] = '\n';
    ring_put(line, at);
    if (output)
        output(line, at);
}

static void put_lines(const char *text) REQUIRES(lock)
{
    for (;;) {
        const char *end = strchr(text, '\n');

        put_line(text, end ? (size_t)(end - text) : strlen(text));
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
    panic_proof_lock(&lock);
    put_lines(text);
    tell = listener;
    panic_proof_unlock(&lock);
    if (tell && !panic_under_way())
        tell();
}

void printk_set_output(printk_output *to)
{
    panic_proof_lock(&lock);
    output = to;
    panic_proof_unlock(&lock);
}

bool printk_has_output(void)
{
    bool has;

    panic_proof_lock(&lock);
    has = output != NULL;
    panic_proof_unlock(&lock);
    return has;
}

void printk_set_listener(void (*written)(void))
{
    panic_proof_lock(&lock);
    listener = written;
    panic_proof_unlock(&lock);
}

size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
    uint32_t from;
    size_t n = 0;

    panic_proof_lock(&lock);
    from = incremental ? *index : ring.oldest;
    if (from - ring.oldest > ring.newest - ring.oldest)
        from = ring.oldest;
    while (n < size && from != ring.newest)
        buf[n++] = ring.text[from++ % RING_SIZE];
    if (clear)
        ring.oldest = from;
    panic_proof_unlock(&lock);
    *index = from;
    return n;
}
