// SPDX-License-Identifier: Apache-2.0
/* See sum.h. Little-endian machines only, which arm64's Linux and the build machines are. */
#include "tools/helper/sum.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)
#define STRIPE  32

static uint64_t rotate(uint64_t v, unsigned by) { return v << by | v >> (64 - by); }

static uint64_t load64(const uint8_t *from)
{
    uint64_t v;

    memcpy(&v, from, sizeof(v));
    return v;
}

static uint64_t load32(const uint8_t *from)
{
    uint32_t v;

    memcpy(&v, from, sizeof(v));
    return v;
}

static uint64_t mix(uint64_t lane, uint64_t input) { return rotate(lane + input * PRIME_2, 31) * PRIME_1; }
static uint64_t merge(uint64_t v, uint64_t lane) { return (v ^ mix(0, lane)) * PRIME_1 + PRIME_4; }

static void add_stripes(struct sum *s, const uint8_t *from, size_t stripes)
{
    uint64_t a = s->lane[0], b = s->lane[1], c = s->lane[2], d = s->lane[3];

    for (; stripes; stripes--, from += STRIPE) {
        a = mix(a, load64(from));
        b = mix(b, load64(from + 8));
        c = mix(c, load64(from + 16));
        d = mix(d, load64(from + 24));
    }
    s->lane[0] = a, s->lane[1] = b, s->lane[2] = c, s->lane[3] = d;
}

void sum_begin(struct sum *s)
{
    *s = (struct sum){ .lane = { PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1 } };
}

void sum_add(struct sum *s, const void *data, size_t size)
{
    const uint8_t *from = data;
    size_t kept = s->length % STRIPE;

    s->length += size;
    if (kept) {
        size_t part = size < STRIPE - kept ? size : STRIPE - kept;

        memcpy(s->rest + kept, from, part);
        if (kept + part < STRIPE)
            return;
        add_stripes(s, s->rest, 1);
        from += part;
        size -= part;
    }
    add_stripes(s, from, size / STRIPE);
    if (size % STRIPE)
        memcpy(s->rest, from + size - size % STRIPE, size % STRIPE);
}

uint64_t sum_end(const struct sum *s)
{
    const uint8_t *at = s->rest, *end = at + s->length % STRIPE;
    uint64_t v = PRIME_5;

    if (s->length >= STRIPE) {
        v = rotate(s->lane[0], 1) + rotate(s->lane[1], 7) + rotate(s->lane[2], 12) + rotate(s->lane[3], 18);
        for (unsigned i = 0; i < 4; i++)
            v = merge(v, s->lane[i]);
    }
    v += s->length;
    for (; end - at >= 8; at += 8)
        v = rotate(v ^ mix(0, load64(at)), 27) * PRIME_1 + PRIME_4;
    for (; end - at >= 4; at += 4)
        v = rotate(v ^ load32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    for (; at < end; at++)
        v = rotate(v ^ *at * PRIME_5, 11) * PRIME_1;
    v = (v ^ v >> 33) * PRIME_2;
    v = (v ^ v >> 29) * PRIME_3;
    return v ^ v >> 32;
}
