// SPDX-License-Identifier: Apache-2.0
/* What hypfs shows of host sleeps, and takes to test them. */
#pragma once

void host_sleep_history_init(void);
