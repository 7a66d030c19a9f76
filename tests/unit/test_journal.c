// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/journal.c tools/helper/transfer.c */
/* The journal of operations: lines stay whole whoever writes, the file stays small, its content is found again. */
#include "tools/helper/journal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/torpor-journal-XXXXXX", path[64], earlier[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/torpor-journal-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/log/operations.json", folder);
    snprintf(earlier, sizeof(earlier), "%s.1", path);
    return 0;
}

static int remove_folder(void **state)
{
    char log[64];

    (void)state;
    unlink(path);
    unlink(earlier);
    snprintf(log, sizeof(log), "%s/log", folder);
    rmdir(log);
    return rmdir(folder);
}

static struct journal *sample(void)
{
    static struct journal j;

    j = (struct journal){ .operation = "migrate", .outcome = "handed over", .domain = "a \"name\"\\\n",
                          .uuid = "12345678-1234-1234-1234-123456789abc", .domid = 7, .began_ms = 1763815000123,
                          .total_ns = 5000, .suspended_ns = 3000, .resumed_ns = 4000, .downtime_ns = 1000,
                          .fixed_ns = 600, .ram_pages = 10, .data_pages = 12, .stream_bytes = 9000, .compressed = true,
                          .max_downtime_ms = 200, .lowest_cap = 25 };
    journal_add_stage(&j, &(struct journal_stage){ .name = "track", .start_ns = 1, .end_ns = 2 });
    journal_add_stage(&j, &(struct journal_stage){ .name = "track", .leave = true, .result = -5, .end_ns = 9 });
    journal_add_round(&j, &(struct journal_round){ .round = 0, .dirty_pages = 10, .left_pages = 3, .cap = 50 });
    journal_add_round(&j, &(struct journal_round){ .round = 1, .last = true, .stream_bytes = 77, .estimate_ns = 8 });
    return &j;
}

static char *contents(const char *of)
{
    FILE *file = fopen(of, "r");
    char *text = calloc(1, 2 * JOURNAL_MOST_BYTES);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 2 * JOURNAL_MOST_BYTES - 1, file) > 0);
    fclose(file);
    return text;
}

static unsigned lines(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void a_line_says_all_that_is_documented(void **state)
{
    static const char want[] =
        "{\"version\":1,\"operation\":\"migrate\",\"domain\":\"a \\\"name\\\"\\\\\\u000a\",\"domid\":7,"
        "\"uuid\":\"12345678-1234-1234-1234-123456789abc\",\"began_ms\":1763815000123,\"total_ns\":5000,\"result\":0,"
        "\"outcome\":\"handed over\",\"failed_stage\":\"\",\"reason\":\"\",\"suspended_ns\":3000,\"resumed_ns\":4000,"
        "\"downtime_ns\":1000,\"fixed_ns\":600,\"ram_pages\":10,\"data_pages\":12,\"stream_bytes\":9000,"
        "\"compressed\":true,\"max_downtime_ms\":200,\"lowest_cap\":25,\"stages\":["
        "{\"name\":\"track\",\"kind\":\"enter\",\"result\":0,\"start_ns\":1,\"end_ns\":2},"
        "{\"name\":\"track\",\"kind\":\"leave\",\"result\":-5,\"start_ns\":0,\"end_ns\":9}],\"rounds\":["
        "{\"round\":0,\"start_ns\":0,\"end_ns\":0,\"dirty_pages\":10,\"data_pages\":0,\"stream_bytes\":0,"
        "\"left_pages\":3,\"estimate_ns\":0,\"cap\":50,\"last\":false},"
        "{\"round\":1,\"start_ns\":0,\"end_ns\":0,\"dirty_pages\":0,\"data_pages\":0,\"stream_bytes\":77,"
        "\"left_pages\":0,\"estimate_ns\":8,\"cap\":0,\"last\":true}]}\n";
    char *text;

    (void)state;
    assert_int_equal(journal_append(path, sample()), 0);
    text = contents(path);
    assert_string_equal(text, want);
    free(text);
}

static void the_file_becomes_an_earlier_one_before_it_is_too_large(void **state)
{
    struct stat now, before;
    unsigned written = 0;

    (void)state;
    while (stat(earlier, &before) && written++ < 10000)
        assert_int_equal(journal_append(path, sample()), 0);
    assert_int_equal(stat(path, &now), 0);
    assert_true(before.st_size <= JOURNAL_MOST_BYTES && before.st_size > JOURNAL_MOST_BYTES - 4096);
    assert_true(now.st_size > 0 && now.st_size < 4096);
}

static void a_line_that_was_left_half_written_ends_before_the_next(void **state)
{
    FILE *file;
    char *text;

    (void)state;
    assert_int_equal(journal_append(path, sample()), 0);
    file = fopen(path, "a");
    assert_non_null(file);
    fputs("{\"version\":1,\"oper", file);
    fclose(file);
    assert_int_equal(journal_append(path, sample()), 0);
    text = contents(path);
    assert_int_equal(lines(text), 3);
    assert_non_null(strstr(text, "\"oper\n{\"version\":1,\"operation\":\"migrate\""));
    free(text);
}

static void writers_at_once_keep_lines_whole_and_lose_none(void **state)
{
    enum { WRITERS = 6, LINES = 40 };
    unsigned whole = 0;
    char *text, *rest, *line;
    int status;

    (void)state;
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            for (int n = 0; n < LINES; n++)
                if (journal_append(path, sample()))
                    _exit(1);
            _exit(0);
        }
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    rest = text = contents(path);
    while ((line = strsep(&rest, "\n")))
        if (strncmp(line, "{\"version\":1,", 13) == 0 && strcmp(line + strlen(line) - 3, "}]}") == 0)
            whole++;
    assert_int_equal(whole, WRITERS * LINES);
    free(text);
}

static void the_fixed_part_is_the_largest_of_the_last_four_that_went_well(void **state)
{
    static const uint64_t fixed[] = { 9000, 100, 400, 300, 200 };   /* the first is forgotten */

    (void)state;
    assert_int_equal(journal_fixed_ns(path), 0);
    for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        struct journal *j = sample();

        j->fixed_ns = fixed[i];
        assert_int_equal(journal_append(path, j), 0);
        j->fixed_ns = 70000;
        j->result = -EIO;
        assert_int_equal(journal_append(path, j), 0);
        j->result = 0;
        strcpy(j->operation, "save");
        assert_int_equal(journal_append(path, j), 0);
    }
    assert_int_equal(journal_fixed_ns(path), 400);
}

static void what_finds_no_room_in_it_is_left_out_but_for_the_last_round(void **state)
{
    struct journal *j = sample();

    (void)state;
    for (uint32_t i = 0; i < 2 * JOURNAL_ROUNDS; i++) {
        journal_add_round(j, &(struct journal_round){ .round = i });
        journal_add_stage(j, &(struct journal_stage){ .name = "more" });
    }
    assert_int_equal(j->stage_count, JOURNAL_STAGES);
    assert_int_equal(j->round_count, JOURNAL_ROUNDS);
    assert_int_equal(j->rounds[JOURNAL_ROUNDS - 1].round, 2 * JOURNAL_ROUNDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_says_all_that_is_documented, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_file_becomes_an_earlier_one_before_it_is_too_large, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_line_that_was_left_half_written_ends_before_the_next, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(writers_at_once_keep_lines_whole_and_lose_none, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_fixed_part_is_the_largest_of_the_last_four_that_went_well, make_folder,
                                        remove_folder),
        cmocka_unit_test(what_finds_no_room_in_it_is_left_out_but_for_the_last_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
