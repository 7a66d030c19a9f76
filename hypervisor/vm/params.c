// SPDX-License-Identifier: Apache-2.0
#include "vm/params.h"

#include <xen/xen.h>
#include <xen/hvm/params.h>

#include "arch/nospec.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/records.h"

_Static_assert(DOMAIN_PARAMS == HVM_NR_PARAMS, "there is room for each parameter");

bool params_known(uint32_t index)
{
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
    case HVM_PARAM_STORE_PFN:
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_PFN:
    case HVM_PARAM_CONSOLE_EVTCHN:
        return true;
    default:
        return false;
    }
}

void params_set(struct domain *d, unsigned index, uint64_t value)
{
    __atomic_store_n(&d->params.value[index_nospec(index, DOMAIN_PARAMS)], value, __ATOMIC_RELAXED);
}

uint64_t params_get(const struct domain *d, unsigned index)
{
    return __atomic_load_n(&d->params.value[index_nospec(index, DOMAIN_PARAMS)], __ATOMIC_RELAXED);
}

/* --- Its record: a number for each --- */

/* The number of a port that the domain has given up, and that the toolstack sets anew. */
static bool is_given_up(struct domain *d, unsigned index)
{
    return domain_awaits_resume(d) && (index == HVM_PARAM_STORE_EVTCHN || index == HVM_PARAM_CONSOLE_EVTCHN);
}

static int params_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;

    (void)instance;
    for (unsigned i = 0; i < DOMAIN_PARAMS; i++) {
        uint64_t value = is_given_up(d, i) ? 0 : params_get(d, i);

        record_write(w, &value, sizeof(value));
    }
    return 0;
}

static int params_check(void *object, unsigned instance, struct record_reader *in)
{
    uint64_t value;

    (void)object;
    (void)instance;
    for (unsigned i = 0; i < DOMAIN_PARAMS; i++) {
        if (!record_read(in, &value, sizeof(value)))
            return -EBADMSG;
        if (value && !params_known(i))
            return record_refuse(in, -EBADMSG, "sets a parameter that means nothing on Arm");
    }
    return 0;
}

static int params_restore(void *object, unsigned instance, struct record_reader *in)
{
    (void)instance;
    for (unsigned i = 0; i < DOMAIN_PARAMS; i++) {
        uint64_t value;

        BUG_ON(!record_read(in, &value, sizeof(value)));
        if (value)
            params_set(object, i, value);
    }
    return 0;
}

const struct record_kind params_record = {
    .name = "PARAMS", .id = RECORD_PARAMS, .version = 1, .count = record_count_one,
    .save = params_save, .check = params_check, .restore = params_restore,
};
