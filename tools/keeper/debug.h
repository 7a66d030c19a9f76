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
 * EL2's registers of each CPU, as gdb(1) takes them, into notes[HANDOVER_CPUS_MAX]: first those of the CPU that left,
 * which gdb begins with. Returns how many there are, whose data are the caller's to free.
 */
unsigned debug_registers(struct memory_view *v, const struct handover_contexts *contexts,
                         struct image_note_text *notes);
