// SPDX-License-Identifier: Apache-2.0
/* sources: tools/keeper/image.c */
/*
 * The image of a host's memory: what is written is what is read, byte for byte, and nothing that was changed on the
 * disk gets through.
 */
#include "tools/keeper/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RAM       UINT64_C(0x40000000)
#define PARTITION (UINT64_C(64) << 20)

static const uint8_t id[IMAGE_ID] = "0123456789abcde";

static struct handover handover = {
    .magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .size = sizeof(handover), .back_entry = RAM + 0x201000,
    .window = { RAM + (1u << 20), 1u << 20 }, .image = { RAM + 0x200000, 0x100000 }, .image_base = 0x8000000000,
    .direct_map = 0x800000000000, .counter_frequency = 1000,
};

static const struct image_disk disks[] = { { 1 << 20, 17 }, { 1 << 20, 18 }, { 1 << 20, 17 } };

struct made {
    struct image_header header;
    void *tables;
};

/* One of eight pages is zero. Each chunk is stored as `packed` bytes; 0: as it is. */
static struct made make_packed_image(unsigned pages, enum image_state state, size_t packed)
{
    static uint8_t chunk[IMAGE_CHUNK];
    struct image_writer w = { .handover = &handover };
    struct image_times times = { .counter = 5000, .seconds = 100 };
    struct image_note_text notes[] = {
        { "TORPOR", IMAGE_NOTE_HANDOVER, sizeof(handover), &handover },
        { "TORPOR", IMAGE_NOTE_MACHINE, 7, "memory" },
        { "TORPOR", IMAGE_NOTE_TIMES, sizeof(times), &times },
        { "TORPOR", IMAGE_NOTE_DISKS, sizeof(disks), disks },
        { "VMCOREINFO", 0, 5, "dom0\n" },
    };
    struct made m;

    for (unsigned i = 0; i < pages; i++)
        assert_int_equal(image_add_page(&w, RAM + (i < 256 ? i : i + 256) * IMAGE_PAGE, i % 8 == 7), 0);
    for (uint64_t left = w.data_size, n; left; left -= n) {
        n = left < IMAGE_CHUNK ? left : IMAGE_CHUNK;
        assert_int_equal(image_add_chunk(&w, chunk, packed ? packed : n), 0);
    }
    assert_int_equal(image_finish(&w, notes, 5, id, state, &m.header, &m.tables), 0);
    image_writer_free(&w);
    return m;
}

static struct made make_image(unsigned pages, enum image_state state) { return make_packed_image(pages, state, 0); }

static void what_is_written_is_read(void **state)
{
    struct made m = make_image(600, IMAGE_HIBERNATED);
    struct image i;
    uint64_t data = 0;

    (void)state;
    assert_true(image_is_ours(&m.header));
    assert_int_equal(image_state(&m.header), IMAGE_HIBERNATED);
    assert_null(image_check_header(&m.header, PARTITION));
    assert_null(image_check(&i, &m.header, m.tables));
    assert_string_equal(i.machine, "memory");
    assert_memory_equal(&i.handover, &handover, sizeof(handover));
    assert_int_equal(i.times.counter, 5000);
    for (size_t n = 0; n < i.count; n++)
        data += i.loads[n].p_filesz;
    assert_int_equal(data, 525 * IMAGE_PAGE);
    assert_int_equal(i.chunk_count, 3);
    assert_int_equal(i.loads[0].p_filesz, 7 * IMAGE_PAGE);
    assert_int_equal(i.loads[0].p_memsz, 8 * IMAGE_PAGE);
    free(m.tables);
}

static void the_state_may_change_and_nothing_else(void **state)
{
    struct made m = make_image(20, IMAGE_HIBERNATED);

    (void)state;
    image_set_state(&m.header, IMAGE_USED);
    assert_null(image_check_header(&m.header, PARTITION));
    free(m.tables);
}

/* Every bit of the header but the state's, and of the tables, one at a time. */
static void a_flipped_bit_is_found(void **state)
{
    struct made m = make_image(20, IMAGE_HIBERNATED);
    struct image i;

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof(m.header); bit++) {
        struct image_header h = m.header;

        ((uint8_t *)&h)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bit / 8 != EI_ABIVERSION + 7)
            assert_non_null(image_check_header(&h, PARTITION));
    }
    for (size_t bit = 0; bit < 8 * m.header.tables_size; bit += 37) {
        ((uint8_t *)m.tables)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_non_null(image_check(&i, &m.header, m.tables));
        ((uint8_t *)m.tables)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_null(image_check(&i, &m.header, m.tables));
    free(m.tables);
}

static void a_damaged_chunk_is_found(void **state)
{
    static uint8_t chunk[IMAGE_CHUNK];
    struct made m = make_image(600, IMAGE_SNAPSHOT);
    struct image i;

    (void)state;
    assert_null(image_check(&i, &m.header, m.tables));
    assert_true(image_chunk_is_right(&i, 0, chunk));
    chunk[77777] = 1;
    assert_false(image_chunk_is_right(&i, 0, chunk));
    chunk[77777] = 0;
    assert_int_equal(image_chunk_size(&i, 2), 525 * IMAGE_PAGE - 2 * IMAGE_CHUNK);
    free(m.tables);
}

static void a_partition_that_shrank_is_found(void **state)
{
    struct made m = make_image(600, IMAGE_HIBERNATED);

    (void)state;
    assert_null(image_check_header(&m.header, m.header.tables + m.header.tables_size));
    assert_non_null(image_check_header(&m.header, m.header.tables + m.header.tables_size - 1));
    free(m.tables);
}

static void a_claim_is_ours_and_no_image(void **state)
{
    struct image_header h, zero = { .version = 0 };

    (void)state;
    image_claim(&h, id);
    assert_true(image_is_ours(&h));
    assert_int_equal(image_state(&h), IMAGE_CLAIMED);
    assert_non_null(image_check_header(&h, PARTITION));
    assert_false(image_is_ours(&zero));
}

/* Offsets of ELF are those that it has when it is unpacked; before that, nobody may take it for ELF. */
static void a_packed_image_is_shorter_and_read(void **state)
{
    struct made m = make_packed_image(600, IMAGE_HIBERNATED, 5000), plain = make_image(600, IMAGE_HIBERNATED);
    uint8_t stored[5000] = { 0 };
    struct image i;

    (void)state;
    assert_null(image_check_header(&m.header, PARTITION));
    assert_null(image_check(&i, &m.header, m.tables));
    assert_int_equal(i.chunk_count, 3);
    assert_int_equal(i.chunks[1].at, IMAGE_DATA + 2 * IMAGE_PAGE);
    assert_int_equal(i.chunks[1].size, 5000);
    assert_true(image_chunk_is_right(&i, 1, stored));
    stored[4999] = 1;
    assert_false(image_chunk_is_right(&i, 1, stored));
    assert_int_equal(image_chunk_size(&i, 1), IMAGE_CHUNK);
    assert_int_equal(image_tables_at(&m.header), 2 * IMAGE_CHUNK);
    assert_int_equal(image_tables_at(&plain.header), plain.header.tables);
    assert_null(image_check_header(&m.header, 2 * IMAGE_CHUNK + m.header.tables_size));
    assert_non_null(image_check_header(&m.header, 2 * IMAGE_CHUNK + m.header.tables_size - 1));
    assert_memory_not_equal(m.header.elf.e_ident, ELFMAG, SELFMAG);
    free(m.tables);
    free(plain.tables);
}

static void a_core_begins_with_its_tables(void **state)
{
    struct made m = make_packed_image(600, IMAGE_HIBERNATED, 5000), plain = make_image(600, IMAGE_HIBERNATED);
    const Elf64_Phdr *p = m.tables, *before = plain.tables;
    struct image_core core;
    struct image i;
    uint64_t next;

    (void)state;
    assert_null(image_check(&i, &m.header, m.tables));
    next = image_core_data(&i);
    image_core(&i, m.tables, &core);
    assert_memory_equal(core.elf.e_ident, ELFMAG, SELFMAG);
    assert_int_equal(core.elf.e_phoff, sizeof(core.elf));
    assert_int_equal(core.elf.e_phnum, plain.header.elf.e_phnum);
    assert_int_equal(next % IMAGE_PAGE, 0);
    assert_true(next >= sizeof(core.elf) + core.tables_size);
    assert_true(p->p_offset + p->p_filesz <= sizeof(core.elf) + core.tables_size);
    assert_memory_equal((uint8_t *)m.tables + p->p_offset - sizeof(core.elf),
                        (uint8_t *)plain.tables + before->p_offset - plain.header.tables, p->p_filesz);
    for (unsigned n = 1; n < core.elf.e_phnum; n++) { /* also the zeros that the image does not store */
        assert_int_equal(p[n].p_offset, next);
        assert_int_equal(p[n].p_filesz, before[n].p_memsz);
        next += before[n].p_memsz;
    }
    assert_int_equal(core.size, next);
    free(m.tables);
    free(plain.tables);
}

/* Whoever has written to one has had the host's file systems: memory of before then may not go on. */
static void disks_that_went_on_are_found(void **state)
{
    struct made m = make_image(20, IMAGE_HIBERNATED);
    const struct image_disk same[] = { disks[1], { 1 << 30, 3 }, disks[0], disks[2] };
    struct image_disk now[4];
    struct image i;

    (void)state;
    assert_null(image_check(&i, &m.header, m.tables));
    memcpy(now, same, sizeof(now));
    assert_true(image_disks_are_same(&i, now, 4));
    memcpy(now, same, sizeof(now));
    now[0].sum++;    /* written to */
    assert_false(image_disks_are_same(&i, now, 4));
    memcpy(now, same, sizeof(now));
    now[0].size++;   /* another */
    assert_false(image_disks_are_same(&i, now, 4));
    memcpy(now, same, sizeof(now));
    assert_false(image_disks_are_same(&i, now, 3));   /* two were alike, and one of them is gone */
    free(m.tables);
}

/* The window is another kernel's memory while the image is put back. */
static void an_image_that_reaches_into_the_window_is_refused(void **state)
{
    struct handover right = handover;
    struct made m;
    struct image i;

    (void)state;
    handover.window.start = RAM;
    m = make_image(20, IMAGE_HIBERNATED);
    assert_non_null(image_check(&i, &m.header, m.tables));
    handover = right;
    free(m.tables);
}

static void more_headers_than_elf_counts_are_counted_elsewhere(void **state)
{
    struct image_writer w = { .handover = &handover };
    struct image_times times = { 0 };
    struct image_note_text notes[] = {
        { "TORPOR", IMAGE_NOTE_HANDOVER, sizeof(handover), &handover },
        { "TORPOR", IMAGE_NOTE_MACHINE, 1, "" },
        { "TORPOR", IMAGE_NOTE_TIMES, sizeof(times), &times },
        { "TORPOR", IMAGE_NOTE_DISKS, 0, disks },
    };
    struct image_header h;
    struct image i;
    void *tables;

    (void)state;
    for (uint64_t n = 0; n < 70000; n++)
        assert_int_equal(image_add_page(&w, RAM + (4096 + 2 * n) * IMAGE_PAGE, true), 0);
    assert_int_equal(image_finish(&w, notes, 4, id, IMAGE_SNAPSHOT, &h, &tables), 0);
    assert_int_equal(h.elf.e_phnum, PN_XNUM);
    assert_null(image_check_header(&h, PARTITION));
    assert_null(image_check(&i, &h, tables));
    assert_int_equal(i.count, 70000);
    image_writer_free(&w);
    free(tables);
}

static void a_counter_goes_on_by_the_time_that_went_by(void **state)
{
    const struct image_times then = { .counter = 9000, .seconds = 100 };
    struct image_times now = { .counter = 50, .seconds = 107 };

    (void)state;
    assert_int_equal(image_bias(&then, 0, &now, 1000) + 50, 16000);
    assert_int_equal(image_bias(&then, -3000, &now, 1000) + 50, 13000);
    now.counter = 1000000;
    assert_int_equal(image_bias(&then, 0, &now, 1000), 16000 - 1000000);
    now.seconds = 90;   /* set back */
    assert_int_equal(image_bias(&then, 0, &now, 1000) + 1000000, 9000);
    now.seconds = 0;
    assert_int_equal(image_bias(&then, 0, &now, 1000) + 1000000, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_state_may_change_and_nothing_else),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(a_damaged_chunk_is_found),
        cmocka_unit_test(a_partition_that_shrank_is_found),
        cmocka_unit_test(a_claim_is_ours_and_no_image),
        cmocka_unit_test(a_packed_image_is_shorter_and_read),
        cmocka_unit_test(a_core_begins_with_its_tables),
        cmocka_unit_test(disks_that_went_on_are_found),
        cmocka_unit_test(an_image_that_reaches_into_the_window_is_refused),
        cmocka_unit_test(more_headers_than_elf_counts_are_counted_elsewhere),
        cmocka_unit_test(a_counter_goes_on_by_the_time_that_went_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
