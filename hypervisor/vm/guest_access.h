// SPDX-License-Identifier: Apache-2.0
/*
 * Reading and writing the memory of the guest that made the call. Pointers are guest virtual addresses, translated by
 * the hardware with the guest's own stage 1 and stage 2, in pieces of at most a page, each copied under the p2m's
 * lock so that nobody can unmap it meanwhile. Devices and read-only pages (for writing) are refused.
 */
#pragma once

#include "lib/base.h"
#include "mm/p2m.h"

struct domain;

/* 0 or -EFAULT. Only in a hypercall of the current vCPU. */
int copy_from_guest(void *to, uint64_t guest_va, size_t n);
int copy_to_guest(uint64_t guest_va, const void *from, size_t n);
/* The guest frame behind a virtual address of the current vCPU (stage 1 only): -EFAULT. */
int guest_va_to_gpa(uint64_t guest_va, bool write, uint64_t *gpa);

/* The i-th element of an array in guest memory, without overflow. */
#define copy_from_guest_index(to, base, i) copy_from_guest((to), (base) + (uint64_t)(i) * sizeof(*(to)), sizeof(*(to)))
#define copy_to_guest_index(base, i, from) \
    copy_to_guest((base) + (uint64_t)(i) * sizeof(*(from)), (from), sizeof(*(from)))
