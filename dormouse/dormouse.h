// SPDX-License-Identifier: Apache-2.0
/*
 * A program on Dormouse defines guest_main(), which runs on vCPU 0 with interrupts on; the domain ends when it returns.
 */
#pragma once

void guest_main(void);
