// SPDX-License-Identifier: Apache-2.0
/* Between the files of the guest that knows what it is. Errors end the guest with a line. */
#pragma once
#include "lib/base.h"

/* Looks at a value: the first time it is noted, then compared. In the same order each time. */
void see(const char *name, unsigned index, uint64_t value);
/* Says that something is not as before; from any vCPU. */
void wrong(const char *name, unsigned index, uint64_t before, uint64_t now);

/* The state of vCPU 0: its interrupt controller, EL1's registers and its timers (machine.c). */
void machine_fill(void);
void machine_see(void);
/* Takes interrupts that could end a suspend; gives EL1's registers, which a suspend loses, their values again. */
void machine_prepare_to_sleep(void);
void machine_wake(void);

/* Event channels in either form, grants, parameters, watchdog, pages (things.c). */
void things_fill(bool fifo);
void things_see(void);
/* What a domain that gave its ports and grants up has left of them. */
void things_see_the_loss(void);
/* vCPU 3 polls the first, which nobody sends to, vCPU 7 the second. */
unsigned port_polled(void);
unsigned port_waited(void);
/* The second is pending; is not any more. */
void port_waited_send(void);
void port_waited_clear(void);

/* All others (vcpus.c). */
void vcpus_start(void);
/* Each comes by at least twice more. */
void vcpus_wait_for_all(void);
void vcpus_see(void);
/* They go off, and come back on. */
void vcpus_stop(void);
void vcpus_start_again(void);
