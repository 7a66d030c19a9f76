// SPDX-License-Identifier: Apache-2.0
/*
 * A save, checkpoint, migration or restore as its user and the journal see it: a line that shows how far it is, or
 * --json's lines, and at the end a summary.
 *
 *     progress_begin("save", "Saving web", json);
 *     progress_domain(libxl, "web", 3);
 *     progress_listen();
 *     ... libxl starts the helper, and is done with it ...
 *     progress_settle();
 *     progress_went_on("resumed");
 *     progress_end(0, "checkpointed", "");
 *
 * One operation at a time, by one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

/* doing: the words for people in front of how far it is. json: lines for programs, on standard output, instead. */
void progress_begin(const char *operation, const char *doing, bool json);
/* Its domain; the first line of --json. domid 0: there is no domain of it yet. */
void progress_domain(libxl_ctx *libxl, const char *name, uint32_t domid);
/* There is now. */
void progress_made(libxl_ctx *libxl, uint32_t domid);

/* Called by a thread of its own whenever the sender asks how far its stream is taken in; before progress_listen(). */
void progress_on_sync(void (*answer)(void));

/* The helper that is started from here on is listened to. Without it nothing is shown, and all else goes on. */
void progress_listen(void);
/* It has ended; nothing of ours stands on the terminal any more. Harmless when nobody listens. */
void progress_settle(void);
/* Other output to the terminal meanwhile comes behind this. */
void progress_make_way(void);

/*
 * A stage beside the helper's is over: it began when the latest one ended. The helper has ended, too. result: 0 or
 * -errno.
 */
void progress_stage(const char *name, int result);

/* The guest runs again: "resumed", "handed over", "restored". */
void progress_went_on(const char *event);

/* For the journal, and shown if it went well. result: 0 or -errno; reason: of a failure, "" for the helper's. */
void progress_end(int result, const char *outcome, const char *reason);
