// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_hypfs_op (xen/include/public/hypfs.h), for privileged domains: the form in which entries of base/hypfs.h's
 * tree go out. Paths and values are copied before they are looked at, so that nothing that the guest changes meanwhile
 * matters.
 */
#include "base/hypfs.h"

#include <xen/hypfs.h>

#include "abi/abi.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define LISTED_ALIGN  4   /* of struct xen_hypfs_dirlistentry */

/* The path's one NUL is its last character. */
static int path_read(char *path, uint64_t va, uint64_t len)
{
    if (len == 0 || len > XEN_HYPFS_MAX_PATHLEN)
        return -EINVAL;
    if (copy_from_guest(path, va, len))
        return -EFAULT;
    return strnlen(path, len) == len - 1 ? 0 : -EINVAL;
}

/* Of a struct xen_hypfs_dirlistentry with e's name behind it. */
static size_t listed_size(const struct hypfs_entry *e)
{
    return align_up(offsetof(struct xen_hypfs_dirlistentry, name) + strlen(e->name) + 1, LISTED_ALIGN);
}

static size_t directory_size(const struct hypfs_entry *dir)
{
    size_t size = 0;

    for (unsigned i = 0; i < dir->count; i++)
        size += listed_size(&dir->entries[i]);
    return size;
}

static void describe(const struct hypfs_entry *e, struct xen_hypfs_direntry *out)
{
    static const uint8_t types[] = {
        [HYPFS_DIR] = XEN_HYPFS_TYPE_DIR,
        [HYPFS_STRING] = XEN_HYPFS_TYPE_STRING,
        [HYPFS_UINT] = XEN_HYPFS_TYPE_UINT,
        [HYPFS_BOOL] = XEN_HYPFS_TYPE_BOOL,
        [HYPFS_BLOB] = XEN_HYPFS_TYPE_BLOB,
    };

    *out = (struct xen_hypfs_direntry){
        .type = types[e->type],
        .encoding = XEN_HYPFS_ENC_PLAIN,
        .content_len = (uint32_t)(e->type == HYPFS_DIR ? directory_size(e) : hypfs_size(e)),
        .max_write_len = e->write ? e->max_write : 0,
    };
}

/* Stores directory_size(dir) bytes, if there is room for them, and returns that. */
static size_t directory_list(const struct hypfs_entry *dir, uint8_t *to, size_t room)
{
    size_t size = directory_size(dir);

    for (unsigned i = 0; i < dir->count && size <= room; i++) {
        const struct hypfs_entry *e = &dir->entries[i];
        struct xen_hypfs_dirlistentry listed;
        size_t step = listed_size(e);

        describe(e, &listed.e);
        listed.off_next = i + 1 < dir->count ? (uint16_t)step : 0;
        memset(to, 0, step);
        memcpy(to, &listed, offsetof(struct xen_hypfs_dirlistentry, name));
        memcpy(to + offsetof(struct xen_hypfs_dirlistentry, name), e->name, strlen(e->name));
        to += step;
    }
    return size;
}

static unsigned order_for(size_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

/* The value, or the list of entries, that stands behind the description, which has said that it has `len` bytes. */
static long content_copy(const struct hypfs_entry *e, uint64_t va, uint64_t len)
{
    unsigned order = order_for(len);
    size_t room = PAGE_SIZE << order, size;
    void *content = pages_alloc(order);
    long result = 0;

    if (!content)
        return -ENOMEM;
    size = e->type == HYPFS_DIR ? directory_list(e, content, room) : hypfs_read(e, content, room);
    if (size > room || size > len)
        result = -ENOBUFS;
    else if (copy_to_guest(va, content, size))
        result = -EFAULT;
    pages_free(content, order);
    return result;
}

static long op_read(const struct hypfs_entry *e, uint64_t va, uint64_t len)
{
    struct xen_hypfs_direntry description;

    if (len < sizeof(description))
        return -ENOBUFS;
    describe(e, &description);
    if (copy_to_guest(va, &description, sizeof(description)))
        return -EFAULT;
    if (len - sizeof(description) < description.content_len)
        return -ENOBUFS;
    return content_copy(e, va + sizeof(description), description.content_len);
}

static long op_write(const struct hypfs_entry *e, uint64_t va, uint64_t len)
{
    int error = hypfs_check_write(e, len);
    void *data;

    if (error)
        return error;
    data = page_alloc();
    if (!data)
        return -ENOMEM;
    error = copy_from_guest(data, va, len) ? -EFAULT : hypfs_write(e, data, len);
    page_free(data);
    return error;
}

long abi_hypfs_op(uint64_t cmd, uint64_t path_va, uint64_t path_len, uint64_t data_va, uint64_t data_len)
{
    char path[XEN_HYPFS_MAX_PATHLEN];
    const struct hypfs_entry *e;
    int error;

    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    if (cmd == XEN_HYPFS_OP_get_version)
        return path_va || path_len || data_va || data_len ? -EINVAL : XEN_HYPFS_VERSION;
    if (cmd != XEN_HYPFS_OP_read && cmd != XEN_HYPFS_OP_write_contents)
        return -EOPNOTSUPP;

    error = path_read(path, path_va, path_len);
    if (error)
        return error;
    e = hypfs_find(path);
    if (!e)
        return -ENOENT;
    return cmd == XEN_HYPFS_OP_read ? op_read(e, data_va, data_len) : op_write(e, data_va, data_len);
}
