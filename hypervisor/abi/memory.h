// SPDX-License-Identifier: Apache-2.0
/* Parts of HYPERVISOR_memory_op that have files of their own; abi/memory.c calls them. Errors as for hypercalls. */
#pragma once

#include "lib/base.h"

/*
 * A list operation that stops half-way says how far it came in its own command, in the bits above the operation's
 * number: `start` is the index in its lists where it goes on.
 */
#define MEMORY_OP_BITS 6
#define MEMORY_OP_MAX_START (UINT32_MAX >> MEMORY_OP_BITS)
/* Makes the current call go on at `start` of operation `op`: -ERESTART. */
long memory_op_continue(unsigned op, uint64_t start);

/* abi/memory_map.c */
long memory_add_to_physmap(uint64_t arg_va);
long memory_add_to_physmap_batch(uint64_t arg_va, uint64_t start);
long memory_remove_from_physmap(uint64_t arg_va);
long memory_acquire_resource(uint64_t arg_va);
