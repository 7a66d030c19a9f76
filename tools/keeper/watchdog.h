// SPDX-License-Identifier: Apache-2.0
/* A keeper that hangs: its machine starts anew, and the host boots as usual, or is restored after all. */
#pragma once

/* From now on a sign of life is expected every two minutes. The machine's own watchdog, if it has one, is started. */
void watchdog_start(void);
/* A sign of life. In any thread. */
void watchdog_alive(void);
/* Another kernel is about to be entered, which knows nothing of this: the machine's watchdog is off. */
void watchdog_stop(void);
