// SPDX-License-Identifier: Apache-2.0
/*
 * A toolstack's hand on a vCPU's registers. They are read and written while it is held off every CPU, so that they are
 * all in memory, and written by the caller that has claimed it (vcpu_power.c).
 */
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/records.h"
#include "vm/vcpu.h"

static void hold(struct vcpu *v)
{
    vcpu_pause_sync(v);
    vcpu_claim_paused(v);
}

static void let_go(struct vcpu *v, bool on)
{
    vcpu_release(v, on);
    vcpu_unpause(v);
}

int vcpu_set_context(struct vcpu *v, const struct core_context *c, bool on)
{
    if (!core_context_allowed(c))
        return -EINVAL;
    hold(v);
    core_set_context(v, c);
    v->initialised = true;
    let_go(v, on);
    return 0;
}

int vcpu_get_context(struct vcpu *v, struct core_context *c, bool *on)
{
    if (!v->initialised)
        return -ENODATA;
    vcpu_pause_sync(v);
    core_get_context(v, c);
    *on = vcpu_is_on(v);
    vcpu_unpause(v);
    return 0;
}

void vcpu_clear_context(struct vcpu *v)
{
    hold(v);
    vcpu_reset(v, 0, 0);
    v->initialised = false;
    let_go(v, false);
}

/* --- A vCPU's record: whether it is on, and whether it waits --- */

struct vcpu_record_v1 {
    uint32_t on, initialised, blocked, suspended;
};

/* A vCPU that polls looks at its ports again and waits anew: its call returns, as it may at any time. */
static int vcpu_save(void *object, unsigned instance, struct record_writer *w)
{
    const struct vcpu *v = domain_vcpu(object, instance);
    struct vcpu_record_v1 r = {
        .on = vcpu_is_on(v),
        .initialised = v->initialised,
        .blocked = v->blocked && !evtchn_polling(v),
        .suspended = v->suspended,
    };

    record_write(w, &r, sizeof(r));
    return 0;
}

static int vcpu_check(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu_record_v1 r;

    (void)object;
    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if ((r.on | r.initialised | r.blocked | r.suspended) > 1 || (r.on && !r.initialised) || (r.blocked && !r.on) ||
        (r.suspended && !r.blocked))
        return record_refuse(in, -EBADMSG, "has a state that a vCPU cannot be in");
    return 0;
}

/* An event that came for it meanwhile wakes it as it would have done. */
static int vcpu_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct vcpu_record_v1 r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    hold(v);
    v->initialised = r.initialised;
    vcpu_wait_again(v, r.blocked, r.suspended);
    let_go(v, r.on);
    return 0;
}

const struct record_kind vcpu_record = {
    .name = "VCPU", .id = RECORD_VCPU, .version = 1, .count = record_count_vcpus,
    .save = vcpu_save, .check = vcpu_check, .restore = vcpu_restore,
};
