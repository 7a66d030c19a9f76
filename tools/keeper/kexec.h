// SPDX-License-Identifier: Apache-2.0
/*
 * From this kernel to another, by kexec_load(2). kexec-tools would put their purgatory before it, which adds up
 * checksums without caches for minutes, and can load neither a hypervisor with its modules nor nothing at all.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEXEC_PARTS 8

/* What is to lie where when the other begins. */
struct kexec_part {
    const void *data;
    size_t size;
    uint64_t address;   /* on a page */
    uint64_t room;      /* at least size; 0: size */
};

/*
 * Goes to `entry`, an arm64 Image's beginning, with x0 = tree (Linux Documentation/arm64/booting.rst). `bridge` is a
 * page for the few instructions before it, at an address that none of the parts has. Comes back with -errno only.
 */
int kexec_boot(const struct kexec_part *parts, unsigned count, uint64_t entry, uint64_t tree, uint64_t bridge);
/* Goes to `entry` with nothing loaded but a page, at `spare`, that nobody looks at. */
int kexec_enter(uint64_t entry, uint64_t spare);
/* Bytes of memory that an Image of Linux's wants from its beginning on; 0: it is none. */
uint64_t kexec_image_room(const void *image, size_t size);
