// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded in dom0: one program runs out of memory. The allocation of number STARVE_FROM, counted from 0, and the
 * STARVE_TIMES - 1 behind it get none; STARVE_TIMES=0: none that follows either. STARVE names the program as
 * /proc/PID/comm does; everything else that is started from it has what it asks for. STARVE_COUNT is a file of eight
 * bytes, which holds the count: a program's children go on with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* glibc's own, which its exported names stand for. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t *count;
static uint64_t from, times;
static const char *program;

__attribute__((constructor))
static void begin(void)
{
    const char *file = getenv("STARVE_COUNT"), *first = getenv("STARVE_FROM"), *most = getenv("STARVE_TIMES");
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    if (page == MAP_FAILED)
        return;
    from = first ? strtoull(first, NULL, 10) : UINT64_MAX;
    times = most ? strtoull(most, NULL, 10) : 0;
    program = getenv("STARVE");
    count = page;
}

/* The name is asked for each time: a fork may have taken another (the guardian does). */
static int starves(void)
{
    char name[16] = "";
    uint64_t number;

    if (!count || !program || prctl(PR_GET_NAME, name) || strcmp(name, program))
        return 0;
    number = atomic_fetch_add(count, 1);
    if (number < from || (times && number - from >= times))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return starves() ? NULL : __libc_malloc(size); }

void *calloc(size_t number, size_t size) { return starves() ? NULL : __libc_calloc(number, size); }

/* To nothing, or to less, is no request. */
void *realloc(void *old, size_t size) { return size && starves() ? NULL : __libc_realloc(old, size); }

void *aligned_alloc(size_t alignment, size_t size) { return starves() ? NULL : __libc_memalign(alignment, size); }

void *memalign(size_t alignment, size_t size) { return starves() ? NULL : __libc_memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *memory = starves() ? NULL : __libc_memalign(alignment, size);

    if (!memory)
        return ENOMEM;
    *result = memory;
    return 0;
}
