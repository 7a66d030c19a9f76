// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's keys that show domains: see console_debug_key(). Everything is read as it stands, without
 * stopping anybody.
 */
#pragma once

/* At boot. */
void dump_register_keys(void);
