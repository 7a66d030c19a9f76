// SPDX-License-Identifier: Apache-2.0
/*
 * Pages are taken from the allocator and given back to the machine, the other way round when there is to be more again.
 * Which these are is written on pages that stay, LIST_PAGES on each: the newest of them is `list`, and `given` counts
 * all that are away. It is done on the watches' thread, as suspends are: no suspend finds a page half given back.
 */
#include "dormouse/xen/balloon.h"
#include "dormouse/core/memory.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/xenbus.h"
#include "machine/frames.h"

#define TARGET_PATH "memory/target"
enum { KIB_PER_PAGE = PAGE_SIZE / 1024, LIST_PAGES = PAGE_SIZE / sizeof(void *) - 1, SPARE_PAGES = 64 };

static struct away {
    struct away *older;
    void *pages[LIST_PAGES];
} *list;
static uint64_t given;

/* False: the rest is in use, or the machine does not want it. */
static bool give_one(void)
{
    struct away *newest = list;
    void *page;

    if (pages_free_count() <= SPARE_PAGES)
        return false;
    if (given % LIST_PAGES == 0) {
        newest = pages_alloc(1);
        if (!newest)
            return false;
        newest->older = list;
    }
    page = pages_alloc(1);
    if (!page || frame_give_back(page)) {
        if (page)
            pages_free(page, 1);
        if (newest != list)
            pages_free(newest, 1);
        return false;
    }
    list = newest;
    list->pages[given++ % LIST_PAGES] = page;
    return true;
}

static bool get_one(void)
{
    struct away *newest = list;
    void *page = newest->pages[(given - 1) % LIST_PAGES];

    if (frame_get(page))
        return false;
    pages_free(page, 1);
    given--;
    if (given % LIST_PAGES == 0) {
        list = newest->older;
        pages_free(newest, 1);
    }
    return true;
}

static void target_changed(void *arg)
{
    uint64_t all = frames_at_start(), wanted, before = given;

    (void)arg;
    if (xenbus_read_number("memory", "target", UINT64_MAX, &wanted))
        return;
    wanted /= KIB_PER_PAGE;
    while (all - given > wanted && give_one())
        ;
    while (given && all - given < wanted && get_one())
        ;
    if (given != before)
        print("dormouse: %lu KiB of memory, %lu are wanted\n", (all - given) * KIB_PER_PAGE, wanted * KIB_PER_PAGE);
}

void balloon_init(void)
{
    if (xenbus_watch(TARGET_PATH, target_changed, NULL) < 0)
        print("dormouse: memory stays as it is: %s cannot be watched\n", TARGET_PATH);
}
