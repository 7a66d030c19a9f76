// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/block_ring.c dormouse/xen/value.c */
/* Dormouse's block requests against a back end that is honest, gone, or a liar; and the values that it writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/xen/block_ring.h"
#include "dormouse/xen/value.h"
#include "lib/errno.h"

static struct block_ring ring;
static struct blkif_sring *shared;
static RING_IDX taken;              /* requests that the back end has looked at */

static void ring_give(size_t bytes)
{
    free(shared);
    shared = malloc(bytes);
    taken = 0;
    block_ring_prepare(shared, bytes);
    block_ring_attach(&ring, shared, bytes);
}

static int begin(void **state)
{
    (void)state;
    block_ring_init(&ring);
    ring_give(PAGE_SIZE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(shared);
    shared = NULL;
    return 0;
}

static struct block_slot *queued(uint8_t operation, uint64_t sector, uint64_t sectors)
{
    struct block_slot *slot = block_ring_take(&ring);

    assert_non_null(slot);
    slot->operation = operation;
    slot->sector = sector;
    slot->sectors = sectors;
    for (unsigned i = 0; i < BLOCK_SLOT_PAGES; i++)
        slot->refs[i] = 100 + i;
    block_ring_queue(&ring, slot);
    return slot;
}

/* --- the back end --- */

static const struct blkif_request *request_next(void)
{
    assert_int_not_equal(taken, shared->req_prod);
    return &shared->ring[taken++ & (ring.entries - 1)].req;
}

static void answer(uint64_t id, int16_t status)
{
    shared->ring[shared->rsp_prod & (ring.entries - 1)].rsp = (struct blkif_response){ .id = id, .status = status };
    shared->rsp_prod++;
}

/* --- the tests --- */

static void a_request_says_what_and_where(void **state)
{
    const struct blkif_request *request;
    struct blkif_request_discard discard;

    (void)state;
    ring.handle = 51712;
    queued(BLKIF_OP_WRITE, 1234, 19);
    queued(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    queued(BLKIF_OP_DISCARD, 5, UINT64_C(1) << 40);
    assert_true(block_ring_issue(&ring));
    request = request_next();
    assert_int_equal(request->operation, BLKIF_OP_WRITE);
    assert_int_equal(request->handle, 51712);
    assert_int_equal(request->sector_number, 1234);
    assert_int_equal(request->nr_segments, 3);
    assert_int_equal(request->seg[1].gref, 101);
    assert_int_equal(request->seg[1].last_sect, 7);
    assert_int_equal(request->seg[2].first_sect, 0);
    assert_int_equal(request->seg[2].last_sect, 2);
    request = request_next();
    assert_int_equal(request->operation, BLKIF_OP_FLUSH_DISKCACHE);
    assert_int_equal(request->nr_segments, 0);
    memcpy(&discard, request_next(), sizeof(discard));
    assert_int_equal(discard.operation, BLKIF_OP_DISCARD);
    assert_int_equal(discard.id, 2);
    assert_int_equal(discard.sector_number, 5);
    assert_true(discard.nr_sectors == UINT64_C(1) << 40);
}

static void answers_are_told_to_whom_they_belong(void **state)
{
    struct block_slot *a = queued(BLKIF_OP_READ, 0, 8), *b = queued(BLKIF_OP_READ, 8, 8);
    struct block_slot *c = queued(BLKIF_OP_READ, 0, 8);

    (void)state;
    block_ring_issue(&ring);
    assert_false(block_ring_has_answers(&ring));
    answer(1, BLKIF_RSP_ERROR);
    answer(2, BLKIF_RSP_EOPNOTSUPP);
    assert_true(block_ring_has_answers(&ring));
    assert_null(block_ring_collect(&ring));
    assert_int_equal(a->state, SLOT_ISSUED);
    assert_int_equal(b->state, SLOT_DONE);
    assert_int_equal(b->result, -EIO);
    assert_int_equal(c->result, -EOPNOTSUPP);
    assert_int_equal(shared->rsp_event, 3);
    answer(0, BLKIF_RSP_OKAY);
    assert_null(block_ring_collect(&ring));
    assert_int_equal(a->state, SLOT_DONE);
    assert_int_equal(a->result, 0);
}

static void the_back_end_is_told_only_when_it_asked(void **state)
{
    (void)state;
    queued(BLKIF_OP_READ, 0, 8);
    assert_true(block_ring_issue(&ring));
    assert_false(block_ring_issue(&ring));
    queued(BLKIF_OP_READ, 0, 8);
    assert_false(block_ring_issue(&ring));      /* its event index is 1, which has been */
    shared->req_event = 3;
    queued(BLKIF_OP_READ, 0, 8);
    assert_true(block_ring_issue(&ring));
}

static void a_full_ring_takes_the_rest_when_it_has_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BLOCK_SLOTS; i++)
        queued(BLKIF_OP_READ, i, 1);
    assert_null(block_ring_take(&ring));
    block_ring_issue(&ring);
    assert_int_equal(ring.entries, 32);
    assert_int_equal(shared->req_prod, 32);
    answer(7, BLKIF_RSP_OKAY);
    assert_null(block_ring_collect(&ring));
    block_ring_issue(&ring);
    assert_int_equal(shared->req_prod, 33);
    assert_int_equal(ring.slots[32].state, SLOT_ISSUED);
    block_ring_free(&ring.slots[7]);
    assert_ptr_equal(block_ring_take(&ring), &ring.slots[7]);
}

static void a_ring_of_two_pages_has_room_for_all(void **state)
{
    (void)state;
    ring_give(2 * PAGE_SIZE);
    assert_int_equal(ring.entries, 64);
    for (unsigned i = 0; i < BLOCK_SLOTS; i++)
        queued(BLKIF_OP_READ, i, 1);
    block_ring_issue(&ring);
    assert_int_equal(shared->req_prod, 64);
}

static void what_was_not_answered_is_issued_again_once_and_in_order(void **state)
{
    struct block_slot *done;

    (void)state;
    done = queued(BLKIF_OP_WRITE, 0, 1);
    block_ring_issue(&ring);
    answer(0, BLKIF_RSP_OKAY);
    block_ring_collect(&ring);
    block_ring_free(done);
    for (unsigned i = 1; i < 40; i++)
        queued(BLKIF_OP_WRITE, i, 1);           /* the last of them has place 0, and some wait for room */
    block_ring_issue(&ring);
    request_next();
    answer(request_next()->id, BLKIF_RSP_OKAY);
    block_ring_collect(&ring);
    answer(request_next()->id, BLKIF_RSP_OKAY); /* not taken: it is lost with the ring */
    assert_int_equal(block_ring_detach(&ring), 31);
    assert_int_equal(block_ring_detach(&ring), 0);
    assert_false(block_ring_issue(&ring));
    assert_false(block_ring_has_answers(&ring));
    ring_give(2 * PAGE_SIZE);
    assert_true(block_ring_issue(&ring));
    for (unsigned i = 2; i < 40; i++)
        assert_int_equal(request_next()->sector_number, i);
    assert_int_equal(taken, shared->req_prod);
}

static void a_ring_that_is_stopped_drains_and_takes_nothing_until_the_next_one(void **state)
{
    struct block_slot *asked, *late;

    (void)state;
    asked = queued(BLKIF_OP_READ, 0, 8);
    block_ring_issue(&ring);
    block_ring_stop(&ring);
    assert_false(block_ring_is_drained(&ring));
    late = queued(BLKIF_OP_READ, 8, 8);
    assert_false(block_ring_issue(&ring));
    answer(0, BLKIF_RSP_OKAY);
    assert_null(block_ring_collect(&ring));
    assert_int_equal(asked->state, SLOT_DONE);
    assert_int_equal(late->state, SLOT_QUEUED);
    assert_true(block_ring_is_drained(&ring));
    assert_int_equal(block_ring_detach(&ring), 0);
    ring_give(PAGE_SIZE);
    assert_true(block_ring_issue(&ring));
    assert_int_equal(late->state, SLOT_ISSUED);
}

static void a_liar_is_found_out(void **state)
{
    struct block_slot *slot;

    (void)state;
    queued(BLKIF_OP_READ, 0, 1);
    block_ring_issue(&ring);
    answer(0, BLKIF_RSP_OKAY);
    answer(0, BLKIF_RSP_OKAY);
    assert_string_equal(block_ring_collect(&ring), "more answers than requests");
    begin(state);
    queued(BLKIF_OP_READ, 0, 1);
    slot = queued(BLKIF_OP_READ, 0, 1);
    block_ring_issue(&ring);
    answer(0, BLKIF_RSP_OKAY);
    answer(0, BLKIF_RSP_OKAY);
    assert_string_equal(block_ring_collect(&ring), "an answer to no request, or a second one");
    assert_int_equal(slot->state, SLOT_ISSUED);
    begin(state);
    queued(BLKIF_OP_READ, 0, 1);
    block_ring_issue(&ring);
    answer(BLOCK_SLOTS, BLKIF_RSP_OKAY);
    assert_string_equal(block_ring_collect(&ring), "an answer to a request that cannot be");
    begin(state);
    queued(BLKIF_OP_READ, 0, 1);
    block_ring_issue(&ring);
    shared->rsp_prod = UINT32_MAX;
    assert_string_equal(block_ring_collect(&ring), "more answers than requests");
    block_ring_fail(&ring, -EIO);
    assert_false(block_ring_has_answers(&ring));
}

static void given_up_every_request_is_done_once(void **state)
{
    struct block_slot *done, *taken_slot;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        queued(BLKIF_OP_READ, i, 1);
    block_ring_issue(&ring);
    answer(3, BLKIF_RSP_OKAY);
    block_ring_collect(&ring);
    done = &ring.slots[3];
    taken_slot = block_ring_take(&ring);
    block_ring_fail(&ring, -EIO);
    assert_int_equal(done->result, 0);
    assert_int_equal(taken_slot->state, SLOT_TAKEN);
    assert_int_equal(ring.slots[0].result, -EIO);
    assert_int_equal(ring.slots[39].result, -EIO);
    assert_int_equal(ring.slots[39].state, SLOT_DONE);
    assert_true(list_empty(&ring.queue));
    assert_int_equal(block_ring_detach(&ring), 0);
}

/* Requests of any kind and number, rings that come and go: each is done once, and by nothing else than its answer. */
static void whatever_comes_each_request_is_done_once(void **state)
{
    unsigned begun = 0, ended = 0;

    srandom(7);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned what = (unsigned)random() % 16;

        if (what < 6) {
            struct block_slot *slot = block_ring_take(&ring);

            if (slot) {
                slot->operation = BLKIF_OP_READ;
                slot->sectors = 1;
                block_ring_queue(&ring, slot);
                begun++;
            }
            block_ring_issue(&ring);
        } else if (what < 14 && taken != shared->req_prod && ring.shared) {
            answer(request_next()->id, BLKIF_RSP_OKAY);
        } else if (what == 14 && random() % 8 == 0) {
            block_ring_detach(&ring);
            ring_give(random() % 2 ? PAGE_SIZE : 2 * PAGE_SIZE);
        } else {
            assert_null(block_ring_collect(&ring));
            block_ring_issue(&ring);
        }
        for (unsigned n = 0; n < BLOCK_SLOTS; n++) {
            if (ring.slots[n].state == SLOT_DONE) {
                block_ring_free(&ring.slots[n]);
                ended++;
            }
        }
    }
    (void)state;
    unsigned busy = 0;
    for (unsigned n = 0; n < BLOCK_SLOTS; n++)
        busy += ring.slots[n].state != SLOT_FREE;
    assert_int_equal(begun, ended + busy);
    assert_true(ended > 10000);
}

static void a_number_is_digits_and_nothing_else(void **state)
{
    static const char *const wrong[] = { "", "-1", " 1", "1 ", "0x10", "many", "18446744073709551616", "4294967296",
                                         "99999999999999999999999" };
    uint64_t n = 5;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(value_number(wrong[i], UINT32_MAX, &n));
    assert_int_equal(n, 5);
    assert_true(value_number("4294967295", UINT32_MAX, &n));
    assert_int_equal(n, UINT32_MAX);
    assert_true(value_number("18446744073709551615", UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_true(value_number("007", 7, &n));
    assert_int_equal(n, 7);
}

static void a_mac_address_is_six_pairs(void **state)
{
    static const char *const wrong[] = { "", "00:16:3e:01:02", "00:16:3e:01:02:0g", "00-16-3e-01-02-03",
                                         "00:16:3e:01:02:03:", "0:16:3e:01:02:033" };
    uint8_t mac[6];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(value_mac(wrong[i], mac));
    assert_true(value_mac("00:16:3E:0a:bC:ff", mac));
    assert_memory_equal(mac, "\x00\x16\x3e\x0a\xbc\xff", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_says_what_and_where, begin, end),
        cmocka_unit_test_setup_teardown(answers_are_told_to_whom_they_belong, begin, end),
        cmocka_unit_test_setup_teardown(the_back_end_is_told_only_when_it_asked, begin, end),
        cmocka_unit_test_setup_teardown(a_full_ring_takes_the_rest_when_it_has_room, begin, end),
        cmocka_unit_test_setup_teardown(a_ring_of_two_pages_has_room_for_all, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_answered_is_issued_again_once_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_ring_that_is_stopped_drains_and_takes_nothing_until_the_next_one, begin, end),
        cmocka_unit_test_setup_teardown(a_liar_is_found_out, begin, end),
        cmocka_unit_test_setup_teardown(given_up_every_request_is_done_once, begin, end),
        cmocka_unit_test_setup_teardown(whatever_comes_each_request_is_done_once, begin, end),
        cmocka_unit_test(a_number_is_digits_and_nothing_else),
        cmocka_unit_test(a_mac_address_is_six_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
