// SPDX-License-Identifier: Apache-2.0
/* Host sleeps in hypfs: their timelines, and the files that test them. */
#pragma once

void host_sleep_history_init(void);
