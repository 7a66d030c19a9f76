// SPDX-License-Identifier: Apache-2.0
/* Walks over the list of stages of a CPU (power/cpu_stages.c): on from top to bottom, off from bottom to top. */
#include "cpu/cpu.h"

static void stages_off_from(unsigned count)
{
    while (count--)
        if (cpu_stages[count]->off)
            cpu_stages[count]->off();
}

int cpu_stages_on(void)
{
    for (unsigned i = 0; i < cpu_stages_count; i++) {
        int error = cpu_stages[i]->on();

        if (error) {
            stages_off_from(i);
            return error;
        }
    }
    return 0;
}

void cpu_stages_off(void)
{
    stages_off_from(cpu_stages_count);
}

void cpu_stages_resume(void)
{
    for (unsigned i = 0; i < cpu_stages_count; i++)
        if (!cpu_stages[i]->kept)
            BUG_ON(cpu_stages[i]->on());   /* it could before */
}
