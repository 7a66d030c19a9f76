// SPDX-License-Identifier: Apache-2.0
/*
 * Event channels, 2-level: the shared page, each vCPU's vcpu_info, and the upcall that turns pending bits into
 * calls. A handler runs in interrupt context on the vCPU that the port notifies. Errors are negative errno values.
 */
#pragma once
#include "dormouse/xen/hypercall.h"
#include "machine/cpu.h"
#include "sleep/sleep.h"

extern struct shared_info *shared_info;

/* Maps the shared page, masks every port, and makes vCPU 0 ready for upcalls. */
void evtchn_init(void);
/* The same for the vCPU that calls. */
void evtchn_init_cpu(void);
/* In interrupt context: calls the handlers of pending events. */
void evtchn_upcall(void);

/* Calls fn(port) for each event from now on, and unmasks the port. */
void evtchn_register(evtchn_port_t port, void (*fn)(evtchn_port_t));

/*
 * Calls fn(port) for each of the vCPU's events of that kind, for ever: in each new life it is bound anew, to another
 * port. At most EVTCHN_KEPT in all.
 */
enum { EVTCHN_KEPT = 64 };
unsigned evtchn_keep_virq(unsigned virq, unsigned vcpu, void (*fn)(evtchn_port_t));
unsigned evtchn_keep_ipi(unsigned vcpu, void (*fn)(evtchn_port_t));
/* The port in this life, by the number that the call above returned. */
evtchn_port_t evtchn_kept_port(unsigned kept);
/* In a new domain: every port is masked, bindings are forgotten, and kept ones are made anew. */
extern const struct sleep_stage evtchn_stage;

long evtchn_alloc_unbound(domid_t remote, evtchn_port_t *port);
long evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
long evtchn_bind_ipi(unsigned vcpu, evtchn_port_t *port);
long evtchn_bind_virq(unsigned virq, unsigned vcpu, evtchn_port_t *port);
/* Masks the port too. */
long evtchn_close(evtchn_port_t port);
long evtchn_send(evtchn_port_t port);

/* Which domain this is, as the other end of a channel to oneself says. */
domid_t evtchn_own_domid(void);

void evtchn_mask(evtchn_port_t port);
/* Delivers an event that came while it was masked: its sender has seen the mask, and later ones see it pending. */
long evtchn_unmask(evtchn_port_t port);
bool evtchn_pending(evtchn_port_t port);
void evtchn_clear(evtchn_port_t port);
