// SPDX-License-Identifier: Apache-2.0
/* Random numbers: splitmix64, a state for each vCPU. A full period, and any seed is a good one. */
#include "dormouse/arch/arm64/trap.h"
#include "tests/guests/fuzz/fuzz.h"

static uint64_t states[MAX_CPUS], states_aside[MAX_CPUS];

uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void draw_from(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    states[this_cpu()->id] = mix(mix(mix(a * 0x100000001b3 + b) + c) + d);
}

uint64_t draw_aside(void) { return mix(states_aside[this_cpu()->id] += 0x9e3779b97f4a7c15); }
uint64_t draw(void) { return mix(states[this_cpu()->id] += 0x9e3779b97f4a7c15); }

uint64_t draw_gfn_of_arena(void) { return ((uintptr_t)arena >> PAGE_SHIFT) + below(one_in(4) ? ARENA_PAGES : 8); }

domid_t draw_domain(void)
{
    static const int8_t neighbours[] = { -2, -1, 1, 2 };

    switch (below(8)) {
    case 0: return DOMID_SELF;
    case 1: return one_in(4) ? 0 : own_id;
    default: return (domid_t)(own_id + neighbours[below(ARRAY_SIZE(neighbours))]);
    }
}

unsigned draw_vcpu(void) { return (unsigned)below(platform.cpus); }

bool peek(const volatile uint64_t *p, uint64_t *value)
{
    uint64_t v;

    trap_catch();
    v = *p;
    *value = v;
    return !trap_caught();
}

bool poke(volatile uint64_t *p, uint64_t value)
{
    trap_catch();
    *p = value;
    return !trap_caught();
}
