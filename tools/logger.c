// SPDX-License-Identifier: Apache-2.0
/* See logger.h. Libraries may log from threads of their own: one lock. */
#include "tools/logger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xentoollog.h>

#include "tools/progress.h"
#include "tools/torpor.h"

#define HELPER       "torpor-save-helper"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool verbose;
static char reason[256];
static bool reason_is_the_helpers;

void logger_set_verbose(bool on) { verbose = on; }
const char *logger_reason(void) { return reason; }

void logger_forget(void)
{
    reason[0] = 0;
    reason_is_the_helpers = false;
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
        progress_make_way();
        fprintf(stderr, "torpor: %s: %s: %s%s%s\n", context ? context : "xen", xtl_level_to_string(level), text,
                error > 0 ? ": " : "", error > 0 ? strerror(error) : "");
    }
    pthread_mutex_unlock(&lock);
}

/* The helper tells how far it is by another way (progress.h). */
static void log_progress(struct xentoollog_logger *logger, const char *context, const char *what, int percent,
                         unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)what, (void)percent, (void)done, (void)total;
}

static void log_destroy(struct xentoollog_logger *logger) { (void)logger; }

struct xentoollog_logger *library_logger(void)
{
    static struct xentoollog_logger logger = { log_message, log_progress, log_destroy };

    return &logger;
}
