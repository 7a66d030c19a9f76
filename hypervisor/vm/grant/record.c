// SPDX-License-Identifier: Apache-2.0
/*
 * The record of a grant table: how large it is, where its guest sees each frame, and their contents. The users of an
 * entry are not in it: they are other domains', and nobody has pinned anything of a domain that is new.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/grant/internal.h"
#include "vm/records.h"

struct table_record {
    uint32_t nr_frames;
    uint32_t frame_bytes;        /* of each frame, which follow: all; or none, where the grants were given up */
};

/* Before the bytes of each frame. */
struct frame_record {
    uint64_t gfn;                /* or that of INVALID_GFN */
};

static bool grant_is_in_use(struct domain *d)
{
    bool in_use;

    spin_lock(&d->grants.lock);
    in_use = d->grants.pinned;
    spin_unlock(&d->grants.lock);
    return in_use;
}

static int table_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;
    struct domain_grants *g = &d->grants;
    uint32_t bytes = domain_awaits_resume(d) ? 0 : PAGE_SIZE;

    (void)instance;
    spin_lock(&g->lock);
    record_write(w, &(struct table_record){ g->closed ? 0 : g->nr_frames, bytes }, sizeof(struct table_record));
    for (unsigned i = 0; !g->closed && i < g->nr_frames; i++) {
        record_write(w, &(struct frame_record){ g->frame_gfns[i] }, sizeof(struct frame_record));
        record_write(w, g->frames[i], bytes);
    }
    spin_unlock(&g->lock);
    return grant_maps_others(d)
               ? record_refuse_save(w, -EOPNOTSUPP, "is of a domain that has other domains' memory mapped by grants")
               : 0;
}

static int table_check(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct table_record r;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (r.nr_frames > d->grants.max_frames)
        return record_refuse(in, -EINVAL, "has more frames than the domain was made for");
    if (r.frame_bytes && r.frame_bytes != PAGE_SIZE)
        return record_refuse(in, -EBADMSG, "has frames of another size than a page");
    if (r.frame_bytes && grant_is_in_use(d))
        return record_refuse(in, -EBUSY, "is for a domain whose grants nobody uses yet");
    for (unsigned i = 0; i < r.nr_frames; i++) {
        struct frame_record f;

        if (!record_read(in, &f, sizeof(f)) || !record_skip(in, r.frame_bytes))
            return -EBADMSG;
        if (f.gfn != INVALID_GFN.gfn && !record_place_is_free(d, GFN(f.gfn)))
            return record_refuse(in, -EBADMSG, "puts a frame where the domain can have no memory");
    }
    return 0;
}

/* Nobody uses an entry of a new domain's, whatever its flags said. */
static void frame_fill(struct domain *d, unsigned i, struct record_reader *in)
{
    struct domain_grants *g = &d->grants;
    struct grant_entry_v1 *entries;

    spin_lock(&g->lock);
    entries = g->frames[index_nospec(i, g->nr_frames)];
    BUG_ON(!record_read(in, entries, PAGE_SIZE));
    for (unsigned n = 0; n < ENTRIES_PER_FRAME; n++)
        entries[n].flags &= (uint16_t)~(GTF_reading | GTF_writing);
    spin_unlock(&g->lock);
}

static int table_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct table_record r;
    int error;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    error = grant_grow(object, r.nr_frames);
    for (unsigned i = 0; i < r.nr_frames && !error; i++) {
        struct frame_record f;

        BUG_ON(!record_read(in, &f, sizeof(f)));
        if (r.frame_bytes)
            frame_fill(object, i, in);
        if (f.gfn != INVALID_GFN.gfn)
            error = grant_map_frame(object, i, GFN(f.gfn));
    }
    return error;
}

const struct record_kind grants_record = {
    .name = "GRANTS", .id = RECORD_GRANTS, .version = 1, .count = record_count_one,
    .save = table_save, .check = table_check, .restore = table_restore,
};
