// SPDX-License-Identifier: Apache-2.0
/* A domain's state, in one table; saved, and restored into a new domain that has never run. */
#include "vm/records.h"

#include "base/printk.h"
#include "lib/errno.h"
#include "mm/p2m.h"
#include "vm/arm64/core.h"
#include "vm/arm64/cpu_view.h"
#include "vm/arm64/vtimer.h"
#include "vm/arm64/vuart.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

/*
 * In the order in which they are saved, checked and restored. Interrupts come before their sources, and
 * whether a vCPU waits comes last: something may be pending for it by then.
 */
static const struct record_kind *const kinds[] = {
    &domain_record,
    &cpu_view_record,
    &shutdown_record,
    &clock_record,
    &params_record,
    &shared_info_record,
    &grants_record,
    &watchdogs_record,
    &vgic_record,
    &vgic_vcpu_record,
    &vuart_record,
    &evtchn_vcpu_record,
    &evtchn_record,
    &vtimer_record,
    &runstate_record,
    &fpu_record,
    &core_record,
    &vcpu_record,
};

static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };

/* Of the state that stays as it is while the domain runs, the part that hosts differ in. */
static const struct record_kind *const needs_kinds[] = { &cpu_view_record, &gic_record };

static const struct record_table needs = { needs_kinds, ARRAY_SIZE(needs_kinds) };

unsigned record_count_one(const void *domain)
{
    (void)domain;
    return 1;
}

unsigned record_count_vcpus(const void *domain) { return ((const struct domain *)domain)->max_vcpus; }

bool record_place_is_free(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e;

    if (gfn.gfn >= BIT(d->p2m.address_bits - PAGE_SHIFT))
        return false;
    return !p2m_lookup(&d->p2m, gfn, &e) || e.type == P2M_RAM_RW || e.type == P2M_XENHEAP;
}

bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    struct p2m_entry e;

    return p2m_lookup(&d->p2m, gfn, &e) && e.mfn.mfn == mfn.mfn;
}

bool record_place_is_ram(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e;

    return p2m_lookup(&d->p2m, gfn, &e) && e.type == P2M_RAM_RW;
}

static bool has_its_vcpus(const struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (!domain_vcpu(d, i))
            return false;
    return true;
}

static int tell(const struct domain *d, const char *what, int error, const struct record_fault *f)
{
    printk("torpor: domain %u %s: record %s %u (byte %llu) %s\n", d->id, what, f->kind, f->instance,
           (unsigned long long)f->at, f->why);
    return error;
}

static bool may_be_saved(const struct domain *d)
{
    return has_its_vcpus(d) && domain_is_paused(d) && !d->privileged;
}

int domain_save_records(struct domain *d, struct record_writer *w)
{
    struct record_fault fault;
    int error;

    if (!may_be_saved(d))
        return -EINVAL;
    domain_pause(d);   /* one that shut itself down may still be on its way off its CPUs */
    error = records_save(&table, d, w, &fault);
    domain_unpause(d);
    return error && error != -ENOBUFS ? tell(d, "cannot be saved", error, &fault) : error;
}

int domain_save_record(struct domain *d, unsigned id, unsigned instance, struct record_writer *w)
{
    struct record_fault fault;
    int error;

    if (!may_be_saved(d))
        return -EINVAL;
    domain_pause(d);
    error = records_save_one(&table, d, id, instance, w, &fault);
    domain_unpause(d);
    return error && error != -ENOENT && error != -ENOBUFS ? tell(d, "cannot be saved", error, &fault) : error;
}

int domain_save_needs(struct domain *d, struct record_writer *w)
{
    struct record_fault fault;
    int error;

    if (!has_its_vcpus(d) || d->privileged)
        return -EINVAL;
    error = records_save(&needs, d, w, &fault);
    return error && error != -ENOBUFS ? tell(d, "cannot be saved", error, &fault) : error;
}

int domain_check_needs(struct domain *d, const void *stream, size_t size)
{
    struct record_fault fault;
    int error = records_check(&needs, d, stream, size, &fault);

    return error ? tell(d, "cannot be restored", error, &fault) : 0;
}

int domain_restore_records(struct domain *d, const void *stream, size_t size)
{
    struct record_fault fault;
    bool begun;
    int error;

    if (d->records.restored)
        return -EBUSY;
    if (!has_its_vcpus(d) || d->pause.started || d->privileged)
        return -EINVAL;
    domain_watchdogs_halt(d);
    error = records_restore(&table, d, stream, size, &begun, &fault);
    d->records.restored = begun;
    if (!begun)
        domain_watchdogs_continue(d);
    else if (error)
        domain_pause_nosync(d);   /* nobody takes this one back */
    return error ? tell(d, begun ? "is lost while it was restored" : "cannot be restored", error, &fault) : 0;
}

void records_begin(struct domain *d)
{
    if (d->records.restored)
        domain_watchdogs_continue(d);
}
