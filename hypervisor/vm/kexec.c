// SPDX-License-Identifier: Apache-2.0
/*
 * Loaded kernels. The lock is held for a few words; pages are written without it, by the caller that added them. Two
 * loads at once mix their images at worst, which is dom0's to see to: no page outside the window is ever given out.
 */
#include "vm/kexec.h"

#include "arch/lock.h"
#include "arch/nospec.h"
#include "base/panic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vm/domain.h"

#define NOT_ARMED KEXEC_TYPES

struct image {
    uint64_t *pages;   /* a bit for each page of the window */
    uint64_t entry;    /* 0: it is not loaded */
};

static struct {
    struct spinlock lock;
    uint64_t start, size;   /* written at boot only; size 0: there is none */
    struct image images[KEXEC_TYPES] GUARDED_BY(lock);
    enum kexec_type armed GUARDED_BY(lock);
    struct kexec_note note GUARDED_BY(lock);
} window = { .armed = NOT_ARMED };

static unsigned window_pages(void) { return (unsigned)(window.size >> PAGE_SHIFT); }
static size_t bitmap_size(void) { return BITMAP_WORDS(window_pages()) * sizeof(uint64_t); }
static bool is_inside(uint64_t at) { return at - window.start < window.size; }

static void *page_at(unsigned n) { return mfn_to_virt(MFN((window.start >> PAGE_SHIFT) + n)); }

/*
 * References that are never dropped: a page of the window that dom0 gives back stays its own, and free for the image.
 */
static int hold_frames(struct domain *d, uint64_t start, uint64_t size)
{
    for (uint64_t at = start; at < start + size; at += PAGE_SIZE)
        if (!frame_get(MFN(at >> PAGE_SHIFT), &d->frames)) {
            while (at > start) {
                at -= PAGE_SIZE;
                frame_put(MFN(at >> PAGE_SHIFT));
            }
            return -EINVAL;
        }
    return 0;
}

int kexec_window_init(struct domain *d, uint64_t start, uint64_t size)
{
    size_t words = BITMAP_WORDS(size >> PAGE_SHIFT), bytes = KEXEC_TYPES * words * sizeof(uint64_t);
    uint64_t *pages = heap_alloc(bytes);
    int error;

    if (!pages)
        return -ENOMEM;
    error = hold_frames(d, start, size);
    if (error) {
        heap_free(pages, bytes);
        return error;
    }
    spin_lock(&window.lock);
    window.start = start;
    window.size = size;
    window.armed = NOT_ARMED;
    for (unsigned type = 0; type < KEXEC_TYPES; type++)
        window.images[type] = (struct image){ .pages = pages + type * words };
    spin_unlock(&window.lock);
    return 0;
}

bool kexec_window(uint64_t *start, uint64_t *size)
{
    *start = window.start;
    *size = window.size;
    return window.size;
}

bool kexec_window_touched(uint64_t start, uint64_t size)
{
    uint64_t end;

    return __builtin_add_overflow(start, size, &end) || (start < window.start + window.size && window.start < end);
}

/* The image is about to be another, or none. */
static void image_changes(enum kexec_type type) REQUIRES(window.lock)
{
    window.images[type].entry = 0;
    if (window.armed == type)
        window.armed = NOT_ARMED;
}

void kexec_unload(enum kexec_type type)
{
    if (!window.size)
        return;
    spin_lock(&window.lock);
    image_changes(type);
    memset(window.images[type].pages, 0, bitmap_size());
    spin_unlock(&window.lock);
}

static bool is_taken(unsigned n) REQUIRES(window.lock)
{
    for (unsigned type = 0; type < KEXEC_TYPES; type++)
        if (bitmap_test(window.images[type].pages, n))
            return true;
    return false;
}

int kexec_add_page(enum kexec_type type, uint64_t at, void **page)
{
    unsigned n;
    bool taken;

    if (at & ~PAGE_MASK)
        return -EINVAL;
    if (!is_inside(at))
        return -EADDRNOTAVAIL;
    n = (unsigned)index_nospec((at - window.start) >> PAGE_SHIFT, window_pages());
    spin_lock(&window.lock);
    image_changes(type);
    taken = is_taken(n);
    if (!taken)
        bitmap_set(window.images[type].pages, n);
    spin_unlock(&window.lock);
    if (taken)
        return -EINVAL;
    frame_mark_dirty(MFN(at >> PAGE_SHIFT));
    *page = page_at(n);
    return 0;
}

int kexec_complete(enum kexec_type type, uint64_t entry)
{
    int error = -EINVAL;

    if ((entry & 3) || !is_inside(entry))
        return error;
    spin_lock(&window.lock);
    if (bitmap_test(window.images[type].pages, (unsigned)((entry - window.start) >> PAGE_SHIFT))) {
        image_changes(type);
        window.images[type].entry = entry;
        error = 0;
    }
    spin_unlock(&window.lock);
    return error;
}

bool kexec_loaded(enum kexec_type type)
{
    bool loaded;

    spin_lock(&window.lock);
    loaded = window.images[type].entry;
    spin_unlock(&window.lock);
    return loaded;
}

int kexec_arm(enum kexec_type type)
{
    int error = -ENOENT;

    spin_lock(&window.lock);
    if (window.images[type].entry) {
        window.armed = type;
        error = 0;
    }
    spin_unlock(&window.lock);
    return error;
}

void kexec_disarm(void)
{
    spin_lock(&window.lock);
    window.armed = NOT_ARMED;
    spin_unlock(&window.lock);
}

bool kexec_is_armed(void)
{
    bool armed;

    spin_lock(&window.lock);
    armed = window.armed != NOT_ARMED;
    spin_unlock(&window.lock);
    return armed;
}

bool kexec_take_armed(enum kexec_type *type, uint64_t *entry)
{
    bool armed;

    spin_lock(&window.lock);
    armed = window.armed != NOT_ARMED;
    if (armed) {
        *type = window.armed;
        *entry = window.images[*type].entry;
        window.armed = NOT_ARMED;
    }
    spin_unlock(&window.lock);
    return armed;
}

void kexec_set_note(struct kexec_note note)
{
    spin_lock(&window.lock);
    window.note = note;
    spin_unlock(&window.lock);
}

struct kexec_note kexec_note(void)
{
    struct kexec_note note;

    spin_lock(&window.lock);
    note = window.note;
    spin_unlock(&window.lock);
    return note;
}

uint64_t kexec_crash_entry(void)
{
    uint64_t entry;

    panic_proof_lock(&window.lock);
    entry = window.images[KEXEC_CRASH].entry;
    panic_proof_unlock(&window.lock);
    return entry;
}

void kexec_clean_caches(enum kexec_type type)
{
    unsigned n = 0;

    panic_proof_lock(&window.lock);
    while ((n = bitmap_find(window.images[type].pages, window_pages(), n, true)) < window_pages())
        cache_clean_invalidate(page_at(n++), PAGE_SIZE);
    panic_proof_unlock(&window.lock);
}
