// SPDX-License-Identifier: Apache-2.0
/*
 * torpor save, with xl's options, messages and exit statuses as they are on x86. libxl has the guest suspend itself
 * and writes the stream, for the most part by torpor-save-helper.
 *
 * Invariant: whatever fails, the guest goes on in this domain, unless the file is whole, on the disk and under its
 * name.
 */
#include "tools/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "tools/config.h"
#include "tools/guardian.h"
#include "tools/guests.h"
#include "tools/helper.h"
#include "tools/image.h"
#include "tools/logger.h"
#include "tools/monitor.h"
#include "tools/operation.h"
#include "tools/progress.h"
#include "tools/torpor.h"

#define SUSPENDS_MS   60000   /* libxl's own patience with a guest that was asked to suspend itself */

enum afterwards { DESTROY, GO_ON, STAY_PAUSED };

int save_check(libxl_ctx *libxl, const struct guest *guest)
{
    libxl_domain_config config;
    const char *unsavable;
    int error;

    if (guest->id == 0) {
        failure("%s is the host: torpor suspend --host", guest->name);
        return -EINVAL;
    }
    if (guest_state(guest) != GUEST_RUNNING) {
        failure("%s (%u) does not run: it cannot suspend itself, which saving it takes", guest->name, guest->id);
        return -EINVAL;
    }
    if (!guest_offers_suspend(guest)) {
        failure("%s (%u) does not offer to suspend itself (no control/feature-suspend in xenstore)", guest->name,
                guest->id);
        return -EOPNOTSUPP;
    }
    libxl_domain_config_init(&config);
    error = config_of_guest(libxl, guest->id, guest->name, &config);
    unsavable = error ? NULL : config_unsavable(&config);
    if (unsavable) {
        failure("%s (%u) has %s, which cannot be saved", guest->name, guest->id, unsavable);
        error = -EOPNOTSUPP;
    }
    libxl_domain_config_dispose(&config);
    return error;
}

char *save_config(libxl_ctx *libxl, const struct guest *guest, const char *config_file)
{
    libxl_domain_config config;
    char *json = NULL;
    int error;

    libxl_domain_config_init(&config);
    error = config_file ? config_from_file(libxl, config_file, &config)
                        : config_of_guest(libxl, guest->id, guest->name, &config);
    if (!error)
        json = config_to_json(libxl, &config);
    libxl_domain_config_dispose(&config);
    return json;
}

int save_go_on(libxl_ctx *libxl, const struct guest *guest, bool watched)
{
    bool taken, suspended;
    int error = guest_release(guest, &taken), rc = 0;

    suspended = guest_state(guest) == GUEST_SUSPENDED;
    if (error && !suspended)
        return failure("%s (%u) goes on, and may still suspend itself as it was asked to: %s", guest->name, guest->id,
                       strerror(-error));
    if (suspended) {
        guardian_tell(SAVE_GOES_ON);
        rc = libxl_domain_resume(libxl, guest->id, 1, NULL);
    }
    if (rc)
        return failure("%s (%u) does not go on: libxl's error %d; torpor wake %s may help", guest->name, guest->id, rc,
                       guest->name);
    if (!watched && (taken || suspended))
        monitor_in_background(guest->id, true);
    guardian_tell(SAVE_WENT_ON);
    return EXIT_SUCCESS;
}

/* Numbers are given again: whether it is the guest, by its name or by that with SAVE_AWAY behind it. */
static bool take_name_back(libxl_ctx *libxl, const struct guest *guest)
{
    char *now = libxl_domid_to_name(libxl, guest->id);
    size_t length = strlen(guest->name);
    bool ours = now && strncmp(now, guest->name, length) == 0;

    if (ours && now[length])
        ours = strcmp(now + length, SAVE_AWAY) == 0 && libxl_domain_rename(libxl, guest->id, now, guest->name) == 0;
    free(now);
    return ours;
}

/* False: it is not there any more. Where it goes on already, its monitor may not have been begun; there is but one. */
static bool rescue_guest(const struct guest *guest, char reached)
{
    bool taken = true;

    if (!take_name_back(guests_libxl(), guest))
        return false;
    guest_release(guest, &taken);
    if (taken && guest_await_suspension(guest, SUSPENDS_MS)) {
        save_go_on(guests_libxl(), guest, false);
        progress_went_on("resumed");
    } else if (reached == SAVE_GOES_ON) {
        monitor_in_background(guest->id, true);
    }
    return true;
}

/* Half of it may have been destroyed: the name goes before the domain. A guest in its place would not be suspended. */
int save_destroy_rest(const struct guest *guest)
{
    char *name = libxl_domid_to_name(guests_libxl(), guest->id);
    size_t length = strlen(guest->name);
    bool ours = !name || (strncmp(name, guest->name, length) == 0 &&
                          (!name[length] || strcmp(name + length, SAVE_AWAY) == 0));
    enum guest_state state = guest_state(guest);

    free(name);
    if (ours && state == GUEST_SUSPENDED)
        return libxl_domain_destroy(guests_libxl(), guest->id, NULL) ? -EIO : 0;
    return state == GUEST_ENDED ? 0 : -EIO;
}

void save_rescue(const void *context, char reached, int fd)
{
    const struct save_rescue *r = context;
    bool went_on;

    (void)fd;
    if (reached == SAVE_KEPT || (!reached && r->ends && image_is_kept(r->ends))) {
        progress_end(save_destroy_rest(r->guest), "saved", GUARDIAN_REASON);
        return;
    }
    if (r->ends && !reached)
        image_withdraw(r->ends);
    if (r->partial)
        unlink(r->partial);
    went_on = reached == SAVE_WENT_ON || rescue_guest(r->guest, reached);
    progress_end(-EINTR, went_on ? "resumed" : "failed", GUARDIAN_REASON);
}

static int destroy(libxl_ctx *libxl, const struct guest *guest)
{
    int rc;

    guardian_tell(SAVE_KEPT);
    rc = libxl_domain_destroy(libxl, guest->id, NULL);
    if (rc)   /* the guardian tries again */
        return failure("%s (%u) is saved, but was not destroyed (libxl's error %d): if it stays, xl destroy %u",
                       guest->name, guest->id, rc, guest->id);
    guardian_end();
    return EXIT_SUCCESS;
}

/* The guest is suspended, and the file whole. */
static int finish(libxl_ctx *libxl, const struct guest *guest, enum afterwards afterwards)
{
    int rc = 0;

    if (afterwards == DESTROY)
        return destroy(libxl, guest);
    if (afterwards == STAY_PAUSED)
        rc = libxl_domain_pause(libxl, guest->id, NULL);
    if (rc)
        failure("%s (%u) cannot be paused: libxl's error %d", guest->name, guest->id, rc);
    if (save_go_on(libxl, guest, false))
        return EXIT_FAILURE;
    guardian_end();
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int save_read_downtime(const char *text, uint32_t *ms)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || !value || value > MOST_MAX_DOWNTIME_MS)
        return -EINVAL;
    *ms = (uint32_t)value;
    return 0;
}

int save_write(libxl_ctx *libxl, const struct guest *guest, int fd, const struct save_options *options)
{
    int rc;

    if (options_set(&options->helper))
        return ERROR_NOMEM;
    logger_forget();
    progress_listen();
    operation_begin(libxl);
    rc = libxl_domain_suspend(libxl, guest->id, fd, options->live ? LIBXL_SUSPEND_LIVE : 0, NULL);
    operation_end();
    progress_settle();
    progress_stage("libxl", rc ? -EIO : 0);
    return rc;
}

const char *save_reason(void)
{
    return operation_interrupted() ? "interrupted"
           : *logger_reason()      ? logger_reason()
                                   : "libxl does not say why (torpor -v)";
}

/* Has the guest suspended and writes it all. 0, or -errno and has said why; then the guest may be suspended. */
static int write_image(libxl_ctx *libxl, const struct guest *guest, struct image_file *file, const char *json,
                       enum afterwards afterwards, const struct save_options *options)
{
    struct save_rescue rescue = { guest, file->partial, afterwards == DESTROY ? file : NULL };
    int error = guardian_begin(save_rescue, &rescue, -1);

    if (!error)
        error = image_write_head(file->fd, file->name, json);
    if (error || save_write(libxl, guest, file->fd, options) == 0)
        return error;
    fprintf(stderr, "Failed to save domain, resuming domain: %s\n", save_reason());
    return -EIO;
}

static int go_on(libxl_ctx *libxl, const struct guest *guest)
{
    int status = save_go_on(libxl, guest, false);

    progress_went_on("resumed");
    return status;
}

/* A guest that goes on in any case does not wait for the disk. */
static int write_and_finish(libxl_ctx *libxl, const struct guest *guest, struct image_file *file, const char *json,
                            enum afterwards afterwards, const struct save_options *options)
{
    int error = write_image(libxl, guest, file, json, afterwards, options), status = EXIT_SUCCESS;
    bool goes_on = error || afterwards == GO_ON;

    if (goes_on)
        status = go_on(libxl, guest);
    if (!error)
        error = image_commit(file);
    if (error && !goes_on) {
        image_withdraw(file);
        status = go_on(libxl, guest);
    }
    if (!error && !goes_on)
        status = finish(libxl, guest, afterwards);
    else if (status == EXIT_SUCCESS)
        guardian_end();
    progress_end(error, error ? "resumed" : "saved", "");
    return error ? EXIT_FAILURE : status;
}

static int save(libxl_ctx *libxl, const struct guest *guest, const char *name, const char *config_file,
                enum afterwards afterwards, const struct save_options *options)
{
    struct image_file file;
    char *json = save_config(libxl, guest, config_file), doing[80];
    int status = EXIT_FAILURE;

    if (!json)
        return EXIT_FAILURE;
    snprintf(doing, sizeof(doing), "Saving %s", guest->name);
    progress_begin("save", doing, options->json);
    progress_domain(libxl, guest->name, guest->id);
    if (image_create(&file, name) == 0) {
        status = write_and_finish(libxl, guest, &file, json, afterwards, options);
        image_discard(&file);
    } else {
        progress_end(-EIO, "resumed", "its file cannot be written");
    }
    free(json);
    return status;
}

/* The guest, file and configuration that are named, saved. */
static int save_named(const struct command *c, char **names, int count, enum afterwards afterwards,
                      const struct save_options *options)
{
    struct guest guest = { 0 };
    int status = EXIT_FAILURE;

    if (count < 2 || count > 3)
        return usage_error(c, "a guest's name or number and a file are needed");
    if (helper_use() || operations_start() || guests_open_to_save())
        return EXIT_FAILURE;
    if (guest_find(names[0], &guest) == 0 && save_check(guests_libxl(), &guest) == 0)
        status = save(guests_libxl(), &guest, names[1], names[2], afterwards, options);
    free(guest.name);
    guests_close();
    return status;
}

int command_save(const struct command *c, int argc, char **argv)
{
    enum { JSON = 256 };
    static const struct option long_options[] = {
        { "checkpoint", no_argument, NULL, 'c' },
        { "pause", no_argument, NULL, 'p' },
        { "compress", no_argument, NULL, 'z' },
        { "json", no_argument, NULL, JSON },
        COMMON_OPTIONS
    };
    enum afterwards afterwards = DESTROY;
    struct save_options options = { 0 };
    int option;

    while ((option = next_option(c, argc, argv, ":cpzh", long_options)) >= 0) {
        afterwards = option == 'p' ? STAY_PAUSED : option == 'c' && afterwards == DESTROY ? GO_ON : afterwards;
        options.helper.compress |= option == 'z';
        options.json |= option == JSON;
    }
    return save_named(c, &argv[optind], argc - optind, afterwards, &options);
}
