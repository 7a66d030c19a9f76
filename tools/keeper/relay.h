// SPDX-License-Identifier: Apache-2.0
/*
 * Work beside work: one thread fills buffers, another does something with each, in order, while the next is filled.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct relay;

/*
 * Calls work(context, buffer, size) in a thread of its own for what is given; once it has failed, no more. Buffers have
 * `size` bytes, whole pages, and begin on a page. NULL: no memory, or no thread.
 */
struct relay *relay_new(size_t size, int (*work)(void *context, const uint8_t *buffer, size_t size), void *context);
/* The buffer to be filled, the same until it is given; waits until the thread is done with it. */
uint8_t *relay_buffer(struct relay *r);
/* Its first `size` bytes are to be worked on. The first error of any work that is done by now. */
int relay_give(struct relay *r, size_t size);
/* All that was given is done, the thread has ended, *r is gone: the first error. NULL is fine. */
int relay_end(struct relay *r);
