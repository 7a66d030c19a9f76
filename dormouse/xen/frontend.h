// SPDX-License-Identifier: Apache-2.0
/*
 * The front end's half of the handshake by which a device connects through xenstore (xen/include/public/io/xenbus.h),
 * the same for all kinds. It runs on the watches' thread. A device need not know of changes in between: its back end
 * may go away and come back, be another one in a new domain, or not be there yet.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "dormouse/xen/xenbus.h"
#include "lib/base.h"
#include <xen/io/xenbus.h>

struct frontend;

/* All are called on the watches' thread, disconnected() also by a suspend's stage. */
struct frontend_ops {
    const char *kind;               /* "vbd": its folder is device/vbd/NUMBER */
    enum xenbus_state offered;      /* the state that the back end waits for */
    /* The back end waits: shares pages and a port, and names them in f->path. -errno: the device is given up. */
    int (*offer)(struct frontend *f);
    /* The back end has connected: reads what it says. -errno: the device is given up. */
    int (*connected)(struct frontend *f);
    /* From now on nothing is asked of the back end, which goes. */
    void (*closing)(struct frontend *f);
    /* The back end has let go of everything, or claims to: all is taken back. Also when nothing had been offered. */
    void (*disconnected)(struct frontend *f);
    /* It is given up: waiting for it is in vain. From any thread. */
    void (*given_up)(struct frontend *f);
};

struct frontend {
    const struct frontend_ops *ops;
    char path[32];                  /* its own folder */
    char backend[XENBUS_PATH_MAX - 32];     /* the back end's, which has room for names; empty: there is none */
    domid_t backend_domain;
    /* frontend.c's: */
    char backend_node[48], state_node[XENBUS_PATH_MAX];
    enum frontend_phase { FRONTEND_AWAY, FRONTEND_OFFERED, FRONTEND_CONNECTED, FRONTEND_CLOSING } phase;
    int watch;                      /* of the back end's state; -1: none */
    bool dead;
};

/* Begins; 0, -ENOENT: this domain has no such device, or xenbus_watch()'s. Once for each device. */
int frontend_start(struct frontend *f, const struct frontend_ops *ops, unsigned number);

/*
 * Gives the device up, with one line that says why, until it is attached again or the guest is restored. From any
 * thread.
 */
void frontend_give_up(struct frontend *f, const char *why);

/* For a suspend's stage, in a new domain: nothing is shared with anybody, and the handshake begins again. */
void frontend_forget(struct frontend *f);
