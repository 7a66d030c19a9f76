// SPDX-License-Identifier: Apache-2.0
/*
 * A domctl of Torpor's own: of a domain's state the part that another host may not have, which stays as it is while the
 * domain runs: its CPU's features and its interrupt controller. So a host can refuse it before it is sent any memory.
 * XEN_DOMCTL_sethvmcontext checks the same and all the rest, later.
 *
 * This header is also the toolstack's.
 */
#pragma once

#include <stdint.h>

#define TORPOR_DOMCTL_NEEDS  0x54500002u
#define TORPOR_NEEDS_MAX     4096u        /* bytes */

/*
 * In xen_domctl's u. A stream of records (record/record.h). Read: of any domain that has its vCPUs; -ENOBUFS: no room.
 * Checked against a domain that is to have them: errors as of XEN_DOMCTL_sethvmcontext, and a line on the console.
 */
struct torpor_domctl_needs {
    uint64_t buffer;                      /* the caller's virtual address */
    uint32_t size;                        /* of the buffer, 1 to TORPOR_NEEDS_MAX, else -EINVAL; back: of the stream */
    uint32_t check;                       /* 0: read to the buffer; 1: check the buffer's; else -EINVAL */
};
