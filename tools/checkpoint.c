// SPDX-License-Identifier: Apache-2.0
/*
 * torpor checkpoint: a guest's state to a file, while it runs; and again into the same file the changes since. The
 * hypervisor goes on tracking the guest's writes when a checkpoint is over, and tools/segments.h has the file.
 *
 * Invariant: whatever fails, and whenever this program or the host ends, the guest goes on and the file has the last
 * whole checkpoint. Changes alone are only written where it is known that the file's last checkpoint is of this very
 * domain, and that nobody else was told meanwhile of its writes; else all of it is, beside the file that there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "tools/guardian.h"
#include "tools/guests.h"
#include "tools/helper.h"
#include "tools/helper/transfer.h"
#include "tools/image.h"
#include "tools/operation.h"
#include "tools/progress.h"
#include "tools/save.h"
#include "tools/segments.h"
#include "tools/torpor.h"

#define BOOT_ID  "/proc/sys/kernel/random/boot_id"
#define SINCE    "TORPOR_CHECKPOINT"   /* the helper's: "all", or a period */
#define LOOK_NS  50000000L
#define DOWNTIME_MS 100             /* for which the guest stands still at most, if that can be */
#define LONGEST_MS (UINT64_C(86400) * 1000)

struct checkpoint {
    libxl_ctx *libxl;
    const struct guest *guest;
    const char *file, *config_file;
    struct commit_token token;         /* of the guest as it is now, but for the period */
    bool watched;                      /* our monitor waits for its end */
    bool stands;                       /* the guest, still: it could not go on, which is for the guardian to see to */
    struct save_options options;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int cannot_write(const struct checkpoint *c, int error)
{
    failure("%s cannot be written: %s", c->file, strerror(-error));
    return error;
}

/* --- the domain of the file's last checkpoint */

static int read_boot_id(char boot[COMMIT_BOOT])
{
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot, COMMIT_BOOT - 1);

    if (fd >= 0)
        close(fd);
    return n > 0 ? 0 : -ENOENT;
}

static int make_token(struct checkpoint *c)
{
    libxl_dominfo info;
    int rc;

    c->token = (struct commit_token){ .domid = c->guest->id };
    libxl_dominfo_init(&info);
    rc = libxl_domain_info(c->libxl, &info, c->guest->id);
    memcpy(c->token.uuid, libxl_uuid_bytearray_const(&info.uuid), sizeof(c->token.uuid));
    libxl_dominfo_dispose(&info);
    if (!rc && !read_boot_id(c->token.boot))
        return 0;
    failure("%s (%u) cannot be told from others: no domain, or no " BOOT_ID, c->guest->name, c->guest->id);
    return -EIO;
}

/* NULL: the pages that are dirty now are those that have changed since `last`. */
static const char *why_anew(const struct checkpoint *c, const struct commit *last)
{
    uint32_t period;

    if (memcmp(last->token.boot, c->token.boot, sizeof(c->token.boot)))
        return "the host has been started since";
    if (memcmp(last->token.uuid, c->token.uuid, sizeof(c->token.uuid)))
        return "it is of another guest";
    if (last->token.domid != c->token.domid)
        return "the guest has been started since";
    if (guest_dirty_period(c->guest, &period) || period != last->token.period)
        return "what the guest has written to since is not known";
    return NULL;
}

/* --- one checkpoint */

/* partial: the file that fd is of, as long as that is not to be kept; or NULL. */
static int suspend_and_write(struct checkpoint *c, int fd, const char *partial, const char *since)
{
    struct save_rescue rescue = { c->guest, partial, NULL };
    int rc;

    if (since && setenv(SINCE, since, 1)) {   /* without it the helper would write another kind of stream */
        failure("out of memory");
        return -ENOMEM;
    }
    if (guardian_begin(save_rescue, &rescue, -1)) {
        unsetenv(SINCE);
        return -EAGAIN;
    }
    rc = save_write(c->libxl, c->guest, fd, &c->options);
    unsetenv(SINCE);
    if (rc)
        fprintf(stderr, "Failed to save domain, resuming domain: %s\n", save_reason());
    c->stands = save_go_on(c->libxl, c->guest, c->watched);
    progress_went_on("resumed");
    c->watched = true;
    return rc ? -EIO : 0;
}

/* A checkpoint to a pipe or a device stands alone, and nothing comes after it. */
static int write_alone(struct checkpoint *c, struct image_file *file, const char *json)
{
    int error = image_write_head(file->fd, file->name, json);

    if (!error)
        error = suspend_and_write(c, file->fd, NULL, NULL);
    return error ? error : image_commit(file);
}

/* before NULL: of everything, to a partial file. The commit record is written when all else is on the disk. */
static int write_segment(struct checkpoint *c, int fd, const char *partial, const char *json,
                         const struct commit *before, struct commit *commit)
{
    uint64_t begin = before ? before->end + sizeof(*before) : 0;
    char since[16] = "all";
    int error;

    if (before)
        snprintf(since, sizeof(since), "%" PRIu32, before->token.period);
    if (lseek(fd, (off_t)begin, SEEK_SET) < 0)
        return cannot_write(c, -errno);
    error = image_write_checkpoint_head(fd, c->file, json);
    if (!error)
        error = suspend_and_write(c, fd, partial, since);
    if (error)
        return error;
    error = fsync(fd) ? -errno : commit_write(fd, begin, before, &c->token, commit);
    return error ? cannot_write(c, error) : 0;
}

static int write_anew(struct checkpoint *c, const char *json, struct commit *commit)
{
    struct image_file file;
    int error = image_create(&file, c->file);

    if (error)
        return error;
    if (!file.partial) {
        *commit = (struct commit){ 0 };
        error = write_alone(c, &file, json);
    } else {
        error = write_segment(c, file.fd, file.partial, json, NULL, commit);
        if (!error)
            error = image_commit(&file);
    }
    image_discard(&file);
    return error;
}

static int append(struct checkpoint *c, int fd, const char *json, const struct commit *before,
                  struct commit *commit)
{
    int error = write_segment(c, fd, NULL, json, before, commit);

    if (error && ftruncate(fd, (off_t)(before->end + sizeof(*before))))
        detail("%s: what is behind its last checkpoint stays there: %s", c->file, strerror(errno));
    return error;
}

static int move_out(void *context, void *buffer, size_t size) { return write_all(*(int *)context, buffer, size); }

static int compose_into(struct segments *s, struct image_file *file)
{
    struct commit commit;
    int error = segments_compose(s, true, move_out, &file->fd);

    if (!error)
        error = fsync(file->fd) ? -errno : commit_write(file->fd, 0, NULL, &s->last.token, &commit);
    if (error && !s->error[0])
        snprintf(s->error, sizeof(s->error), "%s", strerror(-error));
    return error;
}

/*
 * The last checkpoint alone, each page once, in place of a file in which most is not the newest any more. A failure is
 * no failure of the checkpoint.
 */
static void rewrite(const struct checkpoint *c, int fd)
{
    struct segments s;
    struct image_file file;

    if (segments_read(&s, fd) || s.whole != s.size) {
        failure("%s is damaged, and is begun anew the next time: %s", c->file, s.error);
    } else if (image_create(&file, c->file) == 0) {
        if (compose_into(&s, &file))
            failure("%s was not made smaller: %s", c->file, s.error);
        else if (image_commit(&file) == 0)
            detail("%s was rewritten without what is not the newest", c->file);
        image_discard(&file);
    }
    segments_free(&s);
}

/* A file of checkpoints, for this process alone; -1: there is none. *error: it cannot be had. */
static int open_file(const struct checkpoint *c, int *error)
{
    int fd = image_is_regular(c->file) ? open(c->file, O_RDWR | O_CLOEXEC) : -1;

    *error = 0;
    if (fd < 0)
        return -1;   /* if it cannot be replaced either, that is said then */
    if (!image_is_checkpoint(fd)) {
        close(fd);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    *error = -EBUSY;
    failure("%s is being written by another program", c->file);
    close(fd);
    return -1;
}

static int write_checkpoint(struct checkpoint *c, int fd, const char *json, struct commit *commit)
{
    struct commit last;
    const char *why = fd < 0                       ? NULL
                      : commit_read_last(fd, &last) ? "its last checkpoint is not whole"
                                                    : why_anew(c, &last);
    int error;

    if (why)
        fprintf(stderr, "%s is begun anew: %s\n", c->file, why);
    if (fd < 0 || why)
        return write_anew(c, json, commit);
    error = append(c, fd, json, &last, commit);
    if (!error && commit->end + sizeof(*commit) > 2 * commit->base_end)
        rewrite(c, fd);
    return error;
}

static int take_shown(struct checkpoint *c)
{
    struct commit commit = { .end = 0 };
    char *json;
    int error = make_token(c), fd;

    if (error)
        return error;
    json = save_config(c->libxl, c->guest, c->config_file);
    if (!json)
        return -EIO;
    fd = open_file(c, &error);
    if (!error)
        error = write_checkpoint(c, fd, json, &commit);
    if (!error && commit.end && !c->options.json) {
        printf("%s: checkpoint %" PRIu64 " of %s is whole, %.1f MiB\n", c->file, commit.number + 1, c->guest->name,
               (double)(commit.end - commit.begin) / (1 << 20));
        fflush(stdout);
    }
    if (fd >= 0)
        close(fd);
    free(json);
    return error;
}

static int take(struct checkpoint *c)
{
    char doing[80];
    int error = save_check(c->libxl, c->guest);

    if (error)
        return error;
    snprintf(doing, sizeof(doing), "Saving %s", c->guest->name);
    progress_begin("checkpoint", doing, c->options.json);
    progress_domain(c->libxl, c->guest->name, c->guest->id);
    error = take_shown(c);
    if (!c->stands)
        guardian_end();
    else if (!error)
        error = -EIO;   /* the file is whole, but the guest is the guardian's now */
    progress_end(error, error ? "resumed" : "checkpointed", "");
    return error;
}

/* --- again and again */

static bool is_over(const struct checkpoint *c)
{
    return operation_interrupted() || guest_state(c->guest) == GUEST_ENDED;
}

/* False: there is to be no other. A guest that somebody has paused is waited for. */
static bool wait_for(const struct checkpoint *c, uint64_t due_ms)
{
    while (!is_over(c) && (now_ms() < due_ms || guest_state(c->guest) == GUEST_SUSPENDED))
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
    return !is_over(c);
}

/* Ended early, it has the checkpoints made so far: one that was called off is no failure where others are whole. */
static int take_many(struct checkpoint *c, uint64_t every_ms, uint64_t count)
{
    uint64_t taken = 0, due = now_ms();

    while (taken < count && wait_for(c, due)) {
        due = now_ms() + every_ms;
        if (take(c) && !is_over(c))
            return EXIT_FAILURE;
        taken += !is_over(c) || taken;
    }
    if (taken < count)
        fprintf(stderr, "torpor: %s (%u) %s\n", c->guest->name, c->guest->id,
                operation_interrupted() ? "has no further checkpoints made" : "has ended");
    return taken ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* "500ms", "5s" or "5", "2m"; 0: it is none. */
static uint64_t parse_time(const char *text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    char *end;
    double n = strtod(text, &end);

    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (end != text && strcmp(end, units[i].name) == 0 && n * units[i].ms >= 1 && n * units[i].ms <= LONGEST_MS)
            return (uint64_t)(n * units[i].ms);
    return 0;
}

static uint64_t parse_count(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    return *text >= '0' && *text <= '9' && !*end ? n : 0;
}

static int run(char **names, uint64_t every_ms, uint64_t count, const struct save_options *options)
{
    struct guest guest = { 0 };
    struct checkpoint c = { .guest = &guest, .file = names[1], .config_file = names[2], .options = *options };
    int status = EXIT_FAILURE;

    if (helper_use() || operations_start() || guests_open_to_save())
        return EXIT_FAILURE;
    c.libxl = guests_libxl();
    if (guest_find(names[0], &guest) == 0)
        status = every_ms ? take_many(&c, every_ms, count) : take(&c) ? EXIT_FAILURE : EXIT_SUCCESS;
    free(guest.name);
    guests_close();
    return status;
}

int command_checkpoint(const struct command *c, int argc, char **argv)
{
    enum { EVERY = 256, COUNT, JSON };
    static const struct option long_options[] = {
        { "compress", no_argument, NULL, 'z' },
        { "json", no_argument, NULL, JSON },
        { "every", required_argument, NULL, EVERY },
        { "count", required_argument, NULL, COUNT },
        COMMON_OPTIONS
    };
    struct save_options options = { .live = true, .helper.max_downtime_ms = DOWNTIME_MS };
    uint64_t every_ms = 0, count = UINT64_MAX;
    int option;

    while ((option = next_option(c, argc, argv, ":zh", long_options)) >= 0) {
        options.helper.compress |= option == 'z';
        options.json |= option == JSON;
        if (option == EVERY && !(every_ms = parse_time(optarg)))
            return usage_error(c, "--every %s is no time: 500ms, 5s, 2m", optarg);
        if (option == COUNT && !(count = parse_count(optarg)))
            return usage_error(c, "--count %s is no number of checkpoints", optarg);
    }
    if (argc - optind < 2 || argc - optind > 3)
        return usage_error(c, "a guest's name or number and a file are needed");
    if (count != UINT64_MAX && !every_ms)
        return usage_error(c, "--count goes with --every");
    return run(&argv[optind], every_ms, count, &options);
}
