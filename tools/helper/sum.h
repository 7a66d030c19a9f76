// SPDX-License-Identifier: Apache-2.0
/*
 * The checksum of a record: XXH64 with seed 0 (the algorithm of github.com/Cyan4973/xxHash, doc/xxhash_spec.md), for
 * it costs a fraction of what copying the same bytes does. It finds damage; it does not keep a forger out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A sum over pieces: sum_begin(), sum_add() for each, sum_end(). */
struct sum {
    uint64_t lane[4];
    uint64_t length;
    uint8_t rest[32];       /* length % 32 bytes that are not yet in the lanes */
};

void sum_begin(struct sum *s);
void sum_add(struct sum *s, const void *data, size_t size);
uint64_t sum_end(const struct sum *s);
