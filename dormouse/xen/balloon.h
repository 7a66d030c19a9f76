// SPDX-License-Identifier: Apache-2.0
/*
 * How much memory the guest has, as dom0 wants it: `xl mem-set` writes KiB to memory/target. Between the memory in use
 * and that at the guest's start.
 */
#pragma once

/* From now on, and once now. Memory and xenbus work. */
void balloon_init(void);
