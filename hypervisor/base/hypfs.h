// SPDX-License-Identifier: Apache-2.0
/*
 * The small read-mostly file system that dom0 sees through HYPERVISOR_hypfs_op (xen/include/public/hypfs.h; `xenhypfs
 * tree`).
 *
 * A directory is a constant table of entries, written down by the owner of the state that they show; hypfs_tree.c has
 * ours. The root alone grows: a subsystem adds one entry (a directory, as a rule) at boot, before the first guest runs.
 * After that nothing of the tree changes, so it needs no lock; an entry's functions guard the state that they show or
 * change.
 */
#pragma once

#include "lib/base.h"

#define HYPFS_MAX_CONTENT 262144  /* bytes that one entry may show; a written value may have at most a page */

enum hypfs_type { HYPFS_DIR, HYPFS_STRING, HYPFS_UINT, HYPFS_BOOL, HYPFS_BLOB };

struct hypfs_entry {
    const char *name;   /* without '/' */
    enum hypfs_type type;

    /* A directory's entries. */
    const struct hypfs_entry *entries;
    unsigned count;

    /* The value: a string with its NUL, a uint32_t, a uint8_t that is 0 or 1. Constant: */
    const void *data;
    uint32_t size;
    /*
     * ... or made when it is read, if there is this function: stores at most `size` bytes, returns how many there are
     * (size 0 asks that).
     */
    size_t (*read)(const struct hypfs_entry *e, void *buf, size_t size);

    /*
     * Writable if there is this function: 0 or -errno. A string comes with its one NUL at the end, others in their
     * size.
     */
    int (*write)(const struct hypfs_entry *e, const void *data, size_t size);
    uint32_t max_write; /* bytes, <= PAGE_SIZE */

    void *context;      /* the owner's */
};

#define HYPFS_TEXT(name_, text)       { .name = (name_), .type = HYPFS_STRING, .data = (text), .size = sizeof(text) }
#define HYPFS_NUMBER(name_, variable) \
    { .name = (name_), .type = HYPFS_UINT, .data = &(variable), .size = sizeof(uint32_t) }
#define HYPFS_DIRECTORY(name_, table) \
    { .name = (name_), .type = HYPFS_DIR, .entries = (table), .count = ARRAY_SIZE(table) }

/* Boot only. *entry stays. -ENOSPC; -EEXIST: the root has that name. */
int hypfs_add(const struct hypfs_entry *entry);
/* Adds hypfs_tree.c's entries; boot calls it once. */
void hypfs_init(void);

/* The entry of a path that begins with '/' and ends with a NUL. NULL: no such entry. */
const struct hypfs_entry *hypfs_find(const char *path);
/* Bytes that the value of e, no directory, has. */
size_t hypfs_size(const struct hypfs_entry *e);
/*
 * Stores it; size is at least hypfs_size(e). Returns how many, or more than size if it grew meanwhile (then nothing is
 * of use).
 */
size_t hypfs_read(const struct hypfs_entry *e, void *buf, size_t size);
/* -EACCES: read-only, or a directory. -ENOSPC: too long. -EDOM: not the value's size. -EINVAL: not a string. */
int hypfs_check_write(const struct hypfs_entry *e, size_t size);
int hypfs_write(const struct hypfs_entry *e, const void *data, size_t size);
