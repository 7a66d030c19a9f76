// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that carries the guest that knows what it is (tests/guests/record) to another machine, where it is asked
 * whether all is as before.
 *
 *   save        its ramdisk is the guest: saves it into this dom0's memory, says where that is, and waits; fifo as in
 *               tests/dom0/record.c
 *   otherwise   its ramdisk is such images, one behind the other: restores each, and says how that went
 */
#include "tests/dom0/checking.h"

#include "dormouse/arch/arm64/platform.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "lib/errno.h"
#include "lib/string.h"

#define IMAGE_MAGIC UINT64_C(0x4547414d49545547)   /* "GUTIMAGE" */

struct image_header {
    uint64_t magic;
    uint32_t vcpus, ram_pages, max_port;
    uint32_t records_bytes;      /* these follow, then the pages */
    uint32_t pages, zero;
};

struct image_page {
    uint64_t gfn;
    unsigned char bytes[PAGE_SIZE];
};

enum { MOST_PAGES = 1024 };

static struct {
    struct image_header header;
    unsigned char rest[CHECKING_MOST_BYTES + MOST_PAGES * sizeof(struct image_page)];
} image __attribute__((aligned(4096)));

/* --- Saving --- */

static long add_page(void *context, gfn_t gfn, const void *bytes)
{
    unsigned char *to = image.rest + image.header.records_bytes + image.header.pages * sizeof(struct image_page);

    (void)context;
    if (image.header.pages == MOST_PAGES)
        return -ENOSPC;
    memcpy(to, &gfn.gfn, sizeof(gfn.gfn));
    memcpy(to + offsetof(struct image_page, bytes), bytes, PAGE_SIZE);
    image.header.pages++;
    return 0;
}

static void save_one(void)
{
    const struct domain_plan *plan = checking_plan(platform_flag("fifo"));
    struct domain d;

    image.header = (struct image_header){
        .magic = IMAGE_MAGIC, .vcpus = plan->vcpus, .ram_pages = (uint32_t)plan->ram_pages, .max_port = plan->max_port,
    };
    if (!guest_begin(&d, plan, 0) || !guest_checks(&d) || !works("pause", domain_pause(d.id)) ||
        !guest_save(&d, image.rest, &image.header.records_bytes) ||
        !works("the guest's pages", domain_each_page(&d, plan->ram_pages, add_page, NULL)))
        return;
    print("carry: %lu bytes at 0x%lx\n", sizeof(image.header) + image.header.records_bytes +
          image.header.pages * sizeof(struct image_page), (uint64_t)(uintptr_t)&image);
    for (;;)
        sleep_us(1000000);
}

/* --- Restoring --- */

static bool write_pages(const struct domain *d, const struct image_header *h)
{
    const unsigned char *from = (const unsigned char *)(h + 1) + h->records_bytes;
    static unsigned char bytes[PAGE_SIZE] __attribute__((aligned(8)));

    for (unsigned i = 0; i < h->pages; i++, from += sizeof(struct image_page)) {
        uint64_t gfn;

        memcpy(&gfn, from, sizeof(gfn));
        memcpy(bytes, from + offsetof(struct image_page, bytes), PAGE_SIZE);
        if (!works("writing a page", domain_write_page(d, GFN(gfn), bytes)))
            return false;
    }
    return true;
}

/* 0: the guest says that all is as before; or the hypervisor's answer. */
static long restore_into(struct domain *d, const struct image_header *h)
{
    long r;

    if (!write_pages(d, h))
        return -EIO;
    r = domain_records_set(d->id, h + 1, h->records_bytes);
    if (r)
        return r;
    return works("unpause", domain_start(d->id)) && guest_checks(d) ? 0 : -EIO;
}

static void restore_one(unsigned n, const struct image_header *h)
{
    struct domain_plan plan = { .vcpus = h->vcpus, .ram_pages = h->ram_pages, .max_port = h->max_port,
                                .pool_pages = DOMAIN_POOL_LEAST + 4 };
    uint64_t before = host_free_pages(), after;
    struct domain d;
    long r;

    if (!works("building", domain_build_empty(&d, &plan, 0)))
        return;
    r = restore_into(&d, h);
    if (r)
        print("carry: image %u is refused: %ld\n", n, r);
    else
        print("carry: image %u is as before\n", n);
    works("destroying", domain_destroy(&d));
    after = host_free_pages();
    works("pages are missing", (long)(before - after));
}

static void restore_all(void)
{
    const unsigned char *at = platform.ramdisk, *end = at + platform.ramdisk_size;

    for (unsigned n = 0; at < end; n++) {
        memcpy(&image.header, at, sizeof(image.header));
        if (!works("not an image", image.header.magic != IMAGE_MAGIC))
            return;
        size_t size = sizeof(image.header) + image.header.records_bytes +
                      image.header.pages * sizeof(struct image_page);

        memcpy(&image, at, size);
        restore_one(n, &image.header);
        at += size;
    }
    print(all_worked() ? "carry: done\n" : "carry: not ok\n");
}

void guest_main(void)
{
    checking_begin();
    if (platform_flag("save"))
        save_one();
    else
        restore_all();
}
