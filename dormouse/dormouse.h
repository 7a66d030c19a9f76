// SPDX-License-Identifier: Apache-2.0
/*
 * A program on Dormouse defines main(), which runs as a thread, with all the rest of Dormouse at work beside it; the
 * domain ends when it returns. One that wants the bare machine defines guest_main() instead: it runs on vCPU 0 with
 * interrupts on, and nothing else does.
 */
#pragma once

int main(void);
void guest_main(void);
