// SPDX-License-Identifier: Apache-2.0
/*
 * torpor migrate and migrate-receive, with xl's options and messages as they are on x86. The two speak by a pair of
 * pipes, mostly through ssh:
 *
 *     receiver: BANNER
 *     sender:   the stream that torpor save writes to a file, live
 *     receiver: HERE       as often as the stream asks whether it has come so far (helper/sync.h); nobody waits for the
 *                          last one
 *     receiver: READY      it has a whole domain NAME--incoming, paused; or FAILED: it cannot make one
 *     sender:   GO         its own is NAME--migratedaway, suspended
 *     receiver: STARTED    its own runs, and is NAME; or FAILED: nothing is left of it
 *     sender:   destroys its own, or lets it go on
 *
 * Invariant: until GO is sent the guest is the sender's, which lets it go on whatever happens; once it may have
 * arrived, the sender's goes on only when the receiver has said FAILED, which it says when nothing of its own is left.
 * If the two lose each other between, nobody can know; then the sender's stays suspended and its user is told.
 *
 * Either end has a guardian, which does and says the same should its process be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "tools/attach.h"
#include "tools/guardian.h"
#include "tools/guests.h"
#include "tools/helper.h"
#include "tools/helper/journal.h"
#include "tools/helper/sync.h"
#include "tools/helper/transfer.h"
#include "tools/image.h"
#include "tools/monitor.h"
#include "tools/operation.h"
#include "tools/progress.h"
#include "tools/restore.h"
#include "tools/save.h"
#include "tools/torpor.h"

#define TRANSPORT_MS  10000
#define LOOK_EVERY_MS 50

#define PATIENCE      "TORPOR_PATIENCE"   /* in the environment: seconds without a byte after which a link is dead */
#define PATIENCE_S    "120"               /* the guest may take 60 to suspend itself, and says nothing meanwhile */
#define FOR_EVER      (-1)

#define STATUS_NO_COMMAND 127             /* sh's, and so ssh's */
#define STATUS_NO_HOST    255             /* ssh's */

#define BANNER  "torpor migration receiver 2: ready for a domain\n"
#define READY   "torpor migration receiver 2: the domain is whole\n"
#define GO      "torpor migration sender 2: it is yours\n"
#define STARTED "torpor migration receiver 2: started\n"
#define FAILED  "torpor migration receiver 2: failed!\n"

#define LONGEST 127                       /* bytes of a message of either */

/*
 * Told to the guardians: the sender may have said GO, has heard STARTED, or has it to itself again; the receiver has
 * heard GO, or is destroying it.
 */
enum { HANDING_OVER = 'h', HANDED_OVER = 'd', GOING_ON = 'o', TAKING_OVER = 't', GIVEN_UP = 'g' };

/* --- the two ends' words */

static int tell(int fd, const char *words) { return write_all(fd, words, strlen(words)); }

/* The helper, which moves most of it, has it from the environment. 0, or -errno and has said why. */
static int set_patience(void)
{
    if (setenv(PATIENCE, PATIENCE_S, 0) == 0)
        return 0;
    failure("out of memory");
    return -ENOMEM;
}

static int patience_ms(void) { return atoi(getenv(PATIENCE)) * 1000; }

/*
 * Until there is something to read, or the other end has gone. 0, or -errno: -ETIMEDOUT; -EINTR: a signal has called
 * it off, where `signals` may.
 */
static int await(int fd, int ms, bool signals)
{
    for (int waited = 0; ms == FOR_EVER || waited < ms; waited += LOOK_EVERY_MS) {
        int n = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, LOOK_EVERY_MS);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (signals && operation_interrupted())
            return -EINTR;
    }
    return -ETIMEDOUT;
}

/* A line, or as much of a longer one. 0, or -errno: -EPIPE: the other end has gone; and as await(). */
static int hear(int fd, char line[LONGEST + 1], int ms, bool signals)
{
    size_t size = 0;
    int error = 0;

    while (!error && size < LONGEST && (size == 0 || line[size - 1] != '\n')) {
        error = await(fd, ms, signals);
        if (!error)
            error = read_all(fd, &line[size++], 1);
    }
    line[size] = 0;
    return error == -ENODATA ? -EPIPE : error;
}

static int judge_words(const char *heard, const char *words)
{
    return strcmp(heard, words) == 0    ? 0
           : strcmp(heard, FAILED) == 0 ? -ECANCELED
                                        : -EPROTO;
}

/* -ECANCELED: it said FAILED; -EPROTO: something else; and as hear(). */
static int expect(int fd, const char *words, int ms)
{
    char heard[LONGEST + 1];
    int error = hear(fd, heard, ms, true);

    return error ? error : judge_words(heard, words);
}

/* Behind what it has said of the stream's last SYNC, which nobody waited for. As expect(). */
static int expect_ready(int fd)
{
    char heard[LONGEST + 1];
    int error = hear(fd, heard, patience_ms(), true);

    if (!error && strcmp(heard, SYNC_HERE) == 0)
        error = hear(fd, heard, patience_ms(), true);
    return error ? error : judge_words(heard, READY);
}

static const char *link_error(int error)
{
    return error == -EPIPE        ? "the connection has ended"
           : error == -EPROTO     ? "it is no torpor of this version"
           : error == -ECANCELED  ? "the other host cannot make it"
           : error == -EINTR      ? "interrupted"
           : error == -ETIMEDOUT  ? "the other end says nothing any more"
                                  : strerror(-error);
}

/* --- the sender */

struct migration {
    libxl_ctx *libxl;
    struct guest guest;
    char back[48];             /* its helper's name for `from` */
    char *away;                /* the name that it has while it is neither here nor there; NULL: it has its own */
    pid_t transport;
    int to, from;
    struct save_options options;
    const char *outcome, *reason;  /* for the journal */
};

/* The command that reaches the receiver, in a process of its own. 0, or -errno and has said why. */
static int start_transport(struct migration *m, const char *rune)
{
    int out[2], in[2];

    if (pipe2(out, O_CLOEXEC) || pipe2(in, O_CLOEXEC) || (m->transport = fork()) < 0) {
        int error = errno;

        failure("no process can be made: %s", strerror(error));
        return -error;
    }
    if (m->transport == 0) {
        operations_forget();
        setsid();              /* a signal from the terminal is for us, and we end it if need be */
        dup2(out[0], STDIN_FILENO);
        dup2(in[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", rune, (char *)NULL);
        _exit(failure("sh cannot be run: %s", strerror(errno)));
    }
    close(out[0]);
    close(in[1]);
    m->to = out[1];
    m->from = in[0];
    return 0;
}

/* Whether it has ended within the time; *status: as waitpid() has it. */
static bool transport_ends(struct migration *m, int *status)
{
    for (unsigned waited = 0; waited < TRANSPORT_MS; waited += LOOK_EVERY_MS) {
        if (waitpid(m->transport, status, WNOHANG))
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY_MS * 1000000L }, NULL);
    }
    return false;
}

/*
 * The other end hears that nothing more comes, and is given time to clear up and say so. The exit status of the command
 * that reached it, or -1.
 */
static int end_transport(struct migration *m)
{
    int status = -1;

    close(m->to);
    close(m->from);
    if (!transport_ends(m, &status)) {
        kill(-m->transport, SIGTERM);   /* it waits for an answer that does not come */
        waitpid(m->transport, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* There is no receiver. */
static int not_taken(struct migration *m, int error)
{
    int status = end_transport(m);

    m->reason = link_error(error);
    return failure("the other host does not take a domain: %s",
                   error == -EPIPE && status == STATUS_NO_COMMAND ? "there is no torpor (exit status 127)"
                   : error == -EPIPE && status == STATUS_NO_HOST  ? "it cannot be reached (exit status 255)"
                                                                  : link_error(error));
}

/* In the guardian: the receiver's word is heard for a sender that cannot hear it any more. */
static void rescue_sent(const void *context, char reached, int from)
{
    const struct migration *m = context;
    bool handing_over = reached == HANDING_OVER;
    char report[LONGEST + 1] = "";
    int error = handing_over ? hear(from, report, patience_ms(), false) : 0;

    if (reached == HANDED_OVER || strcmp(report, STARTED) == 0) {
        progress_went_on("handed over");
        progress_end(save_destroy_rest(&m->guest), "handed over", GUARDIAN_REASON);
    } else if (!handing_over || strcmp(report, FAILED) == 0) {
        save_rescue(&(struct save_rescue){ .guest = &m->guest }, reached, from);
    } else {
        progress_end(error ? error : -EPROTO, "undefined", GUARDIAN_REASON);
    }
}

/* It is ours, as it was, and goes on before anything else is looked after. */
static int go_on_here(struct migration *m, const char *why)
{
    guardian_tell(GOING_ON);
    if (m->away && libxl_domain_rename(m->libxl, m->guest.id, m->away, m->guest.name))
        failure("domain %u is still called %s", m->guest.id, m->away);
    if (save_go_on(m->libxl, &m->guest, false) == EXIT_SUCCESS)
        guardian_end();
    progress_went_on("resumed");
    end_transport(m);
    fprintf(stderr, "Migration failed, resuming at sender: %s\n", why);
    m->reason = why;
    return EXIT_FAILURE;
}

static int lost(struct migration *m, int error)
{
    guardian_end();
    end_transport(m);
    m->outcome = "undefined";
    m->reason = link_error(error);
    fprintf(stderr,
            "** Migration failed during final handshake: %s **\n"
            "Domain state is now undefined: look whether the other host has %s running.\n"
            "If it has: xl destroy %s here. If not, and only then: torpor wake %s here.\n",
            link_error(error), m->guest.name, m->away, m->away);
    return EXIT_FAILURE;
}

/* The other host may have it whole. 0, or -errno and it has its name. */
static int rename_away(struct migration *m)
{
    if (asprintf(&m->away, "%s" SAVE_AWAY, m->guest.name) < 0) {
        m->away = NULL;
        return -ENOMEM;
    }
    if (libxl_domain_rename(m->libxl, m->guest.id, m->guest.name, m->away) == 0)
        return 0;
    free(m->away);
    m->away = NULL;
    return -EIO;
}

/* The receiver has it whole: from here on only one of the two says who goes on. */
static int hand_over(struct migration *m)
{
    char report[LONGEST + 1];
    int error, rc;

    fprintf(stderr, "migration sender: Target has acknowledged transfer.\n");
    fprintf(stderr, "migration sender: Giving target permission to start.\n");
    guardian_tell(HANDING_OVER);
    error = tell(m->to, GO);
    if (error)
        return go_on_here(m, link_error(error));   /* nobody is there to hear it, and it is too short to be cut */
    error = hear(m->from, report, patience_ms(), false);
    if (!error && strcmp(report, FAILED) == 0)
        return go_on_here(m, "the other host cannot start it");
    if (!error && strcmp(report, STARTED))
        error = -EPROTO;
    if (error)
        return lost(m, error);
    guardian_tell(HANDED_OVER);
    progress_stage("start", 0);
    progress_went_on("handed over");
    m->outcome = "handed over";
    fprintf(stderr, "migration sender: Target reports successful startup.\n");
    end_transport(m);
    rc = libxl_domain_destroy(m->libxl, m->guest.id, NULL);
    if (rc)   /* the guardian tries again */
        return failure("%s runs there, but what is left of it here was not destroyed: if it stays, xl destroy %u",
                       m->guest.name, m->guest.id);
    guardian_end();
    fprintf(stderr, "Migration successful.\n");
    return EXIT_SUCCESS;
}

static int send_domain(struct migration *m, const char *json)
{
    int error = expect(m->from, BANNER, FOR_EVER);   /* somebody may be asked for a password */

    if (error)
        return not_taken(m, error);
    if (image_write_head(m->to, "migration stream", json) || guardian_begin(rescue_sent, m, m->from)) {
        end_transport(m);
        m->reason = "the stream cannot be begun";
        return EXIT_FAILURE;
    }
    snprintf(m->back, sizeof(m->back), "/proc/%d/fd/%d", (int)getpid(), m->from);
    m->options.helper.back = m->back;
    if (save_write(m->libxl, &m->guest, m->to, &m->options))
        return go_on_here(m, save_reason());
    error = rename_away(m);                    /* while the receiver is busy with the end of it */
    progress_stage("rename", error);
    if (error)
        return go_on_here(m, "it cannot be renamed");
    error = expect_ready(m->from);
    progress_stage("ready", error);
    return error ? go_on_here(m, link_error(error)) : hand_over(m);
}

/* Started, shown and written down. */
static int send_and_record(struct migration *m, const char *json)
{
    char doing[80];
    int status;

    m->outcome = "resumed";
    m->reason = "";
    snprintf(doing, sizeof(doing), "Sending %s", m->guest.name);
    progress_begin("migrate", doing, m->options.json);
    progress_domain(m->libxl, m->guest.name, m->guest.id);
    status = send_domain(m, json);
    progress_end(status ? -EIO : 0, m->outcome, m->reason);
    return status;
}

static int migrate(const char *name, const char *rune, const char *config_file, const struct save_options *options)
{
    struct migration m = { .libxl = guests_libxl(), .options = *options };
    int status = EXIT_FAILURE;
    char *json;

    if (guest_find(name, &m.guest))
        return EXIT_FAILURE;
    if (save_check(m.libxl, &m.guest) == 0 && (json = save_config(m.libxl, &m.guest, config_file))) {
        if (start_transport(&m, rune) == 0)
            status = send_and_record(&m, json);
        free(json);
    }
    free(m.away);
    free(m.guest.name);
    return status;
}

/* The command for sh. NULL: out of memory. */
static char *make_rune(const char *command, const char *host, bool paused, bool unwatched, bool debug)
{
    char *rune;

    if (!*command)
        return strdup(host);
    if (asprintf(&rune, "exec %s %s torpor migrate-receive%s%s%s", command, host, paused ? " -p" : "",
                 unwatched ? " -e" : "", debug ? " -d" : "") < 0)
        return NULL;
    return rune;
}

int command_migrate(const struct command *c, int argc, char **argv)
{
    enum { DEBUG = 256, LIVE, JSON, MAX_DOWNTIME, NO_THROTTLE };
    static const struct option long_options[] = {
        { "debug", no_argument, NULL, DEBUG },
        { "live", no_argument, NULL, LIVE },
        { "compress", no_argument, NULL, 'z' },
        { "json", no_argument, NULL, JSON },
        { "max-downtime", required_argument, NULL, MAX_DOWNTIME },
        { "no-throttle", no_argument, NULL, NO_THROTTLE },
        COMMON_OPTIONS
    };
    struct save_options options = { .live = true, .helper = {
        .throttle = true, .max_downtime_ms = DEFAULT_MAX_DOWNTIME_MS } };
    const char *command = "ssh", *config_file = NULL;
    bool paused = false, unwatched = false, debug = false;
    int option, status = EXIT_FAILURE;
    char *rune;

    while ((option = next_option(c, argc, argv, ":s:C:eFpzh", long_options)) >= 0) {
        command = option == 's' ? optarg : command;
        config_file = option == 'C' ? optarg : config_file;
        unwatched |= option == 'e' || option == 'F';   /* there is no foreground there */
        paused |= option == 'p';
        debug |= option == DEBUG;
        options.helper.compress |= option == 'z';
        options.helper.throttle &= option != NO_THROTTLE;
        options.json |= option == JSON;
        if (option == MAX_DOWNTIME && save_read_downtime(optarg, &options.helper.max_downtime_ms))
            return usage_error(c, "%s is no number of milliseconds from 1 to %u", optarg, MOST_MAX_DOWNTIME_MS);
    }
    options.helper.fixed_ns = journal_fixed_ns(JOURNAL_PATH);
    if (argc - optind != 2)
        return usage_error(c, "a guest's name or number and a host are needed");
    rune = make_rune(command, argv[optind + 1], paused, unwatched, debug);
    if (!rune)
        return failure("out of memory");
    if (helper_use() == 0 && set_patience() == 0 && operations_start() == 0 && guests_open_to_save() == 0) {
        status = migrate(argv[optind], rune, config_file, &options);
        guests_close();
    }
    free(rune);
    return status;
}

/* --- the receiver */

struct receiver {
    bool paused, unwatched;    /* as the sender asks for it */
};

/* However much of it has been done already. 0 or libxl's error. */
static int give_name(libxl_ctx *libxl, uint32_t id, const char *name)
{
    char *now = libxl_domid_to_name(libxl, id);
    int rc = !now ? ERROR_FAIL : strcmp(now, name) ? libxl_domain_rename(libxl, id, now, name) : 0;

    free(now);
    return rc;
}

/* Only when nothing is left of it may the sender's go on. */
static int give_up(libxl_ctx *libxl, uint32_t id, const char *why, int to)
{
    guardian_tell(GIVEN_UP);
    fprintf(stderr, "migration target: Failure, destroying our copy: %s\n", why);
    if (libxl_domain_destroy(libxl, id, NULL))   /* the guardian tries again */
        return failure("domain %u was not destroyed: if it stays, xl destroy %u", id, id);
    tell(to, FAILED);
    guardian_end();
    return EXIT_FAILURE;
}

/* The sender has let go: it is ours to start. */
static int take_over(libxl_ctx *libxl, uint32_t id, const char *name, const struct receiver *r, int to)
{
    if (!r->paused && restore_unpause(libxl, id)) {
        failure("%s (%u) cannot be unpaused", name, id);
        return give_up(libxl, id, "it does not start", to);
    }
    progress_stage("start", 0);
    progress_went_on("received");
    tell(to, STARTED);   /* runs here, whether the sender hears it or not */
    if (attach_remember(libxl, id))
        failure("domain %u runs, and has devices that libxl does not know of", id);
    if (give_name(libxl, id, name))
        failure("domain %u runs, and cannot be renamed to %s", id, name);
    fprintf(stderr, "migration target: Domain started successfully.\n");
    if (!r->unwatched)
        monitor_in_background(id, false);
    return EXIT_SUCCESS;
}

/* In the guardian. */
static void rescue_received(const void *context, char reached, int to)
{
    int status = EXIT_FAILURE;
    const char *name;
    uint32_t id;
    int error = restore_find(guests_libxl(), reached == TAKING_OVER, &id, &name);

    if (error == -ENOENT || (error && reached != TAKING_OVER))
        tell(to, FAILED);
    else if (error)   /* it may run: that nothing is said tells the sender that nobody knows */
        failure("the domains cannot be listed");
    else if (reached == TAKING_OVER)
        status = take_over(guests_libxl(), id, name, context, to);
    else
        give_up(guests_libxl(), id, "the receiver was killed", to);
    progress_end(status ? -EINTR : 0, status ? "failed" : "received", GUARDIAN_REASON);
}

/* The domain is whole, and paused. */
static int finish_receiving(libxl_ctx *libxl, uint32_t id, const char *name, const struct receiver *r)
{
    int error;

    fprintf(stderr, "migration target: Transfer complete, requesting permission to start domain.\n");
    error = tell(STDOUT_FILENO, READY);
    if (!error)
        error = expect(STDIN_FILENO, GO, patience_ms());
    if (error)
        return give_up(libxl, id, link_error(error), STDOUT_FILENO);
    progress_stage("permission", 0);
    guardian_tell(TAKING_OVER);
    fprintf(stderr, "migration target: Got permission, starting domain.\n");
    return take_over(libxl, id, name, r, STDOUT_FILENO);
}

/* What does not go at once is not waited for: the sender has asked more than it listens. */
static void answer_sync(void)
{
    if (poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, 0) > 0)
        tell(STDOUT_FILENO, SYNC_HERE);
}

static int receive(bool debug, const struct receiver *r)
{
    struct restore_request request = {
        .source = "<incoming migration stream>", .operation = "receive", .fd = STDIN_FILENO, .suffix = "--incoming",
        .debug = debug, .rescue = rescue_received, .context = r, .rescue_fd = STDOUT_FILENO,
    };
    uint32_t id;
    char *name;
    int status;

    progress_on_sync(answer_sync);
    fprintf(stderr, "migration target: Ready to receive domain.\n");
    if (tell(STDOUT_FILENO, BANNER) || restore_domain(guests_libxl(), &request, &id, &name)) {
        fprintf(stderr, "migration target: Domain creation failed.\n");
        tell(STDOUT_FILENO, FAILED);    /* to a sender that waits: the transport may outlive us */
        return EXIT_FAILURE;
    }
    status = finish_receiving(guests_libxl(), id, name, r);
    if (status == EXIT_SUCCESS)
        guardian_end();
    progress_end(status ? -EIO : 0, status ? "failed" : "received", "");
    free(name);
    return status;
}

int command_migrate_receive(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = { COMMON_OPTIONS };
    struct receiver r = { 0 };
    bool debug = false;
    int option, status;

    while ((option = next_option(c, argc, argv, ":deph", long_options)) >= 0) {
        debug |= option == 'd';
        r.unwatched |= option == 'e';
        r.paused |= option == 'p';
    }
    if (optind != argc)
        return usage_error(c, "it takes no arguments");
    if (helper_use() || set_patience() || operations_start() || guests_open_to_save())
        return EXIT_FAILURE;
    status = receive(debug, &r);
    guests_close();
    return status;
}
