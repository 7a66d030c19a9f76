// SPDX-License-Identifier: Apache-2.0
/* Memory barriers (Arm ARM DDI 0487, "Memory barriers"), of the inner shareable domain unless the name says more. */
#pragma once

static inline void isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void dsb_ish(void) { __asm__ volatile("dsb ish" ::: "memory"); }
static inline void dsb_ishst(void) { __asm__ volatile("dsb ishst" ::: "memory"); }
static inline void dsb_nsh(void) { __asm__ volatile("dsb nsh" ::: "memory"); }
static inline void dsb_sy(void) { __asm__ volatile("dsb sy" ::: "memory"); }
static inline void smp_mb(void) { __asm__ volatile("dmb ish" ::: "memory"); }
static inline void smp_rmb(void) { __asm__ volatile("dmb ishld" ::: "memory"); }
static inline void smp_wmb(void) { __asm__ volatile("dmb ishst" ::: "memory"); }
