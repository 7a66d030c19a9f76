// SPDX-License-Identifier: Apache-2.0
/*
 * The journal of operations: one JSON object a line for each save, checkpoint, migration and restore on this host.
 * docs/operations.md defines the lines. Needs nothing of Xen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JOURNAL_PATH       "/var/log/torpor/operations.json"
#define JOURNAL_MOST_BYTES (1u << 20)   /* of the file; then it is renamed to PATH.1 */
#define JOURNAL_VERSION    1
#define JOURNAL_NAME_SIZE  32
#define JOURNAL_STAGES     32
#define JOURNAL_ROUNDS     64

/* Nanoseconds from the operation's beginning. */
struct journal_stage {
    char name[JOURNAL_NAME_SIZE];
    bool leave;                    /* it was left; otherwise entered */
    int result;                    /* 0 or -errno */
    uint64_t start_ns, end_ns;
};

struct journal_round {
    uint32_t round;                /* from 0 */
    uint32_t cap;                  /* percent of one CPU; 0: none */
    bool last;                     /* sent while the guest stood still */
    uint64_t start_ns, end_ns;
    uint64_t dirty_pages, data_pages, stream_bytes, left_pages;
    uint64_t estimate_ns;          /* of the downtime, had it ended here */
};

struct journal {
    char operation[JOURNAL_NAME_SIZE], outcome[JOURNAL_NAME_SIZE], failed_stage[JOURNAL_NAME_SIZE];
    char domain[256], uuid[40], reason[256];
    uint32_t domid;
    int result;                    /* 0 or -errno */
    bool compressed;
    uint64_t began_ms;             /* since 1970, UTC */
    uint64_t total_ns;
    uint64_t suspended_ns, resumed_ns, downtime_ns, fixed_ns;   /* 0: it did not come to it */
    uint64_t ram_pages, data_pages, stream_bytes;
    uint32_t max_downtime_ms, lowest_cap;
    uint32_t stage_count, round_count;   /* those without room are left out */
    struct journal_stage stages[JOURNAL_STAGES];
    struct journal_round rounds[JOURNAL_ROUNDS];
};

void journal_add_stage(struct journal *j, const struct journal_stage *stage);
/* In place of the last one when there is no more room. */
void journal_add_round(struct journal *j, const struct journal_round *round);

/* A JSON string with its quotes; all but printable ASCII is escaped byte by byte. */
void json_put_string(FILE *out, const char *text);

/* The members of a round, without the braces around them. */
void json_put_round(FILE *out, const struct journal_round *round);

/* One line, with its end. Whether writing went well is for the caller to ask ferror(). */
void journal_print(const struct journal *j, FILE *out);

/*
 * Appends the line to the file; its folder is made if there is none. 0, or -errno; then the file is as it was, but
 * where it was cut off by a power failure or a signal.
 */
int journal_append(const char *path, const struct journal *j);

/*
 * The largest `fixed_ns` of the last migrations of this host that went well, at most four of them. 0: the
 * file tells of none.
 */
uint64_t journal_fixed_ns(const char *path);
