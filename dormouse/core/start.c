// SPDX-License-Identifier: Apache-2.0
/* What is started before a program's main(): threads, xenstore, and the answers to dom0's requests. */
#include "dormouse/core/arguments.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/shutdown.h"
#include "dormouse/xen/xenbus.h"
#include "machine/cpu.h"
#include "machine/start.h"

void guest_main(void)
{
    machine_start();
    threads_init();
    smp_init();
    smp_start_others((unsigned)argument_number("maxcpus", MAX_CPUS));
    xenbus_init();
    shutdown_requests_init();
    main();
}
