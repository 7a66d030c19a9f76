// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's clock, in nanoseconds, and its one-shot timers, one for each CPU. x86_64: the hypervisor's clock, since
 * the host's boot (xen.h, struct vcpu_time_info; set_timer_op). arm64: the virtual counter and timer.
 */
#pragma once
#include "lib/base.h"

uint64_t machine_now(void);
/* A length of time is the difference of two of these; the guest may be suspended between them, on one host. */
uint64_t machine_ticks_ns(void);
/* Calls fn in interrupt context on this vCPU when a set time has come, and perhaps at other times. */
void machine_timer_init_cpu(void (*fn)(void));
/* In a new domain, once for each CPU. */
void machine_timer_resume_cpu(void);
/* ~0: never. */
void machine_timer_set(uint64_t at);
