// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/net_ring.c dormouse/core/inet.c */
/* Dormouse's network rings against a back end that is honest, gone, or a liar; and frames of all sorts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/inet.h"
#include "dormouse/xen/net_ring.h"
#include "lib/errno.h"

static struct net_ring ring;
static char *pages;
static unsigned nr_queues;
static RING_IDX tx_taken;               /* requests of the first queue that the back end has looked at */
static const char *lie;

/* The rings that the back end is told of. */
static unsigned rings_give(void)
{
    tx_taken = 0;
    net_ring_prepare(pages, nr_queues);
    net_ring_attach(&ring, pages, nr_queues);
    return net_ring_issue(&ring);
}

static int begin(void **state)
{
    (void)state;
    pages = malloc(2 * NET_QUEUES * PAGE_SIZE);
    nr_queues = 1;
    net_ring_init(&ring);
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        ring.send[i].ref = 100 + i;
        ring.receive[i].ref = 200 + i;
    }
    rings_give();
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(pages);
    return 0;
}

/* --- the back end --- */

static void packet(uint16_t id, uint16_t offset, uint16_t flags, int16_t status)
{
    struct netif_rx_sring *rx = ring.queues[0].rx;

    rx->ring[rx->rsp_prod++ & (NET_RING_ENTRIES - 1)].rsp =
        (struct netif_rx_response){ .id = id, .offset = offset, .flags = flags, .status = status };
}

static void sent(uint16_t id)
{
    struct netif_tx_sring *tx = ring.queues[0].tx;

    tx->ring[tx->rsp_prod++ & (NET_RING_ENTRIES - 1)].rsp = (struct netif_tx_response){ .id = id };
}

static const struct netif_tx_request *sends(void)
{
    assert_int_not_equal(tx_taken, ring.queues[0].tx->req_prod);
    return &ring.queues[0].tx->ring[tx_taken++ & (NET_RING_ENTRIES - 1)].req;
}

/* --- the rings --- */

static void all_buffers_wait_for_packets_and_come_back_to_wait(void **state)
{
    struct net_packet got;

    (void)state;
    assert_int_equal(ring.queues[0].rx->req_prod, NET_BUFFERS);
    assert_int_equal(ring.queues[0].rx->ring[5].req.gref, 205);
    assert_int_equal(net_ring_receive(&ring, &got, &lie), 0);
    for (unsigned i = 0; i < 1000; i++) {
        packet((uint16_t)(i % NET_BUFFERS), 2, NETRXF_data_validated, 60);
        assert_true(net_ring_has_answers(&ring));
        assert_int_equal(net_ring_receive(&ring, &got, &lie), 1);
        assert_int_equal(got.buffer, i % NET_BUFFERS);
        assert_int_equal(got.offset, 2);
        assert_int_equal(got.length, 60);
        assert_true(got.checksummed);
        assert_int_equal(ring.queues[0].rx->rsp_event, i + 2);    /* the next one is told of, without a further look */
        assert_int_equal(net_ring_receive(&ring, &got, &lie), 0);
        net_ring_give_back(&ring, i % NET_BUFFERS);
        net_ring_issue(&ring);
        assert_int_equal(ring.queues[0].rx->req_prod, NET_BUFFERS + i + 1);
    }
    packet(40, 0, 0, NETIF_RSP_ERROR);
    assert_int_equal(net_ring_receive(&ring, &got, &lie), 0);
    net_ring_issue(&ring);
    assert_int_equal(ring.receive[40].state, NET_ISSUED);
}

static void what_may_not_have_been_sent_is_sent_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NET_BUFFERS; i++)
        net_ring_send(&ring, net_ring_take(&ring), (uint16_t)(60 + i), i, i == 1);
    assert_int_equal(net_ring_take(&ring), NET_BUFFERS);
    assert_true(net_ring_issue(&ring));
    assert_int_equal(sends()->size, 60);
    assert_int_equal(ring.queues[0].tx->ring[0].req.flags, NETTXF_data_validated);
    assert_int_equal(ring.queues[0].tx->ring[1].req.flags, NETTXF_data_validated | NETTXF_csum_blank);
    sent(0);
    assert_null(net_ring_collect_sent(&ring));
    sent(1);                            /* lost with the ring */
    assert_int_equal(net_ring_detach(&ring), NET_BUFFERS - 1);
    assert_int_equal(net_ring_take(&ring), 0);
    assert_false(net_ring_has_answers(&ring));
    assert_false(net_ring_issue(&ring));
    assert_null(net_ring_collect_sent(&ring));
    rings_give();
    assert_int_equal(ring.queues[0].tx->req_prod, NET_BUFFERS - 1);
    assert_int_equal(sends()->gref, 101);
    assert_int_equal(ring.queues[0].rx->req_prod, NET_BUFFERS);
}

static void a_liar_is_found_out(void **state)
{
    static const struct {
        uint16_t id, offset, flags;
        int16_t status;
    } lies[] = {
        { NET_BUFFERS, 0, 0, 60 },
        { 65535, 0, 0, 60 },
        { 3, 0, NETRXF_more_data, 60 },
        { 3, 0, NETRXF_extra_info, 60 },
        { 3, 4090, 0, 60 },
        { 3, 65535, 0, 32767 },
    };
    struct net_packet got;

    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        packet(lies[i].id, lies[i].offset, lies[i].flags, lies[i].status);
        assert_int_equal(net_ring_receive(&ring, &got, &lie), -EIO);
        assert_non_null(lie);
        end(state);
        begin(state);
    }
    packet(3, 0, 0, 60);
    packet(3, 0, 0, 60);
    assert_int_equal(net_ring_receive(&ring, &got, &lie), 1);
    assert_int_equal(net_ring_receive(&ring, &got, &lie), -EIO);
    ring.queues[0].rx->rsp_prod = 5000;
    assert_int_equal(net_ring_receive(&ring, &got, &lie), -EIO);
    sent(0);
    assert_string_equal(net_ring_collect_sent(&ring), "more answers than packets");
    net_ring_send(&ring, net_ring_take(&ring), 60, 0, false);
    net_ring_send(&ring, net_ring_take(&ring), 60, 0, false);
    ring.queues[0].tx->rsp_prod = 0;
    net_ring_issue(&ring);
    sent(NET_BUFFERS);
    assert_string_equal(net_ring_collect_sent(&ring), "an answer to no packet, or a second one");
    ring.queues[0].tx->rsp_prod = 0;
    sent(1);
    sent(1);
    assert_string_equal(net_ring_collect_sent(&ring), "an answer to no packet, or a second one");
}

/* The back end finds a buffer for packets in either queue, and packets to send in the one of their flow. */
static void two_queues_share_the_buffers(void **state)
{
    struct net_packet got;

    net_ring_detach(&ring);
    nr_queues = 2;
    assert_int_equal(rings_give(), 1u << 1 | 1u << 3);
    for (unsigned q = 0; q < 2; q++)
        assert_int_equal(ring.queues[q].rx->req_prod, NET_BUFFERS / 2);
    assert_int_equal(ring.queues[1].rx->ring[3].req.id, 7);
    for (unsigned i = 0; i < 9; i++)
        net_ring_send(&ring, net_ring_take(&ring), 60, 5 + i % 3, false);
    assert_int_equal(net_ring_issue(&ring), 1u << 0 | 1u << 2);
    assert_int_equal(ring.queues[0].tx->req_prod, 3);
    assert_int_equal(ring.queues[1].tx->req_prod, 6);
    for (unsigned i = 0; i < 6; i++)            /* in the order in which they were sent */
        assert_int_equal(ring.queues[1].tx->ring[i].req.id, i / 2 * 3 + i % 2 * 2);
    net_ring_send(&ring, net_ring_take(&ring), 60, 7, false);
    ring.queues[1].tx->req_event = 7;
    assert_int_equal(net_ring_issue(&ring), 1u << 2);

    /* packets of both are taken in turns, and their buffers go where they are wanted */
    for (unsigned i = 0; i < 3; i++)
        for (unsigned q = 0; q < 2; q++)
            ring.queues[q].rx->ring[ring.queues[q].rx->rsp_prod++].rsp =
                (struct netif_rx_response){ .id = (uint16_t)(2 * i + q), .status = 60 };
    unsigned first = ring.turn % 2;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(net_ring_receive(&ring, &got, &lie), 1);
        assert_int_equal(got.buffer % 2, (first + i) % 2);
    }
    net_ring_give_back(&ring, 1);
    net_ring_give_back(&ring, 3);
    net_ring_issue(&ring);
    assert_int_equal(ring.receive[1].queue + ring.receive[3].queue, 1);

    /* an answer in the other queue is a lie */
    ring.queues[0].tx->ring[0].rsp = (struct netif_tx_response){ .id = 0 };
    ring.queues[0].tx->rsp_prod = 1;
    assert_string_equal(net_ring_collect_sent(&ring), "an answer to no packet, or a second one");
    packet(7, 0, 0, 60);
    ring.turn = 0;
    assert_int_equal(net_ring_receive(&ring, &got, &lie), -EIO);
    assert_string_equal(lie, "a packet in no buffer, or in one that it has given back");
    end(state);
    begin(state);
}

/* A back end of one queue comes after one of two: what was to be sent in the second goes the first's way. */
static void fewer_queues_lose_nothing(void **state)
{
    (void)state;
    net_ring_detach(&ring);
    nr_queues = 2;
    rings_give();
    for (unsigned i = 0; i < NET_BUFFERS; i++)
        net_ring_send(&ring, net_ring_take(&ring), 60, i, false);
    net_ring_issue(&ring);
    assert_int_equal(ring.queues[1].tx->req_prod, NET_BUFFERS / 2);
    assert_int_equal(net_ring_detach(&ring), NET_BUFFERS);
    nr_queues = 1;
    rings_give();
    assert_int_equal(ring.queues[0].tx->req_prod, NET_BUFFERS);
    assert_int_equal(ring.queues[0].rx->req_prod, NET_BUFFERS);
}

/* --- frames --- */

static const struct inet us = { .mac = { 0, 0x16, 0x3e, 1, 2, 3 }, .address = { 192, 168, 77, 2 } };

/* By Linux: who has 192.168.77.2? tell 192.168.77.1; ping -s 4; UDP from port 40000 to port 7, "hey" */
static const uint8_t arp[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1,
    192, 168, 77, 1, 0, 0, 0, 0, 0, 0, 192, 168, 77, 2,
};
static const uint8_t ping[] = {
    0, 0x16, 0x3e, 1, 2, 3, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 1, 0x1f, 0x89, 192, 168, 77, 1,
    192, 168, 77, 2, 8, 0, 0x90, 0x2d, 0, 7, 0, 1, 1, 2, 0x66, 0xc8,
};
static const uint8_t hey[] = {
    0, 0x16, 0x3e, 1, 2, 3, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x1f, 0x7a, 192, 168, 77, 1,
    192, 168, 77, 2, 0x9c, 0x40, 0, 7, 0, 11, 0, 0, 'h', 'e', 'y', 0, 0,
};

static enum inet_what take(const uint8_t *from, size_t *length, uint8_t *frame, bool whole, struct inet_udp *udp)
{
    memcpy(frame, from, *length);
    return inet_take(&us, frame, length, whole, udp);
}

static uint32_t sum_of(const uint8_t *p, size_t n, uint32_t start)
{
    for (size_t i = 0; i < n; i++)
        start += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

static void who_asks_where_we_are_is_told(void **state)
{
    uint8_t frame[INET_FRAME_MAX];
    size_t length = sizeof(arp);

    (void)state;
    assert_int_equal(take(arp, &length, frame, false, NULL), INET_ANSWER);
    assert_int_equal(length, 42);
    assert_memory_equal(frame, "\2\0\0\0\0\1\0\x16\x3e\1\2\3\x08\x06\0\1\x08\0\6\4\0\2", 22);
    assert_memory_equal(frame + 22, "\0\x16\x3e\1\2\3\xc0\xa8\x4d\2\2\0\0\0\0\1\xc0\xa8\x4d\1", 20);
    memcpy(frame, arp, sizeof(arp));
    frame[41] = 3;
    length = sizeof(arp);
    assert_int_equal(inet_take(&us, frame, &length, false, NULL), INET_NOTHING);
    assert_int_equal(inet_announce(&us, frame), 42);
    assert_memory_equal(frame + 28, frame + 38, 4);
    assert_memory_equal(frame + 28, us.address, 4);
}

static void a_ping_is_answered(void **state)
{
    uint8_t frame[INET_FRAME_MAX];
    size_t length = sizeof(ping);

    (void)state;
    assert_int_equal(take(ping, &length, frame, false, NULL), INET_ANSWER);
    assert_int_equal(length, sizeof(ping));
    assert_int_equal(frame[34], 0);
    assert_memory_equal(frame + 26, "\xc0\xa8\x4d\2\xc0\xa8\x4d\1", 8);
    assert_int_equal(sum_of(frame + 14, 20, 0), 0xffff);
    assert_int_equal(sum_of(frame + 34, length - 34, 0), 0xffff);
}

static void what_comes_by_udp_goes_back_and_adds_up(void **state)
{
    uint8_t frame[INET_FRAME_MAX];
    size_t length = sizeof(hey);
    struct inet_udp udp;

    (void)state;
    assert_int_equal(take(hey, &length, frame, false, &udp), INET_UDP);
    assert_int_equal(udp.port, 7);
    assert_int_equal(udp.from_port, 40000);
    assert_int_equal(udp.length, 3);
    assert_memory_equal(udp.data, "hey", 3);
    length = inet_udp_answer(&us, frame, &udp, udp.length);
    assert_int_equal(length, 45);
    assert_memory_equal(frame + 34, "\0\7\x9c\x40\0\x0b", 6);
    assert_int_equal(sum_of(frame + 14, 20, 0), 0xffff);
    assert_int_equal(frame[40] << 8 | frame[41], sum_of(frame + 26, 8, 17 + 11));
    /* that frame, completed as the host does it, and turned round, is one to us whose checksum is looked at */
    uint32_t sum = ~sum_of(frame + 34, 11, 0) & 0xffff;
    frame[40] = (uint8_t)(sum >> 8);
    frame[41] = (uint8_t)sum;
    assert_int_equal(sum_of(frame + 34, 11, sum_of(frame + 26, 8, 17 + 11)), 0xffff);
    memcpy(frame + 26, "\xc0\xa8\x4d\1\xc0\xa8\x4d\2", 8);
    assert_int_equal(inet_take(&us, frame, &length, false, &udp), INET_UDP);
    frame[43] ^= 1;
    assert_int_equal(inet_take(&us, frame, &length, false, &udp), INET_NOTHING);
    assert_int_equal(inet_take(&us, frame, &length, true, &udp), INET_UDP);
}

/* A frame's own fields never lead beyond it: the sanitizer looks. */
static void frames_cut_off_and_flipped_do_no_harm(void **state)
{
    static const struct {
        const uint8_t *bytes;
        size_t length;
    } frames[] = { { arp, sizeof(arp) }, { ping, sizeof(ping) }, { hey, sizeof(hey) } };
    struct inet_udp udp;

    (void)state;
    srandom(3);
    for (unsigned i = 0; i < 60000; i++) {
        size_t length = frames[i % 3].length;
        uint8_t *frame;

        if (i % 2)
            length = (size_t)random() % (length + 1);
        frame = malloc(length + 1);
        memcpy(frame, frames[i % 3].bytes, length);
        for (unsigned flips = (unsigned)random() % 4; flips && length; flips--)
            frame[(size_t)random() % length] ^= (uint8_t)(1 << random() % 8);
        frame = realloc(frame, length ? length : 1);
        if (inet_take(&us, frame, &length, random() % 2, &udp) == INET_UDP)
            inet_udp_answer(&us, frame, &udp, udp.length);
        free(frame);
    }
}

static void an_address_is_four_numbers(void **state)
{
    static const char *const wrong[] = { "", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "1..2.3", "1.2.3.4x",
                                         "99999.1.1.1" };
    uint8_t address[4];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(inet_address(wrong[i], address));
    assert_true(inet_address("192.168.77.2 maxcpus=1", address));
    assert_memory_equal(address, us.address, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_buffers_wait_for_packets_and_come_back_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(what_may_not_have_been_sent_is_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(a_liar_is_found_out, begin, end),
        cmocka_unit_test_setup_teardown(two_queues_share_the_buffers, begin, end),
        cmocka_unit_test_setup_teardown(fewer_queues_lose_nothing, begin, end),
        cmocka_unit_test(who_asks_where_we_are_is_told),
        cmocka_unit_test(a_ping_is_answered),
        cmocka_unit_test(what_comes_by_udp_goes_back_and_adds_up),
        cmocka_unit_test(frames_cut_off_and_flipped_do_no_harm),
        cmocka_unit_test(an_address_is_four_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
