// SPDX-License-Identifier: Apache-2.0
/*
 * The generic timer (Arm ARM, "The Generic Timer in AArch64 state"): counter and the two EL1 timers. Times are ticks of
 * CNTFRQ_EL0.
 */
#pragma once
#include "dormouse/arch/arm64/cpu.h"

enum { TIMER_ENABLE = 1, TIMER_IMASK = 2, TIMER_ISTATUS = 4 };

static inline uint64_t timer_frequency(void) { return sysreg_read(cntfrq_el0); }
static inline uint64_t timer_now(void) { isb(); return sysreg_read(cntvct_el0); }
static inline uint64_t timer_now_physical(void) { isb(); return sysreg_read(cntpct_el0); }

static inline void timer_virtual_set(uint64_t at)
{
    sysreg_write(cntv_cval_el0, at);
    sysreg_write(cntv_ctl_el0, TIMER_ENABLE);
    isb();
}
static inline void timer_virtual_stop(void) { sysreg_write(cntv_ctl_el0, 0); isb(); }

static inline void timer_physical_set(uint64_t at)
{
    sysreg_write(cntp_cval_el0, at);
    sysreg_write(cntp_ctl_el0, TIMER_ENABLE);
    isb();
}
static inline void timer_physical_stop(void) { sysreg_write(cntp_ctl_el0, 0); isb(); }

/* Spins for this many microseconds of the virtual counter. */
static inline void timer_delay_us(uint64_t us)
{
    uint64_t end = timer_now() + us * timer_frequency() / 1000000;

    while (timer_now() < end)
        ;
}
