// SPDX-License-Identifier: Apache-2.0
/* The tree itself: finding an entry, and the form in which its value or its list of entries goes out. No guest memory here. */
#include "base/hypfs.h"

#include <xen/hypfs.h>

#include "lib/errno.h"
#include "lib/string.h"

#define ROOT_ENTRIES 8
#define RECORD_ALIGN 4  /* of struct xen_hypfs_dirlistentry */

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

static size_t record_size(const struct hypfs_entry *e)
{
    return align_up(offsetof(struct xen_hypfs_dirlistentry, name) + strlen(e->name) + 1, RECORD_ALIGN);
}

size_t hypfs_size(const struct hypfs_entry *e)
{
    size_t size = 0;

    if (e->type != HYPFS_DIR)
        return e->read ? min_u64(e->read(e, NULL, 0), HYPFS_MAX_CONTENT) : e->size;
    for (unsigned i = 0; i < e->count; i++)
        size += record_size(&e->entries[i]);
    return size;
}

void hypfs_describe(const struct hypfs_entry *e, struct xen_hypfs_direntry *out)
{
    static const uint8_t types[] = {
        [HYPFS_DIR] = XEN_HYPFS_TYPE_DIR,
        [HYPFS_STRING] = XEN_HYPFS_TYPE_STRING,
        [HYPFS_UINT] = XEN_HYPFS_TYPE_UINT,
        [HYPFS_BOOL] = XEN_HYPFS_TYPE_BOOL,
    };

    *out = (struct xen_hypfs_direntry){
        .type = types[e->type],
        .encoding = XEN_HYPFS_ENC_PLAIN,
        .content_len = (uint32_t)hypfs_size(e),
        .max_write_len = e->write ? e->max_write : 0,
    };
}

static size_t directory_list(const struct hypfs_entry *dir, uint8_t *to)
{
    uint8_t *start = to;

    for (unsigned i = 0; i < dir->count; i++) {
        const struct hypfs_entry *e = &dir->entries[i];
        struct xen_hypfs_dirlistentry record;
        size_t size = record_size(e);

        hypfs_describe(e, &record.e);
        record.off_next = i + 1 < dir->count ? (uint16_t)size : 0;
        memset(to, 0, size);
        memcpy(to, &record, offsetof(struct xen_hypfs_dirlistentry, name));
        memcpy(to + offsetof(struct xen_hypfs_dirlistentry, name), e->name, strlen(e->name));
        to += size;
    }
    return (size_t)(to - start);
}

size_t hypfs_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    if (e->type == HYPFS_DIR)
        return directory_list(e, buf);
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
