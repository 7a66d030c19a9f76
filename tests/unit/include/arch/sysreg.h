// SPDX-License-Identifier: Apache-2.0
/* arm64's system registers for unit tests: the names of their bits, and a test's own registers. */
#pragma once

#include "../../../../arch/arm64/include/arch/sysreg.h"

#undef read_sysreg
#undef write_sysreg
#define read_sysreg(name)         host_read_sysreg(#name)
#define write_sysreg(value, name) host_write_sysreg((uint64_t)(value), #name)

/* The test's; only programs with sources that touch system registers need them. */
uint64_t host_read_sysreg(const char *name);
void host_write_sysreg(uint64_t value, const char *name);
