// SPDX-License-Identifier: Apache-2.0
/*
 * Run states: the scheduler says each change (sched_vcpu_changed), which adds up the time and rewrites the guest's
 * area.
 */
#include "vm/runstate.h"

#include <xen/xen.h>
#include <xen/vcpu.h>

#include "arch/barrier.h"
#include "arch/layout.h"
#include "base/time.h"
#include "cpu/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/records.h"
#include "vm/vcpu.h"

void runstate_vcpu_init(struct vcpu *v)
{
    struct vcpu_runstate *r = &v->runstate;

    spin_lock(&r->lock);
    r->state = RUNSTATE_OFFLINE;
    r->since = system_time_ns();
    r->frame[0] = r->frame[1] = INVALID_MFN;
    r->gfn[0] = r->gfn[1] = INVALID_GFN;
    spin_unlock(&r->lock);
}

/* The part of the guest's copy that may cross a page. */
static void area_write(struct vcpu_runstate *r, const void *from, size_t at, size_t n) REQUIRES(r->lock)
{
    size_t first = r->area_second ? PAGE_SIZE - ((uint64_t)r->area & ~PAGE_MASK) : SIZE_MAX;
    char *to = at < first ? (char *)r->area + at : (char *)r->area_second + (at - first);

    memcpy(to, from, n);   /* fields are 8 bytes, 8-aligned: none crosses */
}

/*
 * There is an area: vcpu.h's vcpu_runstate_info, as the guest sees it. The update flag lets it see that the copy is
 * being changed.
 */
static NOINLINE void publish(struct vcpu_runstate *r, const struct domain *d) REQUIRES(r->lock)
{
    uint64_t since = r->since, marked = since | XEN_RUNSTATE_UPDATE;
    uint64_t state = r->state;

    if (__atomic_load_n(&d->runstate.update_flag, __ATOMIC_RELAXED)) {
        area_write(r, &marked, 8, 8);
        smp_wmb();
    }
    area_write(r, &state, 0, 8);
    for (unsigned i = 0; i < RUNSTATE_COUNT; i++)
        area_write(r, &r->time[i], 16 + 8 * i, 8);
    smp_wmb();
    area_write(r, &since, 8, 8);
}

/* With the scheduler's lock held, and the vCPU's own state as it is now. */
void sched_vcpu_changed(struct sched_vcpu *s, enum sched_state change, uint64_t ticks)
{
    struct vcpu *v = s->vcpu;
    struct vcpu_runstate *r = &v->runstate;
    enum runstate state = (enum runstate)change;
    uint64_t now;

    _Static_assert((int)RUNSTATE_RUNNING == SCHED_RUNNING && (int)RUNSTATE_RUNNABLE == SCHED_QUEUED,
                   "both begin with these");
    if (change == SCHED_WAITING)
        state = vcpu_is_on(v) && v->blocked ? RUNSTATE_BLOCKED : RUNSTATE_OFFLINE;
    spin_lock(&r->lock);
    if (r->state != state) {
        /* A restore has its own time, and is under this lock only: the states' times never go back. */
        now = max_u64(system_time_at_ns(ticks), r->since);
        r->time[r->state] += now - r->since;
        r->state = state;
        r->since = now;
        if (r->area)
            publish(r, v->domain);
    }
    spin_unlock(&r->lock);
}

void runstate_get(struct vcpu *v, struct runstate_info *out)
{
    struct vcpu_runstate *r = &v->runstate;

    spin_lock(&r->lock);
    out->state = r->state;
    out->since_ns = r->since;
    for (unsigned i = 0; i < RUNSTATE_COUNT; i++)
        out->time_ns[i] = r->time[i];
    out->time_ns[r->state] += system_time_ns() - r->since;
    spin_unlock(&r->lock);
}

bool runstate_area_crosses(unsigned offset) { return offset + sizeof(struct vcpu_runstate_info) > PAGE_SIZE; }

/* Takes over a writer's reference to each frame, and drops those of the area before. */
static void area_replace(struct vcpu *v, const gfn_t gfn[2], const mfn_t frame[2], unsigned offset)
{
    struct vcpu_runstate *r = &v->runstate;
    mfn_t old[2];

    spin_lock(&r->lock);
    memcpy(old, r->frame, sizeof(old));   /* two vCPUs may register v's area at once: each drops the one replaced */
    r->area = mfn_valid_number(frame[0]) ? (char *)mfn_to_virt(frame[0]) + offset : NULL;
    r->area_second = mfn_valid_number(frame[1]) ? mfn_to_virt(frame[1]) : NULL;
    memcpy(r->frame, frame, sizeof(r->frame));
    memcpy(r->gfn, gfn, sizeof(r->gfn));
    if (r->area)
        publish(r, v->domain);
    spin_unlock(&r->lock);
    for (unsigned i = 0; i < 2; i++)
        if (mfn_valid_number(old[i]))
            frame_put_writer(old[i]);
}

int runstate_set_area(struct vcpu *v, const gfn_t gfn[2], unsigned offset)
{
    mfn_t frame[2] = { INVALID_MFN, INVALID_MFN };

    for (unsigned i = 0; i < 2; i++)
        if (gfn[i].gfn != INVALID_GFN.gfn && !p2m_get_frame_to_write(&v->domain->p2m, gfn[i], false, &frame[i])) {
            if (i)
                frame_put_writer(frame[0]);
            return -EFAULT;
        }
    area_replace(v, gfn, frame, offset);
    return 0;
}

void runstate_vcpu_destroy(struct vcpu *v)
{
    area_replace(v, (gfn_t[2]){ INVALID_GFN, INVALID_GFN }, (mfn_t[2]){ INVALID_MFN, INVALID_MFN }, 0);
}

void runstate_set_update_flag(struct domain *d, bool on)
{
    __atomic_store_n(&d->runstate.update_flag, on, __ATOMIC_RELAXED);
}

/* --- A vCPU's record: the times, and where its area is --- */

struct runstate_record_v1 {
    uint64_t time[RUNSTATE_COUNT];   /* ns */
    uint64_t gfn[2];                 /* or that of INVALID_GFN */
    uint32_t offset, update_flag;    /* the domain's VMASST_TYPE_runstate_update_flag */
};

/*
 * The p2m is asked without the run state's lock, for which holders of the scheduler's wait. No vCPU of the domain's
 * runs and registers another area meanwhile. A guest that has given its pages away does not see our writes: it has no
 * area.
 */
static void area_find(struct vcpu *v, struct runstate_record_v1 *r)
{
    mfn_t frame[2];
    bool there = true;

    spin_lock(&v->runstate.lock);
    memcpy(frame, v->runstate.frame, sizeof(frame));
    r->gfn[0] = v->runstate.gfn[0].gfn;
    r->gfn[1] = v->runstate.gfn[1].gfn;
    r->offset = (uint32_t)((uint64_t)v->runstate.area & ~PAGE_MASK);
    spin_unlock(&v->runstate.lock);
    for (unsigned i = 0; i < 2; i++)
        there &= !mfn_valid_number(frame[i]) || record_place_is(v->domain, GFN(r->gfn[i]), frame[i]);
    if (!there) {
        r->gfn[0] = r->gfn[1] = INVALID_GFN.gfn;
        r->offset = 0;
    }
}

static int area_save(void *object, unsigned instance, struct record_writer *w)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct runstate_record_v1 r = { .update_flag = __atomic_load_n(&v->domain->runstate.update_flag,
                                                                   __ATOMIC_RELAXED) };
    struct runstate_info now;

    runstate_get(v, &now);
    memcpy(r.time, now.time_ns, sizeof(r.time));
    area_find(v, &r);
    record_write(w, &r, sizeof(r));
    return 0;
}

static int area_check(void *object, unsigned instance, struct record_reader *in)
{
    struct runstate_record_v1 r;
    bool first, second;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    first = r.gfn[0] != INVALID_GFN.gfn;
    second = r.gfn[1] != INVALID_GFN.gfn;
    if (r.update_flag > 1 || r.offset >= PAGE_SIZE || r.offset % sizeof(uint64_t) || (!first && (second || r.offset)) ||
        (first && second != runstate_area_crosses(r.offset)))
        return record_refuse(in, -EBADMSG, "has its run states where they cannot be");
    if ((first && !record_place_is_ram(object, GFN(r.gfn[0]))) ||
        (second && !record_place_is_ram(object, GFN(r.gfn[1]))))
        return record_refuse(in, -EBADMSG, "has its run states where the domain has no memory");
    return 0;
}

static int area_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct runstate_record_v1 r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    runstate_set_update_flag(object, r.update_flag);
    spin_lock(&v->runstate.lock);
    memcpy(v->runstate.time, r.time, sizeof(r.time));
    v->runstate.since = system_time_ns();
    spin_unlock(&v->runstate.lock);
    return runstate_set_area(v, (gfn_t[2]){ GFN(r.gfn[0]), GFN(r.gfn[1]) }, r.offset);
}

const struct record_kind runstate_record = {
    .name = "RUNSTATE", .id = RECORD_RUNSTATE, .version = 1, .count = record_count_vcpus,
    .save = area_save, .check = area_check, .restore = area_restore,
};
