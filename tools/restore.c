// SPDX-License-Identifier: Apache-2.0
/*
 * torpor restore, with xl's options, messages and exit statuses as they are on x86. libxl makes the domain and its
 * devices, and torpor-save-helper gives it memory and state. A failure leaves nothing behind.
 */
#include "tools/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "tools/attach.h"
#include "tools/config.h"
#include "tools/guardian.h"
#include "tools/guests.h"
#include "tools/helper.h"
#include "tools/image.h"
#include "tools/logger.h"
#include "tools/monitor.h"
#include "tools/operation.h"
#include "tools/progress.h"
#include "tools/recall.h"
#include "tools/torpor.h"

/* xl holds it while it makes a domain: memory that is free for one is not for another. */
#define XL_LOCK   "/var/lock/xl"
#define NO_DOMAIN ((uint32_t)-1)

struct restore_options {
    bool paused, console, debug, foreground, unwatched, vnc, vnc_password, json;
};

/* Told to the guardian: the domain is whole, and may have been let go; or it is being destroyed after all. */
enum { RESTORED = 'r', GIVEN_UP = 'g' };

/* The mark of a domain before it has a number: its UUID, which others may have that are there already. */
static struct {
    libxl_uuid uuid;
    char *name, *first;    /* the one that it will have, and that with which it is made */
    uint32_t *others;
    int count;
} expected;

/* The lock's file, or -1: there can be none, and nothing to wait for. */
static int lock_creation(void)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(XL_LOCK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    while (fd >= 0 && fcntl(fd, F_SETLKW, &whole) && errno == EINTR)
        ;
    return fd;
}

/* Reads the configuration, from the file's head or from one of its own. 0, or -errno and has said why. */
static int read_config(libxl_ctx *libxl, const char *source, const struct image_head *head, const char *config_file,
                       libxl_domain_config *config)
{
    if (config_file) {
        fprintf(stderr, "Parsing config from %s\n", config_file);
        return config_from_file(libxl, config_file, config);
    }
    if (!head->config) {
        failure("%s has no configuration in it, and none is given", source);
        return -EINVAL;
    }
    if (!head->json) {
        failure("%s has its configuration in xl's own syntax: give one beside it", source);
        return -EINVAL;
    }
    fprintf(stderr, "Parsing config from <saved>\n");
    return config_from_json(libxl, source, head->config, config);
}

static int check_config(const libxl_domain_config *config)
{
    const char *unsavable = config_unsavable(config);

    if (!unsavable)
        return 0;
    failure("%s has %s, which cannot be restored", config->c_info.name, unsavable);
    return -EOPNOTSUPP;
}

static int check_memory(libxl_ctx *libxl, libxl_domain_config *config)
{
    libxl_domain_config copy;
    uint64_t need, available;
    int rc;

    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(libxl, &copy, config);   /* libxl fills in defaults */
    rc = libxl_domain_need_memory(libxl, &copy, NO_DOMAIN, &need);
    libxl_domain_config_dispose(&copy);
    if (rc || libxl_get_free_memory(libxl, &available) || available >= need)
        return 0;   /* unknown now, found out later */
    failure("%s needs %llu MiB, and %llu MiB are free", config->c_info.name, (unsigned long long)need / 1024,
            (unsigned long long)available / 1024);
    return -ENOMEM;
}

/* --- for the guardian */

/* 0, or -ENOMEM, or -EIO: the domains there are cannot be listed. */
static int note_expected(libxl_ctx *libxl, const libxl_domain_config *config, const char *name)
{
    int count = 0;
    libxl_dominfo *infos = libxl_list_domain(libxl, &count);

    if (!infos)
        return -EIO;
    expected.uuid = config->c_info.uuid;
    expected.name = strdup(name);
    expected.first = strdup(config->c_info.name);
    expected.count = 0;
    expected.others = calloc((size_t)count + 1, sizeof(*expected.others));
    for (int i = 0; i < count && expected.others; i++)
        if (libxl_uuid_compare(&infos[i].uuid, &expected.uuid) == 0)
            expected.others[expected.count++] = infos[i].domid;
    libxl_dominfo_list_free(infos, count);
    return expected.name && expected.first && expected.others ? 0 : -ENOMEM;
}

static bool is_expected(const libxl_dominfo *info)
{
    for (int i = 0; i < expected.count; i++)
        if (expected.others[i] == info->domid)
            return false;
    return libxl_uuid_compare(&info->uuid, &expected.uuid) == 0 && !info->dying;
}

/* Others may have come since that have its UUID, and not its name. */
static bool is_called(libxl_ctx *libxl, uint32_t id, const char *wanted)
{
    char *name = libxl_domid_to_name(libxl, id);
    bool right = !name || strcmp(name, wanted) == 0;

    free(name);
    return right;
}

int restore_find(libxl_ctx *libxl, bool renamed, uint32_t *id, const char **name)
{
    const char *names[] = { expected.first, renamed ? expected.name : NULL };
    int count = 0;
    libxl_dominfo *infos = libxl_list_domain(libxl, &count);
    bool found = false;

    if (!infos)
        return -EIO;
    for (int n = 0; n < 2 && names[n] && !found; n++)
        for (int i = 0; i < count && !found; i++) {
            *id = infos[i].domid;
            found = is_expected(&infos[i]) && is_called(libxl, *id, names[n]);
        }
    libxl_dominfo_list_free(infos, count);
    *name = expected.name;
    return found ? 0 : -ENOENT;
}

static int begin_guardian(libxl_ctx *libxl, const struct restore_request *request, const libxl_domain_config *config,
                          const char *name)
{
    int error = note_expected(libxl, config, name);

    if (error) {
        failure(error == -EIO ? "the domains cannot be listed" : "out of memory");
        return error;
    }
    return guardian_begin(request->rescue, request->context, request->rescue_fd);
}

/* --- making it */

/* 0: nothing of it is left; or libxl's error. */
static int destroy_made(libxl_ctx *libxl, uint32_t id)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(libxl, &info, id);
    if (!rc && is_expected(&info))
        rc = libxl_domain_destroy(libxl, id, NULL);
    libxl_dominfo_dispose(&info);
    return rc == ERROR_DOMAIN_NOTFOUND ? 0 : rc;
}

/* libxl does so itself when it fails, but where it fails in that too. What stays is the guardian's to try again. */
static void clear_away(libxl_ctx *libxl, uint32_t id)
{
    if (id == NO_DOMAIN || !id || destroy_made(libxl, id) == 0)
        guardian_end();
    else
        failure("domain %u was not destroyed: if it stays, xl destroy %u", id, id);
}

int restore_unpause(libxl_ctx *libxl, uint32_t id)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(libxl, &info, id);
    if (!rc && info.paused)
        rc = libxl_domain_unpause(libxl, id, NULL);
    libxl_dominfo_dispose(&info);
    return rc;
}

/* The domain, paused, and with its guardian. 0, or -errno and has said why; then nothing of it is left. */
static int make_domain(libxl_ctx *libxl, const char *source, int fd, libxl_domain_config *config, uint32_t *id)
{
    libxl_domain_restore_params params;
    const char *recalled;
    int rc;

    *id = NO_DOMAIN;
    libxl_domain_restore_params_init(&params);
    params.stream_version = 2;
    logger_forget();
    progress_listen();
    operation_begin(libxl);
    rc = libxl_domain_create_restore(libxl, config, id, fd, -1, &params, NULL, NULL);
    operation_end();
    progress_settle();
    progress_stage("devices", rc ? -EIO : 0);
    libxl_domain_restore_params_dispose(&params);
    recalled = recall_end();
    attach_end();
    if (!rc)
        return 0;
    failure("%s was not restored from %s: %s", config->c_info.name, source,
            operation_interrupted() ? "interrupted"
            : *recalled             ? recalled
            : *logger_reason()      ? logger_reason()
                                    : "libxl does not say why (torpor -v)");
    clear_away(libxl, *id);
    return -EIO;
}

/* config has the name that the domain is to have at first; *name: the one that it will have. */
static int set_name(libxl_domain_config *config, const char *suffix, char **name)
{
    char *first;

    *name = strdup(config->c_info.name);
    if (!*name || asprintf(&first, "%s%s", *name, suffix ? suffix : "") < 0) {
        failure("out of memory");
        return -ENOMEM;
    }
    free(config->c_info.name);
    config->c_info.name = first;
    return 0;
}

/* name: the one that it will have. */
static int make_locked(libxl_ctx *libxl, const struct restore_request *request, libxl_domain_config *config,
                       const char *name, uint32_t *id)
{
    int lock = lock_creation(), error = check_memory(libxl, config);
    char doing[80];

    snprintf(doing, sizeof(doing), "Restoring %s", name);
    progress_begin(request->operation, doing, request->json);
    progress_domain(libxl, name, 0);
    if (!error)
        error = attach_begin(libxl, config);
    if (!error)
        error = begin_guardian(libxl, request, config, name);   /* which knows of the devices, too */
    if (!error)
        error = make_domain(libxl, request->source, request->fd, config, id);
    if (lock >= 0)
        close(lock);
    if (error) {
        attach_forget();
        progress_end(error, "failed", "");
    } else {
        progress_made(libxl, *id);
    }
    return error;
}

int restore_domain(libxl_ctx *libxl, const struct restore_request *request, uint32_t *id, char **name)
{
    struct image_head head = { 0 };
    libxl_domain_config config;
    char *json;
    int error = image_read_head(request->fd, request->source, &head);

    *name = NULL;
    libxl_domain_config_init(&config);
    if (!error)
        error = read_config(libxl, request->source, &head, request->config_file, &config);
    image_head_free(&head);
    if (!error)
        error = check_config(&config);
    if (!error)
        error = set_name(&config, request->suffix, name);
    if (!error && request->debug && (json = config_to_json(libxl, &config))) {
        fputs(json, stderr);
        free(json);
    }
    if (!error)
        error = make_locked(libxl, request, &config, *name, id);
    libxl_domain_config_dispose(&config);
    if (error) {
        free(*name);
        *name = NULL;
    }
    return error;
}

/* Does not return. */
static int become_console(libxl_ctx *libxl, uint32_t id)
{
    operations_forget();
    libxl_primary_console_exec(libxl, id, -1);
    return failure("the console of domain %u cannot be reached: %s", id, strerror(errno));
}

static void begin_vnc(libxl_ctx *libxl, uint32_t id, bool password)
{
    if (fork() == 0) {
        operations_forget();
        libxl_vncviewer_exec(libxl, id, password);
        _exit(failure("no VNC viewer can be run: %s", strerror(errno)));
    }
}

static int give_up(libxl_ctx *libxl, uint32_t id, const char *why)
{
    failure("domain %u is restored, but %s: it is destroyed", id, why);
    guardian_tell(GIVEN_UP);
    clear_away(libxl, id);
    progress_end(-EIO, "failed", why);
    return EXIT_FAILURE;
}

/* The domain is whole, and paused. Once it runs its disk changes, and nobody destroys it. */
static int let_go(libxl_ctx *libxl, uint32_t id, const struct restore_options *options)
{
    bool watched;

    if (attach_remember(libxl, id))
        return give_up(libxl, id, "its devices cannot be remembered");
    if (!options->paused) {
        guardian_tell(RESTORED);
        if (restore_unpause(libxl, id))
            return give_up(libxl, id, "it cannot be unpaused");
    }
    progress_stage("start", 0);
    progress_went_on("restored");
    watched = options->foreground || options->unwatched || monitor_in_background(id, false) == 0;
    guardian_end();
    progress_end(0, "restored", "");
    if (options->vnc)
        begin_vnc(libxl, id, options->vnc_password);
    if (!watched)
        return EXIT_FAILURE;
    if (options->console && (!options->foreground || fork() == 0))
        return become_console(libxl, id);
    if (options->foreground) {
        operations_forget();
        return monitor_guest(id, false);
    }
    return EXIT_SUCCESS;
}

/* In the guardian. Whole, it may run already, and then its disk is not what the file goes with any more. */
static void rescue_restored(const void *context, char reached, int fd)
{
    const struct restore_options *options = context;
    bool whole = reached == RESTORED;
    const char *name;
    uint32_t id;

    (void)fd;
    if (restore_find(guests_libxl(), false, &id, &name))
        whole = false;
    else if (whole)
        whole = restore_unpause(guests_libxl(), id) == 0;
    else
        libxl_domain_destroy(guests_libxl(), id, NULL);
    if (whole && !options->unwatched)
        monitor_in_background(id, false);
    progress_end(whole ? 0 : -EINTR, whole ? "restored" : "failed", GUARDIAN_REASON);
}

static int restore(const char *file, const char *config_file, const struct restore_options *options)
{
    struct restore_request request = {
        .source = file, .operation = "restore", .fd = open(file, O_RDONLY | O_CLOEXEC), .config_file = config_file,
        .debug = options->debug, .json = options->json, .rescue = rescue_restored,
        .context = options, .rescue_fd = -1,
    };
    uint32_t id;
    char *name = NULL;
    int error, fd;

    if (request.fd < 0)
        return failure("Can't open restore file: %s: %s", file, strerror(errno));
    fd = request.fd;
    error = image_is_checkpoint(fd) ? recall_begin(file, fd, &request.fd) : 0;
    if (!error)
        error = restore_domain(guests_libxl(), &request, &id, &name);
    recall_end();
    close(fd);
    free(name);
    return error ? EXIT_FAILURE : let_go(guests_libxl(), id, options);
}

int command_restore(const struct command *c, int argc, char **argv)
{
    enum { JSON = 256 };
    static const struct option long_options[] = {
        { "json", no_argument, NULL, JSON },
        { "vncviewer", no_argument, NULL, 'V' },
        { "vncviewer-autopass", no_argument, NULL, 'A' },
        COMMON_OPTIONS
    };
    struct restore_options options = { 0 };
    int option, named, status;

    while ((option = next_option(c, argc, argv, ":FcpdeVAh", long_options)) >= 0) {
        options.foreground |= option == 'F';
        options.console |= option == 'c';
        options.paused |= option == 'p';
        options.debug |= option == 'd';
        options.unwatched |= option == 'e';
        options.vnc |= option == 'V' || option == 'A';
        options.vnc_password |= option == 'A';
        options.json |= option == JSON;
    }
    named = argc - optind;
    if (named < 1 || named > 2)
        return usage_error(c, "a file is needed, and before it may be a configuration");
    if (helper_use() || operations_start() || guests_open_to_save())
        return EXIT_FAILURE;
    status = restore(argv[optind + named - 1], named == 2 ? argv[optind] : NULL, &options);
    guests_close();
    return status;
}
