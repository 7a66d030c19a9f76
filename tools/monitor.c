// SPDX-License-Identifier: Apache-2.0
/*
 * See monitor.h. There is one monitor a guest: each holds a lock on /run/torpor/monitor-DOMID while it waits.
 *
 * A guest that suspends itself is none that has ended: it is being saved, and either goes on afterwards or is
 * destroyed.
 *
 * libvirtd is told of one end of each of its domains (libxl_evenable_domain_death), and a suspending is one. So when
 * a domain of its that was suspended ends, it may not know; then virsh has it act.
 */
#include "tools/monitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl_event.h>
#include <libxl_utils.h>

#include "tools/config.h"
#include "tools/guests.h"
#include "tools/operation.h"
#include "tools/torpor.h"

#define LOCK_FOLDER   "/run/torpor"
#define LOG_FOLDER    "/var/log/xen"
#define DUMP_FOLDER   "/var/lib/xen/dump"
#define LOOK_EVERY_MS 100
#define XL_ENDS_MS    3000    /* how long xl's own may take to see that its guest was suspended */
#define LIBVIRT_MS    5000    /* how long libvirtd may take to see that its guest has ended */

enum outcome { OVER, RESTARTED, SUSPENDED };

struct monitor {
    libxl_ctx *libxl;
    uint32_t domid;
    int lock;
    libxl_domain_config config;
};

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
}

static void wait_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
}

/* The lock's file, or -1: another has it, or there can be none. */
static int take_lock(uint32_t domid)
{
    char path[64];
    int fd;

    mkdir(LOCK_FOLDER, 0755);
    snprintf(path, sizeof(path), LOCK_FOLDER "/monitor-%u", domid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Whether the process is an xl that writes the log of that guest's monitor. */
static bool is_xl_of(const char *pid, const char *name)
{
    char path[300], target[300], wanted[300];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%s/exe", pid);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 3 || strncmp(target + n - 3, "/xl", 3))
        return false;
    snprintf(path, sizeof(path), "/proc/%s/fd/1", pid);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return false;
    target[n] = 0;
    snprintf(wanted, sizeof(wanted), LOG_FOLDER "/xl-%s.log", name);
    return strcmp(target, wanted) == 0;
}

static bool xl_monitors(const char *name)
{
    DIR *folder = opendir("/proc");
    bool found = false;

    for (struct dirent *e; folder && !found && (e = readdir(folder));)
        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_xl_of(e->d_name, name);
    if (folder)
        closedir(folder);
    return found;
}

static bool xl_stays(const char *name)
{
    for (unsigned waited = 0; waited < XL_ENDS_MS; waited += LOOK_EVERY_MS) {
        if (!xl_monitors(name))
            return false;
        wait_ms(LOOK_EVERY_MS);
    }
    return true;
}

/* --- the action at an end */

static libxl_action_on_shutdown action_for(const libxl_domain_config *config, int reason)
{
    switch (reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:
        return config->on_poweroff;
    case LIBXL_SHUTDOWN_REASON_REBOOT:
        return config->on_reboot;
    case LIBXL_SHUTDOWN_REASON_CRASH:
        return config->on_crash;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG:
        return config->on_watchdog;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        return config->on_soft_reset;
    default:
        return LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    }
}

static void dump_core(struct monitor *m)
{
    char path[300], date[32];
    time_t now = time(NULL);
    struct tm tm;

    strftime(date, sizeof(date), "%Y-%m%d-%H%M.%S", localtime_r(&now, &tm));
    snprintf(path, sizeof(path), DUMP_FOLDER "/%s-%s.%u.core", date, m->config.c_info.name, m->domid);
    say("dumping its memory to %s", path);
    if (libxl_domain_core_dump(m->libxl, m->domid, path, NULL))
        say("the dump failed");
}

/* The guest is built anew, from its configuration as it is now. */
static enum outcome build(struct monitor *m)
{
    int rc;

    close(m->lock);
    m->domid = (uint32_t)-1;
    rc = libxl_domain_create_new(m->libxl, &m->config, &m->domid, NULL, NULL);
    if (rc == 0)
        rc = libxl_domain_unpause(m->libxl, m->domid, NULL);
    if (rc) {
        say("%s was not built again: libxl's error %d", m->config.c_info.name, rc);
        m->lock = -1;
        return OVER;
    }
    m->lock = take_lock(m->domid);
    say("%s goes on as domain %u", m->config.c_info.name, m->domid);
    return RESTARTED;
}

static enum outcome destroy(struct monitor *m)
{
    int rc = libxl_domain_destroy(m->libxl, m->domid, NULL);

    if (rc)
        say("domain %u was not destroyed: libxl's error %d", m->domid, rc);
    return OVER;
}

/* Anything attached or changed since it began is part of it. */
static void refresh_config(struct monitor *m)
{
    libxl_domain_config fresh;

    libxl_domain_config_init(&fresh);
    if (libxl_retrieve_domain_configuration(m->libxl, m->domid, &fresh, NULL)) {
        libxl_domain_config_dispose(&fresh);
        return;
    }
    libxl_domain_config_dispose(&m->config);
    m->config = fresh;
}

static enum outcome restart(struct monitor *m)
{
    refresh_config(m);
    destroy(m);
    return build(m);
}

static enum outcome rename_and_restart(struct monitor *m)
{
    char suffix[32];
    time_t now = time(NULL);
    libxl_uuid uuid;
    struct tm tm;

    refresh_config(m);
    strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%MZ", gmtime_r(&now, &tm));
    libxl_uuid_generate(&uuid);
    if (libxl_domain_preserve(m->libxl, m->domid, &m->config.c_info, suffix, uuid)) {
        say("domain %u was not renamed: it stays as it is", m->domid);
        return OVER;
    }
    return build(m);
}

/* --- libvirt's */

/* libvirt keeps the XML that it has made the domain from beside libxl's own data. */
static bool is_libvirts(struct monitor *m)
{
    uint8_t *xml = NULL;
    int length = 0;
    bool there = libxl_userdata_retrieve(m->libxl, m->domid, "libvirt-xml", &xml, &length) == 0 && length > 0;

    free(xml);
    return there;
}

static bool has_shut_down(struct monitor *m)
{
    libxl_dominfo info;
    bool shut_down;

    libxl_dominfo_init(&info);
    shut_down = libxl_domain_info(m->libxl, &info, m->domid) == 0 && info.shutdown && !info.dying;
    libxl_dominfo_dispose(&info);
    return shut_down;
}

static bool libvirt_handles(struct monitor *m)
{
    for (unsigned waited = 0; waited < LIBVIRT_MS; waited += LOOK_EVERY_MS) {
        if (!has_shut_down(m))
            return true;
        wait_ms(LOOK_EVERY_MS);
    }
    return false;
}

/* By its UUID, for a name would have to be quoted. Of a transient domain libvirt has to be told anew. */
static void have_libvirt(struct monitor *m, bool restart)
{
    static const char script[] =
        "virsh() { command virsh -c xen:///system \"$@\"; }; "
        "domain=" LIBXL_UUID_FMT "; xml=$(virsh dumpxml $domain); virsh destroy $domain && "
        "if %s; then virsh start $domain || { echo \"$xml\" | virsh create /dev/stdin; }; fi";
    char command[sizeof(script) + 256];
    libxl_uuid *uuid = &m->config.c_info.uuid;

    snprintf(command, sizeof(command), script, LIBXL_UUID_BYTES((*uuid)), restart ? "true" : "false");
    if (system(command))
        say("libvirt does not do it");
}

static bool restarts(libxl_action_on_shutdown action)
{
    return action == LIBXL_ACTION_ON_SHUTDOWN_RESTART || action == LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME ||
           action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART;
}

static bool dumps_core(libxl_action_on_shutdown action)
{
    return action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART || action == LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
}

static enum outcome leave_to_libvirt(struct monitor *m, libxl_action_on_shutdown action)
{
    if (libvirt_handles(m) || action == LIBXL_ACTION_ON_SHUTDOWN_PRESERVE)
        return OVER;
    say("libvirtd has not seen that %s has ended: virsh tells it to %s it", m->config.c_info.name,
        restarts(action) ? "restart" : "destroy");
    if (dumps_core(action))
        dump_core(m);
    have_libvirt(m, restarts(action));
    return OVER;
}

static enum outcome handle_end(struct monitor *m, int reason)
{
    libxl_action_on_shutdown action = action_for(&m->config, reason);

    if (reason == LIBXL_SHUTDOWN_REASON_SUSPEND)
        return SUSPENDED;
    if (is_libvirts(m))
        return leave_to_libvirt(m, action);
    say("domain %u (%s) has shut down, reason %d: %s", m->domid, m->config.c_info.name, reason,
        libxl_action_on_shutdown_to_string(action));
    switch (action) {
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART:
        dump_core(m);
        return restart(m);
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART:
        return restart(m);
    case LIBXL_ACTION_ON_SHUTDOWN_RESTART_RENAME:
        return rename_and_restart(m);
    case LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY:
        dump_core(m);
        return destroy(m);
    case LIBXL_ACTION_ON_SHUTDOWN_DESTROY:
        return destroy(m);
    default:   /* preserved; and a soft reset, which there is none of on Arm */
        return OVER;
    }
}

/* --- waiting */

/* Until a suspended guest goes on, has ended otherwise, or is gone: true while it is there. */
static bool wait_while_suspended(struct monitor *m)
{
    for (;;) {
        libxl_dominfo info;
        bool there, suspended;

        libxl_dominfo_init(&info);
        there = libxl_domain_info(m->libxl, &info, m->domid) == 0 && !info.dying;
        suspended = there && info.shutdown && info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
        libxl_dominfo_dispose(&info);
        if (!suspended)
            return there;
        wait_ms(LOOK_EVERY_MS);
    }
}

/* One event of the guest. */
static enum outcome wait_event(struct monitor *m)
{
    libxl_event *event;
    enum outcome outcome = OVER;

    while (libxl_event_wait(m->libxl, &event, LIBXL_EVENTMASK_ALL, NULL, NULL) == 0) {
        bool ours = event->domid == m->domid;
        libxl_event_type type = event->type;
        int reason = type == LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN ? event->u.domain_shutdown.shutdown_reason : 0;

        libxl_event_free(m->libxl, event);
        if (!ours)
            continue;
        if (type == LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN)
            return handle_end(m, reason);
        if (type == LIBXL_EVENT_TYPE_DOMAIN_DEATH) {
            say("domain %u is gone", m->domid);
            return OVER;
        }
    }
    return outcome;
}

static void watch(struct monitor *m)
{
    enum outcome outcome;

    do {
        libxl_evgen_domain_death *death;

        if (libxl_evenable_domain_death(m->libxl, m->domid, 0, &death)) {
            say("libxl does not tell of domain %u", m->domid);
            return;
        }
        outcome = wait_event(m);
        libxl_evdisable_domain_death(m->libxl, death);
    } while (outcome == RESTARTED || (outcome == SUSPENDED && wait_while_suspended(m)));
}

int monitor_guest(uint32_t domid, bool after_xl)
{
    struct monitor m = { .libxl = guests_libxl(), .domid = domid };

    m.lock = take_lock(domid);
    if (m.lock < 0)
        return EXIT_SUCCESS;
    libxl_domain_config_init(&m.config);
    if (libxl_retrieve_domain_configuration(m.libxl, domid, &m.config, NULL) == 0) {
        if (!after_xl || !xl_stays(m.config.c_info.name)) {
            say("waiting for the end of domain %u (%s)", domid, m.config.c_info.name);
            watch(&m);
        }
    } else {
        say("libxl does not know the configuration of domain %u", domid);
    }
    libxl_domain_config_dispose(&m.config);
    if (m.lock >= 0)
        close(m.lock);
    return EXIT_SUCCESS;
}

/* Where the background process writes, and nothing that it could hold open of its starter's. */
static void leave_terminal(uint32_t domid)
{
    char path[64];
    int log, null = open("/dev/null", O_RDONLY);

    snprintf(path, sizeof(path), LOG_FOLDER "/torpor-%u.log", domid);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log < 0)
        log = open("/dev/null", O_WRONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
        close(fd);
    if (chdir("/"))
        say("the folder / cannot be entered");
}

/* Nobody's child, for libxl takes the ends of this process's for those of its own. */
int monitor_in_background(uint32_t domid, bool after_xl)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0) {
        int error = errno;

        failure("nobody waits for the end of domain %u: %s", domid, strerror(error));
        return -error;
    }
    if (child) {
        waitpid(child, NULL, 0);
        return 0;
    }
    setsid();
    if (fork())
        _exit(EXIT_SUCCESS);
    leave_terminal(domid);
    operations_forget();
    /* the libraries' handles are the parent's: none of them is used or closed here */
    if (guests_open())
        _exit(EXIT_FAILURE);
    _exit(monitor_guest(domid, after_xl));
}
