// SPDX-License-Identifier: Apache-2.0
/*
 * State as a list of records. An object, beyond its memory, is a sequence of typed, versioned records: each
 * kind says how its own is saved, checked and restored, beside the state that it is about, and one table names the
 * kinds in order. Save, restore, migration and checkpoint are walks over that table.
 *
 * A stream is a descriptor before each record, as struct hvm_save_descriptor (xen/include/public/hvm/save.h) has it:
 * type, instance, length; first a HEADER, last an END of length 0. A record's first eight bytes are its version.
 * Numbers are little-endian, lengths multiples of eight.
 *
 * A stream from outside is hostile: its frame and all of its records are checked before anything is restored. It holds
 * every kind of the table that its format has, in the table's order, each as often as the object has instances of it,
 * in their order, and nothing else. So there is one right place for everything, and a record that is missing, repeated,
 * reordered, unknown, short or long is refused by name.
 *
 * Streams of older versions are read: a record of an earlier version by its kind's check and restore, a stream
 * of an earlier format without the kinds that came since, whose state stays as a new object has it.
 *
 * Pure C: no hardware, no locks, no memory of its own.
 */
#pragma once

#include "lib/base.h"

/* Types below 16 are the stream's own. */
enum { RECORD_END = 0, RECORD_HEADER = 1, RECORD_FIRST_KIND = 16 };

#define RECORD_MAGIC  UINT64_C(0x5345525f52505254)   /* "TRPR_RES" */
#define RECORD_FORMAT 2u        /* one more whenever a kind is added; 2: VUART */

/* Where a walk stopped, and why: for one line to people. */
struct record_fault {
    const char *kind;          /* the record's name, or that of the one there instead */
    unsigned instance;
    size_t at;                 /* byte of the stream where its descriptor begins */
    const char *why;           /* a sentence without its subject: "is shorter than ..." */
};

/*
 * Bytes go to `to`, or with NULL are only counted; used > size: there was no room, and the excess was dropped.
 */
struct record_writer {
    unsigned char *to;
    size_t size, used;
    const char *why;           /* of a refusal */
};

/* One record's data, after its version. */
struct record_reader {
    const unsigned char *from;
    size_t left;
    uint32_t version;          /* 1 to the kind's */
    const char *why;
};

/*
 * save and check return 0 or -errno, and say why by record_refuse_*(). check reads the whole record, and changes
 * nothing. restore is called only when everything was checked; it may fail for want of memory, or where records
 * contradict each other, and the object is then not to be used. Its caller sees to it that the object neither runs nor
 * changes from the first to the last of a walk.
 */
struct record_kind {
    const char *name;
    uint16_t id;               /* from RECORD_FIRST_KIND on; for ever */
    uint32_t version;          /* the highest that it knows, which it saves; from 1 on */
    uint32_t since;            /* the first RECORD_FORMAT that has it; 0: the first of all */
    unsigned (*count)(const void *object);   /* how many instances, from 0 on: at most UINT16_MAX */
    int (*save)(void *object, unsigned instance, struct record_writer *w);
    int (*check)(void *object, unsigned instance, struct record_reader *r);
    int (*restore)(void *object, unsigned instance, struct record_reader *r);
};

struct record_table {
    const struct record_kind *const *kinds;
    unsigned count;
};

void record_write(struct record_writer *w, const void *from, size_t n);
/* False: there is less left, and nothing was read. */
MUST_CHECK bool record_read(struct record_reader *r, void *to, size_t n);
/* The same of a part that a check does not look at. */
MUST_CHECK bool record_skip(struct record_reader *r, size_t n);
/* `error`, for save, check and restore to return: because of `why`, which outlives the walk. */
int record_refuse_save(struct record_writer *w, int error, const char *why);
int record_refuse(struct record_reader *r, int error, const char *why);

/*
 * All of the object, from HEADER to END. The error that a save refused with; -ENOBUFS: no room, w->used says how much
 * it takes.
 */
MUST_CHECK int records_save(const struct record_table *t, void *object, struct record_writer *w,
                            struct record_fault *fault);
/* One record's data alone, without descriptor and version. -ENOENT: there is no such record. */
MUST_CHECK int records_save_one(const struct record_table *t, void *object, unsigned id, unsigned instance,
                                struct record_writer *w, struct record_fault *fault);

/*
 * -EBADMSG: it is no such stream; -EOPNOTSUPP: of a later version, or of a kind that is not known; or the error that a
 * check refused with.
 */
MUST_CHECK int records_check(const struct record_table *t, void *object, const void *stream, size_t size,
                             struct record_fault *fault);
/* ... and then restores. *begun: it was whole, and the object is no longer as it was. */
MUST_CHECK int records_restore(const struct record_table *t, void *object, const void *stream, size_t size, bool *begun,
                               struct record_fault *fault);
