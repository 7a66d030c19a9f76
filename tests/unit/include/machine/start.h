// SPDX-License-Identifier: Apache-2.0
/* What a guest was started with, for unit tests of Dormouse: what the test says. */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include <xen/io/xs_wire.h>

struct start_pages {
    struct xenstore_domain_interface *store;
    evtchn_port_t store_port;
};
void start_pages_get(struct start_pages *pages);
const char *start_arguments(void);
