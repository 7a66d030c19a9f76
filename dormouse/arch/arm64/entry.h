// SPDX-License-Identifier: Apache-2.0
/* C's functions that assembly calls, and the address where it starts vCPUs. */
#pragma once

#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/trap.h"

/* entry.S: vCPU 0, with the MMU on and an empty .bss. */
void dormouse_main(const void *fdt);
/* entry.S: every other vCPU. */
void cpu_main(struct cpu *c);
extern char secondary_entry[];

/* image.ld: the first page behind the image */
extern char image_end[];

/* vectors.S: a synchronous exception, FIQ or SError (`kind`: the vector's number); an interrupt. */
void trap_handle(struct frame *f, unsigned kind);
void irq_handle(void);
/* pagetable.S */
extern uint64_t page_table[];
