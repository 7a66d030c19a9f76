// SPDX-License-Identifier: Apache-2.0
/*
 * The common part of saving and restoring: the domain, how its stream moves, and how a list of stages runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sleep/sleep.h"
#include "tools/helper/memory.h"
#include "tools/helper/options.h"
#include "tools/helper/precopy.h"
#include "tools/helper/stream.h"

/* A domain that is being saved or restored; the context of the list of stages. */
struct helper {
    const char *verb;                  /* "saving", "restoring" */
    struct helper_options options;
    int fd;                            /* of the stream */
    int back;                          /* where the receiver answers (sync.h); -1: nowhere */
    struct guest_memory memory;
    struct stream stream;
    uint64_t used_chunks;              /* the guest's memory has; saving only */
    uint64_t chunks, data_pages;       /* moved */
    bool checkpoint;                   /* the guest goes on, and its writes are tracked still; saving only */
    bool changes_only;                 /* since another checkpoint, at whose end began: */
    uint32_t period;
    uint32_t round;                    /* from 0, saving live only */
    uint64_t progress_ns;              /* when it was last told */
    uint64_t asked_ns;                 /* when the guest was asked to suspend itself */
    struct precopy precopy;            /* saving live only */
    unsigned lowest_cap;               /* percent of one CPU; 0: it was not slowed down */
    /* restoring only: */
    uint64_t ram_pages;                /* that it had when its saving began */
    uint32_t store_port, store_domid, console_port, console_domid;
    uint64_t store_gfn, console_gfn;
    char error[256];                   /* what went wrong, when a stage has failed */
};

/* A stage's failure: says why in h->error and returns error. */
int helper_fail(struct helper *h, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with the stream's own error. */
int helper_stream_fail(struct helper *h, int error);

/* So many bytes, as the stream's are read: until no byte has come for too long, or it is called off. 0 or -errno. */
int helper_read(int fd, void *buffer, size_t size);

/* How far it is, to any listener; may be called for every chunk. In pages. */
void helper_progress(struct helper *h, uint64_t done, uint64_t total);

/* To the hypervisor and to its memory. */
extern const struct sleep_stage connect_stage;

extern const struct sleep_list save_list, live_list, checkpoint_list, restore_list;

/*
 * A checkpoint's, from before the guest suspends itself: output is kept in memory; the guest goes on; then it
 * is written (checkpoint.c).
 */
extern const struct sleep_stage hold_stage, go_on_stage, out_stage;

/* The vCPUs that a domain has, as getdomaininfo says. 0 or -errno; *suspended: it has suspended itself. */
int helper_look(struct helper *h, uint32_t *vcpus, uint64_t *pages, bool *suspended);
