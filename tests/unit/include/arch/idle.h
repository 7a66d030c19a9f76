// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests: waiting is the test's affair. */
#pragma once

void cpu_wait_for_interrupt(void);
