// SPDX-License-Identifier: Apache-2.0
/* As much of libxencall as the helper's files that are tested here use; the tests are the hypervisor behind it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct xencall_handle xencall_handle;

xencall_handle *xencall_open(void *logger, unsigned open_flags);
int xencall_close(xencall_handle *xcall);
int xencall1(xencall_handle *xcall, unsigned int op, uint64_t a1);
void *xencall_alloc_buffer_pages(xencall_handle *xcall, size_t nr_pages);
void xencall_free_buffer_pages(xencall_handle *xcall, void *p, size_t nr_pages);
void *xencall_alloc_buffer(xencall_handle *xcall, size_t size);
void xencall_free_buffer(xencall_handle *xcall, void *p);
