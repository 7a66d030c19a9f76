// SPDX-License-Identifier: Apache-2.0
/* The part of a domain's state that a host may not have (hypervisor/abi/domctl_needs.h). 0 or -errno. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tools/helper/memory.h"
#include "tools/helper/stream.h"

/* As NEEDS has it: the length, then *size bytes less that, a multiple of 8. -ENOSYS: the hypervisor does not tell. */
int needs_read(const struct guest_memory *m, uint8_t record[sizeof(uint64_t) + STREAM_MAX_NEEDS], size_t *size);
/* Against this host, for a domain that is to have it. */
int needs_check(const struct guest_memory *m, const uint8_t *needs, size_t size);
