// SPDX-License-Identifier: Apache-2.0
/*
 * The receiver of the helper's reports: torpor(1), which started the operation and keeps the journal; or, where that
 * did not (libvirt), the journal itself, of which this is all that can be known then.
 */
#pragma once

#include <stdint.h>

#include "tools/helper/report.h"

/* operation: "save" or "restore". */
void recorder_begin(const char *operation, uint32_t domid);
void recorder_tell(struct report *r);
void recorder_end(int error);
