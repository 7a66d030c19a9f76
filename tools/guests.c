// SPDX-License-Identifier: Apache-2.0
/* See guests.h. The handles are opened once, and closed by the program's end at the latest. */
#include "tools/guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

#include "tools/torpor.h"

#define LOOK_EVERY_MS 50

static libxl_ctx *libxl;
static xc_interface *xc;
static struct xs_handle *xenstore;

int guests_open(void)
{
    xenstore = xs_open(0);
    if (xenstore && (xc = xc_interface_open(library_logger(), NULL, 0)) &&
        libxl_ctx_alloc(&libxl, LIBXL_VERSION, 0, library_logger()) == 0)
        return 0;
    failure("cannot reach %s: %s (is this dom0, and are you root?)", xenstore ? "the hypervisor" : "xenstored",
            strerror(errno));
    guests_close();
    return -EIO;
}

/* On stock Xen the guest would have suspended itself by then, and could not even go on. */
int guests_open_to_save(void)
{
    const libxl_version_info *version;
    int error = guests_open();

    if (error)
        return error;
    version = libxl_get_version_info(libxl);
    if (version && strstr(version->xen_version_extra, "torpor"))
        return 0;
    failure("this hypervisor, Xen %d.%d%s, saves and restores no guests on Arm: Torpor does",
            version ? version->xen_version_major : 0, version ? version->xen_version_minor : 0,
            version ? version->xen_version_extra : "");
    guests_close();
    return -EOPNOTSUPP;
}

void guests_close(void)
{
    if (libxl)
        libxl_ctx_free(libxl);
    if (xc)
        xc_interface_close(xc);
    if (xenstore)
        xs_close(xenstore);
    libxl = NULL;
    xc = NULL;
    xenstore = NULL;
}

libxl_ctx *guests_libxl(void) { return libxl; }

static int guest_name(struct guest *guest)
{
    char *name = libxl_domid_to_name(libxl, guest->id);

    if (!name && asprintf(&name, "%u", guest->id) < 0) {
        failure("out of memory");
        return -ENOMEM;
    }
    guest->name = name;
    return 0;
}

static enum guest_state info_state(const libxl_dominfo *info)
{
    if (info->dying || (info->shutdown && info->shutdown_reason != LIBXL_SHUTDOWN_REASON_SUSPEND))
        return GUEST_ENDED;
    return info->shutdown || info->paused ? GUEST_SUSPENDED : GUEST_RUNNING;
}

int guests_running(struct guest **guests, size_t *count)
{
    int n = 0, error = 0;
    libxl_dominfo *infos = libxl_list_domain(libxl, &n);
    struct guest *found = calloc((size_t)n + 1, sizeof(*found));

    *count = 0;
    if (!infos || !found)
        error = failure("cannot list the domains") ? -EIO : 0;
    for (int i = 0; i < n && !error; i++) {
        if (infos[i].domid == 0 || info_state(&infos[i]) != GUEST_RUNNING)
            continue;
        found[*count].id = infos[i].domid;
        error = guest_name(&found[(*count)++]);
    }
    libxl_dominfo_list_free(infos, n);
    *guests = found;
    return error;
}

void guests_free(struct guest *guests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(guests[i].name);
    free(guests);
}

/* Looks at the domain; by_shutdown: it is shut down, for whatever reason. false: there is none of that number. */
static bool look(uint32_t id, enum guest_state *state, bool *by_shutdown)
{
    libxl_dominfo info;
    bool known;

    libxl_dominfo_init(&info);
    known = libxl_domain_info(libxl, &info, id) == 0;
    *state = known ? info_state(&info) : GUEST_ENDED;
    *by_shutdown = info.shutdown;
    libxl_dominfo_dispose(&info);
    return known;
}

int guest_find(const char *name, struct guest *guest)
{
    enum guest_state state;
    bool by_shutdown;

    if (libxl_domain_qualifier_to_domid(libxl, name, &guest->id) || !look(guest->id, &state, &by_shutdown)) {
        failure("%s is no domain", name);
        return -ESRCH;
    }
    return guest_name(guest);
}

enum guest_state guest_state(const struct guest *guest)
{
    enum guest_state state;
    bool by_shutdown;

    look(guest->id, &state, &by_shutdown);
    return state;
}

bool guest_taken_for_ended(const struct guest *guest)
{
    enum guest_state state;
    bool by_shutdown;

    return look(guest->id, &state, &by_shutdown) && state == GUEST_SUSPENDED && by_shutdown;
}

#define PATH_SIZE 64

static const char *control_path(char path[PATH_SIZE], const struct guest *guest, const char *node)
{
    snprintf(path, PATH_SIZE, "/local/domain/%u/control/%s", guest->id, node);
    return path;
}

bool guest_offers_suspend(const struct guest *guest)
{
    char path[PATH_SIZE], *value = xs_read(xenstore, XBT_NULL, control_path(path, guest, "feature-suspend"), NULL);
    bool offers = value && strcmp(value, "1") == 0;

    free(value);
    return offers;
}

/*
 * When a domain shuts down the hypervisor tells xenstored by VIRQ_DOM_EXC, which tells xl, which sees that its domain
 * has suspended and ends; nobody would restart the guest or clear it away later. A domain that has a port subscribed
 * gets an event there instead (XEN_DOMCTL_subscribe). Its xenstore port is there in any case, and an event on it for
 * which nothing is to be done is one that xenstored expects.
 */
static void keep_from_xl(const struct guest *guest)
{
    uint64_t port = 0;

    if (xc_hvm_param_get(xc, guest->id, HVM_PARAM_STORE_EVTCHN, &port) == 0 && port &&
        xc_domain_subscribe_for_suspend(xc, guest->id, (evtchn_port_t)port) == 0)
        return;
    detail("%s (%u): xl will take its suspending for its end: %s", guest->name, guest->id, strerror(errno));
}

int guest_ask(const struct guest *guest)
{
    char path[PATH_SIZE];

    keep_from_xl(guest);
    if (xs_write(xenstore, XBT_NULL, control_path(path, guest, "shutdown"), "suspend", strlen("suspend")))
        return 0;
    return -errno;
}

bool guest_took_request(const struct guest *guest)
{
    char path[PATH_SIZE], *value = xs_read(xenstore, XBT_NULL, control_path(path, guest, "shutdown"), NULL);
    bool gone = !value && errno == ENOENT;   /* and not that it could not be read */
    /* Some guests take it by removing it. Where nothing is left at all, the domain is being destroyed. */
    bool took = value ? strcmp(value, "suspend") != 0 : gone && guest_offers_suspend(guest);

    free(value);
    return took;
}

/* One attempt; -EAGAIN: somebody wrote to xenstore at the same time. */
static int take_back(const struct guest *guest, bool *taken)
{
    xs_transaction_t transaction = xs_transaction_start(xenstore);
    char path[PATH_SIZE], *value;
    bool written = true;
    int error;

    if (transaction == XBT_NULL)
        return -errno;
    value = xs_read(xenstore, transaction, control_path(path, guest, "shutdown"), NULL);
    if (!value && errno != ENOENT) {
        error = -errno;
        xs_transaction_end(xenstore, transaction, true);
        return error;
    }
    *taken = !value || strcmp(value, "suspend") != 0;
    free(value);
    if (!*taken)
        written = xs_write(xenstore, transaction, path, "", 0);
    return xs_transaction_end(xenstore, transaction, *taken || !written) && written ? 0 : -errno;
}

int guest_release(const struct guest *guest, bool *taken)
{
    int error;

    *taken = true;   /* as far as is known, if nobody can look */
    do
        error = take_back(guest, taken);
    while (error == -EAGAIN);
    xc_domain_subscribe_for_suspend(xc, guest->id, 0);   /* fails for a domain that is gone, and is not needed there */
    return error;
}

/* A new request is seen before it can have been answered. */
static bool suspends_unasked(const struct guest *guest, unsigned ms)
{
    for (unsigned waited = 0; waited < ms; waited += LOOK_EVERY_MS) {
        bool suspended = guest_taken_for_ended(guest);
        char **event = xs_check_watch(xenstore);

        free(event);
        if (suspended || event)
            return !event;
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY_MS * 1000000L }, NULL);
    }
    return false;
}

bool guest_await_suspension(const struct guest *guest, unsigned ms)
{
    char path[PATH_SIZE], **event;
    unsigned strings;
    bool suspends;

    if (!xs_watch(xenstore, control_path(path, guest, "shutdown"), "anew"))
        return guest_taken_for_ended(guest);
    event = xs_read_watch(xenstore, &strings);   /* every watch begins with one */
    free(event);
    suspends = suspends_unasked(guest, ms);
    xs_unwatch(xenstore, path, "anew");
    return suspends;
}

/*
 * The guest's call of SCHEDOP_shutdown(SHUTDOWN_suspend) is to return 1: it goes on in the domain in which it suspended
 * itself, with its event channels and grants as they were (xen/include/public/sched.h). Linux takes a 0 for a new
 * domain, binds every channel again and stops at the first that is still bound. libxenctrl sets this only on x86. As
 * there, the call is vCPU 0's.
 */
static int set_suspend_result(const struct guest *guest)
{
    vcpu_guest_context_any_t context;

    if (xc_vcpu_getcontext(xc, guest->id, 0, &context))
        return -errno;
    context.c.user_regs.x0 = 1;
    return xc_vcpu_setcontext(xc, guest->id, 0, &context) ? -errno : 0;
}

int guest_wake(const struct guest *guest)
{
    enum guest_state state;
    bool by_shutdown;

    if (!look(guest->id, &state, &by_shutdown) || state != GUEST_SUSPENDED)
        return -EINVAL;
    if (by_shutdown) {
        int error = set_suspend_result(guest);

        if (error)
            return error;
    }
    /*
     * "fast" is on Arm XEN_DOMCTL_resumedomain and nothing else, whichever way the guest suspended itself; without it
     * the other vCPUs, which wait where they were, would be reset. Not xc_domain_unpause(): a tool's pause is not for
     * this to undo.
     */
    if (xc_domain_resume(xc, guest->id, 1))
        return -errno;
    if (by_shutdown && !xs_resume_domain(xenstore, guest->id))
        return -errno;
    return guest_state(guest) == GUEST_SUSPENDED ? -EBUSY : 0;
}

int guest_dirty_period(const struct guest *guest, uint32_t *period)
{
    unsigned mb = 0;

    if (xc_shadow_control(xc, guest->id, XEN_DOMCTL_SHADOW_OP_PEEK, &mb, 0))
        return -errno;
    *period = mb;
    return 0;
}
