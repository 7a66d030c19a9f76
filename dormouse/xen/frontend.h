// SPDX-License-Identifier: Apache-2.0
/*
 * What front ends of all kinds have in common: the handshake by which a device connects through xenstore
 * (xen/include/public/io/xenbus.h), its event channel, and that it can be given up. The handshake runs on the watches'
 * thread. A device need not know of changes in between: its back end may go away and come back, be another one in a new
 * domain, or not be there yet.
 */
#pragma once
#include "dormouse/core/thread.h"
#include "dormouse/xen/xen.h"
#include "dormouse/xen/xenbus.h"
#include "lib/base.h"
#include <xen/io/xenbus.h>

struct frontend;

enum { FRONTEND_PORTS = 4 };

/* All are called on the watches' thread, disconnected() also by a suspend's stage. */
struct frontend_ops {
    const char *kind;               /* "vbd": its folder is device/vbd/NUMBER */
    unsigned ports;                 /* that it may use, FRONTEND_PORTS at most */
    enum xenbus_state offered;      /* the state that the back end waits for */
    /* The back end waits: shares pages, and names them and f->ports in f->path. -errno: the device is given up. */
    int (*offer)(struct frontend *f);
    /* The back end has connected: reads what it says. -errno: the device is given up. */
    int (*connected)(struct frontend *f);
    /*
     * The back end is about to go: nothing more is asked of it, and it is given some time for its answers, for as long
     * as is_drained(f), asked as wait_until()'s, says that some are missing. Both NULL: nobody waits for answers.
     */
    void (*stopping)(struct frontend *f);
    bool (*is_drained)(void *f);
    /* It goes now, or has gone: what it has not answered it will not. */
    void (*closing)(struct frontend *f);
    /*
     * The back end has let go of everything, or claims to: all pages are taken back. Also when nothing had been
     * offered. False: some are still in its hands, and the device is given up for this life.
     */
    bool (*disconnected)(struct frontend *f);
    /* It is given up: nothing that waits for it does so any longer. From any thread. */
    void (*given_up)(struct frontend *f);
};

struct frontend {
    const struct frontend_ops *ops;
    char path[32];                  /* its own folder */
    char backend[XENBUS_PATH_MAX - 32];     /* the back end's, which has room for names; empty: there is none */
    domid_t backend_domain;
    evtchn_port_t ports[FRONTEND_PORTS];    /* to the back end; 0: none */
    struct waitqueue moved;         /* woken by its events, when it is connected, and when it is given up */
    /* frontend.c's: */
    struct list link;
    char backend_node[48], state_node[XENBUS_PATH_MAX];
    enum frontend_phase { FRONTEND_AWAY, FRONTEND_OFFERED, FRONTEND_CONNECTED, FRONTEND_CLOSING } phase;
    int watch;                      /* of the back end's state; -1: none */
    bool dead;
    bool leaked;                    /* a back end did not let go of our pages: they cannot be used again */
};

/* Begins; 0, -ENOENT: this domain has no such device, or xenbus_watch()'s. Once for each device. */
int frontend_start(struct frontend *f, const struct frontend_ops *ops, unsigned number);

/*
 * Gives the device up, with one line that says why, until it is attached again or the guest is restored. From any
 * thread.
 */
void frontend_give_up(struct frontend *f, const char *why);
bool frontend_is_given_up(const struct frontend *f);

/* In a new domain nothing is shared with anybody, and the handshake begins again. */
extern const struct sleep_stage devices_stage;
