// SPDX-License-Identifier: Apache-2.0
/*
 * Is the dom0 kernel an arm64 Image, and is all of it there?
 *
 * The Image's head says how much memory it needs, which is more than the file has (bss). How long the file has
 * to be is said by its PE head, which every kernel with an EFI stub carries: its sections' file ranges.
 */
#include "boot/dom0/kernel_image.h"

#include "base/printk.h"
#include "lib/errno.h"
#include "lib/string.h"

#define IMAGE_MAGIC        0x644d5241u   /* "ARM\x64" */
#define IMAGE_FLAG_BE      BIT(0)
#define IMAGE_OLD_OFFSET   UINT64_C(0x80000)   /* of images that do not say their size */
#define IMAGE_LIMIT        (1 * GIB)
#define GZIP_MAGIC         0x8b1f

struct PACKED image_head {
    uint32_t code[2];
    uint64_t text_offset, image_size, flags, reserved[3];
    uint32_t magic, pe_offset;
};

/* Microsoft PE format, 3.3 (file header) and 4 (section table). */
struct PACKED pe_head {
    uint32_t signature;
    uint16_t machine, sections;
    uint32_t unused[3];
    uint16_t optional_size, characteristics;
};

struct PACKED pe_section {
    uint8_t name[8];
    uint32_t virtual_size, address, file_size, file_offset;
    uint8_t rest[16];
};

#define PE_SIGNATURE 0x00004550u

/* The length of the file, as the PE head tells it; 0: there is no such head. */
static uint64_t file_length(const uint8_t *data, uint64_t size, uint32_t pe_offset)
{
    struct pe_head pe;
    struct pe_section section;
    uint64_t length = 0, at = (uint64_t)pe_offset + sizeof(pe);

    if (at > size)
        return 0;
    memcpy(&pe, data + pe_offset, sizeof(pe));
    if (pe.signature != PE_SIGNATURE)
        return 0;
    at += pe.optional_size;
    for (unsigned i = 0; i < pe.sections && at + sizeof(section) <= size; i++, at += sizeof(section)) {
        memcpy(&section, data + at, sizeof(section));
        length = max_u64(length, (uint64_t)section.file_offset + section.file_size);
    }
    return length;
}

static int refuse(const uint8_t *data, uint64_t size)
{
    if (size >= 2 && (data[0] | data[1] << 8) == GZIP_MAGIC)
        printk("torpor: the dom0 kernel is compressed: unpack it with gunzip, an arm64 Image is wanted");
    else
        printk("torpor: the dom0 kernel is not an arm64 Image (no magic ARM\\x64 at byte 56): give a Linux Image or "
               "vmlinuz");
    return -ENOEXEC;
}

int kernel_image_check(const void *data, uint64_t size, struct kernel_image *image)
{
    struct image_head head;
    uint64_t length;

    if (size < sizeof(head))
        return refuse(data, size);
    memcpy(&head, data, sizeof(head));
    if (head.magic != IMAGE_MAGIC)
        return refuse(data, size);
    if (head.flags & IMAGE_FLAG_BE) {
        printk("torpor: the dom0 kernel is big-endian: give a little-endian one");
        return -ENOEXEC;
    }
    length = file_length(data, size, head.pe_offset);
    if (size < length) {
        printk("torpor: the dom0 kernel is cut off: the module has %llu of its %llu bytes; load it whole",
               (unsigned long long)size, (unsigned long long)length);
        return -ENOEXEC;
    }
    image->text_offset = head.image_size ? head.text_offset : IMAGE_OLD_OFFSET;
    image->image_size = max_u64(head.image_size, size);
    if (image->image_size > IMAGE_LIMIT || image->text_offset >= 2 * MIB) {
        printk("torpor: the dom0 kernel's head is damaged: it asks for %llu bytes at offset %llu",
               (unsigned long long)image->image_size, (unsigned long long)image->text_offset);
        return -ENOEXEC;
    }
    return 0;
}
