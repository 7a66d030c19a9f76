// SPDX-License-Identifier: Apache-2.0
/* Bitmaps of 64-bit words. The plain operations are not atomic; the *_atomic ones are, with full ordering. */
#pragma once

#include "lib/base.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *b, unsigned n) { return (b[n / 64] >> (n % 64)) & 1; }
static inline void bitmap_set(uint64_t *b, unsigned n) { b[n / 64] |= BIT(n % 64); }
static inline void bitmap_clear(uint64_t *b, unsigned n) { b[n / 64] &= ~BIT(n % 64); }

/* Not moved before an atomic operation that stands before it. */
static inline bool bitmap_test_atomic(const uint64_t *b, unsigned n)
{
    return (__atomic_load_n(&b[n / 64], __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}

/* Both return the bit's value before. */
static inline bool bitmap_set_atomic(uint64_t *b, unsigned n)
{
    return (__atomic_fetch_or(&b[n / 64], BIT(n % 64), __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}

static inline bool bitmap_clear_atomic(uint64_t *b, unsigned n)
{
    return (__atomic_fetch_and(&b[n / 64], ~BIT(n % 64), __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}

/* The first bit at or after `from` whose value is `value`, or `bits` if there is none. */
static inline unsigned bitmap_find(const uint64_t *b, unsigned bits, unsigned from, bool value)
{
    for (unsigned n = from; n < bits;) {
        uint64_t word = (value ? b[n / 64] : ~b[n / 64]) >> (n % 64);

        if (word) {
            n += (unsigned)__builtin_ctzll(word);
            return n < bits ? n : bits;
        }
        n = (n / 64 + 1) * 64;
    }
    return bits;
}
