// SPDX-License-Identifier: Apache-2.0
/* What this architecture's files know of each other: the start info, and what assembly calls or is called by. */
#pragma once
#include "dormouse/arch/x86_64/asm.h"
#include "dormouse/xen/xen.h"
#include "lib/base.h"

/* Xen's at boot and after each restore; the page stays the guest's, the same GFN for ever. */
extern struct start_info *start_info;

/* All of the guest's frames, in the order of their GFNs; the domain builder's, kept up by whoever changes a frame. */
extern xen_pfn_t *p2m;

/*
 * Has the shared page lead the tools to the p2m list (arch-x86/xen.h, pfn_to_mfn_frame_list_list), by MFNs of this
 * life.
 */
void p2m_lists_publish(struct shared_info *shared);

/*
 * Lets go of the shared page, which moves with the guest: any pointer into it reads zeros until it is mapped again
 * (machine/start.h).
 */
void shared_info_unmap(void);

struct frame {                      /* entry.S knows the layout */
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
enum { RFLAGS_IF = 1 << 9 };

/* image.ld: where what is executed, what is read, and what is written begins */
extern char image_text[], image_rodata[], image_data[];

/* entry.S's */
extern char trap_entries[], upcall_entry[], failsafe_entry[], cpu_entry[];
/* entry.S calls these. */
NORETURN void dormouse_main(struct start_info *info);
void trap_handle(struct frame *f);
NORETURN void cpu_main(void);

/* Tells Xen where traps and events of this vCPU go. */
void traps_init(void);
/* The same table by vector, for another vCPU's context. */
void traps_copy(struct trap_info *table);

/* What the vCPU finds at %gs:0, with events masked. */
void cpu_prepare(unsigned id);
