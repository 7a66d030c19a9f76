// SPDX-License-Identifier: Apache-2.0
/*
 * Software timers on EL2's physical timer (CNTHP), one queue a CPU. A timer fires
 * once, on the CPU whose queue it is in, with no lock held. Times are ticks of
 * CNTPCT_EL0 (base/time.h).
 */
#pragma once

#include "lib/base.h"
#include "lib/heap.h"

struct cpu;

struct timer {
    struct heap_node node;          /* in its queue; the key is when it expires, ticks */
    void (*fire)(void *data);
    void *data;
    struct cpu *cpu;                /* whose queue it is in, or was last */
    bool queued;
};

/* When t fires, ticks; meaningful while it is queued. */
static inline uint64_t timer_expires(const struct timer *t) { return t->node.key; }

void timer_init(struct timer *t, void (*fire)(void *data), void *data);
/* (Re)arms t on this CPU. Of several callers at once one is the last. */
void timer_set(struct timer *t, uint64_t expires_ticks);
/* t is not armed any more; it may be firing, or about to. */
void timer_cancel(struct timer *t);
/*
 * After it returns t neither fires nor will until it is set again, which nobody but its own fire() may do meanwhile:
 * waits while it is firing elsewhere. So not under a lock that fire() takes, nor from fire() of one that others set.
 */
void timer_stop(struct timer *t);

/* Boot, once: EL2's timer interrupt, a private one. Panics if it cannot be had. */
void timers_init(unsigned irq);
/* This CPU's comparator and its interrupt. */
struct cpu_stage;
extern const struct cpu_stage timer_cpu_stage;
/* The timer interrupt of this CPU came. */
void timer_interrupt(void);

/* `from` is off: its timers are this CPU's. */
void timers_adopt(struct cpu *from);
/* A host sleep: no timer of ours wakes it, and those that are due by then fire after it. */
struct sleep_stage;
extern const struct sleep_stage timers_stage;
