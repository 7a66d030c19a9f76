// SPDX-License-Identifier: Apache-2.0
/* See options.h. A value that is no number, or out of range, counts as not set. */
#include "tools/helper/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/helper/precopy.h"

#define GUARDED      "TORPOR_GUARDED"   /* tools/guardian.c sets it */
#define COMPRESS     "TORPOR_COMPRESS"
#define THROTTLE     "TORPOR_THROTTLE"
#define MAX_DOWNTIME "TORPOR_MAX_DOWNTIME"
#define FIXED        "TORPOR_FIXED_NS"
#define BACK         "TORPOR_BACK"

static uint64_t number(const char *name, uint64_t most, uint64_t otherwise)
{
    const char *text = getenv(name);
    char *end;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;

    return text && *text >= '0' && *text <= '9' && !*end && value && value <= most ? value : otherwise;
}

void options_read(struct helper_options *o)
{
    *o = (struct helper_options){
        .guarded = getenv(GUARDED), .compress = getenv(COMPRESS), .throttle = getenv(THROTTLE),
        .max_downtime_ms = (uint32_t)number(MAX_DOWNTIME, MOST_MAX_DOWNTIME_MS, DEFAULT_MAX_DOWNTIME_MS),
        .back = getenv(BACK), .fixed_ns = number(FIXED, UINT64_MAX / 4, PRECOPY_FIXED_NS),
    };
}

static int set_number(const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    return value ? setenv(name, text, 1) : unsetenv(name);
}

int options_set(const struct helper_options *o)
{
    if (set_number(COMPRESS, o->compress) || set_number(THROTTLE, o->throttle) ||
        set_number(MAX_DOWNTIME, o->max_downtime_ms) || set_number(FIXED, o->fixed_ns) ||
        (o->back ? setenv(BACK, o->back, 1) : unsetenv(BACK)))
        return -errno;
    return 0;
}
