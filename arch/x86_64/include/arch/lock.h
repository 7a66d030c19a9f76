// SPDX-License-Identifier: Apache-2.0
/* Spinlocks: they are made of C's atomics and cpu_relax() alone, and are the same on both architectures. */
#pragma once

#include "arch/arm64/include/arch/lock.h"
