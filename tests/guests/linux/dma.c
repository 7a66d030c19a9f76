// SPDX-License-Identifier: Apache-2.0
/*
 * For dom0: QEMU's device for teaching (docs/specs/edu.txt there), which copies between memory and a buffer of its own
 * and does not ask whose that memory is. `dma FOLDER own`: through it, from one page of this program's to another, and
 * 0 if it came. `dma FOLDER read ADDRESS`: what it reads there, in hexadecimal; zeros, which its buffer had before, if
 * it does not. `dma FOLDER write ADDRESS`: has it write 64 bytes of ones there. FOLDER: in /sys/bus/pci/devices.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE    4096u
#define COUNT   64u        /* bytes of a copy */
#define SOURCE  0x80
#define TARGET  0x88
#define LENGTH  0x90
#define COMMAND 0x98
#define START   1u
#define TO_RAM  2u
#define BUFFER  0x40000u   /* as it calls its own */

static volatile char *registers;

static void end(const char *what)
{
    perror(what);
    exit(2);
}

static int open_in(const char *folder, const char *name, int how)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, how);
    if (fd < 0)
        end(path);
    return fd;
}

/* On, and with the right to go to memory by itself. */
static void enable(const char *folder)
{
    int enable = open_in(folder, "enable", O_WRONLY), config = open_in(folder, "config", O_RDWR);
    uint16_t command = 0;

    if (write(enable, "1", 1) != 1 || pread(config, &command, 2, 4) != 2)
        end("enable");
    command |= 6;
    if (pwrite(config, &command, 2, 4) != 2)
        end("config");
    registers = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, open_in(folder, "resource0", O_RDWR), 0);
    if (registers == MAP_FAILED)
        end("resource0");
}

static void write_register(unsigned at, uint64_t value) { *(volatile uint64_t *)(registers + at) = value; }

static void copy(uint64_t from, uint64_t to, uint64_t how)
{
    write_register(SOURCE, from);
    write_register(TARGET, to);
    write_register(LENGTH, COUNT);
    write_register(COMMAND, START | how);
    while (*(volatile uint64_t *)(registers + COMMAND) & START)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

static void *own_page(uint64_t *address)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1,
                      0);
    int map = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry = 0;

    if (page == MAP_FAILED || pread(map, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) != 8)
        end("pagemap");
    *address = (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
    return page;
}

static int own(void)
{
    uint64_t from, to;
    char *source = own_page(&from), *target = own_page(&to);

    for (unsigned i = 0; i < COUNT; i++)
        source[i] = (char)(i + 1);
    copy(from, BUFFER, 0);
    copy(BUFFER, to, TO_RAM);
    return memcmp(source, target, COUNT) != 0;
}

/* Its buffer is `content` before. */
static void fill_buffer(int content)
{
    uint64_t from;

    memset(own_page(&from), content, COUNT);
    copy(from, BUFFER, 0);
}

static int read_at(uint64_t address)
{
    uint64_t to;
    unsigned char *seen = own_page(&to);

    fill_buffer(0);
    copy(address, BUFFER, 0);
    copy(BUFFER, to, TO_RAM);
    for (unsigned i = 0; i < COUNT; i++)
        printf("%02x", seen[i]);
    putchar('\n');
    return 0;
}

static int write_at(uint64_t address)
{
    fill_buffer(0xff);
    copy(BUFFER, address, TO_RAM);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t address = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;

    if (argc < 3)
        return 2;
    enable(argv[1]);
    return strcmp(argv[2], "own") == 0 ? own() : strcmp(argv[2], "read") == 0 ? read_at(address) : write_at(address);
}
