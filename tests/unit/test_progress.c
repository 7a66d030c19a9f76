// SPDX-License-Identifier: Apache-2.0
/* sources: tools/progress_text.c tools/helper/journal.c tools/helper/transfer.c tools/helper/report.c */
/* The words to people and programs about an operation, and its reports' additions to the journal. */
#include "tools/progress_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static struct progress_state busy(void)
{
    struct progress_state s = { .doing = "Sending web" };

    progress_update(&s, SECOND, &(struct report_progress){ .data_pages = 1000 });
    progress_update(&s, 2 * SECOND, &(struct report_progress){
        .round = 2, .cap = 50, .done = 25600, .total = 102400, .data_pages = 1000 + 25600, .dirty_rate = 1234,
        .estimate_ns = 120 * 1000000 });
    return s;
}

static void the_line_tells_all_that_is_known(void **state)
{
    struct progress_state s = busy();
    char line[256];

    (void)state;
    progress_line(&s, line, sizeof(line), 200);
    assert_string_equal(line, "Sending web [=====>              ]  25%, round 2, 100 of 400 MiB, 100.0 MiB/s, "
                              "1234 dirty pages/s, downtime about 120 ms, slowed to 50% of a CPU");
    s.waiting = "waiting for the guest to suspend itself";
    progress_line(&s, line, sizeof(line), 200);
    assert_string_equal(line, "Sending web: waiting for the guest to suspend itself");
}

static void the_line_fits_every_terminal_and_buffer(void **state)
{
    struct progress_state s = busy();

    (void)state;
    for (unsigned width = 1; width < 200; width++) {
        char *line = malloc(width);

        progress_line(&s, line, width, 200);
        assert_true(strlen(line) < width);
        progress_line(&s, line, width, width);
        free(line);
    }
}

static void a_rate_is_that_of_late_and_never_of_no_time(void **state)
{
    struct progress_state s = { .doing = "x" };

    (void)state;
    progress_update(&s, SECOND, &(struct report_progress){ .data_pages = 256 });
    progress_update(&s, SECOND, &(struct report_progress){ .data_pages = 512 });
    assert_true(s.rate == 0);
    progress_update(&s, 2 * SECOND, &(struct report_progress){ .data_pages = 512 + 256 });
    assert_true(s.rate == 1 << 20);
    progress_update(&s, 3 * SECOND, &(struct report_progress){ .data_pages = 512 + 256 });
    assert_true(s.rate == 1 << 19);
}

static struct journal done(void)
{
    struct journal j = { .operation = "migrate", .outcome = "handed over", .domain = "web", .domid = 3,
                         .uuid = "u", .began_ms = 5, .total_ns = 12300 * 1000000ull, .downtime_ns = 250 * 1000000ull,
                         .max_downtime_ms = 200, .data_pages = 25600, .stream_bytes = 50 << 20, .compressed = true,
                         .lowest_cap = 25 };

    journal_add_round(&j, &(struct journal_round){ .round = 0 });
    journal_add_round(&j, &(struct journal_round){ .round = 1, .last = true });
    return j;
}

static void the_summary_has_the_totals_and_says_when_more_was_asked_for(void **state)
{
    struct journal j = done();
    char line[256];

    (void)state;
    progress_summary(&j, line, sizeof(line));
    assert_string_equal(line, "web: handed over in 12.3 s, 50.0 MiB (2.0 times smaller than its pages), stood still "
                              "for 0.250 s instead of 0.200 s, 2 rounds, slowed to 25% of a CPU meanwhile");
    j = (struct journal){ .domain = "web", .outcome = "saved", .total_ns = SECOND, .stream_bytes = 1 << 20 };
    progress_summary(&j, line, sizeof(line));
    assert_string_equal(line, "web: saved in 1.0 s, 1.0 MiB");
}

/* The output of one of the printers; freed by the caller. */
static char *printed;
static FILE *start(void)
{
    static size_t size;

    free(printed);
    return open_memstream(&printed, &size);
}

static void programs_get_one_object_a_line(void **state)
{
    struct progress_state s = busy();
    struct journal j = done();
    FILE *out = start();

    (void)state;
    progress_json_begin(out, &j);
    progress_json(out, 7, &s);
    progress_json_round(out, &j.rounds[1]);
    progress_json_event(out, "suspended", 8);
    progress_json_end(out, &j);
    fclose(out);
    assert_string_equal(printed,
        "{\"event\":\"begin\",\"operation\":\"migrate\",\"domain\":\"web\",\"domid\":3,\"uuid\":\"u\",\"began_ms\":5}\n"
        "{\"event\":\"progress\",\"at_ns\":7,\"round\":2,\"done_pages\":25600,\"total_pages\":102400,"
        "\"data_pages\":26600,\"stream_bytes\":0,\"bytes_per_s\":104857600,\"dirty_pages_per_s\":1234,"
        "\"estimate_ns\":120000000,\"cap\":50}\n"
        "{\"event\":\"round\",\"round\":1,\"start_ns\":0,\"end_ns\":0,\"dirty_pages\":0,\"data_pages\":0,"
        "\"stream_bytes\":0,\"left_pages\":0,\"estimate_ns\":0,\"cap\":0,\"last\":true}\n"
        "{\"event\":\"suspended\",\"at_ns\":8}\n"
        "{\"event\":\"end\",\"domid\":3,\"result\":0,\"outcome\":\"handed over\",\"reason\":\"\","
        "\"total_ms\":12300.000,\"downtime_ms\":250.000,\"rounds\":2,\"data_pages\":25600,\"stream_bytes\":52428800,"
        "\"ratio\":2.00,\"lowest_cap\":25}\n");
    free(printed);
    printed = NULL;
}

static void reports_become_the_journal_in_the_operations_own_time(void **state)
{
    struct journal j = { 0 };

    (void)state;
    report_collect(&j, 1000, &(struct report){ .kind = REPORT_BEGIN, .begin = { 77, 200, true } });
    report_collect(&j, 1000, &(struct report){ .kind = REPORT_ASKED, .at_ns = 1500 });
    report_collect(&j, 1000, &(struct report){ .kind = REPORT_ROUND, .round = { .start_ns = 900, .end_ns = 1100 } });
    report_collect(&j, 1000, &(struct report){ .kind = REPORT_STAGE, .stage = {
        .name = "track", .result = -EIO, .start_ns = 1200, .end_ns = 1300 } });
    report_collect(&j, 1000, &(struct report){ .kind = REPORT_END, .end = {
        .result = -EIO, .lowest_cap = 9, .data_pages = 5, .stream_bytes = 6, .failed_stage = "track",
        .reason = "why" } });
    assert_int_equal(j.ram_pages, 77);
    assert_int_equal(j.max_downtime_ms, 200);
    assert_true(j.compressed);
    assert_int_equal(j.suspended_ns, 500);
    assert_int_equal(j.rounds[0].start_ns, 0);
    assert_int_equal(j.rounds[0].end_ns, 100);
    assert_int_equal(j.stages[0].start_ns, 200);
    assert_int_equal(j.stages[0].end_ns, 300);
    assert_int_equal(j.result, -EIO);
    assert_int_equal(j.data_pages, 5);
    assert_string_equal(j.failed_stage, "track");
    assert_string_equal(j.reason, "why");
    assert_int_equal(j.lowest_cap, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_tells_all_that_is_known),
        cmocka_unit_test(the_line_fits_every_terminal_and_buffer),
        cmocka_unit_test(a_rate_is_that_of_late_and_never_of_no_time),
        cmocka_unit_test(the_summary_has_the_totals_and_says_when_more_was_asked_for),
        cmocka_unit_test(programs_get_one_object_a_line),
        cmocka_unit_test(reports_become_the_journal_in_the_operations_own_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
