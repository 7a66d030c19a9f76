// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests: every barrier is the full one. */
#pragma once

static inline void isb(void) { }
static inline void dsb_ish(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void dsb_ishst(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
/* For tests that want to know of it. */
__attribute__((weak)) void (*host_dsb_nsh)(void);

static inline void dsb_nsh(void)
{
    if (host_dsb_nsh)
        host_dsb_nsh();
}

static inline void dsb_sy(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void smp_mb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void smp_rmb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* Others' acts while somebody writes in several steps. */
__attribute__((weak)) void (*host_between_writes)(void);

static inline void smp_wmb(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (host_between_writes)
        host_between_writes();
}
