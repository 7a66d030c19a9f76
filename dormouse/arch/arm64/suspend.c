// SPDX-License-Identifier: Apache-2.0
/* See machine/suspend.h. No frame number of the machine is known here. */
#include "machine/suspend.h"
#include "dormouse/xen/suspend.h"
#include "machine/start.h"

static int canonicalise_enter(struct sleep *s)
{
    (void)s;
    return 0;
}

static void canonicalise_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s))
        shared_info_map();
}

const struct sleep_stage canonicalise_stage = {
    .name = "canonicalise", .enter = canonicalise_enter, .leave = canonicalise_leave,
};

/* Arm's call has none. */
uint64_t suspend_record(void)
{
    return 0;
}
