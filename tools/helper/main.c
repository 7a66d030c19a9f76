// SPDX-License-Identifier: Apache-2.0
/*
 * torpor-save-helper: the half of saving and restoring that libxl leaves to another program, which Xen on Arm does not
 * have. libxl starts it where LIBXL_SAVE_HELPER says so, and speaks with it as libxl.h tells:
 *
 *     torpor-save-helper --save-domain FD BACK_FD DOMID XC_FLAGS CALLBACKS STREAM_TYPE
 *     torpor-save-helper --restore-domain FD BACK_FD DOMID STORE_PORT STORE_DOMID CONSOLE_PORT CONSOLE_DOMID CALLBACKS
 *                        STREAM_TYPE
 *
 * SIGTERM is how libxl takes a request back: the stage under way fails, and the stages entered are left.
 *
 * TORPOR_CHECKPOINT in the environment, from torpor(1), makes a live save a checkpoint: "all" for one of everything, or
 * the number of the period at whose beginning the one before ended, for the changes since.
 *
 * TORPOR_PATIENCE is for how many seconds no byte may move before the stream is taken for dead (for ever, if it is not
 * there).
 *
 * TORPOR_FAULT=LIST/STAGE in the environment makes that stage fail, for tests.
 */
#include "tools/helper/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenguest.h>

#include "tools/helper/keep.h"
#include "tools/helper/libxl.h"
#include "tools/helper/recorder.h"

#define PROGRESS_NS UINT64_C(200000000)   /* between two words about it */

static volatile sig_atomic_t taken_back, stands_still;
static struct itimerval patience;   /* of one move; zero: for ever */
static int stream_fd, back_fd = -1, closed_fd = -1;

/*
 * A move that waits ends by the signal; one that is about to begin, which would not hear of it, finds a file that can
 * be neither written to nor read from.
 */
static void take_back(int signal)
{
    int error = errno;

    taken_back = signal;
    dup2(closed_fd, stream_fd);
    if (back_fd >= 0)
        dup2(closed_fd, back_fd);
    errno = error;
}

/* A wait ends by the signal, which comes again for a wait that was only about to begin. */
static void stand_still(int signal) { stands_still = signal; }

int helper_fail(struct helper *h, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(h->error, sizeof(h->error), format, arguments);
    va_end(arguments);
    return error;
}

int helper_stream_fail(struct helper *h, int error)
{
    return helper_fail(h, error, "the image: %s", h->stream.error);
}

int helper_look(struct helper *h, uint32_t *vcpus, uint64_t *pages, bool *suspended)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(h->memory.xc, h->memory.domid, 1, &info) != 1)
        return -errno;
    if (info.domid != h->memory.domid)
        return -ESRCH;
    *vcpus = info.max_vcpu_id + 1;
    *pages = info.nr_pages;
    *suspended = info.shutdown && info.shutdown_reason == SHUTDOWN_suspend;
    return 0;
}

static int enter_connect(struct sleep *s)
{
    struct helper *h = s->context;
    int error;

    h->memory.xc = xc_interface_open(libxl_logger(), NULL, 0);
    if (!h->memory.xc)
        return helper_fail(h, -EIO, "the hypervisor cannot be reached: %s", strerror(errno));
    error = memory_open(&h->memory);
    if (!error)
        return 0;
    xc_interface_close(h->memory.xc);
    return helper_fail(h, error, "guests' memory cannot be reached: %s", strerror(-error));
}

static void leave_connect(struct sleep *s)
{
    struct helper *h = s->context;

    memory_close(&h->memory);
    xc_interface_close(h->memory.xc);
}

const struct sleep_stage connect_stage = { "connect", enter_connect, leave_connect };

void helper_progress(struct helper *h, uint64_t done, uint64_t total)
{
    struct report r = { .kind = REPORT_PROGRESS, .at_ns = report_now_ns() };
    char text[40] = "Frames";

    if (r.at_ns - h->progress_ns < PROGRESS_NS)
        return;
    h->progress_ns = r.at_ns;
    if (h->round)
        snprintf(text, sizeof(text), "Frames iteration %u", h->round);
    libxl_progress(text, done, total);
    r.progress = (struct report_progress){
        .round = h->round, .cap = h->precopy.cap, .done = done, .total = total, .data_pages = h->data_pages,
        .stream_bytes = h->stream.position, .dirty_rate = h->precopy.dirty_rate,
        .estimate_ns = h->precopy.estimate_ns,
    };
    recorder_tell(&r);
}

/* From here, or from the last byte, on. To a file, where nobody asks for it, it costs no calls. */
static void be_patient(void)
{
    stands_still = 0;
    if (patience.it_value.tv_sec)
        setitimer(ITIMER_REAL, &patience, NULL);
}

static void end_patience(void)
{
    if (patience.it_value.tv_sec)
        setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

/* After a read or write that moved nothing: 0 to try again, or -errno. */
static int after_nothing(int fd, short direction, ssize_t n)
{
    if (n == 0)
        return -ENODATA;
    if (stands_still)
        return -ETIMEDOUT;
    if (errno == EAGAIN)
        poll(&(struct pollfd){ .fd = fd, .events = direction }, 1, -1);
    else if (errno != EINTR)
        return -errno;
    return 0;
}

static int move_out(void *context, void *buffer, size_t size)
{
    const struct helper *h = context;
    const uint8_t *from = buffer;
    int error = 0;

    be_patient();
    while (size && !error) {
        ssize_t n = taken_back ? -1 : write(h->fd, from, size);

        if (n > 0)
            be_patient();
        error = taken_back ? -ECANCELED : n > 0 ? 0 : after_nothing(h->fd, POLLOUT, n);
        from += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    end_patience();
    return error;
}

int helper_read(int fd, void *buffer, size_t size)
{
    uint8_t *to = buffer;
    int error = 0;

    be_patient();
    while (size && !error) {
        ssize_t n = taken_back ? -1 : read(fd, to, size);

        if (n > 0)
            be_patient();
        error = taken_back ? -ECANCELED : n > 0 ? 0 : after_nothing(fd, POLLIN, n);
        to += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    end_patience();
    return error;
}

static int move_in(void *context, void *buffer, size_t size)
{
    return helper_read(((const struct helper *)context)->fd, buffer, size);
}

/* Only of a migration: there is no answer to an image. */
static void open_back(struct helper *h)
{
    h->back = back_fd = h->options.back ? open(h->options.back, O_RDONLY | O_CLOEXEC) : -1;
    h->stream.may_sync = h->back >= 0;
}

static void set_signals(int fd)
{
    struct sigaction action = { .sa_handler = take_back };   /* without SA_RESTART: a waiter goes on, and looks */
    sigset_t set;

    stream_fd = fd;
    closed_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = stand_still;
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void set_patience(void)
{
    const char *seconds = getenv("TORPOR_PATIENCE");

    patience.it_value.tv_sec = patience.it_interval.tv_sec = seconds ? atoi(seconds) : 0;
}

static void set_fault(void)
{
    const char *fault = getenv("TORPOR_FAULT"), *slash = fault ? strchr(fault, '/') : NULL;
    char list[SLEEP_MAX_NAME];

    if (!slash || (size_t)(slash - fault) >= sizeof(list))
        return;
    memcpy(list, fault, (size_t)(slash - fault));
    list[slash - fault] = 0;
    sleep_fault_set(list, slash + 1, -EIO, false);
}

/* All of the program's numbers: how many of them have been read is less than count when something is none. */
static unsigned read_numbers(char **texts, uint32_t *numbers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *end;
        unsigned long n = texts[i] ? strtoul(texts[i], &end, 10) : 0;

        if (!texts[i] || *end || n > UINT32_MAX)
            return i;
        numbers[i] = (uint32_t)n;
    }
    return count;
}

static void set_checkpoint(struct helper *h)
{
    const char *since = getenv("TORPOR_CHECKPOINT");

    h->checkpoint = since;
    h->changes_only = since && read_numbers((char *[]){ (char *)since }, &h->period, 1) == 1;
}

static void tell_stages(const struct sleep *s)
{
    for (unsigned i = 0; i < s->event_count; i++) {
        const struct sleep_event *e = &s->events[i];
        struct report r = { .kind = REPORT_STAGE, .at_ns = e->end, .stage = {
            .leave = e->kind == SLEEP_LEAVE, .result = e->result, .start_ns = e->start, .end_ns = e->end } };

        snprintf(r.stage.name, sizeof(r.stage.name), "%s", e->name);
        recorder_tell(&r);
    }
}

/* Its outcome, for the journal and for display. */
static void tell_end(const struct helper *h, const struct sleep *s, int error)
{
    struct report r = { .kind = REPORT_END, .end = {
        .result = error, .lowest_cap = h->lowest_cap, .data_pages = h->data_pages, .stream_bytes = h->stream.position,
        .transfer_ns = h->precopy.transfer_ns } };

    snprintf(r.end.failed_stage, sizeof(r.end.failed_stage), "%s", s->failed ? s->failed->name : "");
    snprintf(r.end.reason, sizeof(r.end.reason), "%s", error ? h->error : "");
    tell_stages(s);
    recorder_tell(&r);
}

static int run(const struct sleep_list *list, struct helper *h)
{
    static struct sleep s;   /* large: the timeline is in it */
    int error;

    s = (struct sleep){ .list = list, .now_ns = report_now_ns, .context = h };
    error = sleep_run(&s);
    if (error && taken_back)
        helper_fail(h, error, "it was called off");
    else if (error && !h->error[0])
        helper_fail(h, error, "%s", s.failed ? s.failed->name : strerror(-error));
    tell_end(h, &s, error);
    if (error)
        libxl_log(XTL_ERROR, "%s domain %u failed: %s", h->verb, h->memory.domid, h->error);
    return error;
}

int main(int argc, char **argv)
{
    enum { SAVE_NUMBERS = 6, RESTORE_NUMBERS = 9 };
    bool save = argc == SAVE_NUMBERS + 2 && strcmp(argv[1], "--save-domain") == 0;
    bool restore = argc == RESTORE_NUMBERS + 2 && strcmp(argv[1], "--restore-domain") == 0;
    unsigned count = save ? SAVE_NUMBERS : RESTORE_NUMBERS;
    uint32_t n[RESTORE_NUMBERS] = { 0 };
    struct helper h = { .verb = save ? "saving" : "restoring" };
    int error;

    if ((!save && !restore) || argv[2][0] == '-' || read_numbers(argv + 2, n, 1) != 1) {
        fprintf(stderr, "torpor-save-helper: it is libxl that starts this; torpor(1) tells how\n");
        return 2;
    }
    /* libxl's back channel, number 1, is junk where there is none */
    read_numbers(argv + 4, n + 2, count - 2);
    h.fd = (int)n[0];
    h.memory.domid = n[2];
    h.store_port = n[3], h.store_domid = n[4], h.console_port = n[5], h.console_domid = n[6];
    stream_begin(&h.stream, save ? move_out : move_in, &h);
    options_read(&h.options);
    if (save)
        open_back(&h);
    set_signals(h.fd);
    if (h.options.guarded)
        prctl(PR_SET_PDEATHSIG, SIGTERM);   /* whose guardian need not wait for a result that nobody will ask for */
    set_patience();
    set_fault();
    recorder_begin(save ? "save" : "restore", h.memory.domid);
    if (save && n[3] & XCFLAGS_LIVE)
        set_checkpoint(&h);
    error = run(!save                 ? &restore_list
                : h.checkpoint        ? &checkpoint_list
                : n[3] & XCFLAGS_LIVE ? &live_list
                                      : &save_list, &h);
    stream_end(&h.stream);
    recorder_end(error);
    if (save && error && !h.options.guarded)
        keep_going(h.memory.domid);
    libxl_complete(error);
    return 0;
}
