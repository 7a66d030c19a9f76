// SPDX-License-Identifier: Apache-2.0
/*
 * As much of the Internet's protocols as it takes to be found and to answer: ARP (RFC 826), ICMP echo (RFC 792), UDP
 * (RFC 768) over IPv4 without options or fragments (RFC 791), over Ethernet. Pure: a frame comes in, and becomes in its
 * place the frame that goes out.
 */
#pragma once
#include "lib/base.h"

enum { INET_FRAME_MAX = 1514, INET_HEADERS = 42 /* Ethernet's, IP's and UDP's */ };

struct inet {
    uint8_t mac[6];
    uint8_t address[4];
};

/* "192.168.77.2", to the end of the word. */
bool inet_address(const char *text, uint8_t address[4]);

enum inet_what {
    INET_NOTHING,                   /* it is not for us, makes no sense, or needs no answer */
    INET_ANSWER,                    /* the frame is now an answer that is to be sent, of *length bytes */
    INET_UDP,                       /* *udp says what it brought */
};

struct inet_udp {
    uint16_t port, from_port;
    uint8_t from[4];
    uint8_t *data;                  /* in the frame, at INET_HEADERS */
    size_t length;
};

/* A frame of *length bytes, at most INET_FRAME_MAX. With `whole` checksums are not looked at. */
enum inet_what inet_take(const struct inet *inet, uint8_t *frame, size_t *length, bool whole, struct inet_udp *udp);

/*
 * The frame that brought *udp becomes the answer to it, with `length` bytes of data as they stand there. Its length.
 * Its checksum is blank: the pseudo header's sum, to be completed by who sends it (xen/net.h).
 */
size_t inet_udp_answer(const struct inet *inet, uint8_t *frame, const struct inet_udp *udp, size_t length);

/* A frame that tells all others where this address is; its length. */
size_t inet_announce(const struct inet *inet, uint8_t frame[INET_FRAME_MAX]);
