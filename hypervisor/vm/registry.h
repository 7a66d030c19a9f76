// SPDX-License-Identifier: Apache-2.0
/*
 * Which domains there are: their numbers, and references. A number is taken from registry_take_id() to
 * registry_remove(), which comes when the last reference is dropped; the domain can be found from registry_enlist() on.
 */
#pragma once

#include "lib/base.h"

struct domain;

#define DOMID_FIRST_RESERVED_ 0x7ff0u  /* DOMID_FIRST_RESERVED of xen/include/public/xen.h */
#define DOMID_ANY             0xffffu  /* the next free one */

/* Gives d the number `wanted`, or the next free one. -EEXIST, -EINVAL, -ENOMEM. */
int registry_take_id(struct domain *d, domid_t wanted);
/* d is whole: others may find it. */
void registry_enlist(struct domain *d);
/* d has no reference any more, or never could be found. */
void registry_remove(struct domain *d);

/*
 * The domain whose number this is, with no reference: only where something of the domain (a page) keeps it from going.
 */
struct domain *domain_of_id(domid_t id);

/* A reference, or NULL. By exact id; the first with an id >= `id` (for listing). */
struct domain *domain_get(domid_t id);
struct domain *domain_get_from(domid_t id);
/* The one after d, or for NULL the first of all, with a reference; the one to d goes. */
struct domain *domain_next(struct domain *d);
bool domain_hold(struct domain *d);      /* one more; false if the struct is about to be freed */
void domain_put(struct domain *d);

/*
 * A walk over all domains in the order of their numbers, with a reference to the one at hand: a walker that breaks off
 * has to put it.
 */
#define domain_for_each(d) for (struct domain *d = domain_next(NULL); d; d = domain_next(d))
