// SPDX-License-Identifier: Apache-2.0
/* What this guest was started with. */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

/*
 * The pages that are shared with dom0, and the ports that go with them; NULL: there is none. Other ones in each life.
 */
struct start_pages {
    struct xencons_interface *console;
    evtchn_port_t console_port;
    struct xenstore_domain_interface *store;
    evtchn_port_t store_port;
};
void start_pages_get(struct start_pages *pages);

/* The command line: extra= of the domain's configuration. */
const char *start_arguments(void);

/* Where the shared page is; in a new domain it has to be mapped again, which puts it at the same place. */
struct shared_info *shared_info_map(void);

/* A program's needs beyond guest_main()'s, once: memory to allocate from, where there is none yet. */
void machine_start(void);

/* Events reach this vCPU from now on. */
void upcall_init_cpu(void);

/* Characters for a console of last resort, where there is no shared page. */
void machine_put(const char *text, size_t n);
NORETURN void machine_stop(void);
