// SPDX-License-Identifier: Apache-2.0
/*
 * What the hypervisor's keys show of domains: see console_debug_key(). Everything is read as it stands, without
 * stopping anybody.
 */
#pragma once

/* At boot. */
void dump_register_keys(void);
