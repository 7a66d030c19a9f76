// SPDX-License-Identifier: Apache-2.0
/* From a guest to a stream: the common part of saving to a file and sending to another host. */
#pragma once

#include <stdbool.h>

#include <libxl.h>

#include "tools/guests.h"
#include "tools/helper/options.h"
#include "tools/image.h"

#define SAVE_AWAY "--migratedaway"   /* behind the name of a guest that another host has whole, too */

struct save_options {
    bool live;                      /* all but pages that it still writes to is written before it suspends itself */
    bool json;                      /* lines for programs */
    struct helper_options helper;   /* 0: its default */
};

/* The option --max-downtime's value. -EINVAL: it is no number of milliseconds up to MOST_MAX_DOWNTIME_MS. */
int save_read_downtime(const char *text, uint32_t *ms);

/* The checks that can be made beforehand, so that nobody is suspended for nothing. 0, or -errno and has said why. */
int save_check(libxl_ctx *libxl, const struct guest *guest);

/*
 * The configuration for the stream's head, out of the file or, with NULL, the guest's own; freed by the caller. NULL:
 * it has been said why.
 */
char *save_config(libxl_ctx *libxl, const struct guest *guest, const char *config_file);

/*
 * Has the guest suspended and writes it all behind the head, within progress_begin() and progress_end(). 0, or libxl's
 * error; then the guest may be suspended, and save_reason() says why.
 */
int save_write(libxl_ctx *libxl, const struct guest *guest, int fd, const struct save_options *options);
const char *save_reason(void);

/* The context of save_rescue(). */
struct save_rescue {
    const struct guest *guest;      /* of its name, or of that with SAVE_AWAY behind it */
    const char *partial;            /* the file that is nothing before its save is over; NULL: none */
    const struct image_file *ends;  /* once this one has its name, the guest is over; NULL: there is none such */
};

/*
 * The guardian's, from before save_write() on: the guest gets its name back and goes on as by save_go_on(), with a
 * request that it has taken and not followed yet awaited; but for one that has been told SAVE_WENT_ON, and of one told
 * SAVE_GOES_ON only what is not done yet. The partial file goes, and the journal gets its line. Told SAVE_KEPT, or told
 * nothing and the file that ends the guest is whole and under its name, what is left of the guest is destroyed.
 */
enum { SAVE_GOES_ON = 'r', SAVE_WENT_ON = 'w', SAVE_KEPT = 'k' };
void save_rescue(const void *context, char reached, int fd);

/* For a guardian: what is left of a guest that is kept in a file, or runs elsewhere, is destroyed. 0, or -EIO. */
int save_destroy_rest(const struct guest *guest);

/*
 * Lets the guest go on, if it has come to be suspended, and takes the request back if it has not. xl's monitor is told
 * by its suspending that the guest has ended, so it gets another; but for one that is watched by ours. The guardian is
 * told of it; should that fail, it is for the guardian to try again, which is not to be ended then. Returns an exit
 * status.
 */
int save_go_on(libxl_ctx *libxl, const struct guest *guest, bool watched);
