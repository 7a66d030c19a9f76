// SPDX-License-Identifier: Apache-2.0
/* Numbers are in network order and unaligned. No length from a frame is used before it is known to lie in it. */
#include "dormouse/core/inet.h"

#include "lib/string.h"

enum {
    ETHERNET_TO = 0, ETHERNET_FROM = 6, ETHERNET_TYPE = 12, ETHERNET_SIZE = 14, ETHERNET_LEAST = 60,
    TYPE_IP = 0x0800, TYPE_ARP = 0x0806,

    /* of an ARP packet (RFC 826), from the frame's beginning */
    ARP_KIND = 14, ARP_OPERATION = 20, ARP_FROM_MAC = 22, ARP_FROM = 28, ARP_TO_MAC = 32, ARP_TO = 38, ARP_END = 42,
    ARP_REQUEST = 1, ARP_REPLY = 2,

    /* of an IP header (RFC 791), and what lies behind one of 20 bytes */
    IP = 14, IP_LENGTH = 16, IP_FRAGMENT = 20, IP_TTL = 22, IP_PROTOCOL = 23, IP_CHECKSUM = 24, IP_FROM = 26,
    IP_TO = 30, IP_END = 34, IP_SIZE = 20, PROTOCOL_ICMP = 1, PROTOCOL_UDP = 17, IP_FRAGMENT_MASK = 0x3fff,

    ICMP = 34, ICMP_CHECKSUM = 36, ICMP_SIZE = 8, ICMP_ECHO = 8, ICMP_ECHO_REPLY = 0,
    UDP = 34, UDP_TO = 36, UDP_LENGTH = 38, UDP_CHECKSUM = 40, UDP_SIZE = 8,
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* RFC 1071: the ones' complement sum, not yet complemented. */
static uint32_t sum(const uint8_t *p, size_t n, uint32_t start)
{
    for (; n > 1; p += 2, n -= 2)
        start += get16(p);
    if (n)
        start += (uint32_t)*p << 8;
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

static bool sums_up(const uint8_t *p, size_t n, uint32_t start)
{
    return sum(p, n, start) == 0xffff;
}

static uint16_t checksum(const uint8_t *p, size_t n, uint32_t start)
{
    return (uint16_t)~sum(p, n, start);
}

/* Of the pseudo header (RFC 768). */
static uint32_t udp_start(const uint8_t *frame, size_t udp_length)
{
    return sum(frame + IP_FROM, 8, PROTOCOL_UDP + (uint32_t)udp_length);
}

bool inet_address(const char *text, uint8_t address[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned n = 0, digits = 0;

        for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
            n = n * 10 + (unsigned)(*text - '0');
        if (!digits || n > 255 || (i < 3 && *text++ != '.'))
            return false;
        address[i] = (uint8_t)n;
    }
    return *text == '\0' || *text == ' ';
}

static bool is_ours(const struct inet *inet, const uint8_t *address)
{
    return !memcmp(inet->address, address, 4);
}

static void send_back(const struct inet *inet, uint8_t *frame)
{
    memcpy(frame + ETHERNET_TO, frame + ETHERNET_FROM, 6);
    memcpy(frame + ETHERNET_FROM, inet->mac, 6);
}

static enum inet_what arp_take(const struct inet *inet, uint8_t *frame, size_t *length)
{
    static const uint8_t kind[6] = { 0, 1, TYPE_IP >> 8, TYPE_IP & 0xff, 6, 4 };

    if (*length < ARP_END || memcmp(frame + ARP_KIND, kind, sizeof(kind)) ||
        get16(frame + ARP_OPERATION) != ARP_REQUEST || !is_ours(inet, frame + ARP_TO))
        return INET_NOTHING;
    send_back(inet, frame);
    put16(frame + ARP_OPERATION, ARP_REPLY);
    memcpy(frame + ARP_TO_MAC, frame + ARP_FROM_MAC, 10);
    memcpy(frame + ARP_FROM_MAC, inet->mac, 6);
    memcpy(frame + ARP_FROM, inet->address, 4);
    *length = ARP_END;
    return INET_ANSWER;
}

/* The addresses of a packet to us are turned round. Its length is that of the frame without Ethernet's header. */
static void ip_answer(const struct inet *inet, uint8_t *frame, size_t ip_length)
{
    send_back(inet, frame);
    memcpy(frame + IP_TO, frame + IP_FROM, 4);
    memcpy(frame + IP_FROM, inet->address, 4);
    put16(frame + IP_LENGTH, (unsigned)ip_length);
    frame[IP_TTL] = 64;
    put16(frame + IP_CHECKSUM, 0);
    put16(frame + IP_CHECKSUM, checksum(frame + IP, IP_SIZE, 0));
}

static enum inet_what icmp_take(const struct inet *inet, uint8_t *frame, size_t *length, bool whole)
{
    size_t icmp_length = *length - ICMP;

    if (icmp_length < ICMP_SIZE || frame[ICMP] != ICMP_ECHO || frame[ICMP + 1] ||
        (!whole && !sums_up(frame + ICMP, icmp_length, 0)))
        return INET_NOTHING;
    ip_answer(inet, frame, *length - IP);
    frame[ICMP] = ICMP_ECHO_REPLY;
    put16(frame + ICMP_CHECKSUM, 0);
    put16(frame + ICMP_CHECKSUM, checksum(frame + ICMP, icmp_length, 0));
    return INET_ANSWER;
}

static enum inet_what udp_take(uint8_t *frame, size_t length, bool whole, struct inet_udp *udp)
{
    size_t room = length - UDP, udp_length;

    if (room < UDP_SIZE)
        return INET_NOTHING;
    udp_length = get16(frame + UDP_LENGTH);
    if (udp_length < UDP_SIZE || udp_length > room)
        return INET_NOTHING;
    if (!whole && get16(frame + UDP_CHECKSUM) && !sums_up(frame + UDP, udp_length, udp_start(frame, udp_length)))
        return INET_NOTHING;
    *udp = (struct inet_udp){
        .port = get16(frame + UDP_TO), .from_port = get16(frame + UDP),
        .data = frame + UDP + UDP_SIZE, .length = udp_length - UDP_SIZE,
    };
    memcpy(udp->from, frame + IP_FROM, 4);
    return INET_UDP;
}

static enum inet_what ip_take(const struct inet *inet, uint8_t *frame, size_t *length, bool whole,
                              struct inet_udp *udp)
{
    size_t ip_length;

    if (*length < IP_END || frame[IP] != 0x45 || !is_ours(inet, frame + IP_TO) ||
        get16(frame + IP_FRAGMENT) & IP_FRAGMENT_MASK || !sums_up(frame + IP, IP_SIZE, 0))
        return INET_NOTHING;
    ip_length = get16(frame + IP_LENGTH);
    if (ip_length < IP_SIZE || ip_length > *length - IP)
        return INET_NOTHING;
    *length = IP + ip_length;                   /* Ethernet may have filled the frame up */
    if (frame[IP_PROTOCOL] == PROTOCOL_ICMP)
        return icmp_take(inet, frame, length, whole);
    return frame[IP_PROTOCOL] == PROTOCOL_UDP ? udp_take(frame, *length, whole, udp) : INET_NOTHING;
}

enum inet_what inet_take(const struct inet *inet, uint8_t *frame, size_t *length, bool whole, struct inet_udp *udp)
{
    if (*length < ETHERNET_SIZE)
        return INET_NOTHING;
    switch (get16(frame + ETHERNET_TYPE)) {
    case TYPE_ARP:
        return arp_take(inet, frame, length);
    case TYPE_IP:
        return ip_take(inet, frame, length, whole, udp);
    default:
        return INET_NOTHING;
    }
}

size_t inet_udp_answer(const struct inet *inet, uint8_t *frame, const struct inet_udp *udp, size_t length)
{
    size_t udp_length = UDP_SIZE + min_u64(length, INET_FRAME_MAX - INET_HEADERS);

    ip_answer(inet, frame, IP_SIZE + udp_length);
    put16(frame + UDP, udp->port);
    put16(frame + UDP_TO, udp->from_port);
    put16(frame + UDP_LENGTH, (unsigned)udp_length);
    put16(frame + UDP_CHECKSUM, udp_start(frame, udp_length));
    return UDP + udp_length;
}

size_t inet_announce(const struct inet *inet, uint8_t frame[INET_FRAME_MAX])
{
    static const uint8_t head[8] = { 0, 1, TYPE_IP >> 8, TYPE_IP & 0xff, 6, 4, 0, ARP_REQUEST };

    memset(frame, 0, ETHERNET_LEAST);
    memset(frame + ETHERNET_TO, 0xff, 6);
    memcpy(frame + ETHERNET_FROM, inet->mac, 6);
    put16(frame + ETHERNET_TYPE, TYPE_ARP);
    memcpy(frame + ARP_KIND, head, sizeof(head));
    memcpy(frame + ARP_FROM_MAC, inet->mac, 6);
    memcpy(frame + ARP_FROM, inet->address, 4);
    memcpy(frame + ARP_TO, inet->address, 4);
    return ARP_END;
}
