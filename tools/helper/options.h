// SPDX-License-Identifier: Apache-2.0
/*
 * The requests of torpor(1) to the helper beside libxl's arguments, in the environment. Without any of it a guest is
 * saved as it always was.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DEFAULT_MAX_DOWNTIME_MS 200u
#define MOST_MAX_DOWNTIME_MS    3600000u

struct helper_options {
    bool guarded;              /* TORPOR_GUARDED is set: should the caller be killed, another sees to the guest */
    bool compress;             /* TORPOR_COMPRESS is set */
    bool throttle;             /* TORPOR_THROTTLE is set: a guest that dirties too fast is slowed down */
    uint32_t max_downtime_ms;  /* TORPOR_MAX_DOWNTIME, in ms; of a live operation */
    const char *back;          /* TORPOR_BACK: the path of the pipe by which a receiver answers; NULL: there is none */
    uint64_t fixed_ns;         /* TORPOR_FIXED_NS: of the downtime, earlier migrations' part beside sending pages */
};

void options_read(struct helper_options *o);
/* For the helper that is started next. 0 or -errno. */
int options_set(const struct helper_options *o);
