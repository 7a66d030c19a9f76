// SPDX-License-Identifier: Apache-2.0
/* See needs.h. The bytes go by the pages that the hypervisor copies a guest's to and from. */
#include "tools/helper/needs.h"

#include <errno.h>
#include <string.h>

#include <xencall.h>
#include <xenctrl.h>

#include "hypervisor/abi/domctl_needs.h"

_Static_assert(STREAM_MAX_NEEDS == TORPOR_NEEDS_MAX, "the record has room for them");

/* size: of m->pages as far as it is used; back: of the hypervisor's. */
static int call(const struct guest_memory *m, uint32_t *size, bool check)
{
    struct torpor_domctl_needs needs = { .buffer = (uintptr_t)m->pages, .size = *size, .check = check };
    struct xen_domctl *op = m->op;

    *op = (struct xen_domctl){ .cmd = TORPOR_DOMCTL_NEEDS, .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                               .domain = (domid_t)m->domid };
    memcpy(&op->u, &needs, sizeof(needs));
    if (xencall1(m->calls, __HYPERVISOR_domctl, (uintptr_t)op) < 0)
        return -errno;
    memcpy(&needs, &op->u, sizeof(needs));
    *size = needs.size;
    return 0;
}

int needs_read(const struct guest_memory *m, uint8_t record[sizeof(uint64_t) + STREAM_MAX_NEEDS], size_t *size)
{
    uint32_t length = STREAM_MAX_NEEDS;
    uint64_t told;
    int error = call(m, &length, false);

    if (error)
        return error;
    if (length > STREAM_MAX_NEEDS)
        return -EIO;
    told = length;
    memset(record, 0, sizeof(told) + STREAM_MAX_NEEDS);
    memcpy(record, &told, sizeof(told));
    memcpy(record + sizeof(told), m->pages, length);
    *size = sizeof(told) + (length + 7) / 8 * 8;
    return 0;
}

int needs_check(const struct guest_memory *m, const uint8_t *needs, size_t size)
{
    uint32_t length = (uint32_t)size;

    if (size > STREAM_MAX_NEEDS)
        return -EINVAL;
    memcpy(m->pages, needs, size);
    return call(m, &length, true);
}
