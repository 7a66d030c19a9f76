// SPDX-License-Identifier: Apache-2.0
/*
 * See progress.h. The helper writes to a pipe, of which it opens our end by its name below /proc, so that nobody else
 * inherits it; a thread reads, for the main one is inside libxl. The pipe ends when the helper has ended and we have
 * closed our end.
 */
#include "tools/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "tools/guardian.h"
#include "tools/helper/report.h"
#include "tools/helper/transfer.h"
#include "tools/progress_text.h"
#include "tools/torpor.h"

#define PATIENCE_NS   UINT64_C(2000000000)   /* a shorter operation is not shown */
#define LINES_NS      UINT64_C(5000000000)   /* between lines, where there is no terminal */
#define JSON_NS       UINT64_C(1000000000)   /* between --json's words on progress */
#define PLAIN_WIDTH   200
#define LINE_SIZE     256

/* All of it; the lock is for what the thread shares with the others. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct journal journal;
static struct progress_state state;
static char doing[80];
static uint64_t began_ns, shown_ns, transfer_ns;
static bool json, under_way, line_stands;
static void (*sync_answer)(void);

static pthread_t thread;
static int pipe_ends[2] = { -1, -1 };

static uint64_t since_began(void) { return report_now_ns() - began_ns; }

/* --- showing; the lock is held */

static unsigned terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static void clear_line(void)
{
    if (line_stands)
        fputs("\r\033[K", stderr);
    line_stands = false;
}

static void draw(void)
{
    bool terminal = isatty(STDERR_FILENO);
    uint64_t now = since_began();
    char line[LINE_SIZE];

    if (now < PATIENCE_NS || (!terminal && shown_ns && now - shown_ns < LINES_NS))
        return;
    shown_ns = now;
    progress_line(&state, line, sizeof(line), terminal ? terminal_width() : PLAIN_WIDTH);
    fprintf(stderr, "%s%s%s", terminal ? "\r\033[K" : "", line, terminal ? "" : "\n");
    line_stands = terminal;
}

static void show_progress(const struct report *r)
{
    progress_update(&state, r->at_ns, &r->progress);
    if (!json) {
        draw();
    } else if (!shown_ns || since_began() - shown_ns >= JSON_NS) {
        shown_ns = since_began();
        progress_json(stdout, shown_ns, &state);
    }
}

static void show_moment(const char *event, const char *waiting)
{
    state.waiting = waiting;
    if (json)
        progress_json_event(stdout, event, since_began());
    else
        draw();
}

static void take(const struct report *r)
{
    report_collect(&journal, began_ns, r);
    switch (r->kind) {
    case REPORT_PROGRESS:
        show_progress(r);
        break;
    case REPORT_ROUND:
        if (json)
            progress_json_round(stdout, &journal.rounds[journal.round_count - 1]);
        break;
    case REPORT_ASKED:
        show_moment("asked", "waiting for the guest to suspend itself");
        break;
    case REPORT_SUSPENDED:
        show_moment("suspended", "the guest is suspended");
        break;
    case REPORT_RESUMED:
        if (json)
            progress_json_event(stdout, "resumed", journal.resumed_ns);
        break;
    case REPORT_SYNC:
        if (sync_answer)
            sync_answer();
        break;
    case REPORT_END:
        transfer_ns = r->end.transfer_ns;
        break;
    case REPORT_BEGIN:
    case REPORT_STAGE:
        break;
    }
    fflush(stdout);
}

/* --- the helper's end of it */

static void *listen_to_helper(void *unused)
{
    struct report r;

    (void)unused;
    while (read_all(pipe_ends[0], &r, sizeof(r)) == 0 && r.size == sizeof(r)) {
        pthread_mutex_lock(&lock);
        take(&r);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void close_pipe(void)
{
    for (unsigned i = 0; i < 2; i++)
        if (pipe_ends[i] >= 0)
            close(pipe_ends[i]);
    pipe_ends[0] = pipe_ends[1] = -1;
    unsetenv(REPORT_VARIABLE);
}

void progress_on_sync(void (*answer)(void)) { sync_answer = answer; }

void progress_listen(void)
{
    char path[48];

    if (pipe2(pipe_ends, O_CLOEXEC)) {
        pipe_ends[0] = pipe_ends[1] = -1;
        return;
    }
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), pipe_ends[1]);
    if (setenv(REPORT_VARIABLE, path, 1) || pthread_create(&thread, NULL, listen_to_helper, NULL))
        close_pipe();
}

void progress_settle(void)
{
    if (pipe_ends[0] < 0)
        return;
    close(pipe_ends[1]);
    pipe_ends[1] = -1;
    pthread_join(thread, NULL);
    close_pipe();
    progress_make_way();
}

void progress_make_way(void)
{
    pthread_mutex_lock(&lock);
    clear_line();
    pthread_mutex_unlock(&lock);
}

/* --- the operation */

void progress_begin(const char *operation, const char *what, bool as_json)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    journal = (struct journal){
        .began_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
    };
    snprintf(journal.operation, sizeof(journal.operation), "%s", operation);
    snprintf(doing, sizeof(doing), "%s", what);
    state = (struct progress_state){ .doing = doing };
    began_ns = report_now_ns();
    shown_ns = transfer_ns = 0;
    json = as_json;
    under_way = true;
}

void progress_made(libxl_ctx *libxl, uint32_t domid)
{
    libxl_dominfo info;

    libxl_dominfo_init(&info);
    if (libxl_domain_info(libxl, &info, domid) == 0)
        snprintf(journal.uuid, sizeof(journal.uuid), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info.uuid));
    libxl_dominfo_dispose(&info);
    journal.domid = domid;
}

void progress_domain(libxl_ctx *libxl, const char *name, uint32_t domid)
{
    if (domid)
        progress_made(libxl, domid);
    snprintf(journal.domain, sizeof(journal.domain), "%s", name);
    if (json) {
        progress_json_begin(stdout, &journal);
        fflush(stdout);
    }
}

void progress_stage(const char *name, int result)
{
    struct journal_stage stage = { .result = result, .end_ns = since_began() };

    if (!under_way)
        return;
    snprintf(stage.name, sizeof(stage.name), "%s", name);
    for (uint32_t i = 0; i < journal.stage_count; i++)
        if (journal.stages[i].end_ns > stage.start_ns)
            stage.start_ns = journal.stages[i].end_ns;
    journal_add_stage(&journal, &stage);
}

void progress_went_on(const char *event)
{
    if (!under_way || journal.resumed_ns)
        return;
    journal.resumed_ns = since_began();
    if (journal.suspended_ns)
        journal.downtime_ns = journal.resumed_ns - journal.suspended_ns;
    if (json)
        progress_json_event(stdout, event, journal.resumed_ns);
}

static void finish_journal(int result, const char *outcome, const char *reason)
{
    journal.total_ns = since_began();
    if (result || !journal.result)
        journal.result = result;
    if (*reason)
        snprintf(journal.reason, sizeof(journal.reason), "%s", reason);
    snprintf(journal.outcome, sizeof(journal.outcome), "%s", outcome);
    if (journal.downtime_ns && journal.max_downtime_ms)
        journal.fixed_ns = journal.downtime_ns > transfer_ns ? journal.downtime_ns - transfer_ns : 1;
}

void progress_end(int result, const char *outcome, const char *reason)
{
    char line[LINE_SIZE];
    int error;

    progress_settle();
    if (!under_way)
        return;
    under_way = false;
    finish_journal(result, outcome, reason);
    error = guardian_is_there() ? 0 : journal_append(JOURNAL_PATH, &journal);
    if (error)
        detail("%s cannot be written: %s", JOURNAL_PATH, strerror(-error));
    progress_summary(&journal, line, sizeof(line));
    if (json)
        progress_json_end(stdout, &journal);
    else if (!result)
        fprintf(stderr, "%s\n", line);
    fflush(stdout);
}
