// SPDX-License-Identifier: Apache-2.0
/*
 * A request is taken by writing an empty string over it (docs/misc/xenstore-paths of Xen). It is served on the watches'
 * thread: a second one that comes meanwhile is found only when the first is done, and xl waits for each, so that it is
 * never served on top of the other.
 */
#include "dormouse/xen/shutdown.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/xen/suspend.h"
#include "dormouse/xen/xenbus.h"
#include "lib/errno.h"
#include "lib/string.h"

#define REQUEST_PATH "control/shutdown"
#define FAULT_PATH   "data/suspend-fail"

/* For tests: dom0 names a stage that is to fail this once. */
static void fault_take(void)
{
    char stage[SLEEP_MAX_NAME];

    sleep_fault_clear();
    if (xenbus_read(FAULT_PATH, stage, sizeof(stage)) <= 0)
        return;
    xenbus_write(FAULT_PATH, "");
    if (sleep_fault_set(SUSPEND_LIST, stage, -EIO, false))
        print("dormouse: no stage can be named \"%s\"\n", stage);
}

static void suspend_serve(void)
{
    char late[32];

    fault_take();
    suspend_guest();
    if (xenbus_read(REQUEST_PATH, late, sizeof(late)) > 0 && !strcmp(late, "suspend")) {
        print("dormouse: a second suspend while one was under way is ignored\n");
        xenbus_write(REQUEST_PATH, "");
    }
}

static void poweroff_serve(void)
{
    print("dormouse: dom0 asks for the end\n");
    shutdown(SHUTDOWN_poweroff);
}

static void reboot_serve(void)
{
    print("dormouse: dom0 asks for a reboot\n");
    shutdown(SHUTDOWN_reboot);
}

static const struct {
    const char *name;
    void (*serve)(void);
} requests[] = {
    { "suspend", suspend_serve },
    { "poweroff", poweroff_serve },
    { "halt", poweroff_serve },
    { "reboot", reboot_serve },
};

static void request_changed(void *arg)
{
    char request[32];
    int length = xenbus_read(REQUEST_PATH, request, sizeof(request));

    (void)arg;
    if (length <= 0)
        return;
    xenbus_write(REQUEST_PATH, "");
    for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
        if (!strcmp(request, requests[i].name)) {
            requests[i].serve();
            return;
        }
    }
    print("dormouse: unknown request \"%s\" is ignored\n", request);
}

void shutdown_requests_init(void)
{
    static const char *const features[] = {
        "control/feature-suspend", "control/feature-poweroff", "control/feature-reboot",
    };

    if (xenbus_watch(REQUEST_PATH, request_changed, NULL) < 0)
        print("dormouse: no requests are heard: %s cannot be watched\n", REQUEST_PATH);
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
        xenbus_write(features[i], "1");
}
