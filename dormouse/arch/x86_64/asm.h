// SPDX-License-Identifier: Apache-2.0
/* Shared by assembly and C. */
#pragma once

#define STACK_SIZE      16384
#define TRAPS           20          /* the CPU's vectors that have a handler */
#define TRAP_SIZE       64          /* bytes of each handler's beginning */
#define TRAP_UPCALL     32          /* not the CPU's: an event */
#define TRAP_FAILSAFE   33
#define TRAP_SYSCALL    34
#define FRAME_SIZE      176         /* of struct frame, behind which struct user has kernel_sp */
