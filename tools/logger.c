// SPDX-License-Identifier: Apache-2.0
/* See logger.h. Libraries may log from threads of their own: one lock. */
#include "tools/logger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xentoollog.h>

#include "tools/torpor.h"

#define HELPER       "torpor-save-helper"
#define PATIENCE_MS  2000      /* what is shorter is not shown */
#define LINES_MS     5000      /* between lines, where there is no terminal */
#define BAR_WIDTH    24
#define PAGES_PER_MB 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool verbose;
static char reason[256];
static bool reason_is_the_helpers;

static struct {
    const char *doing;         /* NULL: nothing is shown */
    uint64_t since_ms, line_ms;
    bool on_terminal;          /* a line stands there without its end */
} progress;

void logger_set_verbose(bool on) { verbose = on; }
const char *logger_reason(void) { return reason; }

void logger_forget(void)
{
    reason[0] = 0;
    reason_is_the_helpers = false;
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void end_line(void)
{
    if (progress.on_terminal)
        fputs("\r\033[K", stderr);
    progress.on_terminal = false;
}

void logger_show_progress(const char *doing)
{
    pthread_mutex_lock(&lock);
    end_line();
    progress.doing = doing;
    progress.since_ms = now_ms();
    progress.line_ms = 0;
    pthread_mutex_unlock(&lock);
}

static void keep_reason(xentoollog_level level, const char *context, const char *text)
{
    bool helpers = context && strcmp(context, HELPER) == 0;

    if (level < XTL_ERROR || (reason[0] && (!helpers || reason_is_the_helpers)))
        return;
    snprintf(reason, sizeof(reason), "%s", text);
    reason_is_the_helpers = helpers;
}

__attribute__((format(printf, 5, 0)))
static void log_message(struct xentoollog_logger *logger, xentoollog_level level, int error, const char *context,
                        const char *format, va_list arguments)
{
    char text[512];

    (void)logger;
    vsnprintf(text, sizeof(text), format, arguments);
    pthread_mutex_lock(&lock);
    keep_reason(level, context, text);
    if (verbose) {
        end_line();
        fprintf(stderr, "torpor: %s: %s: %s%s%s\n", context ? context : "xen", xtl_level_to_string(level), text,
                error > 0 ? ": " : "", error > 0 ? strerror(error) : "");
    }
    pthread_mutex_unlock(&lock);
}

static void draw(unsigned long done, unsigned long total, uint64_t ms)
{
    unsigned percent = total ? (unsigned)(done * 100 / total) : 0, full = percent * BAR_WIDTH / 100;
    uint64_t rate = ms ? done / PAGES_PER_MB * 1000 / ms : 0;
    char bar[BAR_WIDTH + 1];

    if (full > BAR_WIDTH)
        full = BAR_WIDTH;
    memset(bar, '=', full);
    memset(bar + full, ' ', BAR_WIDTH - full);
    bar[BAR_WIDTH] = 0;
    fprintf(stderr, "%s%s [%s] %3u%%  %lu of %lu MiB, %llu MiB/s%s", progress.on_terminal ? "\r\033[K" : "",
            progress.doing, bar, percent, done / PAGES_PER_MB, total / PAGES_PER_MB, (unsigned long long)rate,
            isatty(STDERR_FILENO) ? "" : "\n");
    progress.on_terminal = isatty(STDERR_FILENO);
}

static void log_progress(struct xentoollog_logger *logger, const char *context, const char *what, int percent,
                         unsigned long done, unsigned long total)
{
    uint64_t ms;

    (void)logger, (void)context, (void)what, (void)percent;
    pthread_mutex_lock(&lock);
    ms = now_ms() - progress.since_ms;
    if (progress.doing && ms >= PATIENCE_MS &&
        (isatty(STDERR_FILENO) || !progress.line_ms || ms - progress.line_ms >= LINES_MS)) {
        progress.line_ms = ms;
        draw(done, total, ms);
    }
    pthread_mutex_unlock(&lock);
}

static void log_destroy(struct xentoollog_logger *logger) { (void)logger; }

struct xentoollog_logger *library_logger(void)
{
    static struct xentoollog_logger logger = { log_message, log_progress, log_destroy };

    return &logger;
}
