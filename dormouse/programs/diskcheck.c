// SPDX-License-Identifier: Apache-2.0
/*
 * Writes and verifies patterns on the disk xvda for ever, with several threads at once, and says what it lost. A
 * sector's right content follows from its number and from how often it was written.
 */
#include "dormouse/core/memory.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/block.h"
#include "dormouse/xen/console.h"
#include "lib/errno.h"

enum { WORKERS = 4, CHUNKS = 64, CHUNK_SECTORS = 64, SECTOR_WORDS = 512 / 8 };
enum { CHUNK_PAGES = CHUNK_SECTORS * 512 / 4096 };
#define REPORT_NS UINT64_C(200000000)
#define PAUSE_NS  UINT64_C(100000000)

static struct block *disk;
static unsigned written, verified, lost, flushed, discarded;    /* by all workers */

struct worker {
    uint64_t first;                     /* sector */
    uint64_t random;
    unsigned versions[CHUNKS];          /* how often each was written; 0: its content is not known */
    uint64_t *buffer;
};

static uint64_t draw(struct worker *w)
{
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return w->random >> 33;
}

static void count(unsigned *what)
{
    __atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static uint64_t word_of(uint64_t sector, unsigned version, unsigned at)
{
    return (sector << 32 | version) ^ at * UINT64_C(0x9e3779b97f4a7c15);
}

static void wrong(const char *what, unsigned long sector, int error)
{
    count(&lost);
    print("diskcheck: not ok: sector %lu: %s (%d)\n", sector, what, error);
    thread_sleep_until(time_now() + PAUSE_NS);      /* a disk that was given up may be attached again */
}

static void chunk_write(struct worker *w, unsigned chunk)
{
    uint64_t sector = w->first + chunk * CHUNK_SECTORS;
    unsigned version = w->versions[chunk] + 1;
    int error;

    for (unsigned i = 0; i < CHUNK_SECTORS * SECTOR_WORDS; i++)
        w->buffer[i] = word_of(sector + i / SECTOR_WORDS, version, i);
    error = block_write(disk, sector, w->buffer, CHUNK_SECTORS);
    if (error)
        wrong("not written", sector, error);
    w->versions[chunk] = error ? 0 : version;
    count(&written);
}

static void chunk_verify(struct worker *w, unsigned chunk)
{
    uint64_t sector = w->first + chunk * CHUNK_SECTORS;
    int error = block_read(disk, sector, w->buffer, CHUNK_SECTORS);

    if (error)
        wrong("not read", sector, error);
    for (unsigned i = 0; !error && i < CHUNK_SECTORS * SECTOR_WORDS; i++) {
        if (w->buffer[i] != word_of(sector + i / SECTOR_WORDS, w->versions[chunk], i)) {
            wrong("holds something else", sector + i / SECTOR_WORDS, 0);
            break;
        }
    }
    count(&verified);
}

static void flush_or_discard(struct worker *w, unsigned chunk)
{
    bool flush = draw(w) % 2;
    int error = flush ? block_flush(disk) : block_discard(disk, w->first + chunk * CHUNK_SECTORS, CHUNK_SECTORS);

    if (!flush)
        w->versions[chunk] = 0;
    if (!error)
        count(flush ? &flushed : &discarded);
    else if (error != -EOPNOTSUPP)
        wrong(flush ? "not flushed" : "not discarded", w->first, error);
}

static void work(void *arg)
{
    struct worker *w = arg;

    for (;;) {
        unsigned chunk = (unsigned)(draw(w) % CHUNKS);

        if (draw(w) % 32 == 0)
            flush_or_discard(w, chunk);
        else if (w->versions[chunk] && draw(w) % 2)
            chunk_verify(w, chunk);
        else
            chunk_write(w, chunk);
    }
}

int main(void)
{
    static struct worker workers[WORKERS];

    disk = block_open("xvda");
    if (!disk || block_sectors(disk) < WORKERS * CHUNKS * CHUNK_SECTORS) {
        print("diskcheck: no disk xvda of %u KiB\n", WORKERS * CHUNKS * CHUNK_SECTORS / 2);
        return 1;
    }
    print("diskcheck: %lu sectors\n", block_sectors(disk));
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].first = (uint64_t)i * CHUNKS * CHUNK_SECTORS;
        workers[i].random = i;
        workers[i].buffer = pages_alloc(CHUNK_PAGES);
        if (!workers[i].buffer || thread_start("worker", work, &workers[i]))
            return 1;
    }
    for (;;) {
        thread_sleep_until(time_now() + REPORT_NS);
        print("diskcheck: %u written, %u verified, %u flushed, %u discarded, %u lost, at %lu ms\n", written, verified,
              flushed, discarded, lost, time_now() / 1000000);
    }
}
