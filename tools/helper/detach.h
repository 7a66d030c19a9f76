// SPDX-License-Identifier: Apache-2.0
/* A process that outlives the one that made it. */
#pragma once

/*
 * Called by a forked child: it leaves its parent's session and standard streams, and holds none of its parent's other
 * files, whose end others wait for. *kept, if not NULL, is a descriptor that stays open, by another number.
 */
void detach(int *kept);
