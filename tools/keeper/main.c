// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper: the program of a Linux beside the host, started by images/keeper/init, which saves the host's memory and
 * puts it back (docs/hibernation.md). What it is to do stands on that kernel's command line, keeper=WHAT. It ends only
 * if it could not; then that init sees to the machine.
 */
#include <string.h>

#include "tools/keeper/keeper.h"
#include "tools/keeper/watchdog.h"

int main(void)
{
    char what[16] = "";

    watchdog_start();
    if (!argument("keeper", what, sizeof(what)))
        say("keeper= is not on the command line");
    else if (strcmp(what, "hibernate") == 0 || strcmp(what, "snapshot") == 0)
        keeper_save();
    else if (strcmp(what, "place") == 0)
        keeper_place();
    else if (strcmp(what, "boot") == 0)
        keeper_give_up();
    else if (strcmp(what, "resume") != 0)
        say("keeper=%s is none of resume, boot, place, hibernate and snapshot", what);
    if (strcmp(what, "boot") == 0 || (strcmp(what, "resume") == 0 && keeper_resume()))
        keeper_boot();
    return 1;
}
