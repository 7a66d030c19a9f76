// SPDX-License-Identifier: Apache-2.0
/*
 * Event channels: few ports, opened, connected, used and closed by all vCPUs and by the neighbours, in both forms, with
 * resets between.
 */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "tests/guests/fuzz/fuzz.h"

enum { FEW_PORTS = 8, HIGHEST_PORT = 4200, PRIORITIES = 18, MAX_POLLED = 130 };

static evtchn_port_t ports[MAX_CPUS][MAX_POLLED];

static evtchn_port_t draw_port(void)
{
    return (evtchn_port_t)(one_in(6) ? below(HIGHEST_PORT) : 1 + below(FEW_PORTS));
}

static long event_op(unsigned cmd, void *arg)
{
    return call(__HYPERVISOR_event_channel_op, cmd, (uintptr_t)arg, 0, 0, 0);
}

/* Whichever of a neighbour's few ports waits for us. */
static void connect(void)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = draw_domain(), .remote_port = draw_port() };

    for (unsigned i = 0; event_op(EVTCHNOP_bind_interdomain, &bind) && i < FEW_PORTS; i++)
        bind.remote_port = 1 + i;
}

void events_open(void)
{
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = draw_domain() };
    struct evtchn_bind_ipi ipi = { .vcpu = draw_vcpu() };
    struct evtchn_bind_virq virq = { .virq = (uint32_t)below(3), .vcpu = draw_vcpu() };

    switch (below(8)) {
    case 0: event_op(EVTCHNOP_bind_ipi, &ipi); break;
    case 1: event_op(EVTCHNOP_bind_virq, &virq); break;
    case 2:
    case 3:
    case 4: event_op(EVTCHNOP_alloc_unbound, &unbound); break;
    default: connect(); break;
    }
}

void events_open_many(void)
{
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = draw_domain() };
    uint64_t n = below(habits.ports);

    for (uint64_t i = 0; i < n; i++)
        if (event_op(EVTCHNOP_alloc_unbound, &unbound))
            break;
}

static bool is_ours_to_close(evtchn_port_t port)
{
    return own_console || (port != hvm_param(HVM_PARAM_CONSOLE_EVTCHN) && port != hvm_param(HVM_PARAM_STORE_EVTCHN));
}

void events_close(void)
{
    struct evtchn_close close = { .port = draw_port() };

    if (is_ours_to_close(close.port))
        event_op(EVTCHNOP_close, &close);
}

void events_signal(void)
{
    evtchn_port_t port = draw_port();
    struct evtchn_send send = { .port = port };
    struct evtchn_status status = { .dom = DOMID_SELF, .port = port };
    struct evtchn_unmask unmask = { .port = port };
    struct evtchn_bind_vcpu bind = { .port = port, .vcpu = draw_vcpu() };
    struct evtchn_set_priority priority = { .port = port, .priority = (uint32_t)below(PRIORITIES) };

    switch (below(6)) {
    case 0: event_op(EVTCHNOP_status, &status); break;
    case 1: event_op(EVTCHNOP_unmask, &unmask); break;
    case 2: event_op(EVTCHNOP_bind_vcpu, &bind); break;
    case 3: event_op(EVTCHNOP_set_priority, &priority); break;
    default: event_op(EVTCHNOP_send, &send); break;
    }
}

void events_fifo(void)
{
    struct evtchn_init_control control = {
        .control_gfn = draw_gfn_of_arena(), .offset = one_in(2) ? 0 : (uint32_t)below(520) * 8, .vcpu = draw_vcpu(),
    };
    struct evtchn_expand_array expand = { .array_gfn = draw_gfn_of_arena() };

    if (one_in(3))
        event_op(EVTCHNOP_expand_array, &expand);
    else
        event_op(EVTCHNOP_init_control, &control);
}

/*
 * One of few ports is over at once: sometimes many are opened first. Between two of them others have time to connect.
 */
void events_reset(void)
{
    struct evtchn_reset reset = { .dom = DOMID_SELF };

    if (!one_in(3)) {
        events_open();
        return;
    }
    if (one_in(2))
        events_open_many();
    if (own_console)
        event_op(EVTCHNOP_reset, &reset);
}

/*
 * Nobody else has to wake us: an interrupt waits, or the time-out is past, or there is none and the timer's interrupt
 * comes soon.
 */
void events_poll(void)
{
    evtchn_port_t *list = ports[this_cpu()->id];
    struct sched_poll poll = { .nr_ports = one_in(2) ? 1 : (unsigned)below(MAX_POLLED), .timeout = 1 };
    uint64_t daif = sysreg_read(daif);
    bool few = !one_in(4);

    set_xen_guest_handle(poll.ports, list);
    for (unsigned i = 0; i < poll.nr_ports; i++)
        list[i] = few ? 1 + (evtchn_port_t)below(FEW_PORTS) : draw_port();
    irq_disable();
    if (may_wait() && one_in(8)) {
        poll.timeout = 0;
        timer_virtual_set(timer_now() + below(3000));
    } else if (!one_in(8)) {
        gic_send_sgi(0, this_cpu()->id);
    }
    sched_op(SCHEDOP_poll, &poll);
    timer_virtual_stop();
    sysreg_write(daif, daif);
}
