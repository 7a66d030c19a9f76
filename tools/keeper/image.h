// SPDX-License-Identifier: Apache-2.0
/*
 * A host's memory on a partition: an ELF core (readelf reads it in place), whose tables stand behind its data, so that
 * both are written in one go without knowing how many there will be. Nothing here does input or output.
 *
 *     0         struct image_header, one sector, which is written last: the ELF header, and our own words behind it
 *     1 MiB     the pages that are not zero, in ascending order of address: PT_LOADs' data one behind the other
 *     tables    program headers, notes, the section header that counts them if there are many, the data's chunks
 *
 * A packed image has chunks of the data that are zstd frames, each on a page of its own, and its tables come as much
 * earlier. All offsets that ELF knows are those of the image as it is unpacked, which torpor dump writes.
 *
 * A PT_LOAD is a run of pages with data and behind them pages of zeros that are not stored (p_filesz < p_memsz).
 * An image is input from outside: image_check() sees to it that its user may follow every offset in it.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/handover.h"

#define IMAGE_PAGE   4096u
#define IMAGE_CHUNK  (1u << 20)   /* so much of the data is checked and packed at once; the last may be shorter */
#define IMAGE_DATA   IMAGE_CHUNK  /* where the data begins */
#define IMAGE_SECTOR 512u
#define IMAGE_VERSION 2
#define IMAGE_ID     16u
#define IMAGE_TABLES_MAX (64u << 20)
#define IMAGE_DISK_HEAD  (128u << 10)  /* the superblocks of ext4, XFS and Btrfs are in there */

/*
 * What each kernel with the keeper is told: no memory set aside for devices, and neither MSIs nor LPIs, whose tables
 * the interrupt controller would go on using when the memory is another kernel's; and to start the machine anew if it
 * panics, which it does when a CPU or a task has stood still for two minutes (Linux
 * Documentation/admin-guide/kernel-parameters.txt and sysctl/kernel.rst).
 */
#define IMAGE_KERNEL_WORDS "cma=0 pci=nomsi irqchip.gicv3_nolpi=1 panic=-1 watchdog_thresh=60 " \
                           "sysctl.kernel.softlockup_panic=1 sysctl.kernel.hung_task_panic=1"

/* In e_ident, behind "TORPOR". A program that does not know us ignores these bytes (ELF, "EI_PAD"). */
enum image_state {
    IMAGE_CLAIMED = 'C',     /* an image is to come; there is nothing yet */
    IMAGE_SNAPSHOT = 'S',    /* the host went on: its disks are not those of this memory any more */
    IMAGE_HIBERNATED = 'H',  /* the host is to go on with it */
    IMAGE_USED = 'U',        /* it has */
};

struct image_header {
    Elf64_Ehdr elf;
    uint8_t id[IMAGE_ID];    /* random: which one it is, whatever its disk is called */
    uint64_t version;
    uint64_t data_size;      /* bytes, whole pages */
    uint64_t stored_size;    /* the same as it is stored */
    uint64_t tables, tables_size, tables_sum;   /* offset unpacked, bytes, XXH3 */
    uint64_t chunks;         /* offset of the table of the data's chunks in the tables */
    uint64_t sum;            /* XXH3 of all before it, the state being 0 there */
};

/*
 * The notes of name "TORPOR". Beside them there are dom0's VMCOREINFO, and a CORE (NT_PRSTATUS) of each CPU, the one
 * that left first; behind each of these its IMAGE_NOTE_CPU.
 * crash(8) goes by a note's type alone, so ours are none of those that others use.
 */
enum image_note {
    IMAGE_NOTE_HANDOVER = 0x54500001, /* struct handover */
    IMAGE_NOTE_MACHINE,               /* text: what the image fits (machine.h) */
    IMAGE_NOTE_TIMES,                 /* struct image_times */
    IMAGE_NOTE_DISKS,                 /* struct image_disk of each disk and partition that the host left behind */
    IMAGE_NOTE_CPU,                   /* struct handover_registers */
};

/* A part of the data, as it is stored. */
struct image_chunk {
    uint64_t at;             /* on the partition, on a page */
    uint64_t size;           /* bytes, not padded; that of what it has: it is not packed */
    uint64_t sum;            /* XXH3 of those */
};

struct image_times {
    uint64_t counter;        /* CNTPCT_EL0, when the time of day was: */
    uint64_t seconds;        /* since the epoch; 0: the machine has no clock */
};

/*
 * A disk or partition besides the image's. Whoever mounts a file system for writing changes its superblock, and then
 * memory that has the file system as it was before may not go on any more.
 */
struct image_disk {
    uint64_t size;           /* bytes */
    uint64_t sum;            /* XXH3 of the first IMAGE_DISK_HEAD bytes, or of all of it */
};

/* --- Writing */

struct image_note_text {
    const char *name;        /* with its NUL at most 16 bytes */
    uint32_t type, size;
    const void *data;
};

struct image_writer {
    Elf64_Phdr *loads;
    size_t count, room;
    struct image_chunk *chunks;
    size_t chunk_count, chunk_room;
    uint64_t data_size, stored_size;
    const struct handover *handover;   /* for addresses as EL2 sees them; stays the caller's */
};

/* The next page in ascending order, which is stored next if it is not zero. -ENOMEM. */
int image_add_page(struct image_writer *w, uint64_t address, bool zero);
/* The next chunk as it is stored, at IMAGE_DATA + w->stored_size before; packed or not. -ENOMEM. */
int image_add_chunk(struct image_writer *w, const void *data, size_t size);
/*
 * The tables of all that, and the header. *tables is the caller's to free, its size is whole pages.
 * -ENOMEM.
 */
int image_finish(const struct image_writer *w, const struct image_note_text *notes, unsigned count,
                 const uint8_t id[IMAGE_ID], enum image_state state, struct image_header *h, void **tables);
void image_writer_free(struct image_writer *w);
/* The header of a partition that an image is to be written to. */
void image_claim(struct image_header *h, const uint8_t id[IMAGE_ID]);
void image_set_state(struct image_header *h, enum image_state state);

/* --- Reading */

struct image {
    struct image_header header;
    const Elf64_Phdr *loads;       /* in the tables, as are the chunks and the text */
    size_t count;
    const struct image_chunk *chunks;
    size_t chunk_count;
    const char *machine;           /* ends with a NUL */
    struct handover handover;      /* magic 0: there was none */
    struct image_times times;
    bool has_times;
    const void *disks;             /* struct image_disk, not aligned; NULL: there was no such note */
    size_t disk_count;
};

/* Whether a sector is one of ours, in whatever state; no more is known of it. */
bool image_is_ours(const struct image_header *h);
enum image_state image_state(const struct image_header *h);
/* The header of a whole image on a partition of that size. NULL; or what is wrong with it, in a few words. */
const char *image_check_header(const struct image_header *h, uint64_t partition);
/* The tables, which stay the caller's, on 8 bytes: fills in *i. NULL; or what is wrong with them. */
const char *image_check(struct image *i, const struct image_header *h, const void *tables);
/* Where the tables stand on the partition. */
uint64_t image_tables_at(const struct image_header *h);
/* Bytes that the chunk has, unpacked. */
size_t image_chunk_size(const struct image *i, size_t chunk);
/* Whether what is stored of it is as it was written. */
bool image_chunk_is_right(const struct image *i, size_t chunk, const void *stored);
/*
 * The same as an ELF core that is not packed and begins with its tables, for crash(8) looks for them nowhere else:
 * elf, tables_size bytes of the tables, and from image_core_data() on all memory of the loads, unpacked, one behind the
 * other. Zeros that an image does not store are there, too (a hole of the file, which ends at `size`): makedumpfile(8)
 * maps a core, and reads other pages than it wants from one whose loads are larger in memory than in the file. Offsets
 * and sizes in the tables become those of the core: they are an image's no more.
 */
struct image_core {
    Elf64_Ehdr elf;
    uint64_t tables_size, size;
};
uint64_t image_core_data(const struct image *i);
void image_core(const struct image *i, void *tables, struct image_core *core);
/*
 * Whether the disks are as the host left them: each of the image's is among those of now, of which more may be there.
 * Counts what it finds off `now`.
 */
bool image_disks_are_same(const struct image *i, struct image_disk *now, size_t count);
/* Of a disk's first bytes. */
uint64_t image_disk_sum(const void *head, size_t size);

/* --- Time */

/*
 * What a host's counter is ahead of the machine's when that stands at `counter` and the clock at `seconds`, so that it
 * goes on from where it was, by the time that went by (none, if the clock was set back or there is none).
 */
int64_t image_bias(const struct image_times *then, int64_t bias_then, const struct image_times *now,
                   uint64_t frequency);
