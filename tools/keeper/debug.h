// SPDX-License-Identifier: Apache-2.0
/* What debuggers want to find in an image besides memory. All of it is optional: a note of size 0 is none. */
#pragma once

#include "tools/keeper/image.h"
#include "tools/keeper/memory.h"

/*
 * dom0's VMCOREINFO, for crash(8) and makedumpfile(8): `where` is what /sys/kernel/vmcoreinfo has said there, with a
 * comma between. Its data are the caller's to free.
 */
struct image_note_text debug_vmcoreinfo(struct memory_view *v, const char *where);
/*
 * EL2's registers of each CPU into notes[2 * HANDOVER_CPUS_MAX]: first those of the CPU that left, with which gdb(1)
 * begins. For each CPU one note that gdb takes for a thread, and one of its system registers. Returns how many notes
 * there are, whose data are the caller's to free.
 */
unsigned debug_registers(struct memory_view *v, const struct handover_contexts *contexts,
                         struct image_note_text *notes);
