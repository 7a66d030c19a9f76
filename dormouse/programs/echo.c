// SPDX-License-Identifier: Apache-2.0
/*
 * Sends back datagrams to UDP port 7 (RFC 862), and answers pings. Its address is extra="ip=192.168.77.2" of the
 * domain's configuration.
 */
#include "dormouse/core/arguments.h"
#include "dormouse/core/inet.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/net.h"
#include "lib/string.h"

enum { ECHO_PORT = 7 };

static uint8_t frame[INET_FRAME_MAX];

/* The length of the frame to send; 0: none. */
static size_t answer(const struct inet *inet, size_t length, bool whole)
{
    struct inet_udp udp;

    switch (inet_take(inet, frame, &length, whole, &udp)) {
    case INET_ANSWER:
        return length;
    case INET_UDP:
        return udp.port == ECHO_PORT ? inet_udp_answer(inet, frame, &udp, udp.length) : 0;
    default:
        return 0;
    }
}

int main(void)
{
    const char *address = argument_text("ip");
    struct inet inet;
    struct net *net;
    int length;
    bool whole;

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
    while ((length = net_receive(net, frame, sizeof(frame), &whole)) >= 0) {
        size_t out = length ? answer(&inet, (size_t)length, whole) : inet_announce(&inet, frame);

        if (out)
            net_send(net, frame, out);
    }
    print("echo: the network is no more\n");
    return 1;
}
