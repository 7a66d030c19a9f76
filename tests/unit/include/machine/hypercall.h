// SPDX-License-Identifier: Apache-2.0
/* Hypercalls of a guest, for unit tests of Dormouse: one that a test does not define is not called. */
#pragma once
#include <stdint.h>

long hypercall5(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
long hypercall3(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3);
long hypercall2(unsigned long number, uint64_t a1, uint64_t a2);
