// SPDX-License-Identifier: Apache-2.0
/* From a guest to a stream: what saving to a file and sending to another host have in common. */
#pragma once

#include <stdbool.h>

#include <libxl.h>

#include "tools/guests.h"

/* What can be known beforehand, so that nobody is suspended for nothing. 0, or -errno and has said why. */
int save_check(libxl_ctx *libxl, const struct guest *guest);

/*
 * The configuration for the stream's head, out of the file or, with NULL, the guest's own; freed by the caller. NULL:
 * it has been said why.
 */
char *save_config(libxl_ctx *libxl, const struct guest *guest, const char *config_file);

/*
 * Has the guest suspended and writes it all behind the head; live: all but what it still writes to is written before.
 * doing: what people are told that it takes so long for, "Saving". 0, or libxl's error; then the guest may be
 * suspended, and save_reason() says why.
 */
int save_write(libxl_ctx *libxl, const struct guest *guest, int fd, const char *doing, bool live);
const char *save_reason(void);

/*
 * Lets the guest go on, if it has come to be suspended, and takes the request back if it has not. xl's monitor is told
 * by its suspending that the guest has ended, so it gets another; but for one that is watched by ours. Returns an exit
 * status.
 */
int save_go_on(libxl_ctx *libxl, const struct guest *guest, bool watched);
