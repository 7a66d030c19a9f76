// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's clock, in nanoseconds since the host's boot, and its one-shot timer (xen.h, struct vcpu_time_info;
 * set_timer_op).
 */
#pragma once
#include "lib/base.h"

uint64_t machine_now(void);
/* Calls fn in interrupt context on this vCPU when a set time has come, and perhaps at other times. */
void machine_timer_init_cpu(void (*fn)(void));
/* In a new domain, once for each CPU. */
void machine_timer_resume_cpu(void);
/* ~0: never. */
void machine_timer_set(uint64_t at);
