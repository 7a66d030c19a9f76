// SPDX-License-Identifier: Apache-2.0
/* See recorder.h. A journal that cannot be written is no reason for a save to fail: libxl's log has a line of it. */
#include "tools/helper/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenctrl.h>
#include <xenstore.h>

#include "tools/helper/libxl.h"

static struct journal *journal;    /* NULL: torpor(1) keeps it */
static uint64_t began_ns;

/* Its name in xenstore, if it has one. */
static void find_name(uint32_t domid, char name[sizeof(journal->domain)])
{
    struct xs_handle *xenstore = xs_open(0);
    char path[40], *found;

    if (!xenstore)
        return;
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    found = xs_read(xenstore, XBT_NULL, path, NULL);
    if (found)
        snprintf(name, sizeof(journal->domain), "%s", found);
    free(found);
    xs_close(xenstore);
}

static void find_uuid(uint32_t domid, char uuid[sizeof(journal->uuid)])
{
    struct xc_interface_core *xc = xc_interface_open(libxl_logger(), NULL, 0);
    xc_dominfo_t info;

    if (xc && xc_domain_getinfo(xc, domid, 1, &info) == 1 && info.domid == domid)
        for (unsigned i = 0, at = 0; i < sizeof(info.handle); i++)
            at += (unsigned)sprintf(uuid + at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                                    info.handle[i]);
    if (xc)
        xc_interface_close(xc);
}

void recorder_begin(const char *operation, uint32_t domid)
{
    struct timespec now;

    began_ns = report_now_ns();
    if (report_open() || !(journal = calloc(1, sizeof(*journal))))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    journal->began_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    journal->domid = domid;
    snprintf(journal->operation, sizeof(journal->operation), "%s", operation);
    find_name(domid, journal->domain);
    find_uuid(domid, journal->uuid);
}

void recorder_tell(struct report *r)
{
    report_send(r);
    if (journal)
        report_collect(journal, began_ns, r);
}

void recorder_end(int error)
{
    bool save;

    if (!journal)
        return;
    save = strcmp(journal->operation, "save") == 0;
    snprintf(journal->outcome, sizeof(journal->outcome), "%s",
             save ? (error ? "resumed" : "saved") : error ? "failed" : "restored");
    journal->total_ns = report_now_ns() - began_ns;
    error = journal_append(JOURNAL_PATH, journal);
    if (error)
        libxl_log(XTL_WARN, JOURNAL_PATH " cannot be written: %s", strerror(-error));
    free(journal);
    journal = NULL;
}
