// SPDX-License-Identifier: Apache-2.0
/* A guest's CPU, for unit tests of Dormouse: there is one, and nothing interrupts it. */
#pragma once
#include "lib/base.h"

enum { MAX_CPUS = 8 };

static inline unsigned cpu_id(void) { return 0; }
static inline bool irq_save(void) { return false; }
static inline void irq_restore(bool enabled) { (void)enabled; }

/* The test's. */
struct vcpu_info *vcpu_info_of(unsigned id);
