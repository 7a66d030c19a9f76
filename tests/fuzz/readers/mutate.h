// SPDX-License-Identifier: Apache-2.0
/* For fuzzers of records (record/record.h): changes one record's data and lets the frames be, three times of four. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

enum { DESCRIPTOR_BYTES = 8 };

/* A bit, or a byte, or a few of either: the bytes behind stay where they were. */
static size_t change_bytes(uint8_t *data, size_t size, unsigned seed)
{
    uint64_t state = seed;

    for (unsigned n = 1 + seed % 4; n; n--) {
        state = state * 6364136223846793005 + 1442695040888963407;
        data[(state >> 20) % size] ^= (uint8_t)(seed % 3 ? 1u << (state >> 56) % 8 : 1 + (state >> 56) % 255);
    }
    return size;
}

/* Of the records that have data, as far as the frames lead, the n-th: where that is. Or how many there are. */
static unsigned find_record(const uint8_t *data, size_t size, unsigned n, size_t *where, uint32_t *length)
{
    unsigned found = 0;

    for (size_t at = 0; size - at >= DESCRIPTOR_BYTES; at += *length) {
        memcpy(length, data + at + 4, sizeof(*length));
        at += DESCRIPTOR_BYTES;
        if (*length > size - at)
            break;
        *where = at;
        if (*length && found++ == n)
            break;
    }
    return found;
}

/* Of one record the data; any is as likely as any other. */
static bool mutate_one(uint8_t *data, size_t size, unsigned seed)
{
    uint32_t length;
    size_t at;
    unsigned count = find_record(data, size, UINT32_MAX, &at, &length);

    if (!count)
        return false;
    (void)find_record(data, size, seed / 2 % count, &at, &length);
    seed = seed / 2 / count * 2 + seed % 2;
    return seed % 2 ? change_bytes(data + at, length, seed / 2) : LLVMFuzzerMutate(data + at, length, length);
}

static size_t mutate_records(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (seed % 4 && mutate_one(data, size, seed / 4))
        return size;
    return LLVMFuzzerMutate(data, size, most);
}
