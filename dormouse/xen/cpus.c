// SPDX-License-Identifier: Apache-2.0
/*
 * The watch says only that something below cpu/ has changed, so all of it is looked at. It is served on the watches'
 * thread, as a suspend is: one that is asked for while the other is under way waits. In a new life each watch comes
 * once by itself, which makes up for dom0's writes meanwhile.
 */
#include "dormouse/xen/cpus.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/xenbus.h"
#include "lib/print.h"
#include "lib/string.h"
#include "machine/cpu.h"
#include "machine/smp.h"

enum availability { UNSAID, ONLINE, OFFLINE };

static unsigned limit;                  /* how many CPUs may run */
static bool begun;                      /* the first time, which the thread that starts the guest waits for */
static struct waitqueue beginning = WAITQUEUE_INIT(beginning);

/* Anything there but the two words means nothing. */
static enum availability availability_read(unsigned cpu)
{
    char path[32], value[16];

    snprintf(path, sizeof(path), "cpu/%u/availability", cpu);
    if (xenbus_read(path, value, sizeof(value)) <= 0)
        return UNSAID;
    if (!strcmp(value, "online"))
        return ONLINE;
    return strcmp(value, "offline") ? UNSAID : OFFLINE;
}

static void cpu_set(unsigned cpu, bool up)
{
    int error;

    if (up == smp_is_online(cpu))
        return;
    error = up ? smp_cpu_up(cpu) : smp_cpu_down(cpu);
    if (error)
        print("dormouse: CPU %u does not go %s: error %d\n", cpu, up ? "online" : "offline", -error);
    else if (begun)
        print("dormouse: CPU %u is %s\n", cpu, up ? "online" : "offline");
}

static void availability_changed(void *arg)
{
    (void)arg;

    for (unsigned cpu = 1; cpu < MAX_CPUS && machine_cpu_is_possible(cpu); cpu++) {
        enum availability wanted = availability_read(cpu);

        if (wanted == ONLINE && cpu >= limit && begun)
            print("dormouse: CPU %u stays offline: maxcpus=%u\n", cpu, limit);
        if (wanted == OFFLINE || cpu >= limit)
            cpu_set(cpu, false);
        else if (wanted == ONLINE || !begun)
            cpu_set(cpu, true);
    }
    begun = true;
    wake(&beginning);
}

static bool has_begun(void *arg)
{
    (void)arg;
    return begun;
}

void cpus_init(unsigned most)
{
    limit = most;
    if (xenbus_watch("cpu", availability_changed, NULL) < 0) {
        print("dormouse: one CPU: cpu/ cannot be watched\n");
        return;
    }
    wait_until(&beginning, has_begun, NULL, NEVER);
}
