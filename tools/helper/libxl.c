// SPDX-License-Identifier: Apache-2.0
/* See libxl.h. */
#include "tools/helper/libxl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/helper/transfer.h"

enum message {
    MESSAGE_LOG = 1,
    MESSAGE_PROGRESS = 2,
    MESSAGE_SUSPEND = 3,
    MESSAGE_STATIC_DATA_DONE = 8,
    MESSAGE_RESTORE_RESULTS = 9,
    MESSAGE_COMPLETE = 10,
};

#define CONTEXT "torpor-save-helper"
#define NOBODY_LISTENS 255
#define MESSAGE_SIZE 1024

/* A message while it is put together; the excess is cut off. */
struct packet {
    uint16_t size;                /* of body */
    uint8_t body[MESSAGE_SIZE];
} __attribute__((packed));

static void put(struct packet *p, const void *data, size_t size)
{
    if (size > sizeof(p->body) - p->size)
        abort();                  /* texts are bounded where they are made */
    memcpy(p->body + p->size, data, size);
    p->size = (uint16_t)(p->size + size);
}

static struct packet begin(enum message type)
{
    struct packet p = { .size = 0 };
    uint16_t number = (uint16_t)type;

    put(&p, &number, sizeof(number));
    return p;
}

static void put_u32(struct packet *p, uint32_t v) { put(p, &v, sizeof(v)); }
static void put_u64(struct packet *p, uint64_t v) { put(p, &v, sizeof(v)); }

static void put_text(struct packet *p, const char *text)
{
    uint32_t size = (uint32_t)strlen(text) + 1;

    put_u32(p, size);
    put(p, text, size);
}

static void send(const struct packet *p)
{
    if (write_all(STDOUT_FILENO, p, sizeof(p->size) + p->size))
        _exit(NOBODY_LISTENS);
}

static int reply(void)
{
    int value;

    if (read_all(STDIN_FILENO, &value, sizeof(value)))
        _exit(NOBODY_LISTENS);
    return value;
}

static void send_log(xentoollog_level level, int error, const char *text)
{
    struct packet p = begin(MESSAGE_LOG);

    put_u32(&p, level);
    put_u32(&p, (uint32_t)error);
    put_text(&p, CONTEXT);
    put_text(&p, text);
    send(&p);
}

__attribute__((format(printf, 5, 0)))
static void log_message(struct xentoollog_logger *logger, xentoollog_level level, int error, const char *context,
                        const char *format, va_list arguments)
{
    char text[512];

    (void)logger, (void)context;
    vsnprintf(text, sizeof(text), format, arguments);
    send_log(level, error, text);
}

static void log_progress(struct xentoollog_logger *logger, const char *context, const char *what, int percent,
                         unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)percent;
    libxl_progress(what, done, total);
}

static void log_destroy(struct xentoollog_logger *logger) { (void)logger; }

struct xentoollog_logger *libxl_logger(void)
{
    static struct xentoollog_logger logger = { log_message, log_progress, log_destroy };

    return &logger;
}

void libxl_log(xentoollog_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_message(NULL, level, -1, CONTEXT, format, arguments);
    va_end(arguments);
}

void libxl_progress(const char *what, uint64_t done, uint64_t total)
{
    struct packet p = begin(MESSAGE_PROGRESS);

    put_text(&p, CONTEXT);
    put_text(&p, what);
    put_u64(&p, done);
    put_u64(&p, total);
    send(&p);
}

bool libxl_suspend(void)
{
    struct packet p = begin(MESSAGE_SUSPEND);

    send(&p);
    return reply() > 0;
}

int libxl_static_data_done(void)
{
    struct packet p = begin(MESSAGE_STATIC_DATA_DONE);

    put_u32(&p, 0);
    send(&p);
    return reply();
}

void libxl_restore_results(uint64_t store_gfn, uint64_t console_gfn)
{
    struct packet p = begin(MESSAGE_RESTORE_RESULTS);

    put_u64(&p, store_gfn);
    put_u64(&p, console_gfn);
    send(&p);
}

void libxl_complete(int error)
{
    struct packet p = begin(MESSAGE_COMPLETE);

    put_u32(&p, error ? (uint32_t)-1 : 0);
    put_u32(&p, (uint32_t)-error);
    send(&p);
    reply();   /* of no meaning, but libxl fails if it cannot write it */
}
