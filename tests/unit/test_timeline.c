// SPDX-License-Identifier: Apache-2.0
/* sources: tools/timeline.c tools/timeline_text.c tools/timeline_svg.c tools/svg.c */
/* The record of a sleep: what is refused, and what is made of one. */
#include "tools/timeline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svg_markup.h"
#include "texts.h"

#define HEAD \
    "torpor-sleep 1\n" \
    "number 3\n" \
    "list host\n" \
    "result 0\n"
#define TIMES \
    "wallclock 1763712000\n" \
    "down 10000\n" \
    "asleep 3000120000\n" \
    "up 9000\n" \
    "lost 0\n"
#define AWAKE "wallclock 0\nlost 0\n"
#define EVENTS \
    "event domain freeze 1 0 100 1000\n" \
    "event enter domains 0 0 0 1200\n" \
    "event cpu off 1 -16 1500 5600\n" \
    "event enter cpus 0 0 1300 6000\n" \
    "event asleep asleep 0 0 10000 3000130000\n" \
    "event enter core 0 0 6100 3000131000\n" \
    "event leave cpus 0 0 3000131100 3000134100\n" \
    "event leave domains 0 0 3000134200 3000139000\n"

static const char sample[] = HEAD "wake 34 0 pl031@9010000\n" TIMES EVENTS;

static struct timeline timeline;

static int parse(const char *text) { return timeline_parse(&timeline, text, strlen(text)); }

/* A printer's text about the timeline; freed by the next call. */
static const char *printed(void (*print)(const struct timeline *, FILE *))
{
    FILE *out = text_open();

    print(&timeline, out);
    return text_close(out);
}

/* A string that appears exactly once is replaced in the sample. */
static char *changed(const char *from, const char *to)
{
    static char text[sizeof(sample) + TEXT_MOST];

    assert_int_equal(count(sample, from), 1);
    return text_changed(text, sample, from, to);
}

static void refused(const char *text, const char *error)
{
    assert_int_equal(parse(text), -EINVAL);
    assert_string_equal(timeline.error, error);
}

static void every_value_of_a_record_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_true(timeline.number == 3 && timeline.result == 0 && timeline.lost == 0 && timeline.wallclock == 1763712000);
    assert_true(timeline.down == 10000 && timeline.asleep == 3000120000 && timeline.up == 9000);
    assert_string_equal(timeline.list, "host");
    assert_string_equal(timeline.failed_stage, "");
    assert_string_equal(timeline.turned_back, "");
    assert_true(timeline.woke && timeline.wake_interrupt == 34 && timeline.wake_domain == 0);
    assert_string_equal(timeline.wake_device, "pl031@9010000");
    assert_int_equal(timeline.event_count, 8);
    assert_int_equal(timeline.events[2].kind, TIMELINE_CPU);
    assert_string_equal(timeline.events[2].name, "off");
    assert_int_equal(timeline.events[2].id, 1);
    assert_int_equal(timeline.events[2].result, -16);
    assert_true(timeline.events[2].start == 1500 && timeline.events[2].end == 5600);
}

static void a_last_line_without_a_newline_is_read(void **state)
{
    (void)state;
    assert_int_equal(timeline_parse(&timeline, sample, strlen(sample) - 1), 0);
    assert_int_equal(timeline.event_count, 8);
    assert_true(timeline.events[7].end == 3000139000);
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    refused("", "the record has no line \"torpor-sleep\"");
    refused("\n", "line 1: it is empty");
    refused("hello\n", "line 1: this is no record of a sleep: it does not begin with \"torpor-sleep\"");
    refused("number 3\ntorpor-sleep 1\n",
            "line 1: this is no record of a sleep: it does not begin with \"torpor-sleep\"");
    refused("torpor-sleep 2\n", "line 1: version 2 of the record is not known here, only 1");
    refused("torpor-sleep 1\n", "the record has no line \"number\"");
}

static void every_required_line_is_missed(void **state)
{
    static const char *const lines[] = {
        "number 3\n", "list host\n", "result 0\n", "wallclock 1763712000\n", "lost 0\n" };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        char error[64];

        snprintf(error, sizeof(error), "the record has no line \"%.*s\"", (int)strcspn(lines[i], " "), lines[i]);
        refused(changed(lines[i], ""), error);
    }
}

static void the_times_of_a_sleep_come_together_or_not_at_all(void **state)
{
    static const char *const lines[] = { "down 10000\n", "asleep 3000120000\n", "up 9000\n" };

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        refused(changed(lines[i], ""), "down, asleep and up belong together: the record has not all of them");
    assert_int_equal(parse(changed("down 10000\nasleep 3000120000\nup 9000\n", "")), 0);
    assert_true(timeline.down == 0 && timeline.asleep == 0 && timeline.up == 0);
}

static void a_malformed_line_is_named_with_its_reason(void **state)
{
    (void)state;
    refused(changed("number 3", "number  3"), "line 2: words are separated by one space");
    refused(changed("number 3", " number 3"), "line 2: words are separated by one space");
    refused(changed("number 3", "number 3 "), "line 2: words are separated by one space");
    refused(changed("number 3", ""), "line 2: it is empty");
    refused(changed("number 3", "number\t3"), "line 2: byte 7 is not printable ASCII");
    refused(changed("list host", "list h\xc3\xb6st"), "line 3: byte 7 is not printable ASCII");
    refused(changed("list host", "list host\x7f"), "line 3: byte 10 is not printable ASCII");
    refused(changed("list host", "list \x1b[2J"), "line 3: byte 6 is not printable ASCII");
    refused(changed("number 3", "number"), "line 2: number has 1 value, not 0");
    refused(changed("number 3", "number 3 4"), "line 2: number has 1 value, not 2");
    refused(changed("wake 34 0 pl031@9010000", "wake 34 0"), "line 5: wake has 3 values, not 2");
    refused(changed("number 3", "number 3\nnumber 3"), "line 3: number is there twice");
    refused(changed("number 3", "numbers 3"), "line 2: \"numbers\" is not known");
    refused(changed("number 3", "a b c d e f g h i"), "line 2: there are more than 8 words");
    refused(changed("number 3", "number -3"), "line 2: \"-3\" is no number from 0 to 18446744073709551615");
    refused(changed("number 3", "number 18446744073709551616"),
            "line 2: \"18446744073709551616\" is no number from 0 to 18446744073709551615");
    refused(changed("number 3", "number 99999999999999999999999999999999999999"),
            "line 2: \"99999999999999999999999999999999...\" is no number from 0 to 18446744073709551615");
    refused(changed("result 0", "result 1"), "line 4: \"1\" is no result: 0, or -1 to -4095");
    refused(changed("result 0", "result -0"), "line 4: \"-0\" is no result: 0, or -1 to -4095");
    refused(changed("result 0", "result -"), "line 4: \"-\" is no result: 0, or -1 to -4095");
    refused(changed("result 0", "result -4096"), "line 4: \"-4096\" is no result: 0, or -1 to -4095");
    refused(changed("wake 34", "wake 4294967296"), "line 5: \"4294967296\" is no number from 0 to 4294967295");
    refused(changed("wallclock 1763712000", "wallclock 9223372036854775808"),
            "line 6: \"9223372036854775808\" is no number from 0 to 9223372036854775807");
    refused(changed("event domain freeze", "event guest freeze"), "line 11: \"guest\" is no kind of event");
    refused(changed("event domain freeze 1 0 100 1000", "event domain freeze 1 0 100 99"),
            "line 11: the event ends before it starts");
    refused(changed("event domain freeze 1 0 100 1000", "event domain freeze 1 0 100"),
            "line 11: event has 6 values, not 5");
}

static void times_that_add_up_to_more_than_64_bits_are_refused(void **state)
{
    (void)state;
    refused(changed("asleep 3000120000", "asleep 18446744073709551615"), "down, asleep and up are together too long");
    refused(changed("asleep 3000120000", "asleep 18446744073709532616"), "down, asleep and up are together too long");
    assert_int_equal(parse(changed("asleep 3000120000", "asleep 18446744073709532615")), 0);
    assert_true(timeline.asleep == UINT64_MAX - 19000);
}

static void a_byte_of_zero_ends_nothing(void **state)
{
    char text[] = "torpor-sleep 1\nnumber 3\0\n";

    (void)state;
    assert_int_equal(timeline_parse(&timeline, text, sizeof(text) - 1), -EINVAL);
    assert_string_equal(timeline.error, "line 2: byte 9 is not printable ASCII");
}

static void names_are_as_long_as_their_place_and_no_longer(void **state)
{
    char line[128];

    (void)state;
    sprintf(line, "list %.*s", TIMELINE_NAME_SIZE - 1,
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    assert_int_equal(parse(changed("list host", line)), 0);
    assert_int_equal(strlen(timeline.list), TIMELINE_NAME_SIZE - 1);
    strcat(line, "x");
    refused(changed("list host", line), "line 3: a name is longer than 63 bytes");
}

static void as_many_events_as_there_is_room_for_are_read(void **state)
{
    static char text[sizeof(sample) + (TIMELINE_MAX_EVENTS + 1) * 64];
    char *end = text + sprintf(text, HEAD TIMES);

    (void)state;
    for (unsigned i = 0; i < TIMELINE_MAX_EVENTS; i++)
        end += sprintf(end, "event %s x%u %u 0 %u %u\n", i % 2 ? "enter" : "cpu", i, i, i * 10, i * 10 + 9);
    assert_int_equal(parse(text), 0);
    assert_int_equal(timeline.event_count, TIMELINE_MAX_EVENTS);
    assert_true(strlen(printed(timeline_print_text)) > TIMELINE_MAX_EVENTS * 40);
    assert_true(strlen(printed(timeline_print_svg)) > TIMELINE_MAX_EVENTS * 100);
    sprintf(end, "event cpu x 0 0 0 0\n");
    refused(text, "line 1034: there are more than 1024 events");
}

static void the_table_tells_down_and_up_apart(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_string_equal(printed(timeline_print_text),
        "sleep 3 since boot (host): asleep for 3.000 s, woken by pl031@9010000 (interrupt 34, domain 0)\n"
        "began 2025-11-21 08:00:00 UTC\n"
        "down in 10.000 us, up in 9.000 us\n"
        "\n"
        "            AT           TOOK  DOWN\n"
        "          0 ns       1.200 us  enter domains\n"
        "        100 ns         900 ns    domain 1 freeze\n"
        "      1.300 us       4.700 us  enter cpus\n"
        "      1.500 us       4.100 us    CPU 1 off: Device or resource busy (-16)\n"
        "      6.100 us       3.900 us  enter core\n"
        "\n"
        "            AT           TOOK  UP\n"
        "          0 ns       1.000 us  enter core (the rest)\n"
        "      1.100 us       3.000 us  leave cpus\n"
        "      4.200 us       4.800 us  leave domains\n");
}

static void what_other_kernels_did_stands_between_down_and_up(void **state)
{
    const char *text;

    (void)state;
    assert_int_equal(parse(changed("event asleep asleep 0 0 10000 3000130000\n",
                                   "event asleep away 0 0 10000 3000130000\n"
                                   "event asleep starting 0 0 10000 1000010000\n"
                                   "event asleep saving 0 0 1000010000 3000130000\n")), 0);
    text = printed(timeline_print_text);
    assert_non_null(strstr(text, "enter core\n\n"
                                 "            AT           TOOK  AWAY\n"
                                 "          0 ns        1.000 s  starting\n"
                                 "       1.000 s        2.000 s  saving\n\n"));
    assert_int_equal(count(printed(timeline_print_svg), "saving 2.00 s</text>"), 1);
}

static void an_event_that_ends_with_falling_asleep_is_of_the_way_down_alone(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD TIMES "event enter core 0 0 6100 10000\nevent cpu on 1 0 3000130000 3000130000\n"), 0);
    assert_int_equal(count(printed(timeline_print_text), "enter core"), 1);
    assert_non_null(strstr(printed(timeline_print_text), "UP\n          0 ns           0 ns    CPU 1 on\n"));
}

static void json_has_every_value_exactly(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD "wake 34 0 pl031@9010000\n" TIMES "event cpu off 1 -16 1500 5600\n"
                           "event enter cpus 0 0 1300 6000\n"), 0);
    assert_string_equal(printed(timeline_print_json),
        "{\n"
        "  \"number\": 3,\n"
        "  \"list\": \"host\",\n"
        "  \"result\": 0,\n"
        "  \"failed_stage\": null,\n"
        "  \"turned_back\": null,\n"
        "  \"wake\": {\"interrupt\": 34, \"domain\": 0, \"device\": \"pl031@9010000\"},\n"
        "  \"wallclock\": 1763712000,\n"
        "  \"down_ns\": 10000,\n"
        "  \"asleep_ns\": 3000120000,\n"
        "  \"up_ns\": 9000,\n"
        "  \"lost\": 0,\n"
        "  \"events\": [\n"
        "    {\"kind\": \"cpu\", \"name\": \"off\", \"id\": 1, \"result\": -16, "
        "\"start_ns\": 1500, \"end_ns\": 5600},\n"
        "    {\"kind\": \"enter\", \"name\": \"cpus\", \"id\": 0, \"result\": 0, "
        "\"start_ns\": 1300, \"end_ns\": 6000}\n"
        "  ]\n"
        "}\n");
}

static void json_without_events_and_wake_is_whole(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD TIMES), 0);
    assert_non_null(strstr(printed(timeline_print_json), "\"wake\": null,\n"));
    assert_non_null(strstr(printed(timeline_print_json), "\"events\": []\n}\n"));
    assert_int_equal(parse(HEAD "wake 34 7 -\n" TIMES), 0);
    assert_non_null(
        strstr(printed(timeline_print_json), "\"wake\": {\"interrupt\": 34, \"domain\": 7, \"device\": null},\n"));
}

/* The first line of the table. */
static void outcome(const char *expected)
{
    char text[TIMELINE_OUTCOME_SIZE];

    assert_string_equal(timeline_outcome(text, &timeline), expected);
}

static void the_outcome_says_what_happened(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD "wake 34 7 -\n" TIMES), 0);
    outcome("asleep for 3.000 s, woken by interrupt 34 of domain 7");
    assert_int_equal(parse(HEAD TIMES), 0);
    outcome("asleep for 3.000 s, woken by what is not known");
    assert_int_equal(parse(HEAD AWAKE), 0);
    outcome("did not sleep");
    assert_int_equal(parse(HEAD "turned-back cpus\n" AWAKE), 0);
    outcome("turned back after cpus, as the test level says");
    assert_int_equal(parse("torpor-sleep 1\nnumber 1\nlist host\nresult -16\nfailed-stage gic\n" AWAKE), 0);
    outcome("did not sleep, could not enter gic: Device or resource busy (-16)");
    assert_int_equal(parse("torpor-sleep 1\nnumber 1\nlist jump\nresult 0\n" TIMES), 0);
    outcome("away for 3.000 s, in another kernel");
    assert_int_equal(parse("torpor-sleep 1\nnumber 1\nlist jump\nresult -2\nfailed-stage gic\n" AWAKE), 0);
    outcome("did not jump, could not enter gic: No such file or directory (-2)");
    assert_int_equal(parse("torpor-sleep 1\nnumber 1\nlist host\nresult -5\n" AWAKE), 0);
    outcome("did not sleep, failed: Input/output error (-5)");
}

static void a_sleep_that_turned_back_has_the_leaving_as_its_way_up(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEAD "turned-back cpus\n" AWAKE "event enter cpus 0 0 0 500\nevent leave cpus 0 0 700 900\n"), 0);
    assert_string_equal(printed(timeline_print_text),
        "sleep 3 since boot (host): turned back after cpus, as the test level says\n"
        "\n"
        "            AT           TOOK  DOWN\n"
        "          0 ns         500 ns  enter cpus\n"
        "\n"
        "            AT           TOOK  UP\n"
        "          0 ns         200 ns  leave cpus\n");
    assert_int_equal(parse(HEAD AWAKE "event enter cpus 0 -5 0 500\n"), 0);
    assert_null(strstr(printed(timeline_print_text), "UP"));
    assert_non_null(strstr(printed(timeline_print_text), "enter cpus: Input/output error (-5)\n"));
}

static void durations_are_in_the_unit_that_a_person_would_choose(void **state)
{
    static const struct { uint64_t ns; const char *text; } cases[] = {
        { 0, "0 ns" }, { 999, "999 ns" }, { 1000, "1.000 us" }, { 999999, "999.999 us" }, { 1000000, "1.000 ms" },
        { 999999999, "999.999 ms" }, { 1000000000, "1.000 s" }, { 59999999999, "59.999 s" },
        { 60000000000, "1 min 00 s" },
        { 3599000000000, "59 min 59 s" }, { 3600000000000, "1 h 00 min" }, { UINT64_MAX, "5124095 h 34 min" } };
    char text[TIMELINE_DURATION_SIZE];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(timeline_duration(text, cases[i].ns), cases[i].text);
}

static void the_clock_without_the_sleep_stands_still_in_it(void **state)
{
    (void)state;
    assert_int_equal(parse(sample), 0);
    assert_true(timeline_awake(&timeline, 0) == 0);
    assert_true(timeline_awake(&timeline, 9999) == 9999);
    assert_true(timeline_awake(&timeline, 10000) == 10000);
    assert_true(timeline_awake(&timeline, 1000000000) == 10000);
    assert_true(timeline_awake(&timeline, 3000130000) == 10000);
    assert_true(timeline_awake(&timeline, 3000130001) == 10001);
    assert_true(timeline_awake(&timeline, UINT64_MAX) == UINT64_MAX - 3000120000);
}

static void the_picture_has_a_bar_for_each_event_and_two_for_the_stage_around_the_sleep(void **state)
{
    const char *svg;

    (void)state;
    assert_int_equal(parse(sample), 0);
    svg = printed(timeline_print_svg);
    /* in the legend there is one of each more */
    assert_int_equal(count(svg, "fill=\"#3b78c3\"/>"), 3 + 1);   /* domains, cpus, core before the sleep */
    assert_int_equal(count(svg, "fill=\"#e09a2b\"/>"), 3 + 1);   /* core after it, cpus, domains */
    assert_int_equal(count(svg, "fill=\"#9dc0e8\"/>"), 1 + 1);
    assert_int_equal(count(svg, "fill=\"#cf3f36\"/>"), 1 + 1);   /* the CPU that could not be switched off */
    assert_int_equal(count(svg, "asleep for</text>"), 1);
    assert_int_equal(count(svg, ">pl031@9010000</text>"), 1);
    assert_int_equal(count(svg, ">turned back</text>"), 0);
    assert_int_equal(
        parse(HEAD "turned-back cpus\n" AWAKE "event enter cpus 0 0 0 500\nevent leave cpus 0 0 700 900\n"), 0);
    svg = printed(timeline_print_svg);
    assert_int_equal(count(svg, "asleep for"), 0);
    assert_int_equal(count(svg, ">turned back</text>"), 1);
}

static void hostile_names_are_escaped(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD "wake 34 0 </text><&\"'\\>\n" TIMES "event enter <a&b>\"c\\ 0 0 0 10\n"), 0);
    assert_non_null(strstr(printed(timeline_print_json), "\"device\": \"</text><&\\\"'\\\\>\""));
    assert_non_null(strstr(printed(timeline_print_json), "\"name\": \"<a&b>\\\"c\\\\\""));
    assert_non_null(strstr(printed(timeline_print_svg), ">&lt;/text&gt;&lt;&amp;&quot;&#39;\\&gt;</text>"));
    assert_non_null(strstr(printed(timeline_print_svg), ">&lt;a&amp;b&gt;&quot;c\\</text>"));
    assert_markup(printed(timeline_print_svg));
}

/* A record with bytes, lines and digits changed is refused with one line, or printed in all its forms. */
static void no_change_of_a_record_goes_wrong_unseen(void **state)
{
    static const char alphabet[] = "0123456789- \n<&\"\xff" "abcdefghijklmnop\0\x1b";
    unsigned accepted = 0;

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t length = sizeof(sample) - 1;
        char *exact = text_garbled(sample, &length, alphabet, sizeof(alphabet));

        if (timeline_parse(&timeline, exact, length)) {
            assert_true(*timeline.error && !strpbrk(timeline.error, "\n\x1b\xff"));
        } else {
            accepted++;
            printed(timeline_print_text);
            printed(timeline_print_json);
            assert_markup(printed(timeline_print_svg));
        }
        free(exact);
    }
    assert_true(accepted > 1000);
}

/* Numbers at their limits in every place where the printers compute with them. */
static void the_largest_numbers_are_printed(void **state)
{
    static const char *const numbers[] = { "0", "1", "9223372036854775807", "18446744073709551614",
                                           "18446744073709551615" };
    unsigned accepted = 0;
    char text[1024];

    (void)state;
    for (unsigned i = 0; i < 5 * 5 * 5 * 5 * 5; i++) {
        const char *n[5];

        for (unsigned k = 0, rest = i; k < 5; k++, rest /= 5)
            n[k] = numbers[rest % 5];
        sprintf(text, HEAD "wallclock 9223372036854775807\nlost 18446744073709551615\ndown %s\nasleep %s\nup %s\n"
                "event enter a 0 0 %s %s\nevent leave a 0 0 %s %s\nevent cpu off 4294967295 -4095 %s %s\n",
                n[0], n[1], n[2], n[3], n[4], n[3], n[4], n[3], n[4]);
        if (parse(text))
            continue;
        accepted++;
        printed(timeline_print_text);
        printed(timeline_print_json);
        assert_markup(printed(timeline_print_svg));
        assert_null(strstr(printed(timeline_print_svg), "inf"));
        assert_null(strstr(printed(timeline_print_svg), "nan"));
    }
    assert_true(accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_a_record_is_read),
        cmocka_unit_test(a_last_line_without_a_newline_is_read),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(every_required_line_is_missed),
        cmocka_unit_test(the_times_of_a_sleep_come_together_or_not_at_all),
        cmocka_unit_test(a_malformed_line_is_named_with_its_reason),
        cmocka_unit_test(times_that_add_up_to_more_than_64_bits_are_refused),
        cmocka_unit_test(a_byte_of_zero_ends_nothing),
        cmocka_unit_test(names_are_as_long_as_their_place_and_no_longer),
        cmocka_unit_test(as_many_events_as_there_is_room_for_are_read),
        cmocka_unit_test(the_table_tells_down_and_up_apart),
        cmocka_unit_test(what_other_kernels_did_stands_between_down_and_up),
        cmocka_unit_test(an_event_that_ends_with_falling_asleep_is_of_the_way_down_alone),
        cmocka_unit_test(json_has_every_value_exactly),
        cmocka_unit_test(json_without_events_and_wake_is_whole),
        cmocka_unit_test(the_outcome_says_what_happened),
        cmocka_unit_test(a_sleep_that_turned_back_has_the_leaving_as_its_way_up),
        cmocka_unit_test(durations_are_in_the_unit_that_a_person_would_choose),
        cmocka_unit_test(the_clock_without_the_sleep_stands_still_in_it),
        cmocka_unit_test(the_picture_has_a_bar_for_each_event_and_two_for_the_stage_around_the_sleep),
        cmocka_unit_test(hostile_names_are_escaped),
        cmocka_unit_test(no_change_of_a_record_goes_wrong_unseen),
        cmocka_unit_test(the_largest_numbers_are_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
