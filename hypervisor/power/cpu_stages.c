// SPDX-License-Identifier: Apache-2.0
/*
 * The stages that a physical CPU passes through on its way on, from top to bottom, and on its way off, from bottom to
 * top (cpu/cpu.h). Beside it stands the list of the host's sleep (host.c), which the last CPU goes through.
 */
#include "cpu/cpu.h"
#include "cpu/speculation.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "vm/arm64/vtimer.h"

const struct cpu_stage *const cpu_stages[] = {
    &cpu_core_stage,
    &speculation_cpu_stage,
    &gic_cpu_stage,
    &timer_cpu_stage,
    &vtimer_cpu_stage,
};
const unsigned cpu_stages_count = ARRAY_SIZE(cpu_stages);
