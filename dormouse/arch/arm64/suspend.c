// SPDX-License-Identifier: Apache-2.0
/* See machine/suspend.h. No frame number of the machine is known here. */
#include "machine/suspend.h"
#include "dormouse/xen/suspend.h"
#include "machine/start.h"

static void canonicalise_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s))
        shared_info_map();
}

const struct sleep_stage canonicalise_stage = { .name = "canonicalise", .leave = canonicalise_leave };

/* Arm's call has none. */
uint64_t suspend_record(void)
{
    return 0;
}
