// SPDX-License-Identifier: Apache-2.0
/* Pages that the guest gives back to the machine, and gets others for at the same place. For xen/balloon.c. */
#pragma once
#include "lib/base.h"

/* How many pages the guest was started with. */
uint64_t frames_at_start(void);

/*
 * The page, nobody's, has nothing behind it any more; and has again, zeroed or not. Not while the guest is suspended. 0
 * or -errno: it is as it was.
 */
int frame_give_back(void *page);
int frame_get(void *page);
