// SPDX-License-Identifier: Apache-2.0
/*
 * torpor suspend and torpor wake. Guests are asked to suspend themselves, all at once; then the host is suspended; then
 * those that were suspended here, and only those, are woken.
 *
 * Invariant: whatever goes wrong, a guest that this program has suspended for the host's sleep is woken by it, and no
 * request is left in xenstore for a guest to find later.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/guests.h"
#include "tools/host.h"
#include "tools/monitor.h"
#include "tools/sleeps.h"
#include "tools/torpor.h"

#define DEFAULT_TIMEOUT 60      /* seconds */
#define LONGEST_TIMEOUT 86400
#define LOOK_EVERY_MS   50
#define PATIENCE_MS     2000    /* a wait that is longer is shown */

struct suspend_options {
    bool all, host, force;
    unsigned timeout;           /* seconds */
};

enum request_state { UNASKED, ASKED, SUSPENDED, REFUSED, ENDED };

struct request {
    struct guest guest;
    enum request_state state;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) { interrupted = signal; }

/* From here on, SIGINT and SIGTERM end a wait and not the program: there may be guests to wake. */
static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = interrupt };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t count_state(const struct request *requests, size_t count, enum request_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += requests[i].state == state;
    return n;
}

static void refuse(struct request *r, const char *why)
{
    r->state = REFUSED;
    failure("%s (%u) %s", r->guest.name, r->guest.id, why);
}

/* --- asking and waiting */

/* Before anybody is asked, so that nobody is suspended for nothing. */
static void find_unable(struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];

        if (r->guest.id == 0)
            refuse(r, "is the host: torpor suspend --all, or --host");
        else if (guest_state(&r->guest) != GUEST_RUNNING)
            refuse(r, "does not run: there is nothing to suspend");
        else if (!guest_offers_suspend(&r->guest))
            refuse(r, "does not offer to suspend itself (no control/feature-suspend in xenstore)");
    }
}

static void ask_all(struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        int error;

        if (r->state != UNASKED)
            continue;
        detail("asking %s (%u)", r->guest.name, r->guest.id);
        r->state = ASKED;
        error = guest_ask(&r->guest);
        if (error) {
            bool taken;

            guest_release(&r->guest, &taken);
            refuse(r, strerror(-error));
        }
    }
}

static void look_at(struct request *r, uint64_t since_ms)
{
    bool taken;

    switch (guest_state(&r->guest)) {
    case GUEST_RUNNING:
        return;
    case GUEST_SUSPENDED:
        if (!guest_took_request(&r->guest))
            return;   /* somebody else has paused it, maybe to destroy it */
        r->state = SUSPENDED;
        detail("%s (%u) has suspended itself after %.1f s", r->guest.name, r->guest.id,
               (double)(now_ms() - since_ms) / 1000);
        break;
    case GUEST_ENDED:
        r->state = ENDED;
        detail("%s (%u) has ended", r->guest.name, r->guest.id);
        break;
    }
    guest_release(&r->guest, &taken);
}

/* On a terminal a line that counts, elsewhere one line. */
static void show_progress(const struct request *requests, size_t count, uint64_t waited_ms, unsigned timeout)
{
    static uint64_t shown;
    bool terminal = isatty(STDERR_FILENO);

    if (waited_ms / 1000 == shown / 1000 || (shown && !terminal))
        return;
    shown = waited_ms;
    fprintf(stderr, "%storpor: waiting for", terminal ? "\r\033[K" : "");
    for (size_t i = 0; i < count; i++)
        if (requests[i].state == ASKED)
            fprintf(stderr, " %s", requests[i].guest.name);
    fprintf(stderr, " (%u of %u s)%s", (unsigned)(waited_ms / 1000), timeout, terminal ? "" : "\n");
}

static void end_progress(uint64_t waited_ms)
{
    if (waited_ms >= PATIENCE_MS && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* Those that still run when the wait is over. */
static void give_up(struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        bool taken = false;

        if (r->state != ASKED)
            continue;
        if (guest_release(&r->guest, &taken) == 0 && taken && guest_state(&r->guest) == GUEST_SUSPENDED)
            r->state = SUSPENDED;
        else if (!taken)
            refuse(r, interrupted ? "was not waited for" : "did not answer the request to suspend itself");
        else
            refuse(r, "took the request and still runs; should it suspend itself yet, torpor wake lets it go on");
    }
}

static void wait_all(struct request *requests, size_t count, unsigned timeout)
{
    const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000 };
    uint64_t since = now_ms(), waited = 0;

    for (;;) {
        for (size_t i = 0; i < count; i++)
            if (requests[i].state == ASKED)
                look_at(&requests[i], since);
        waited = now_ms() - since;
        if (count_state(requests, count, ASKED) == 0 || waited >= timeout * UINT64_C(1000) || interrupted)
            break;
        if (waited >= PATIENCE_MS)
            show_progress(requests, count, waited, timeout);
        nanosleep(&pause, NULL);
    }
    end_progress(waited);
    give_up(requests, count);
}

static int wake(const struct guest *guest)
{
    int error = guest_wake(guest);

    if (error == -EBUSY)
        return failure("%s (%u) is paused: xl unpause %s lets it go on", guest->name, guest->id, guest->name);
    if (error)
        return failure("%s (%u) was not woken: %s", guest->name, guest->id,
                       error == -EINVAL ? "it is not suspended" : strerror(-error));
    detail("%s (%u) goes on", guest->name, guest->id);
    return EXIT_SUCCESS;
}

static int wake_all(const struct request *requests, size_t count)
{
    int status = EXIT_SUCCESS;

    for (size_t i = 0; i < count; i++) {
        const struct request *r = &requests[i];

        if (r->state == SUSPENDED && guest_state(&r->guest) != GUEST_ENDED && wake(&r->guest))
            status = EXIT_FAILURE;
    }
    return status;
}

/* --- the commands */

static int suspend_host(void)
{
    int status = host_suspend() ? EXIT_FAILURE : EXIT_SUCCESS;

    if (status == EXIT_SUCCESS)
        sleeps_print_outcome();
    return status;
}

/* The host, with the guests that run. */
static int suspend_all(struct request *requests, size_t count, const struct suspend_options *options)
{
    int status;

    find_unable(requests, count);
    if (count_state(requests, count, REFUSED) && !options->force)
        return failure("the host was not suspended, and no guest was asked (--force would freeze those that cannot)");
    ask_all(requests, count);
    wait_all(requests, count, options->timeout);
    if (interrupted || (count_state(requests, count, REFUSED) && !options->force)) {
        status = failure("the host was not suspended%s",
                         interrupted ? ": interrupted" : " (--force would freeze those guests)");
        wake_all(requests, count);
        return status;
    }
    status = suspend_host();
    return wake_all(requests, count) ? EXIT_FAILURE : status;
}

static int suspend_guests(struct request *requests, size_t count, const struct suspend_options *options)
{
    find_unable(requests, count);
    ask_all(requests, count);
    wait_all(requests, count, options->timeout);
    for (size_t i = 0; i < count; i++)
        if (requests[i].state == ENDED)
            refuse(&requests[i], "has ended instead of suspending itself");
    return count_state(requests, count, SUSPENDED) == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The requests for all running guests, or for those named. NULL: it has been said why not. */
static struct request *make_requests(char **names, size_t *count)
{
    struct guest *guests = NULL;
    struct request *requests;
    int error = 0;

    if (names) {
        guests = calloc(*count, sizeof(*guests));
        for (size_t i = 0; i < *count && guests && !error; i++)
            error = guest_find(names[i], &guests[i]);
    } else {
        error = guests_running(&guests, count);
    }
    requests = calloc(*count + 1, sizeof(*requests));
    if (!guests || !requests)
        error = failure("out of memory");
    for (size_t i = 0; i < *count && !error; i++)
        requests[i].guest = guests[i];
    if (!error) {
        free(guests);
        return requests;
    }
    guests_free(guests, guests ? *count : 0);
    free(requests);
    return NULL;
}

static int read_timeout(const char *text, unsigned *timeout)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || seconds > LONGEST_TIMEOUT)
        return -EINVAL;
    *timeout = (unsigned)seconds;
    return 0;
}

static int suspend_with(char **names, size_t count, const struct suspend_options *options)
{
    struct request *requests;
    int status = EXIT_FAILURE;

    if (options->host)
        return host_check() ? EXIT_FAILURE : suspend_host();
    if (options->all && host_check())
        return EXIT_FAILURE;
    if (guests_open())
        return EXIT_FAILURE;
    catch_signals();
    requests = make_requests(options->all ? NULL : names, &count);
    if (requests) {
        status = options->all ? suspend_all(requests, count, options) : suspend_guests(requests, count, options);
        for (size_t i = 0; i < count; i++)
            free(requests[i].guest.name);
        free(requests);
    }
    guests_close();
    return status;
}

int command_suspend(const struct command *c, int argc, char **argv)
{
    enum { HOST = 256 };
    static const struct option long_options[] = {
        { "all", no_argument, NULL, 'a' },
        { "force", no_argument, NULL, 'f' },
        { "timeout", required_argument, NULL, 't' },
        { "host", no_argument, NULL, HOST },
        COMMON_OPTIONS
    };
    struct suspend_options options = { .timeout = DEFAULT_TIMEOUT };
    int option, named;

    while ((option = next_option(c, argc, argv, ":aft:h", long_options)) >= 0) {
        options.all |= option == 'a';
        options.force |= option == 'f';
        options.host |= option == HOST;
        if (option == 't' && read_timeout(optarg, &options.timeout))
            return usage_error(c, "%s is no number of seconds up to %u", optarg, LONGEST_TIMEOUT);
    }
    named = argc - optind;
    if (options.all + options.host + (named > 0) != 1)
        return usage_error(c, "one of --all, --host, and guests by name is needed");
    if (options.force && !options.all)
        return usage_error(c, "--force is for --all");
    return suspend_with(&argv[optind], (size_t)named, &options);
}

/* A waiter for its end may have ended at its suspending, as after a save that failed. */
static int wake_and_watch(const struct guest *guest)
{
    bool ended = guest_taken_for_ended(guest);
    int status = wake(guest);

    return status == EXIT_SUCCESS && ended && monitor_in_background(guest->id, true) ? EXIT_FAILURE : status;
}

int command_wake(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = { COMMON_OPTIONS };
    int status = EXIT_SUCCESS;

    while (next_option(c, argc, argv, ":h", long_options) >= 0)
        ;
    if (optind == argc)
        return usage_error(c, "a guest's name or number is needed");
    if (guests_open())
        return EXIT_FAILURE;
    for (int i = optind; i < argc; i++) {
        struct guest guest = { 0 };

        if (guest_find(argv[i], &guest) || wake_and_watch(&guest))
            status = EXIT_FAILURE;
        free(guest.name);
    }
    guests_close();
    return status;
}
