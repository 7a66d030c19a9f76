// SPDX-License-Identifier: Apache-2.0
/*
 * Sends back datagrams to UDP port 7 (RFC 862), and answers pings. Its address is extra="ip=192.168.77.2" of the
 * domain's configuration.
 */
#include "dormouse/core/arguments.h"
#include "dormouse/core/inet.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/net.h"
#include "lib/string.h"

enum { ECHO_PORT = 7 };
#define PAUSE_NS UINT64_C(100000000)

static uint8_t frame[INET_FRAME_MAX];

/* The length of the frame to send; 0: none. */
static size_t answer(const struct inet *inet, size_t length, bool whole, bool *blank)
{
    struct inet_udp udp;

    switch (inet_take(inet, frame, &length, whole, &udp)) {
    case INET_ANSWER:
        return length;
    case INET_UDP:
        *blank = true;
        return udp.port == ECHO_PORT ? inet_udp_answer(inet, frame, &udp, udp.length) : 0;
    default:
        return 0;
    }
}

/* What comes next: a frame, or that others have to be told where this guest is now. */
static void serve(const struct inet *inet, struct net *net)
{
    bool whole, blank = false;
    int length = net_receive(net, frame, sizeof(frame), &whole);
    size_t out = 0;

    if (length < 0)
        thread_sleep_until(time_now() + PAUSE_NS);      /* given up; it may be attached again */
    else
        out = length ? answer(inet, (size_t)length, whole, &blank) : inet_announce(inet, frame);
    if (out)
        net_send(net, frame, out, blank);
}

int main(void)
{
    const char *address = argument_text("ip");
    struct inet inet;
    struct net *net;

    if (!address || !inet_address(address, inet.address)) {
        print("echo: say extra=\"ip=192.168.77.2\", or which address it has\n");
        return 1;
    }
    net = net_open(0);
    if (!net) {
        print("echo: there is no network\n");
        return 1;
    }
    memcpy(inet.mac, net_mac(net), sizeof(inet.mac));
    print("echo: up\n");
    for (;;)
        serve(&inet, net);
}
