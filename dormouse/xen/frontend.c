// SPDX-License-Identifier: Apache-2.0
/*
 * The back end's state, which it may change at any time to anything, drives four phases: AWAY, nothing is shared;
 * OFFERED, it can connect; CONNECTED; CLOSING, it has been told that it may let go. Only when it says Closed, or is no
 * more, is all that was shared taken back. One that is Closed and still online is asked by Initialising to begin anew.
 */
#include "dormouse/xen/frontend.h"
#include "dormouse/core/lock.h"
#include "dormouse/core/time.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

/* Linux's back end says that it is closed, and has our pages still, while a request is on its way to the disk. */
#define DRAIN_LIMIT_NS UINT64_C(5000000000)

static struct spinlock lock = SPINLOCK_INIT;
static struct list frontends GUARDED_BY(lock) = LIST_INIT(frontends);   /* only ever longer */

static void event(evtchn_port_t port)
{
    bool enabled = spin_lock_irq(&lock);

    list_for_each (f, &frontends, struct frontend, link)
        for (unsigned i = 0; i < f->ops->ports; i++)
            if (f->ports[i] == port)
                wake(&f->moved);
    spin_unlock_irq(&lock, enabled);
}

static void state_set(struct frontend *f, enum xenbus_state state)
{
    xenbus_write_number(f->path, "state", state);
}

void frontend_give_up(struct frontend *f, const char *why)
{
    if (__atomic_exchange_n(&f->dead, true, __ATOMIC_ACQ_REL))
        return;
    print("dormouse: %s: %s: given up\n", f->path, why);
    f->ops->given_up(f);
    wake(&f->moved);
    state_set(f, XenbusStateClosed);        /* the back end closes, too, and lets go */
}

bool frontend_is_given_up(const struct frontend *f)
{
    return __atomic_load_n(&f->dead, __ATOMIC_ACQUIRE);
}

static int port_open(struct frontend *f, evtchn_port_t *port)
{
    int error = (int)evtchn_alloc_unbound(f->backend_domain, port);

    if (error)
        *port = 0;
    else
        evtchn_register(*port, event);
    return error;
}

static int ports_open(struct frontend *f)
{
    int error = 0;

    for (unsigned i = 0; !error && i < f->ops->ports; i++)
        error = port_open(f, &f->ports[i]);
    return error;
}

static void ports_close(struct frontend *f)
{
    for (unsigned i = 0; i < f->ops->ports; i++) {
        if (f->ports[i])
            evtchn_close(f->ports[i]);
        f->ports[i] = 0;
    }
}

static void offer(struct frontend *f)
{
    f->phase = FRONTEND_OFFERED;
    if (f->leaked || ports_open(f) || f->ops->offer(f))
        frontend_give_up(f, "it cannot be offered to its back end");
    else
        state_set(f, f->ops->offered);
}

static void connect(struct frontend *f)
{
    f->phase = FRONTEND_CONNECTED;
    if (f->ops->connected(f))
        frontend_give_up(f, "what the back end says of it makes no sense");
    else if (f->ops->offered != XenbusStateConnected)
        state_set(f, XenbusStateConnected);
    wake(&f->moved);
}

static void close(struct frontend *f)
{
    f->phase = FRONTEND_CLOSING;
    if (f->ops->stopping) {
        f->ops->stopping(f);
        wait_until(&f->moved, f->ops->is_drained, f, time_now() + DRAIN_LIMIT_NS);
    }
    f->ops->closing(f);
    state_set(f, XenbusStateClosed);
}

static void lose(struct frontend *f)
{
    if (f->phase == FRONTEND_AWAY)
        return;
    f->phase = FRONTEND_AWAY;
    f->ops->closing(f);
    ports_close(f);
    f->leaked = !f->ops->disconnected(f);
    if (f->leaked)
        frontend_give_up(f, "its back end has gone and did not let go of our pages");
}

static void lose_closed(struct frontend *f)
{
    uint64_t online = 0;

    if (f->phase == FRONTEND_AWAY)
        return;
    lose(f);
    xenbus_read_number(f->backend, "online", 1, &online);
    if (online && !f->dead)
        state_set(f, XenbusStateInitialising);
}

static void step(struct frontend *f, enum xenbus_state state)
{
    switch (state) {
    case XenbusStateInitWait:
        if (f->phase == FRONTEND_CONNECTED || f->phase == FRONTEND_CLOSING)
            lose(f);                        /* it has begun anew */
        if (f->phase == FRONTEND_AWAY && !f->dead)
            offer(f);
        break;
    case XenbusStateConnected:
        if (f->phase == FRONTEND_OFFERED && !f->dead)
            connect(f);
        break;
    case XenbusStateClosing:
        if (f->phase == FRONTEND_OFFERED || f->phase == FRONTEND_CONNECTED)
            close(f);
        break;
    case XenbusStateClosed:
        lose_closed(f);
        break;
    default:
        break;
    }
}

static void state_look(void *arg)
{
    struct frontend *f = arg;
    uint64_t state;
    int error;

    if (!f->backend[0])
        return;
    error = xenbus_read_number(f->backend, "state", XenbusStateReconfigured, &state);
    if (!error)
        step(f, (enum xenbus_state)state);
    else if (error == -ENOENT)
        lose(f);
}

static void backend_unfollow(struct frontend *f)
{
    lose(f);
    if (f->watch >= 0)
        xenbus_unwatch(f->watch);
    f->watch = -1;
    f->backend[0] = '\0';
}

/* In a new domain the watch of the state is still that of the old one's back end. */
static void backend_follow(struct frontend *f, const char *backend)
{
    uint64_t domain;

    backend_unfollow(f);
    __atomic_store_n(&f->dead, false, __ATOMIC_RELEASE);
    if (xenbus_read_number(f->path, "backend-id", DOMID_FIRST_RESERVED - 1, &domain)) {
        frontend_give_up(f, "it has no back end's domain");
        return;
    }
    f->backend_domain = (domid_t)domain;
    snprintf(f->backend, sizeof(f->backend), "%s", backend);
    snprintf(f->state_node, sizeof(f->state_node), "%s/state", backend);
    f->watch = xenbus_watch(f->state_node, state_look, f);
    if (f->watch < 0)
        frontend_give_up(f, "its back end cannot be watched");
}

/* The watch of our own node that names the back end; the tools write it when the device is attached. */
static void backend_look(void *arg)
{
    struct frontend *f = arg;
    char backend[sizeof(f->backend)];
    int length = xenbus_read(f->backend_node, backend, sizeof(backend));

    if (length == -ENOENT)
        backend_unfollow(f);
    else if (length <= 0)
        frontend_give_up(f, "its back end's path cannot be read");
    else if (strcmp(backend, f->backend))
        backend_follow(f, backend);
    else
        state_look(f);
}

int frontend_start(struct frontend *f, const struct frontend_ops *ops, unsigned number)
{
    char backend[sizeof(f->backend)];
    int result;

    *f = (struct frontend){ .ops = ops, .watch = -1, .moved = WAITQUEUE_INIT(f->moved) };
    snprintf(f->path, sizeof(f->path), "device/%s/%u", ops->kind, number);
    snprintf(f->backend_node, sizeof(f->backend_node), "%s/backend", f->path);
    result = xenbus_read(f->backend_node, backend, sizeof(backend));
    if (result < 0)
        return result;
    bool enabled = spin_lock_irq(&lock);
    list_push_back(&frontends, &f->link);
    spin_unlock_irq(&lock, enabled);
    result = xenbus_watch(f->backend_node, backend_look, f);
    return result < 0 ? result : 0;
}

/* Ports and grants are the old domain's: there is nothing to close, and nobody has a page mapped. */
static void forget(struct frontend *f)
{
    memset(f->ports, 0, sizeof(f->ports));
    lose(f);
    f->leaked = false;
    f->backend[0] = '\0';       /* it was the old domain's; the watch of our own node finds the new one's */
    __atomic_store_n(&f->dead, false, __ATOMIC_RELEASE);
}

/* Nobody is frozen with the lock, for its holders mask interrupts; no event comes, for all ports are masked. */
static UNCHECKED_LOCKING void devices_leave(struct sleep *s)
{
    if (!suspend_is_new_domain(s))
        return;
    list_for_each (f, &frontends, struct frontend, link)
        forget(f);
}

const struct sleep_stage devices_stage = { .name = "devices", .leave = devices_leave };
