// SPDX-License-Identifier: Apache-2.0
/* The keeper's parts: what it is told, what it says, and what it does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/keeper/image.h"

/* A word of this kernel's command line, NAME=VALUE. False: it is not there, or too long. */
bool argument(const char *name, char *value, size_t size);
bool argument_number(const char *name, uint64_t *value);
bool argument_id(const char *name, uint8_t id[IMAGE_ID]);

/* One line on the console. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How far a long thing is: a line each tenth of it, and the rate at its end. */
struct progress {
    const char *what;            /* "saved" */
    uint64_t total, done, said;  /* bytes */
    double began;                /* seconds */
};
void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
void progress_end(struct progress *p);

uint64_t machine_counter(void);   /* CNTPCT_EL0: there is no offset at EL2 */

/* What time it is by the machine's clock, at the moment when it changes to that second. */
struct image_times times_now(void);

/* A file's content, with its size; the caller's to free. NULL: errno. */
void *file_read(const char *path, size_t *size);

/* An image's tables, read and checked; *tables is the caller's to free. NULL, or what is wrong with it. */
struct disk;
const char *image_open(const struct disk *d, struct image *i, void **tables);

/* The program's ways. Each returns only if it could not, and has said why. */
void keeper_save(void);     /* the host's memory to the partition with the claim, then power off or back */
/*
 * An image that fits, if there is one, is placed from a kernel in the window. True: there is none, and the host may
 * boot as usual; its disks would go on without one that is there.
 */
bool keeper_resume(void);
void keeper_give_up(void);  /* the user does not want an image that fits: it is marked as used */
void keeper_place(void);    /* in the window: memory as the image has it, and back into the host */
void keeper_boot(void);     /* as usual: the host that /host has */
