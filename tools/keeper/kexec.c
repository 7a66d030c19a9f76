// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/kexec.h"

#include <errno.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/keeper/disks.h"
#include "tools/keeper/watchdog.h"

#define PAGE 4096u

/* arm64 Image (Linux Documentation/arm64/booting.rst) */
struct image_start {
    uint32_t code[2];
    uint64_t text_offset, image_size, flags, reserved[3];
    uint32_t magic, more;
};

#define IMAGE_MAGIC 0x644d5241u   /* "ARM\x64" */

uint64_t kexec_image_room(const void *image, size_t size)
{
    const struct image_start *s = image;

    if (size < sizeof(*s) || s->magic != IMAGE_MAGIC)
        return 0;
    return s->image_size > size ? s->image_size : size;
}

static int go(const struct kexec_segment *segments, unsigned count, uint64_t entry)
{
    disks_stop();
    if (syscall(SYS_kexec_load, entry, (unsigned long)count, segments, (unsigned long)KEXEC_ARCH_AARCH64))
        return -errno;
    sync();
    watchdog_stop();
    (void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
    return -errno;
}

static struct kexec_segment segment(const void *data, size_t size, uint64_t address, uint64_t room)
{
    uint64_t memory = room ? room : size;

    return (struct kexec_segment){ .buf = (void *)data, .bufsz = size, .mem = (void *)address,
                                   .memsz = (memory + PAGE - 1) / PAGE * PAGE };
}

int kexec_boot(const struct kexec_part *parts, unsigned count, uint64_t entry, uint64_t tree, uint64_t bridge)
{
    /* ldr x0, tree; mov x1, xzr; mov x2, xzr; mov x3, xzr; ldr x4, entry; br x4 */
    struct {
        uint32_t code[6];
        uint64_t tree, entry;
    } program = { { 0x580000c0, 0xaa1f03e1, 0xaa1f03e2, 0xaa1f03e3, 0x58000084, 0xd61f0080 }, tree, entry };
    struct kexec_segment segments[KEXEC_PARTS + 1];

    if (count > KEXEC_PARTS)
        return -E2BIG;
    for (unsigned i = 0; i < count; i++)
        segments[i] = segment(parts[i].data, parts[i].size, parts[i].address, parts[i].room);
    segments[count] = segment(&program, sizeof(program), bridge, PAGE);
    return go(segments, count + 1, bridge);
}

int kexec_enter(uint64_t entry, uint64_t spare)
{
    struct kexec_segment nothing = segment(&entry, sizeof(entry), spare, PAGE);

    return go(&nothing, 1, entry);
}
