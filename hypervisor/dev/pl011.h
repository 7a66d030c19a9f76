// SPDX-License-Identifier: Apache-2.0
/* Arm's PL011 UART (DDI 0183) and its subset, the SBSA Generic UART (DEN0094 B.3). */
#pragma once

#include "dev/console.h"
#include "lib/base.h"

/*
 * Maps the registers and makes *u drive them. Speed and format stay the firmware's. -ENOMEM; -EINVAL: size is less than
 * a register bank.
 */
int pl011_open(struct uart *u, paddr_t base, uint64_t size, bool sbsa);
