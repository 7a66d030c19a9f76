// SPDX-License-Identifier: Apache-2.0
#include "dev/semihosting.h"

#include "lib/base.h"

#define SYS_WRITE0 0x04

void semihosting_print(const char *text)
{
    register uint64_t operation __asm__("x0") = SYS_WRITE0;
    register const char *parameter __asm__("x1") = text;

    __asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(parameter) : "memory");
}
