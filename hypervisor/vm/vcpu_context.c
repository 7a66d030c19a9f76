// SPDX-License-Identifier: Apache-2.0
/*
 * A toolstack's hand on a vCPU's registers. They are read and written while it is held off every CPU, so that what is in memory is
 * all there is, and written by who has claimed it (vcpu_power.c).
 */
#include "lib/errno.h"
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
