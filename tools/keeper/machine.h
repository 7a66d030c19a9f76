// SPDX-License-Identifier: Apache-2.0
/* The machine as its device tree has it. */
#pragma once

#include <stddef.h>

/* A flattened tree out of a file, with `room` bytes to spare in it; the caller's to free. NULL: errno. */
void *machine_tree(size_t room);
/*
 * What an image has to fit: memory and CPUs, a line each, in the tree's order. The caller's to free. NULL: the tree
 * does not say, or no memory.
 */
char *machine_text(const void *tree);
