// SPDX-License-Identifier: Apache-2.0
/* sources: tools/history_read.c tools/history_text.c tools/history_svg.c tools/svg.c */
/* sources: tools/timeline_text.c tools/timeline.c tools/helper/journal.c tools/helper/transfer.c */
/*
 * Random bytes as a line of the journal of operations (libFuzzer): refused with a reason, or printed in all its forms;
 * and its JSON says the same when it is read again.
 */
#include "tools/history.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static char *printed(const struct journal *j, void (*print)(const struct journal *, FILE *))
{
    size_t size;
    char *text;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        abort();
    print(j, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct journal journal, again;
    char error[HISTORY_ERROR_SIZE], *json;

    if (history_parse(&journal, (const char *)data, size, error)) {
        if (!*error || strchr(error, '\n'))
            abort();
        return 0;
    }
    free(printed(&journal, history_print_text));
    free(printed(&journal, history_print_svg));
    json = printed(&journal, journal_print);
    if (history_parse(&again, json, strlen(json), error) || memcmp(&journal, &again, sizeof(journal)))
        abort();
    free(json);
    return 0;
}

static size_t make_seed(uint8_t *data, size_t most)
{
    static struct journal j = { .operation = "migrate", .outcome = "handed over", .domain = "d", .total_ns = 1000 };
    struct journal_stage stage = { .name = "memory", .end_ns = 10 };
    struct journal_round round = { .dirty_pages = 5, .end_ns = 9 };
    char *text;
    size_t size;

    if (j.stage_count == 0) {
        journal_add_stage(&j, &stage);
        journal_add_round(&j, &round);
    }
    text = printed(&j, journal_print);
    size = strlen(text) < most ? strlen(text) : most;
    memcpy(data, text, size);
    free(text);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (size < 16 || seed % 64 == 0)
        return make_seed(data, most);
    return LLVMFuzzerMutate(data, size, most);
}
