// SPDX-License-Identifier: Apache-2.0
/* From a stream to a domain: what restoring from a file and receiving from another host have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

struct restore_request {
    const char *source;        /* how messages call the stream */
    const char *operation;     /* as the journal calls it */
    int fd;
    const char *config_file;   /* NULL: the configuration in the stream */
    const char *suffix;        /* behind the name that it gets; NULL: none */
    bool debug;                /* print the configuration */
    bool json;                 /* lines for programs */
};

/*
 * The domain, whole and paused, and *name its name without the suffix, freed by the caller. 0, or -errno and has said
 * why; then nothing of it is left, and *name is NULL. The stream is read to its end, and not a byte further. From 0 on
 * until progress_end(), which is the caller's, it is an operation (progress.h).
 */
int restore_domain(libxl_ctx *libxl, const struct restore_request *request, uint32_t *id, char **name);
