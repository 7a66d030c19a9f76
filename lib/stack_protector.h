// SPDX-License-Identifier: Apache-2.0
/*
 * -fstack-protector's two names, which each program defines: the value that stands between a function's arrays and its
 * return address, and the function that ends the program when it changed.
 */
#pragma once

#include "lib/base.h"

extern uint64_t __stack_chk_guard;
NORETURN void __stack_chk_fail(void);
