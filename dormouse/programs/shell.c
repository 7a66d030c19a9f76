// SPDX-License-Identifier: Apache-2.0
/* Answers commands typed at `xl console`, one a line. */
#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/console_input.h"
#include "lib/string.h"

static void tell_time(void) { print("shell: %lu ms since the start\n", time_now() / 1000000); }
static void tell_memory(void) { print("shell: %lu KiB are free\n", pages_free_count() * PAGE_SIZE / KIB); }
static void tell_cpus(void) { print("shell: %u CPUs\n", smp_online()); }

static const struct {
    const char *name;
    void (*run)(void);
} commands[] = {
    { "time", tell_time },
    { "memory", tell_memory },
    { "cpus", tell_cpus },
};

static void run(const char *line)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (!strcmp(line, commands[i].name)) {
            commands[i].run();
            return;
        }
    }
    print("shell: \"%s\" is none of time, memory, cpus, end\n", line);
}

int main(void)
{
    char line[80];

    print("shell: type a command\n");
    while (console_read_line(line, sizeof(line)) >= 0 && strcmp(line, "end"))
        run(line);
    return 0;
}
