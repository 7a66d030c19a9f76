// SPDX-License-Identifier: Apache-2.0
/* sources: record/record.c */
/*
 * The reader and writer of records: a stream that was written is read back, and one that was changed anywhere is
 * refused with the name of the fault and its place, before anything is restored. Then each byte of a stream in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "record/record.h"

enum { THINGS = 3, FIRST_ID = RECORD_FIRST_KIND, SECOND_ID, THIRD_ID };

/* An object of three parts: a name, a number for each of its things, and a list. */
struct object {
    char name[5];
    uint64_t number[THINGS];
    uint32_t list[4], list_length;
    int save_error, check_error, restore_error;   /* of the list */
    const char *why;
    unsigned restored;
};

static struct object object;

static unsigned count_one(const void *o) { (void)o; return 1; }
static unsigned count_things(const void *o) { (void)o; return THINGS; }

static int name_save(void *o, unsigned instance, struct record_writer *w)
{
    (void)instance;
    record_write(w, ((struct object *)o)->name, sizeof(object.name));
    return 0;
}

static int name_check(void *o, unsigned instance, struct record_reader *r)
{
    (void)o;
    (void)instance;
    return record_skip(r, sizeof(object.name)) ? 0 : -EBADMSG;
}

static int name_restore(void *o, unsigned instance, struct record_reader *r)
{
    struct object *object = o;

    (void)instance;
    object->restored++;
    assert_true(record_read(r, object->name, sizeof(object->name)));
    return 0;
}

static int number_save(void *o, unsigned instance, struct record_writer *w)
{
    record_write(w, &((struct object *)o)->number[instance], sizeof(uint64_t));
    return 0;
}

static int number_check(void *o, unsigned instance, struct record_reader *r)
{
    uint64_t value;

    (void)o;
    if (!record_read(r, &value, sizeof(value)))
        return -EBADMSG;
    assert_in_range(r->version, 1, 2);
    return value % 10 == instance ? 0 : record_refuse(r, -EINVAL, "is of another thing");
}

static int number_restore(void *o, unsigned instance, struct record_reader *r)
{
    struct object *object = o;

    object->restored++;
    assert_true(record_read(r, &object->number[instance], sizeof(uint64_t)));
    return 0;
}

static int list_save(void *o, unsigned instance, struct record_writer *w)
{
    const struct object *object = o;

    (void)instance;
    record_write(w, &object->list_length, sizeof(object->list_length));
    record_write(w, object->list, object->list_length * sizeof(object->list[0]));
    return object->why ? record_refuse_save(w, object->save_error, object->why) : object->save_error;
}

static int list_check(void *o, unsigned instance, struct record_reader *r)
{
    struct object *object = o;
    uint32_t length;

    (void)instance;
    if (!record_read(r, &length, sizeof(length)) || length > 4 || !record_skip(r, length * sizeof(object->list[0])))
        return -EBADMSG;
    return object->check_error;
}

static int list_restore(void *o, unsigned instance, struct record_reader *r)
{
    struct object *object = o;

    (void)instance;
    object->restored++;
    assert_true(record_read(r, &object->list_length, sizeof(object->list_length)));
    assert_true(record_read(r, object->list, object->list_length * sizeof(object->list[0])));
    return object->restore_error;
}

static const struct record_kind
    name_kind = { "NAME", FIRST_ID, 1, 0, count_one, name_save, name_check, name_restore },
    number_kind = { "NUMBER", SECOND_ID, 2, 1, count_things, number_save, number_check, number_restore },
    list_kind = { "LIST", THIRD_ID, 1, 2, count_one, list_save, list_check, list_restore };
static const struct record_kind *const kinds[] = { &name_kind, &number_kind, &list_kind };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };

/* Where things stand in the stream of the object. */
enum {
    DESCRIPTOR = 8,
    HEADER_AT = 0,
    NAME_AT = 24,
    NUMBER_AT = 48,
    NUMBER_SIZE = 24,
    LIST_AT = 120,
    END_AT = 152,
    ALL = 160
};

static unsigned char stream[256] __attribute__((aligned(8)));
static struct record_fault fault;
static size_t size;

static void put16(size_t at, unsigned value) { memcpy(stream + at, &(uint16_t){ (uint16_t)value }, 2); }
static void put32(size_t at, uint32_t value) { memcpy(stream + at, &value, 4); }

static int an_object_and_its_stream(void **state)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };

    (void)state;
    memset(&fault, 0, sizeof(fault));
    memset(stream, 0xee, sizeof(stream));
    object = (struct object){ .name = "abcd", .number = { 100, 201, 302 }, .list = { 7, 8, 9 }, .list_length = 3 };
    assert_int_equal(records_save(&table, &object, &w, &fault), 0);
    size = w.used;
    assert_int_equal(size, ALL);
    return 0;
}

static void assert_refused(int error, const char *kind, unsigned instance, size_t at, const char *why)
{
    bool begun = true;

    object.restored = 0;
    assert_int_equal(records_check(&table, &object, stream, size, &fault), error);
    assert_string_equal(fault.kind, kind);
    assert_int_equal(fault.instance, instance);
    assert_int_equal(fault.at, at);
    assert_string_equal(fault.why, why);
    assert_int_equal(records_restore(&table, &object, stream, size, &begun, &fault), error);
    assert_false(begun);
    assert_int_equal(object.restored, 0);
}

static void what_was_saved_comes_back(void **state)
{
    struct object before = object;
    bool begun;

    (void)state;
    object = (struct object){ 0 };
    assert_int_equal(records_restore(&table, &object, stream, size, &begun, &fault), 0);
    assert_true(begun);
    assert_int_equal(object.restored, 5);
    assert_string_equal(object.name, before.name);
    assert_memory_equal(object.number, before.number, sizeof(object.number));
    assert_int_equal(object.list_length, 3);
    assert_memory_equal(object.list, before.list, sizeof(object.list));
}

static void a_writer_without_room_counts(void **state)
{
    struct record_writer w = { 0 };

    (void)state;
    assert_int_equal(records_save(&table, &object, &w, &fault), 0);
    assert_int_equal(w.used, ALL);
    for (size_t room = 1; room < ALL; room++) {
        unsigned char *small = malloc(room);

        w = (struct record_writer){ small, room, 0, NULL };
        assert_int_equal(records_save(&table, &object, &w, &fault), -ENOBUFS);
        assert_int_equal(w.used, ALL);
        free(small);
    }
}

static void a_save_says_why_it_refuses(void **state)
{
    struct record_writer w = { 0 };

    (void)state;
    object.save_error = -EOPNOTSUPP;
    assert_int_equal(records_save(&table, &object, &w, &fault), -EOPNOTSUPP);
    assert_string_equal(fault.kind, "LIST");
    assert_string_equal(fault.why, "cannot be saved");
    object.why = "is too long";
    assert_int_equal(records_save(&table, &object, &w, &fault), -EOPNOTSUPP);
    assert_string_equal(fault.why, "is too long");
}

static void one_record_is_saved_alone(void **state)
{
    uint64_t value = 0;
    struct record_writer w = { (unsigned char *)&value, sizeof(value), 0, NULL };

    (void)state;
    assert_int_equal(records_save_one(&table, &object, SECOND_ID, 2, &w, &fault), 0);
    assert_int_equal(w.used, 8);
    assert_int_equal(value, 302);
    assert_int_equal(records_save_one(&table, &object, SECOND_ID, 3, &w, &fault), -ENOENT);
    assert_int_equal(records_save_one(&table, &object, THIRD_ID + 1, 0, &w, &fault), -ENOENT);
    w = (struct record_writer){ (unsigned char *)&value, 7, 0, NULL };
    assert_int_equal(records_save_one(&table, &object, SECOND_ID, 2, &w, &fault), -ENOBUFS);
    assert_string_equal(fault.why, "does not fit into the buffer");
    object.save_error = -EINVAL;
    w = (struct record_writer){ 0 };
    assert_int_equal(records_save_one(&table, &object, THIRD_ID, 0, &w, &fault), -EINVAL);
    assert_string_equal(fault.why, "cannot be saved");
}

static void what_is_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size = 0; size < ALL; size++) {
        /* in memory of just that size: reading on is seen */
        unsigned char *cut = malloc(size ? size : 1);

        memcpy(cut, stream, size);
        assert_int_equal(records_check(&table, &object, cut, size, &fault), -EBADMSG);
        assert_non_null(fault.why);
        free(cut);
    }
    size = NAME_AT + 4;
    assert_refused(-EBADMSG, "NAME", 0, NAME_AT, "is missing: the stream is cut off");
    size = NUMBER_AT + DESCRIPTOR + 4;
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "is longer than what is left of the stream");
}

static void another_header_is_refused(void **state)
{
    (void)state;
    stream[DESCRIPTOR]++;
    assert_refused(-EBADMSG, "HEADER", 0, 0, "is not that of Torpor's records");
    stream[DESCRIPTOR]--;
    put32(DESCRIPTOR + 8, RECORD_FORMAT + 1);
    assert_refused(-EOPNOTSUPP, "HEADER", 0, 0, "is of another format than this version of Torpor reads");
    put32(DESCRIPTOR + 8, RECORD_FORMAT);
    put32(DESCRIPTOR + 12, 1);
    assert_refused(-EOPNOTSUPP, "HEADER", 0, 0, "is of another format than this version of Torpor reads");
    put32(DESCRIPTOR + 12, 0);
    put32(4, 8);
    assert_refused(-EBADMSG, "HEADER", 0, 0, "is not that of Torpor's records");
}

static void a_stream_of_an_earlier_format_has_not_what_came_since(void **state)
{
    bool begun;

    (void)state;
    put32(DESCRIPTOR + 8, 1);
    assert_refused(-EBADMSG, "LIST", 0, LIST_AT, "is repeated, out of order, or one too many");
    memmove(stream + LIST_AT, stream + END_AT, ALL - END_AT);
    size = ALL - (END_AT - LIST_AT);
    memset(object.list, 0, sizeof(object.list));
    memset(object.name, 0, sizeof(object.name));
    assert_int_equal(records_restore(&table, &object, stream, size, &begun, &fault), 0);
    assert_string_equal(object.name, "abcd");
    assert_int_equal(object.list[0], 0);
    put32(DESCRIPTOR + 8, 2);
    assert_refused(-EBADMSG, "LIST", 0, LIST_AT, "is missing: the stream ends before it");
    put32(DESCRIPTOR + 8, 0);
    assert_refused(-EOPNOTSUPP, "HEADER", 0, 0, "is of another format than this version of Torpor reads");
}

static void what_is_missing_repeated_or_out_of_order_is_refused(void **state)
{
    unsigned char one[NUMBER_SIZE];

    (void)state;
    /* the second number in the place of the first, and the first again in that of the second */
    memcpy(one, stream + NUMBER_AT, NUMBER_SIZE);
    memcpy(stream + NUMBER_AT, stream + NUMBER_AT + NUMBER_SIZE, NUMBER_SIZE);
    assert_refused(-EBADMSG, "NUMBER", 1, NUMBER_AT, "is repeated, out of order, or one too many");
    memcpy(stream + NUMBER_AT, one, NUMBER_SIZE);
    memcpy(stream + NUMBER_AT + NUMBER_SIZE, one, NUMBER_SIZE);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT + NUMBER_SIZE, "is repeated, out of order, or one too many");
    /* an instance that there is not, and one of another kind */
    put16(NUMBER_AT + NUMBER_SIZE + 2, UINT16_MAX);
    assert_refused(-EBADMSG, "NUMBER", UINT16_MAX, NUMBER_AT + NUMBER_SIZE,
                   "is repeated, out of order, or one too many");
    put16(NUMBER_AT + NUMBER_SIZE, FIRST_ID);
    assert_refused(-EBADMSG, "NAME", UINT16_MAX, NUMBER_AT + NUMBER_SIZE, "is repeated, out of order, or one too many");
    put16(NUMBER_AT + NUMBER_SIZE, RECORD_END);
    assert_refused(-EBADMSG, "NUMBER", 1, NUMBER_AT + NUMBER_SIZE, "is missing: the stream ends before it");
    put16(NUMBER_AT + NUMBER_SIZE, RECORD_HEADER);
    assert_refused(-EBADMSG, "NUMBER", 1, NUMBER_AT + NUMBER_SIZE, "is missing: a second header is there");
}

static void an_unknown_kind_is_refused_by_its_number(void **state)
{
    (void)state;
    put16(LIST_AT, 77);
    assert_refused(-EOPNOTSUPP, "a record of an unknown kind", 77, LIST_AT,
                   "is nothing that this version of Torpor restores");
}

static void versions_are_those_that_are_known(void **state)
{
    bool begun;

    (void)state;
    put32(NUMBER_AT + DESCRIPTOR, 3);
    assert_refused(-EOPNOTSUPP, "NUMBER", 0, NUMBER_AT, "is of a later version than this Torpor knows");
    put32(NUMBER_AT + DESCRIPTOR, 0);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "has no version");
    put32(NUMBER_AT + DESCRIPTOR, 1);
    assert_int_equal(records_restore(&table, &object, stream, size, &begun, &fault), 0);
    put32(NUMBER_AT + DESCRIPTOR + 4, 1);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "has no version");
    put32(NUMBER_AT + 4, 0);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "has no version");
}

static void absurd_lengths_are_refused(void **state)
{
    (void)state;
    put32(NUMBER_AT + 4, UINT32_MAX);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "is longer than what is left of the stream");
    put32(NUMBER_AT + 4, 15);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "has a length that is no multiple of eight");
    put32(NUMBER_AT + 4, 8);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "is shorter than one of its version");
    put32(NUMBER_AT + 4, 40);
    assert_refused(-EBADMSG, "NUMBER", 0, NUMBER_AT, "is longer than one of its version");
    put32(NUMBER_AT + 4, 16);
    /* the three bytes behind a name of five are zero */
    stream[NAME_AT + DESCRIPTOR + 8 + 7] = 1;
    assert_refused(-EBADMSG, "NAME", 0, NAME_AT, "is longer than one of its version");
}

static void a_check_says_why_it_refuses(void **state)
{
    (void)state;
    put32(NUMBER_AT + NUMBER_SIZE + DESCRIPTOR + 8, 202);
    assert_refused(-EINVAL, "NUMBER", 1, NUMBER_AT + NUMBER_SIZE, "is of another thing");
    put32(NUMBER_AT + NUMBER_SIZE + DESCRIPTOR + 8, 201);
    object.check_error = -EBUSY;
    assert_refused(-EBUSY, "LIST", 0, LIST_AT, "is shorter than one of its version");
}

static void the_end_is_the_end(void **state)
{
    (void)state;
    size = ALL + 8;
    memset(stream + ALL, 0, 8);
    assert_refused(-EBADMSG, "END", 0, END_AT, "is not the end of the stream");
    put32(END_AT + 4, 8);
    assert_refused(-EBADMSG, "END", 0, END_AT, "is not the end of the stream");
    put32(END_AT + 4, 0);
    put16(END_AT + 2, 1);
    assert_refused(-EBADMSG, "END", 0, END_AT, "is missing: the stream ends before it");
}

static void a_restore_that_fails_says_that_it_had_begun(void **state)
{
    bool begun = false;

    (void)state;
    object.restore_error = -ENOMEM;
    assert_int_equal(records_restore(&table, &object, stream, size, &begun, &fault), -ENOMEM);
    assert_true(begun);
    assert_string_equal(fault.kind, "LIST");
    assert_string_equal(fault.why, "could not be restored");
}

/* Refused, or restored as something: never read outside, never half. */
static void any_byte_may_be_another(void **state)
{
    (void)state;
    for (size_t at = 0; at < ALL; at++)
        for (unsigned value = 0; value < 256; value++) {
            unsigned char *changed = malloc(ALL), was = stream[at];
            bool begun;

            memcpy(changed, stream, ALL);
            changed[at] = (unsigned char)value;
            object.restored = 0;
            if (records_restore(&table, &object, changed, ALL, &begun, &fault))
                assert_true(!begun && !object.restored && fault.kind && fault.why && fault.at < ALL);
            else
                assert_int_equal(object.restored, 5);
            if (at < NAME_AT)
                assert_int_equal(begun, value == was);
            free(changed);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup(name, an_object_and_its_stream)
        CASE(what_was_saved_comes_back),
        CASE(a_writer_without_room_counts),
        CASE(a_save_says_why_it_refuses),
        CASE(one_record_is_saved_alone),
        CASE(what_is_cut_off_anywhere_is_refused),
        CASE(another_header_is_refused),
        CASE(a_stream_of_an_earlier_format_has_not_what_came_since),
        CASE(what_is_missing_repeated_or_out_of_order_is_refused),
        CASE(an_unknown_kind_is_refused_by_its_number),
        CASE(versions_are_those_that_are_known),
        CASE(absurd_lengths_are_refused),
        CASE(a_check_says_why_it_refuses),
        CASE(the_end_is_the_end),
        CASE(a_restore_that_fails_says_that_it_had_begun),
        CASE(any_byte_may_be_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
