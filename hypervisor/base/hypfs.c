// SPDX-License-Identifier: Apache-2.0
/*
 * The tree itself: finding an entry, reading its value and writing it. Copying to and from a guest is abi/hypfs_op.c's.
 */
#include "base/hypfs.h"

#include "lib/errno.h"
#include "lib/string.h"

#define ROOT_ENTRIES 8

static struct hypfs_entry root_entries[ROOT_ENTRIES];
static struct hypfs_entry root = { .name = "", .type = HYPFS_DIR, .entries = root_entries };

static const struct hypfs_entry *directory_find(const struct hypfs_entry *dir, const char *name, size_t n)
{
    for (unsigned i = 0; i < dir->count; i++) {
        const struct hypfs_entry *e = &dir->entries[i];

        if (strlen(e->name) == n && memcmp(e->name, name, n) == 0)
            return e;
    }
    return NULL;
}

int hypfs_add(const struct hypfs_entry *entry)
{
    if (directory_find(&root, entry->name, strlen(entry->name)))
        return -EEXIST;
    if (root.count == ROOT_ENTRIES)
        return -ENOSPC;
    root_entries[root.count++] = *entry;
    return 0;
}

const struct hypfs_entry *hypfs_find(const char *path)
{
    const struct hypfs_entry *e = &root;

    if (*path != '/')
        return NULL;
    path++;
    while (e && *path) {
        const char *slash = strchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : strlen(path);

        e = e->type == HYPFS_DIR ? directory_find(e, path, n) : NULL;
        path += n;
        if (*path == '/')
            path++;
    }
    return e;
}

size_t hypfs_size(const struct hypfs_entry *e)
{
    return e->read ? min_u64(e->read(e, NULL, 0), HYPFS_MAX_CONTENT) : e->size;
}

size_t hypfs_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    if (e->read)
        return e->read(e, buf, size);
    memcpy(buf, e->data, e->size);
    return e->size;
}

int hypfs_check_write(const struct hypfs_entry *e, size_t size)
{
    if (e->type == HYPFS_DIR || !e->write)
        return -EACCES;
    if (size > e->max_write)
        return -ENOSPC;
    if (e->type == HYPFS_STRING)
        return size ? 0 : -EINVAL;
    return size == hypfs_size(e) ? 0 : -EDOM;
}

int hypfs_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    int error = hypfs_check_write(e, size);

    if (error)
        return error;
    if (e->type == HYPFS_STRING && memchr(data, 0, size) != (const char *)data + size - 1)
        return -EINVAL;
    if (e->type == HYPFS_BOOL && *(const uint8_t *)data > 1)
        return -EINVAL;
    return e->write(e, data, size);
}
