// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's state as records (record/record.h): all of it beyond its memory, and how a new domain gets it
 * from a stream. Each kind stands in the file that owns the state; records.c has the one table of them.
 *
 * A domain that has shut itself down to be suspended (domain_awaits_resume()) has given up its event channels and
 * grants, and sets them up anew when it goes on (xen/include/public/sched.h, SHUTDOWN_suspend). Its records have none;
 * those of a domain that was only paused have all.
 */
#pragma once

#include "lib/base.h"
#include "record/record.h"

struct domain;

/* Types of records: in files and on wires for ever. */
enum {
    RECORD_DOMAIN = RECORD_FIRST_KIND,
    RECORD_CPU_VIEW,
    RECORD_SHUTDOWN,
    RECORD_CLOCK,
    RECORD_PARAMS,
    RECORD_SHARED_INFO,
    RECORD_GRANTS,
    RECORD_VGIC,
    RECORD_VGIC_VCPU,
    RECORD_EVTCHN,
    RECORD_EVTCHN_VCPU,
    RECORD_WATCHDOGS,
    RECORD_TIMER,
    RECORD_RUNSTATE,
    RECORD_FPU,
    RECORD_CORE,
    RECORD_VCPU,
    RECORD_VUART,
    RECORD_GIC,
};

/* record_kind.count of a kind that a domain has once, and of one that each of its vCPUs has. */
unsigned record_count_one(const void *domain);
unsigned record_count_vcpus(const void *domain);

/* A guest frame where a page of the hypervisor's may be put: RAM of d's, or nothing at all. */
bool record_place_is_free(struct domain *d, gfn_t gfn);
/* gfn is still where d has its RAM `mfn`, that a call of its named by it. */
bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn);
/* RAM of d's that it may write: where it can have registered something. */
bool record_place_is_ram(struct domain *d, gfn_t gfn);

/* records.c's */
struct domain_records {
    bool restored;               /* a restore has begun; there is one in a domain's life */
};

/*
 * All of d, which has its vCPUs, and is paused or shut down and stays so: -EINVAL if not, or as records_save();
 * one record, as records_save_one(). A line on the console names the record that could not be saved.
 */
MUST_CHECK int domain_save_records(struct domain *d, struct record_writer *w);
MUST_CHECK int domain_save_record(struct domain *d, unsigned id, unsigned instance, struct record_writer *w);
/*
 * Into a domain that has its vCPUs and its memory, and has never run. -EINVAL, -EBUSY: it is no such domain; -EBADMSG,
 * -EOPNOTSUPP: the stream is refused, and the domain as it was. A failure behind that (-ENOMEM) leaves a domain that
 * cannot be unpaused any more, only destroyed. In each case a line on the console names the record and the reason.
 * One caller at a time.
 */
MUST_CHECK int domain_restore_records(struct domain *d, const void *stream, size_t size);
/*
 * The part of it that another host may not have (TORPOR_DOMCTL_NEEDS), of a domain with its vCPUs that may run; and
 * whether this host has it for d: as records_check(). A line on the console names the record and the reason.
 */
MUST_CHECK int domain_save_needs(struct domain *d, struct record_writer *w);
MUST_CHECK int domain_check_needs(struct domain *d, const void *stream, size_t size);
/* d is about to run for the first time. */
void records_begin(struct domain *d);
