// SPDX-License-Identifier: Apache-2.0
/* Started before a program's main(): threads, xenstore, and the answers to dom0's requests. */
#include "dormouse/core/arguments.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/balloon.h"
#include "dormouse/xen/cpus.h"
#include "dormouse/xen/shutdown.h"
#include "dormouse/xen/xenbus.h"
#include "machine/cpu.h"
#include "machine/start.h"

void guest_main(void)
{
    machine_start();
    smp_init();
    threads_init();
    xenbus_init();
    cpus_init((unsigned)argument_number("maxcpus", MAX_CPUS));
    balloon_init();
    shutdown_requests_init();
    main();
}
