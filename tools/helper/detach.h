// SPDX-License-Identifier: Apache-2.0
/* A process that outlives the one that made it. */
#pragma once

/*
 * Called by a forked child: it leaves its parent's session and standard streams, and holds none of its parent's other
 * files, whose end others wait for. kept: `count` descriptors that stay open, by other numbers.
 */
void detach(int *kept, unsigned count);
