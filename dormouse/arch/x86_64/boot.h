// SPDX-License-Identifier: Apache-2.0
/* Shared by this architecture's files: the start info, and the calls between assembly and C. */
#pragma once
#include "dormouse/arch/x86_64/asm.h"
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include "machine/frame.h"

/* Xen's at boot and after each restore; the page stays the guest's, the same GFN for ever. */
extern struct start_info *start_info;

/* All of the guest's frames, in the order of their GFNs; the domain builder's, kept up where a frame is changed. */
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

/* image.ld: where code, constants and writable data begin */
extern char image_text[], image_rodata[], image_data[];

/* entry.S's */
extern char trap_entries[], upcall_entry[], failsafe_entry[], syscall_entry[], cpu_entry[];
/* entry.S calls these. */
NORETURN void dormouse_main(struct start_info *info);
void trap_handle(struct frame *f);
NORETURN void cpu_main(void);
/* entry.S: begins again, on an empty stack. */
NORETURN void cpu_again(void *stack_top);

/* Tells Xen where traps and events of this vCPU go. */
void traps_init(void);
/* The same table by vector, for another vCPU's context. */
void traps_copy(struct trap_info *table);

/* The struct cpu that the vCPU finds at %gs:0, with events masked. */
void cpu_prepare(unsigned id);
