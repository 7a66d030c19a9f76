// SPDX-License-Identifier: Apache-2.0
/*
 * Guests as torpor(1) deals with them: found by name or number, asked to suspend themselves, looked at, woken. This is
 * the one place that talks to xenstored and to the hypervisor about a domain.
 *
 * A guest suspends itself in one of two ways, and a tool has to know both. Linux answers control/shutdown = "suspend"
 * with SCHEDOP_shutdown(SHUTDOWN_suspend) (xen/include/public/sched.h) and is shown as shut down for that reason. A
 * guest that calls PSCI SYSTEM_SUSPEND is shown as paused.
 *
 * Functions return 0 or -errno, and those that talk to people about it say so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest {
    uint32_t id;
    char *name;       /* as xl list shows it; or the number, when it has none */
};

enum guest_state {
    GUEST_RUNNING,
    GUEST_SUSPENDED,  /* or paused by a tool: the two look the same */
    GUEST_ENDED,      /* it has shut down, crashed, or is gone */
};

/* Opens the libraries that the other functions use. Has said what failed when it returns -errno. */
int guests_open(void);
/* The same, where a guest is going to be saved or restored: -EOPNOTSUPP unless the hypervisor is Torpor. */
int guests_open_to_save(void);
void guests_close(void);
/* Their libxl context, between the two. */
struct libxl__ctx *guests_libxl(void);

/* All running guests, dom0 not among them. Has said what failed when it returns -errno. */
int guests_running(struct guest **guests, size_t *count);

/* The guest of that name or number. Has said what failed when it returns -errno. */
int guest_find(const char *name, struct guest *guest);

void guests_free(struct guest *guests, size_t count);

enum guest_state guest_state(const struct guest *guest);

/*
 * Whether the guest is suspended by SHUTDOWN_suspend, which xl and libvirt may have been told of and taken for its end:
 * should it go on, it may be that nobody waits for its end any more.
 */
bool guest_taken_for_ended(const struct guest *guest);

/* Whether its kernel says that it suspends itself when asked: control/feature-suspend. */
bool guest_offers_suspend(const struct guest *guest);

/*
 * Asks the guest to suspend itself. Until guest_release() only this program is told that it has: xl, which would take
 * that for the domain's end and stop looking after it, is not.
 */
int guest_ask(const struct guest *guest);

/* Whether the guest has taken the request: it is to do that before it acts on it. */
bool guest_took_request(const struct guest *guest);

/*
 * The request is over. One that the guest has not taken is taken back; *taken: it was taken, or nobody could look.
 * To be called once after each guest_ask(), whatever became of it. 0, or -errno: it may still be there.
 */
int guest_release(const struct guest *guest, bool *taken);

/*
 * After guest_release() has said that the request was taken, which it also does where there was none: until the guest
 * has suspended itself, by SHUTDOWN_suspend. False: it runs on after so many milliseconds, or somebody asks it for
 * something anew, and from there on it acts for that one.
 */
bool guest_await_suspension(const struct guest *guest, unsigned ms);

/* Lets a suspended guest go on. -EINVAL: it is not suspended. -EBUSY: it is paused, and still is. */
int guest_wake(const struct guest *guest);

/* Of the pages that are dirty now (hypervisor/mm/p2m_dirty.h). -EINVAL: its writes are not tracked. */
int guest_dirty_period(const struct guest *guest, uint32_t *period);
