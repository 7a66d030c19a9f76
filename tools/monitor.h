// SPDX-License-Identifier: Apache-2.0
/*
 * A background process, as xl has one for a guest that it has created: it waits for its end, and then does as
 * on_poweroff, on_reboot and on_crash in its configuration say. xl's own ends when its guest suspends itself, so a
 * guest that was saved and goes on needs another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Waits in this process, until there is nothing more to wait for: the guest is gone, or is preserved. Returns an exit
 * status. A second monitor of the same guest ends at once. after_xl: xl may have one, which is given the time to end;
 * if it does not, it is left to it.
 */
int monitor_guest(uint32_t domid, bool after_xl);

/* The same in a process of its own, in the background. Returns in the parent; 0, or -errno and has said why. */
int monitor_in_background(uint32_t domid, bool after_xl);
