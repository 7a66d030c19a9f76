// SPDX-License-Identifier: Apache-2.0
/*
 * The kernels that dom0 has loaded beside itself, in the window: memory of dom0's own, 1:1, that its kernel keeps off
 * (crashkernel=) and that cannot go away under a loaded image.
 *
 * An image is a set of pages of the window and an entry; it is loaded when its entry lies in one of them. Images of
 * both types stand in the one window, and no page is in two. The contents are dom0's affair: it may write to them
 * at any time, and a kernel that it loads runs with all rights.
 */
#pragma once

#include "lib/base.h"

struct domain;

enum kexec_type { KEXEC_DEFAULT, KEXEC_CRASH, KEXEC_TYPES };   /* xen/include/public/kexec.h: KEXEC_TYPE_* */

/*
 * Boot: [start, start + size) of d's memory is the window, and stays d's for ever. Page aligned. -EINVAL: not all of it
 * is d's; -ENOMEM: no memory to keep account of it.
 */
int kexec_window_init(struct domain *d, uint64_t start, uint64_t size);
/* False: there is none. */
bool kexec_window(uint64_t *start, uint64_t *size);
/* Whether any of [start, start + size) is in it, or that wraps. */
bool kexec_window_touched(uint64_t start, uint64_t size);

/* Of that type, nothing is loaded any more. */
void kexec_unload(enum kexec_type type);
/*
 * The page at physical address `at` becomes part of the image, which is not loaded until kexec_complete() says so.
 * *page: where to write it. -EADDRNOTAVAIL: not in the window; -EINVAL: not the start of a page, or a page of an image
 * already.
 */
MUST_CHECK int kexec_add_page(enum kexec_type type, uint64_t at, void **page);
/* All is there. -EINVAL: the entry is in no page of the image, or is not aligned to an instruction. */
MUST_CHECK int kexec_complete(enum kexec_type type, uint64_t entry);
bool kexec_loaded(enum kexec_type type);

/*
 * The next time that dom0 suspends itself, the host jumps into that image instead of sleeping. Any change of the image
 * takes it back. -ENOENT: none is loaded.
 */
int kexec_arm(enum kexec_type type);
void kexec_disarm(void);
bool kexec_is_armed(void);
/* The jump's: its image, and nobody jumps a second time. False: not armed. */
bool kexec_take_armed(enum kexec_type *type, uint64_t *entry);
/*
 * Where dom0's kernel has its note for a kernel that keeps its memory after a crash (VMCOREINFO), as dom0 says and
 * stock kexec-tools ask: it goes to nobody else, so it is taken as it is. Size 0: not known.
 */
struct kexec_note {
    uint64_t start, size;
};
void kexec_set_note(struct kexec_note note);
struct kexec_note kexec_note(void);
/* The two that follow serve a panic, too. The entry of the kernel for a crash; 0: none is loaded. */
uint64_t kexec_crash_entry(void);
/* Its pages go to memory, past the caches. Nobody changes the image meanwhile. */
void kexec_clean_caches(enum kexec_type type);
