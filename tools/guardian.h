// SPDX-License-Identifier: Apache-2.0
/*
 * A process of nobody's that lives on when this one is killed, and brings this one's work to an end: it hears by a pipe
 * how far this one has come, and that it has ended.
 *
 *     guardian_begin(rescue, &guest, -1);
 *     ...
 *     guardian_tell(HANDING_OVER);
 *     ...
 *     guardian_end();
 *
 * One at a time, after operations_start(), whose signals it does not take either. While it is there the helper knows
 * (TORPOR_GUARDED), and leaves to it the rescue of a guest whose saving has failed. Processes that this one forks, or
 * libxl does, do not keep it waiting.
 */
#pragma once

#include <stdbool.h>

/* The reason in the journal of an operation that a guardian has brought to its end. */
#define GUARDIAN_REASON "torpor was killed, or ended in the middle"

/*
 * Runs in the guardian, within guests_open() and guests_close(). context: as it was at guardian_begin(); reached: the
 * last one told, 0: none; fd: guardian_begin()'s, by the number that it has here. Nobody reads its messages.
 */
typedef void rescue_function(const void *context, char reached, int fd);

/* fd: stays open in it; -1: none. 0, or -errno and has said why. */
int guardian_begin(rescue_function *rescue, const void *context, int fd);
/* Before the step that it is about, so that the guardian knows at least as much as has been done. Not 0. */
void guardian_tell(char reached);
/* There is nothing left to bring to an end. Harmless when there is no guardian. */
void guardian_end(void);
/* It will bring something to its end, and writes the journal's line when it has. */
bool guardian_is_there(void);
