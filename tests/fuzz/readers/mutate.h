// SPDX-License-Identifier: Apache-2.0
/* For fuzzers of records (record/record.h): changes one record's data and lets the frames be, three times of four. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

enum { DESCRIPTOR_BYTES = 8 };

/* A byte or a few: the bytes behind stay where they were. */
static size_t change_bytes(uint8_t *data, size_t size, unsigned seed)
{
    uint64_t state = seed;

    for (unsigned n = 1 + seed % 4; n; n--) {
        state = state * 6364136223846793005 + 1442695040888963407;
        data[(state >> 20) % size] ^= (uint8_t)(1 + (state >> 56) % 255);
    }
    return size;
}

/* Of the records that the frames tell of, the data of one. */
static bool mutate_one(uint8_t *data, size_t size, unsigned seed)
{
    for (size_t at = 0; size - at >= DESCRIPTOR_BYTES;) {
        uint32_t length;

        memcpy(&length, data + at + 4, sizeof(length));
        at += DESCRIPTOR_BYTES;
        if (length > size - at)
            return false;
        if (length && seed % 5 == 0)
            return seed % 2 ? change_bytes(data + at, length, seed / 5) : LLVMFuzzerMutate(data + at, length, length);
        at += length;
        seed /= 5;
    }
    return false;
}

static size_t mutate_records(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (seed % 4 && mutate_one(data, size, seed / 4))
        return size;
    return LLVMFuzzerMutate(data, size, most);
}
