// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/keeper.h"

#include <fcntl.h>
#include <linux/rtc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/keeper/disks.h"
#include "tools/keeper/watchdog.h"

#define MIB (1u << 20)

bool argument(const char *name, char *value, size_t size)
{
    size_t length, n = strlen(name);
    char *line = file_read("/proc/cmdline", &length), *rest = line, *word;
    bool found = false;

    while (rest && !found && (word = strsep(&rest, " \n")))
        if (strncmp(word, name, n) == 0 && word[n] == '=' && strlen(word + n + 1) < size)
            found = strcpy(value, word + n + 1) != NULL;
    free(line);
    return found;
}

bool argument_number(const char *name, uint64_t *value)
{
    char text[32], *end;

    if (!argument(name, text, sizeof(text)))
        return false;
    *value = strtoull(text, &end, 0);
    return end != text && !*end;
}

bool argument_id(const char *name, uint8_t id[IMAGE_ID])
{
    char text[2 * IMAGE_ID + 1];

    if (!argument(name, text, sizeof(text)) || strlen(text) != 2 * IMAGE_ID)
        return false;
    for (unsigned i = 0; i < IMAGE_ID; i++)
        if (sscanf(text + 2 * i, "%2hhx", &id[i]) != 1)
            return false;
    return true;
}

void say(const char *format, ...)
{
    va_list arguments;

    watchdog_alive();
    va_start(arguments, format);
    printf("keeper: ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    fflush(stdout);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){ .what = what, .total = total, .began = seconds_now() };
}

void progress_add(struct progress *p, uint64_t bytes)
{
    double took = seconds_now() - p->began, rate;

    watchdog_alive();
    p->done += bytes;
    if (p->done - p->said < p->total / 10 || p->done >= p->total)
        return;
    p->said = p->done;
    rate = took > 0 ? (double)p->done / took : 0;
    say("%s %llu of %llu MiB, %.0f MB/s, %.0f s left", p->what, (unsigned long long)p->done / MIB,
        (unsigned long long)p->total / MIB, rate / 1e6, rate > 0 ? (double)(p->total - p->done) / rate : 0);
}

void progress_end(struct progress *p)
{
    double took = seconds_now() - p->began;

    say("%s %llu MiB in %.1f s, %.0f MB/s", p->what, (unsigned long long)p->done / MIB, took,
        took > 0 ? (double)p->done / took / 1e6 : 0);
}

static bool clock_seconds(int file, uint64_t *seconds)
{
    struct rtc_time t;
    struct tm tm;

    if (ioctl(file, RTC_RD_TIME, &t))
        return false;
    tm = (struct tm){ .tm_year = t.tm_year, .tm_mon = t.tm_mon, .tm_mday = t.tm_mday, .tm_hour = t.tm_hour,
                      .tm_min = t.tm_min, .tm_sec = t.tm_sec };
    *seconds = (uint64_t)timegm(&tm);
    return true;
}

uint64_t machine_counter(void)
{
    uint64_t ticks;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

struct image_times times_now(void)
{
    int file = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
    struct image_times t = { 0 };
    double limit = seconds_now() + 2;
    uint64_t first;

    if (file >= 0 && clock_seconds(file, &first))
        do {
            if (!clock_seconds(file, &t.seconds))
                t.seconds = 0;
        } while (t.seconds == first && seconds_now() < limit);
    t.counter = machine_counter();
    if (file >= 0)
        close(file);
    return t;
}

void *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    size_t room = 4096, n;
    char *data = malloc(room), *more;

    *size = 0;
    while (file && data && (n = fread(data + *size, 1, room - 1 - *size, file)) > 0) {
        *size += n;
        if (*size < room - 1)
            continue;
        room *= 2;
        more = realloc(data, room);
        if (!more) {
            free(data);
            data = NULL;
        } else {
            data = more;
        }
    }
    if (file && data && !ferror(file)) {
        data[*size] = 0;
    } else {
        free(data);
        data = NULL;
    }
    if (file)
        fclose(file);
    return data;
}

const char *image_open(const struct disk *d, struct image *i, void **tables)
{
    const char *wrong = image_check_header(&d->header, d->size);

    *tables = NULL;
    if (wrong)
        return wrong;
    *tables = disk_buffer(d->header.tables_size);
    if (!*tables)
        return "its tables are larger than this kernel's memory";
    if (disk_read(d, image_tables_at(&d->header), *tables, d->header.tables_size))
        return "its tables cannot be read";
    return image_check(i, &d->header, *tables);
}
