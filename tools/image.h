// SPDX-License-Identifier: Apache-2.0
/*
 * The file that a guest is saved to: xl's header with the guest's configuration as JSON, then libxl's own stream.
 * Files are xl's (4.17) in every byte of that, so its tools know them.
 *
 * Functions return 0, or -errno and have said why.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The head before libxl's stream. Freed by image_head_free(). */
struct image_head {
    char *config;      /* NUL-terminated; NULL: there is none in the file */
    bool json;         /* it is JSON, and not in xl's own syntax */
};

/* Prints xl's message ("Saving to ..."). source: how messages call the file. */
int image_write_head(int fd, const char *source, const char *json);
int image_read_head(int fd, const char *source, struct image_head *head);
void image_head_free(struct image_head *head);

/*
 * The head of a checkpoint's file (tools/segments.h), whose kind is in the flags that other tools may ignore; and
 * whether this is one.
 */
int image_write_checkpoint_head(int fd, const char *source, const char *json);
bool image_is_checkpoint(int fd);
/*
 * Says nothing: 0 if a whole head of a checkpoint begins at byte `at`, and *size of how many bytes; else -ENODATA: the
 * file ends in it; -EBADMSG; -errno of reading.
 */
int image_check_checkpoint_head(int fd, uint64_t at, uint64_t *size);

/*
 * A file that is there under its name only when it is whole: until image_commit() it has none, or another beside it
 * where the file system knows no files without. One that is not regular (a pipe, a device) is written as it is.
 */
struct image_file {
    int fd;
    char *name, *partial;   /* partial NULL: it is written as it is, or has its name */
    bool unnamed;           /* the partial name is given only for a moment, on the way to the name */
    dev_t device;           /* which file it is, whatever its name; but for one that is written as it is */
    ino_t inode;
};

/* Another regular file may be made under that name, or is there. */
bool image_is_regular(const char *name);
int image_create(struct image_file *file, const char *name);
/* All is on the disk, and there under its name. */
int image_commit(struct image_file *file);
/*
 * For another process, after one that was killed somewhere in image_commit(): whether it is there under its name and on
 * the disk. Says nothing.
 */
bool image_is_kept(const struct image_file *file);
/* After an image_commit() that failed: it is not there under its name, either. */
void image_withdraw(const struct image_file *file);
/* Neither: nothing of it is left. To be called after image_commit(), too. */
void image_discard(struct image_file *file);
