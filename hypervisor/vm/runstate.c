// SPDX-License-Identifier: Apache-2.0
/* Run states: the scheduler says each change (sched_vcpu_changed), which adds up the time and rewrites the guest's area. */
#include "vm/runstate.h"

#include <xen/xen.h>
#include <xen/vcpu.h>

#include "arch/barrier.h"
#include "arch/layout.h"
#include "base/time.h"
#include "cpu/sched.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

void runstate_vcpu_init(struct vcpu *v)
{
    struct vcpu_runstate *r = &v->runstate;

    spin_lock(&r->lock);
    r->state = RUNSTATE_OFFLINE;
    r->since = system_time_ns();
    r->frame[0] = r->frame[1] = INVALID_MFN;
    spin_unlock(&r->lock);
}

/* The part of the guest's copy that may cross a page. */
static void area_write(struct vcpu_runstate *r, const void *from, size_t at, size_t n) REQUIRES(r->lock)
{
    size_t first = r->area_second ? PAGE_SIZE - ((uint64_t)r->area & ~PAGE_MASK) : SIZE_MAX;
    char *to = at < first ? (char *)r->area + at : (char *)r->area_second + (at - first);

    memcpy(to, from, n);   /* fields are 8 bytes, 8-aligned: none crosses */
}

/* vcpu.h's vcpu_runstate_info, as the guest sees it. The update flag lets it see that the copy is being changed. */
static void publish(struct vcpu_runstate *r, const struct domain *d) REQUIRES(r->lock)
{
    uint64_t since = r->since, marked = since | XEN_RUNSTATE_UPDATE;
    uint64_t state = r->state;

    if (!r->area)
        return;
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
void sched_vcpu_changed(struct sched_vcpu *s, enum sched_state change)
{
    struct vcpu *v = s->vcpu;
    struct vcpu_runstate *r = &v->runstate;
    enum runstate state = (enum runstate)change;
    uint64_t now;

    _Static_assert((int)RUNSTATE_RUNNING == SCHED_RUNNING && (int)RUNSTATE_RUNNABLE == SCHED_QUEUED, "both begin with these");
    if (change == SCHED_WAITING)
        state = vcpu_is_on(v) && v->blocked ? RUNSTATE_BLOCKED : RUNSTATE_OFFLINE;
    spin_lock(&r->lock);
    if (r->state != state) {
        now = system_time_ns();
        r->time[r->state] += now - r->since;
        r->state = state;
        r->since = now;
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

void runstate_set_area(struct vcpu *v, const mfn_t frame[2], unsigned offset)
{
    struct vcpu_runstate *r = &v->runstate;
    mfn_t old[2];

    spin_lock(&r->lock);
    memcpy(old, r->frame, sizeof(old));   /* two vCPUs may register v's area at once: each drops what it replaces */
    r->area = mfn_valid_number(frame[0]) ? (char *)mfn_to_virt(frame[0]) + offset : NULL;
    r->area_second = mfn_valid_number(frame[1]) ? mfn_to_virt(frame[1]) : NULL;
    r->frame[0] = frame[0];
    r->frame[1] = frame[1];
    publish(r, v->domain);
    spin_unlock(&r->lock);
    for (unsigned i = 0; i < 2; i++)
        if (mfn_valid_number(old[i]))
            frame_put(old[i]);
}

void runstate_vcpu_destroy(struct vcpu *v)
{
    runstate_set_area(v, (mfn_t[2]){ INVALID_MFN, INVALID_MFN }, 0);
}

void runstate_set_update_flag(struct domain *d, bool on)
{
    __atomic_store_n(&d->runstate.update_flag, on, __ATOMIC_RELAXED);
}
