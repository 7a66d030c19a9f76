// SPDX-License-Identifier: Apache-2.0
/* From a stream to a domain: the common part of restoring from a file and receiving from another host. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libxl.h>

#include "tools/guardian.h"

struct restore_request {
    const char *source;        /* how messages call the stream */
    const char *operation;     /* as the journal calls it */
    int fd;
    const char *config_file;   /* NULL: the configuration in the stream */
    const char *suffix;        /* behind the name that it gets; NULL: none */
    bool debug;                /* print the configuration */
    bool json;                 /* lines for programs */
    rescue_function *rescue;   /* the guardian's */
    const void *context;       /* for it, and the descriptor that it has; -1: none */
    int rescue_fd;
};

/*
 * The domain, whole and paused, and *name its name without the suffix, freed by the caller. 0, or -errno and has said
 * why; then nothing of it is left, and *name is NULL. The stream is read to its end, and not a byte further. From 0 on
 * until progress_end(), which is the caller's, it is an operation (progress.h); and until guardian_end(), which is too,
 * a guardian looks after the domain. Its devices are the caller's to remember (attach.h).
 */
int restore_domain(libxl_ctx *libxl, const struct restore_request *request, uint32_t *id, char **name);

/*
 * In the guardian: the domain that was being made, and the name without the suffix that it was to have, valid for good.
 * renamed: it may have that name already, which others may have before. 0, -ENOENT: there is none; or -EIO: nobody can
 * look, and it may be there and run.
 */
int restore_find(libxl_ctx *libxl, bool renamed, uint32_t *id, const char **name);

/* Harmless for one that somebody else has unpaused. 0 or libxl's error. */
int restore_unpause(libxl_ctx *libxl, uint32_t id);
