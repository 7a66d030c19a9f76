// SPDX-License-Identifier: Apache-2.0
/*
 * Arm semihosting: a debugger or emulator that listens prints for us. The last resort where no UART is known, and
 * a console if the command line says so (dev/uart.h).
 */
#pragma once

/*
 * Prints a NUL-terminated text by SYS_WRITE0 (Arm "Semihosting for AArch32 and AArch64", 6.18). Where nobody listens
 * the instruction is undefined: only for a machine that is about to halt anyway.
 */
void semihosting_print(const char *text);
