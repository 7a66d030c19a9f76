// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's memory, from outside: 2 MiB at a time, by the hypervisor's own copying (hypervisor/abi/domctl_copy.h). Its
 * RAM is where xen/include/public/arch-arm.h puts it, and there is RAM at a GFN if and only if it is the domain's own:
 * balloon holes, grants, shared pages and device registers are none.
 *
 * Functions return 0 or -errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/helper/stream.h"

struct guest_memory {
    struct xc_interface_core *xc;
    struct xencall_handle *calls;
    void *op;                    /* a hypercall's */
    uint8_t *pages;              /* CHUNK_PAGES of them, where hypercalls copy to and from */
    uint32_t domid;
    /* Only while restoring: the pages that have been given to the guest, by index of the chunk. */
    uint64_t (*ram)[CHUNK_WORDS];
};

/* Over all places where RAM may be, in order: index 0 to memory_chunks() - 1. */
uint64_t memory_chunks(void);
uint64_t memory_chunk_gfn(uint64_t index);
/* false: no RAM can be there. */
bool memory_chunk_index(uint64_t gfn, uint64_t *index);
/* One behind the last chunk that the guest uses. */
int memory_used_chunks(const struct guest_memory *m, uint64_t *chunks);

/* m->xc and m->domid are the caller's. */
int memory_open(struct guest_memory *m);
void memory_close(struct guest_memory *m);

/*
 * Those pages of `known` that are RAM are copied to m->pages, one after the other, but for zero ones; chunk says which
 * are which. gfn and known are the caller's.
 */
int memory_read(const struct guest_memory *m, struct chunk_record *chunk);

/* For restoring. The guest has no memory yet. */
int memory_restore_begin(struct guest_memory *m);
void memory_restore_end(struct guest_memory *m);
/* Makes the guest's memory there as the chunk says. -EINVAL: no RAM can be there. */
int memory_write(struct guest_memory *m, const struct chunk_record *chunk, const uint8_t *pages);
/* Whether the guest was given that page. */
bool memory_restored(const struct guest_memory *m, uint64_t gfn);
