// SPDX-License-Identifier: Apache-2.0
/*
 * Synchronous exceptions and interrupts. An exception that nobody expects ends the guest with one line.
 * Between trap_catch() and trap_caught() the vCPU's own synchronous exceptions are counted and the
 * instruction skipped instead, which is how tests ask whether an access faults.
 */
#pragma once
#include <stdint.h>
#include "machine/frame.h"

enum { ESR_EC_SHIFT = 26, ESR_EC_UNKNOWN = 0x00, ESR_EC_SVC = 0x15, ESR_EC_SYSREG = 0x18, ESR_EC_DABT = 0x25 };

void trap_catch(void);
/* Ends the catching; returns how many exceptions were skipped (the last one's ESR is in this_cpu()->caught_esr). */
unsigned trap_caught(void);

/* Calls fn(intid) in interrupt context, between acknowledge and end of interrupt, on whichever vCPU took it. */
void irq_register(unsigned intid, void (*fn)(unsigned intid));
