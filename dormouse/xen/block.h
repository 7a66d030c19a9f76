// SPDX-License-Identifier: Apache-2.0
/*
 * Block devices (xen/include/public/io/blkif.h). Requests outlive their back end: those not answered when the guest was
 * saved, or when the back end went away, are issued again when there is one. Sectors have 512 bytes. All calls wait,
 * may be made from any number of threads at once, and return 0 or -errno: -EIO when the back end says so or lies.
 */
#pragma once
#include "lib/base.h"

struct block;

enum { BLOCK_DEVICES = 4 };

/*
 * The device that the domain's configuration calls that, "xvda" to "xvdp", once it is connected; once for each. NULL:
 * there is none, no memory for it, or it had to be given up.
 */
struct block *block_open(const char *name);

uint64_t block_sectors(const struct block *b);
bool block_is_readonly(const struct block *b);

/* -EINVAL: beyond the end, or not whole blocks of the back end's disk. */
int block_read(struct block *b, uint64_t sector, void *buffer, unsigned sectors);
int block_write(struct block *b, uint64_t sector, const void *buffer, unsigned sectors);
/* Data written before it began will outlive a loss of power. -EOPNOTSUPP: its back end does not offer that. */
int block_flush(struct block *b);
/* These sectors' content is of no use to anybody any more. -EOPNOTSUPP: not offered. */
int block_discard(struct block *b, uint64_t sector, uint64_t sectors);
