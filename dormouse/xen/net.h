// SPDX-License-Identifier: Apache-2.0
/*
 * Network devices (xen/include/public/io/netif.h): Ethernet frames. Those not sent when the guest was saved, or when
 * its back end went away, are sent when there is one again, some perhaps twice; those that would have come meanwhile
 * are lost, as on any wire. From any number of threads; errors are negative errno values.
 */
#pragma once
#include "lib/base.h"

struct net;

enum { NET_DEVICES = 2, NET_FRAME_MAX = 1514 };

/*
 * The n-th of the domain's configuration, from 0; once for each. NULL: there is none, no memory for it, or it had to be
 * given up.
 */
struct net *net_open(unsigned number);

/* Six bytes. */
const uint8_t *net_mac(const struct net *n);

/*
 * Waits for room. -EINVAL: it is longer than NET_FRAME_MAX; -EIO: the device was given up. With `blank` its UDP or TCP
 * checksum is the sum of the pseudo header alone, which the host completes where somebody looks at it.
 */
int net_send(struct net *n, const void *frame, size_t length, bool blank);

/*
 * Waits for a frame; returns its length, bytes beyond `size` are dropped. 0: the device has been connected, for the
 * first time or again, and others may have to be told where this guest is now. -EIO: it was given up, until it is
 * attached again. *whole: its checksums need not be looked at.
 */
int net_receive(struct net *n, void *frame, size_t size, bool *whole);
