// SPDX-License-Identifier: Apache-2.0
/* sources: tools/history_read.c tools/history_text.c tools/history_svg.c tools/svg.c */
/* sources: tools/timeline_text.c tools/timeline.c tools/helper/journal.c tools/helper/transfer.c */
/* A line of the journal of operations: what is refused, and what is made of one. */
#include "tools/history.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svg_markup.h"
#include "texts.h"

#define STAGES \
    "\"stages\":[{\"name\":\"precopy\",\"kind\":\"enter\",\"result\":0,\"start_ns\":1000000,\"end_ns\":3100000000}," \
    "{\"name\":\"suspend\",\"kind\":\"enter\",\"result\":0,\"start_ns\":3100000000,\"end_ns\":3120000000}," \
    "{\"name\":\"memory\",\"kind\":\"enter\",\"result\":0,\"start_ns\":3120000000,\"end_ns\":3140000000}," \
    "{\"name\":\"precopy\",\"kind\":\"leave\",\"result\":0,\"start_ns\":3150000000,\"end_ns\":3150100000}],"
#define ROUNDS \
    "\"rounds\":[{\"round\":0,\"start_ns\":1000000,\"end_ns\":3000000000,\"dirty_pages\":32768,\"data_pages\":8192," \
    "\"stream_bytes\":33554432,\"left_pages\":700,\"estimate_ns\":350000000,\"cap\":0,\"last\":false}," \
    "{\"round\":1,\"start_ns\":3000000000,\"end_ns\":3100000000,\"dirty_pages\":700,\"data_pages\":690," \
    "\"stream_bytes\":2867200,\"left_pages\":30,\"estimate_ns\":60000000,\"cap\":60,\"last\":false}," \
    "{\"round\":2,\"start_ns\":3120000000,\"end_ns\":3140000000,\"dirty_pages\":30,\"data_pages\":30," \
    "\"stream_bytes\":122880,\"left_pages\":0,\"estimate_ns\":0,\"cap\":0,\"last\":true}]"
#define HEAD \
    "{\"version\":1,\"operation\":\"migrate\",\"domain\":\"worker\",\"domid\":3," \
    "\"uuid\":\"6d1e5b0c-3a7f-4e2f-9b8a-7c6d5e4f3a2b\",\"began_ms\":1763712000123,\"total_ns\":3200000000,"
#define WENT_WELL "\"result\":0,\"outcome\":\"handed over\",\"failed_stage\":\"\",\"reason\":\"\","
#define FAILED_SO "\"result\":-5,\"outcome\":\"resumed\",\"failed_stage\":\"memory\",\"reason\":\"the link\","
#define TOTALS \
    "\"suspended_ns\":3100000000,\"resumed_ns\":3160000000,\"downtime_ns\":60000000,\"fixed_ns\":20000000," \
    "\"ram_pages\":32768,\"data_pages\":8912,\"stream_bytes\":36544512,\"compressed\":false,\"max_downtime_ms\":200," \
    "\"lowest_cap\":60,"

static const char sample[] = HEAD WENT_WELL TOTALS STAGES ROUNDS "}\n";

static struct journal journal;
static char error[HISTORY_ERROR_SIZE];

static int parse(const char *text) { return history_parse(&journal, text, strlen(text), error); }

/* A printer's text about it; freed by the next call. */
static const char *printed(void (*print)(const struct journal *, FILE *))
{
    FILE *out = text_open();

    print(&journal, out);
    return text_close(out);
}

/* The first place of a string is replaced in the sample. */
static char *changed(const char *from, const char *to)
{
    static char text[sizeof(sample) + TEXT_MOST];

    return text_changed(text, sample, from, to);
}

static void refused(const char *text, const char *expected)
{
    assert_int_equal(parse(text), -EINVAL);
    assert_string_equal(error, expected);
}

static void every_value_of_a_line_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_string_equal(journal.operation, "migrate");
    assert_string_equal(journal.domain, "worker");
    assert_true(journal.domid == 3 && journal.total_ns == 3200000000 && journal.max_downtime_ms == 200);
    assert_true(journal.stage_count == 4 && journal.stages[3].leave && journal.stages[3].end_ns == 3150100000);
    assert_true(journal.round_count == 3 && journal.rounds[2].last && journal.rounds[1].cap == 60);
}

static void what_is_read_is_printed_again_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_string_equal(printed(journal_print), sample);
}

static void the_order_of_keys_and_unknown_ones_do_not_matter(void **state)
{
    static const char text[] = "{\"new\":[1,{\"a\":[null,{}]},\"x\"]," ROUNDS "," STAGES TOTALS WENT_WELL
        "\"more\":{\"stages\":[]},\"none\":null,\"uuid\":\"\",\"domid\":1,\"domain\":\"d\",\"operation\":\"save\","
        "\"version\":1,\"began_ms\":0,\"total_ns\":1}";

    (void)state;
    assert_int_equal(parse(text), 0);
    assert_true(journal.stage_count == 4 && journal.round_count == 3);
    assert_string_equal(journal.operation, "save");
}

static void what_is_no_line_is_refused(void **state)
{
    (void)state;
    refused("", "after 0 bytes: parse error: premature EOF");
    refused("[]", "it is no object");
    refused("17", "it is no object");
    refused("\"text\"", "it is no object");
    refused("null", "it is no object");
    refused("{}", "there is no \"version\"");
    refused("{\"version\":2}", "version 2 is not known here, only 1");
    refused("{\"version\":1}", "there is no \"operation\"");
    assert_int_equal(history_parse(&journal, sample, sizeof(sample) / 2, error), -EINVAL);
    assert_non_null(strstr(error, "premature EOF"));
    assert_int_equal(parse(changed("]}\n", "]} {}")), -EINVAL);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    refused(changed("\"domid\":3,", ""), "there is no \"domid\"");
    refused(changed("\"domid\":3", "\"domid\":3,\"domid\":3"), "domid is there twice");
    refused(changed("\"domid\":3", "\"domid\":4294967296"), "domid is no whole number from 0 to 4294967295");
    refused(changed("\"domid\":3", "\"domid\":-1"), "domid is no whole number from 0 to 4294967295");
    refused(changed("\"domid\":3", "\"domid\":1.5"), "domid is no whole number from 0 to 4294967295");
    refused(changed("\"domid\":3", "\"domid\":\"3\""), "domid is no text");
    refused(changed("\"domid\":3", "\"domid\":true"), "domid is neither true nor false");
    refused(changed("\"domid\":3", "\"domid\":null"), "domid is null");
    refused(changed("\"domid\":3", "\"domid\":[3]"), "domid is a list");
    refused(changed("\"domid\":3", "\"domid\":{}"), "domid is an object");
    refused(changed("\"worker\"", "7"), "domain is no number");
    refused(changed("3200000000", "18446744073709551616"),
            "total_ns is no whole number from 0 to 18446744073709551615");
    refused(changed("\"result\":0", "\"result\":5"), "result is no result: 0, or -1 to -4095");
    refused(changed("\"result\":0", "\"result\":-4096"), "result is no result: 0, or -1 to -4095");
    refused(changed("\"resumed_ns\":3160000000", "\"resumed_ns\":3000000000"),
            "the guest goes on before it has suspended itself");
    refused(changed("\"end_ns\":3100000000", "\"end_ns\":999999"), "stages[0]: it ends before it starts");
    refused(changed("\"enter\"", "\"gone\""), "stages[0]: kind is neither enter nor leave");
    refused(changed("\"name\":\"suspend\",", ""), "stages[1]: there is no \"name\"");
    refused(changed("\"stages\":[{", "\"stages\":[1,{"), "stages[0]: it is no object");
    refused(changed("\"stages\":[{", "\"stages\":[[],{"), "stages[0]: it is no object");
    refused(changed("\"round\":1,", "\"round\":1,\"round\":1,"), "rounds[1]: round is there twice");
    refused(changed("\"cap\":60", "\"cap\":\"60\""), "rounds[1]: cap is no text");
}

static void texts_are_as_long_as_their_place_and_printable(void **state)
{
    char text[512] = "\"";

    (void)state;
    memset(text + 1, 'n', 256);
    strcpy(text + 256, "\"");
    assert_int_equal(parse(changed("\"worker\"", text)), 0);
    assert_int_equal(strlen(journal.domain), 255);
    strcpy(text + 256, "n\"");
    refused(changed("\"worker\"", text), "domain is longer than 255 bytes");
    assert_int_equal(parse(changed("worker", "\\u001b[2J\\u0000\\u00e4\\\"")), 0);
    assert_string_equal(journal.domain, "?[2J???\"");
}

static void deep_nesting_is_passed_over_or_refused_but_does_no_harm(void **state)
{
    size_t depth = HISTORY_LINE_BYTES / 2;
    char *text = malloc(2 * HISTORY_LINE_BYTES);

    (void)state;
    sprintf(text, "{\"x\":");
    memset(text + 5, '[', depth);
    assert_int_equal(history_parse(&journal, text, depth + 5, error), -EINVAL);
    assert_non_null(strstr(error, "premature EOF"));
    memset(text, ' ', HISTORY_LINE_BYTES + 1);
    assert_int_equal(history_parse(&journal, text, HISTORY_LINE_BYTES + 1, error), -EINVAL);
    assert_string_equal(error, "it is longer than 65536 bytes");
    free(text);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
    static char text[HISTORY_LINE_BYTES];
    char *end = text + sprintf(text, HEAD WENT_WELL TOTALS ROUNDS ",\"stages\":[");

    (void)state;
    for (unsigned i = 0; i < JOURNAL_STAGES; i++)
        end += sprintf(end, "%s{\"name\":\"s%u\",\"kind\":\"enter\",\"result\":0,\"start_ns\":%u,\"end_ns\":%u}",
                       i ? "," : "", i, i, i + 1);
    strcpy(end, "]}");
    assert_int_equal(parse(text), 0);
    assert_int_equal(journal.stage_count, JOURNAL_STAGES);
    assert_markup(printed(history_print_svg));
    strcpy(end, ",{}]}");
    refused(text, "stages[32]: there are more than 32");
}

static void the_table_has_rounds_and_stages(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_string_equal(printed(history_print_text),
        "Migration of worker (domain 3): handed over after 3.200 s, stood still for 60.000 ms\n"
        "began 2025-11-21 08:00:00 UTC\n"
        "128 MiB of memory, 35 MiB moved with their content, a stream of 35 MiB\n"
        "slowed down to 60 % of a CPU\n"
        "\n"
        " ROUND             AT           TOOK      PAGES       SENT     STREAM      DIRTY  DOWNTIME THEN\n"
        "     0       1.000 ms        2.999 s      32768       8192     32 MiB        700     350.000 ms\n"
        "     1        3.000 s     100.000 ms        700        690    2.7 MiB         30      60.000 ms  60 %\n"
        "  last        3.120 s      20.000 ms         30         30    120 KiB          0               \n"
        "\n"
        "            AT           TOOK  STAGE\n"
        "      1.000 ms        3.099 s  enter precopy\n"
        "       3.100 s      20.000 ms  enter suspend\n"
        "       3.120 s      20.000 ms  enter memory\n"
        "       3.150 s     100.000 us  leave precopy\n");
}

static void outcome(const char *text, const char *expected)
{
    char said[HISTORY_OUTCOME_SIZE];

    assert_int_equal(parse(text), 0);
    assert_string_equal(history_outcome(said, &journal), expected);
}

static void the_outcome_says_what_happened_and_where_the_guest_is(void **state)
{
    (void)state;
    outcome(HEAD FAILED_SO TOTALS STAGES ROUNDS "}",
            "failed, the guest goes on here, after 3.200 s, in memory: the link (-5)");
    outcome(changed("\"result\":0,\"outcome\":\"handed over\"", "\"result\":-32,\"outcome\":\"undefined\""),
            "failed in the handover, either end may have it, after 3.200 s: Broken pipe (-32)");
    outcome(changed("\"result\":0,\"outcome\":\"handed over\"", "\"result\":-32,\"outcome\":\"failed\""),
            "failed, nothing is left of it here, after 3.200 s: Broken pipe (-32)");
    outcome(changed("\"downtime_ns\":60000000", "\"downtime_ns\":0"), "handed over after 3.200 s");
}

static void sizes_are_in_the_unit_that_a_person_would_choose(void **state)
{
    static const struct { double bytes; const char *text; } cases[] = {
        { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 10240, "10 KiB" }, { 1 << 20, "1.0 MiB" },
        { 18446744073709551615.0 * 4096, "64 ZiB" } };
    char text[HISTORY_SIZE_SIZE];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(history_size(text, cases[i].bytes), cases[i].text);
}

static void the_picture_has_each_round_and_stage_and_the_standstill(void **state)
{
    const char *svg;

    (void)state;
    assert_int_equal(parse(sample), 0);
    svg = printed(history_print_svg);
    /* in the legend there is one of each more */
    assert_int_equal(count(svg, "fill=\"#9dc0e8\"/>"), 3 + 1);       /* rounds: to be sent */
    assert_int_equal(count(svg, "fill=\"#3b78c3\"/>"), 3 + 3 + 1);   /* sent with their content; stages entered */
    assert_int_equal(count(svg, "fill=\"#e09a2b\"/>"), 2 + 1 + 1);   /* dirty again; stages left */
    assert_int_equal(count(svg, ">stands still for 60.0 ms</text>"), 1);
    assert_int_equal(count(svg, ">128 MiB</text>"), 1);
    assert_int_equal(count(svg, ">last</text>"), 1);
    assert_markup(svg);
}

static void a_picture_of_a_save_has_no_graph(void **state)
{
    const char *svg;

    (void)state;
    assert_int_equal(parse(HEAD FAILED_SO TOTALS STAGES "\"rounds\":[]}"), 0);
    svg = printed(history_print_svg);
    assert_int_equal(count(svg, "memory to send"), 0);
    assert_int_equal(count(svg, ">Migration of worker (domain 3)</text>"), 1);
    assert_markup(svg);
}

static void hostile_names_are_escaped(void **state)
{
    (void)state;
    assert_int_equal(parse(changed("\"worker\"", "\"</text><&'\\\\>\"")), 0);
    assert_non_null(strstr(printed(history_print_svg), ">Migration of &lt;/text&gt;&lt;&amp;&#39;\\&gt; (domain 3)<"));
    assert_markup(printed(history_print_svg));
}

static void a_long_reason_ends_within_the_picture(void **state)
{
    char reason[256] = "\"reason\":\"";

    (void)state;
    memset(reason + strlen(reason), 'r', 200);
    strcat(reason, "\"");
    assert_int_equal(parse(changed("\"reason\":\"\"", reason)), 0);
    journal.result = -5;
    assert_non_null(strstr(printed(history_print_svg), "rrr...</text>"));
    assert_null(strstr(printed(history_print_text), "..."));
}

/* Every pixel is in the picture, whatever the numbers. */
static void assert_in_the_picture(const char *svg)
{
    for (const char *at = strstr(svg, "<rect x=\""); at; at = strstr(at + 1, "<rect x=\"")) {
        double x, y, width, height;

        assert_int_equal(sscanf(at, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x, &y, &width, &height),
                         4);
        assert_true(x >= 0 && y >= 0 && width >= 0 && height >= -0.1 && x + width <= 1182 && y + height < 4000);
    }
}

static void numbers_of_any_size_stay_in_the_picture(void **state)
{
    static const char *const most = "18446744073709551615";
    static const char *const keys[] = { "\"total_ns\":", "\"suspended_ns\":", "\"resumed_ns\":", "\"end_ns\":",
                                        "\"dirty_pages\":", "\"left_pages\":", "\"data_pages\":", "\"ram_pages\":" };

    (void)state;
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[sizeof(sample) + 64];
        const char *at = strstr(sample, keys[i]) + strlen(keys[i]);

        sprintf(text, "%.*s%s%s", (int)(at - sample), sample, most, at + strspn(at, "0123456789"));
        if (parse(text) == 0) {
            assert_in_the_picture(printed(history_print_svg));
            assert_markup(printed(history_print_svg));
            printed(history_print_text);
        } else {
            assert_int_equal(i, 1);   /* resumed before it was suspended */
        }
    }
}

/* A line with bytes changed is refused with one line, or printed in all its forms. */
static void no_change_of_a_line_goes_wrong_unseen(void **state)
{
    static const char alphabet[] = "0123456789- \n<&\"\xff{}[],:\\" "abcdefghijklmnop\0\x1b";
    unsigned accepted = 0;

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t length = sizeof(sample) - 1;
        char *exact = text_garbled(sample, &length, alphabet, sizeof(alphabet));

        if (history_parse(&journal, exact, length, error)) {
            assert_true(*error && !strpbrk(error, "\n\x1b\xff"));
        } else {
            accepted++;
            printed(history_print_text);
            printed(journal_print);
            assert_markup(printed(history_print_svg));
            assert_in_the_picture(printed(history_print_svg));
        }
        free(exact);
    }
    assert_true(accepted > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_a_line_is_read),
        cmocka_unit_test(what_is_read_is_printed_again_as_it_was),
        cmocka_unit_test(the_order_of_keys_and_unknown_ones_do_not_matter),
        cmocka_unit_test(what_is_no_line_is_refused),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(texts_are_as_long_as_their_place_and_printable),
        cmocka_unit_test(deep_nesting_is_passed_over_or_refused_but_does_no_harm),
        cmocka_unit_test(more_than_there_is_room_for_is_refused),
        cmocka_unit_test(the_table_has_rounds_and_stages),
        cmocka_unit_test(the_outcome_says_what_happened_and_where_the_guest_is),
        cmocka_unit_test(sizes_are_in_the_unit_that_a_person_would_choose),
        cmocka_unit_test(the_picture_has_each_round_and_stage_and_the_standstill),
        cmocka_unit_test(a_picture_of_a_save_has_no_graph),
        cmocka_unit_test(hostile_names_are_escaped),
        cmocka_unit_test(a_long_reason_ends_within_the_picture),
        cmocka_unit_test(numbers_of_any_size_stay_in_the_picture),
        cmocka_unit_test(no_change_of_a_line_goes_wrong_unseen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
