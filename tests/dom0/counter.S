// SPDX-License-Identifier: Apache-2.0
/* Of each vCPU, with the MMU off; x0: its mailbox (counter.h). Counts, sends, and waits, yields, or ends the domain. */
#define HYPERCALL_SCHED_OP      29
#define HYPERCALL_EVENT_CHANNEL 32
#define EVTCHNOP_SEND           4
#define SCHEDOP_YIELD           0
#define SCHEDOP_SHUTDOWN        2
#define SCHEDOP_POLL            3

    .section .rodata
    .global counter_program, counter_program_end
    .balign 4
counter_program:
    mov     x19, x0
1:  ldr     x1, [x19, #8]
    add     x1, x1, #1
    str     x1, [x19, #8]
    mov     x0, #EVTCHNOP_SEND
    mov     x1, x19
    mov     x16, #HYPERCALL_EVENT_CHANNEL
    hvc     #0xea1
    ldr     x2, [x19, #16]
    cmp     x2, #2
    b.eq    3f
    mov     x0, #SCHEDOP_POLL
    add     x1, x19, #24
    cbz     x2, 2f
    mov     x0, #SCHEDOP_YIELD
2:  mov     x16, #HYPERCALL_SCHED_OP
    hvc     #0xea1
    b       1b
3:  mov     x0, #SCHEDOP_SHUTDOWN
    add     x1, x19, #4
    mov     x16, #HYPERCALL_SCHED_OP
    hvc     #0xea1
    b       3b
counter_program_end:
