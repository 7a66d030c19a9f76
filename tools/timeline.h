// SPDX-License-Identifier: Apache-2.0
/*
 * The record of one sleep, as the hypervisor writes it (/torpor/sleep in hypfs): lines of words. This is its content,
 * checked; nothing here needs Xen, so a record that was saved elsewhere is read on any machine.
 *
 * A record comes from outside. After timeline_parse() has returned 0: every string is printable ASCII without a space,
 * every event ends at or after its start, and down + asleep + up fits in 64 bits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TIMELINE_MAX_EVENTS 1024         /* four times the hypervisor's */
#define TIMELINE_MAX_BYTES  (256 * 1024) /* of a record's text */
#define TIMELINE_NAME_SIZE  64           /* with the terminating 0 */

enum timeline_kind { TIMELINE_ENTER, TIMELINE_LEAVE, TIMELINE_CPU, TIMELINE_DOMAIN, TIMELINE_ASLEEP };

/* Times are nanoseconds from the sleep's beginning. */
struct timeline_event {
    enum timeline_kind kind;
    char name[TIMELINE_NAME_SIZE];        /* the stage's, or the act's on the CPU or domain */
    uint32_t id;                          /* CPU or domain; 0 for stages */
    int result;                           /* 0 or -errno */
    uint64_t start, end;
};

struct timeline {
    uint64_t number;                      /* which sleep since boot, from 1 */
    char list[TIMELINE_NAME_SIZE];        /* what slept: "host"; or "jump", to another kernel and back */
    int result;                           /* 0 or -errno */
    char failed_stage[TIMELINE_NAME_SIZE];  /* "": none */
    char turned_back[TIMELINE_NAME_SIZE];   /* the stage where the test level turned it back; "": it did not */
    bool woke;                            /* the three that follow are known */
    uint32_t wake_interrupt, wake_domain;
    char wake_device[TIMELINE_NAME_SIZE]; /* "-": no name */
    uint64_t wallclock;                   /* seconds since 1970 when it began; 0: unknown */
    /* nanoseconds: to asleep, asleep, and from then on; all 0 if it did not sleep */
    uint64_t down, asleep, up;
    uint64_t lost;                        /* events that did not fit into the record */
    unsigned event_count;
    struct timeline_event events[TIMELINE_MAX_EVENTS];
    char error[160];                      /* of timeline_parse() */
};

/* Reads a record. Returns 0; or -EINVAL, with one line in t->error that says which line is wrong and why. */
int timeline_parse(struct timeline *t, const char *text, size_t length);

/*
 * Time without the sleep: `at` moves to where it would be had the sleep taken no time. All of a sleep's work is drawn
 * and counted by this clock, so a stage that contains the sleep is as long as its own work.
 */
uint64_t timeline_awake(const struct timeline *t, uint64_t at);

/*
 * When going down ended and coming up began: falling asleep; or, in a sleep that did not come to it, the first leaving
 * of a stage, and UINT64_MAX when none was left.
 */
uint64_t timeline_turn(const struct timeline *t);

/* Whether the event is a stage's, and not a note about a CPU or a domain. */
bool timeline_is_stage(const struct timeline_event *e);
/* Whether it is what another kernel did while the host was away: a part of the sleep itself. */
bool timeline_is_deed(const struct timeline *t, const struct timeline_event *e);

/* "12.300 us", "3.000 s", "2 h 05 min". Returns text. */
#define TIMELINE_DURATION_SIZE 32
const char *timeline_duration(char text[TIMELINE_DURATION_SIZE], uint64_t ns);

/* It was a jump: the time away was in another kernel. */
bool timeline_is_jump(const struct timeline *t);

/*
 * The sleep's outcome, without a line's end: "asleep for 3.000 s, woken by pl031@9010000 (interrupt 34, domain
 * 0)".
 */
#define TIMELINE_OUTCOME_SIZE 256
const char *timeline_outcome(char text[TIMELINE_OUTCOME_SIZE], const struct timeline *t);

/*
 * The whole record: a table for people, JSON, an SVG picture. Whether writing went well is for the caller to ask
 * ferror().
 */
void timeline_print_text(const struct timeline *t, FILE *out);
void timeline_print_json(const struct timeline *t, FILE *out);
void timeline_print_svg(const struct timeline *t, FILE *out);
