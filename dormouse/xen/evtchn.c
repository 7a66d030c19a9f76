// SPDX-License-Identifier: Apache-2.0
/*
 * 2-level event channels (xen/include/public/xen.h, struct shared_info). The pending bits belong to the hypervisor
 * until this side clears them, so every change of a shared word is atomic.
 */
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "lib/errno.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/start.h"

enum { WORD_BITS = 64, WORDS = 64 };

struct shared_info *shared_info;
static void (*handlers[EVTCHN_2L_NR_CHANNELS])(evtchn_port_t);

/* A port's vCPU, plus one: another one that looks at the same word leaves it alone. 0: any that sees it. */
static uint8_t owners[EVTCHN_2L_NR_CHANNELS];

/* Only ever filled in, by one CPU at a time. */
static struct kept {
    enum { KEPT_VIRQ, KEPT_IPI } kind;
    unsigned virq, vcpu;
    void (*fn)(evtchn_port_t);
    evtchn_port_t port;
} kept[EVTCHN_KEPT];
static unsigned kept_count;

static bool restored;                   /* this is not the first life */
static bool registered[MAX_CPUS];       /* its vcpu_info, by this domain; a vCPU that was off keeps its place */

/*
 * The word is read again for each port: a handler may return in another life than it was called in (stop_here in
 * core/smp.c), where the same bits are other ports', or masked, and not to be cleared.
 */
static void word_serve(unsigned w)
{
    uint64_t seen = 0, bits;

    while ((bits = __atomic_load_n(&shared_info->evtchn_pending[w], __ATOMIC_ACQUIRE) &
                   ~__atomic_load_n(&shared_info->evtchn_mask[w], __ATOMIC_ACQUIRE) & ~seen)) {
        unsigned bit = (unsigned)__builtin_ctzl(bits);
        evtchn_port_t port = w * WORD_BITS + bit;

        seen |= BIT(bit);
        if (owners[port] && owners[port] != cpu_id() + 1)
            continue;
        evtchn_clear(port);
        if (handlers[port])
            handlers[port](port);
    }
}

void evtchn_upcall(void)
{
    struct vcpu_info *info = vcpu_info_of(cpu_id());

    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
    uint64_t words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_ACQ_REL);
    while (words) {
        word_serve((unsigned)__builtin_ctzl(words));
        words &= words - 1;
    }
}

static void mask_all(void)
{
    for (unsigned i = 0; i < WORDS; i++)
        shared_info->evtchn_mask[i] = ~UINT64_C(0);
}

void evtchn_init(void)
{
    shared_info = shared_info_map();
    mask_all();
    evtchn_init_cpu();
}

void evtchn_init_cpu(void)
{
    unsigned id = cpu_id();
    const struct vcpu_info *info = vcpu_info_of(id);
    struct vcpu_register_vcpu_info r = { .mfn = frame_of(info), .offset = (uintptr_t)info & (PAGE_SIZE - 1) };

    if (!registered[id]) {
        long error = vcpu_op(VCPUOP_register_vcpu_info, id, &r);

        /* a hypervisor may keep the place over a restore, as Torpor does, and takes no second one */
        if (error && !(restored && error == -EINVAL))
            panic("vCPU %u: its vcpu_info is refused: %ld", id, error);
    }
    registered[id] = true;
    upcall_init_cpu();
}

static void kept_bind(struct kept *k)
{
    long error = k->kind == KEPT_VIRQ ? evtchn_bind_virq(k->virq, k->vcpu, &k->port)
                                      : evtchn_bind_ipi(k->vcpu, &k->port);

    if (error)
        panic("vCPU %u: an event channel is refused: error %ld", k->vcpu, -error);
    owners[k->port] = (uint8_t)(k->vcpu + 1);
    evtchn_register(k->port, k->fn);
}

/* One that is kept already stays: a CPU that was away asks again. */
static unsigned keep(struct kept new)
{
    for (unsigned i = 0; i < kept_count; i++)
        if (kept[i].kind == new.kind && kept[i].virq == new.virq && kept[i].vcpu == new.vcpu && kept[i].fn == new.fn)
            return i;
    BUG_ON(kept_count == EVTCHN_KEPT);
    kept[kept_count] = new;
    kept_bind(&kept[kept_count]);
    return kept_count++;
}

unsigned evtchn_keep_virq(unsigned virq, unsigned vcpu, void (*fn)(evtchn_port_t))
{
    return keep((struct kept){ .kind = KEPT_VIRQ, .virq = virq, .vcpu = vcpu, .fn = fn });
}

unsigned evtchn_keep_ipi(unsigned vcpu, void (*fn)(evtchn_port_t))
{
    return keep((struct kept){ .kind = KEPT_IPI, .vcpu = vcpu, .fn = fn });
}

evtchn_port_t evtchn_kept_port(unsigned number)
{
    return kept[number].port;
}

/*
 * What the old domain's events left there was saved at some moment between them. A selector bit without the flag above
 * would keep this life's events from being told for ever. As an upcall does, from the top to the bottom.
 */
static void vcpu_info_clear(struct vcpu_info *info)
{
    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
}

static void evtchn_leave(struct sleep *s)
{
    if (!suspend_is_new_domain(s))
        return;
    restored = true;
    mask_all();
    for (unsigned id = 0; id < MAX_CPUS; id++)
        vcpu_info_clear(vcpu_info_of(id));
    for (unsigned port = 0; port < EVTCHN_2L_NR_CHANNELS; port++) {
        handlers[port] = NULL;
        owners[port] = 0;
    }
    for (unsigned id = 0; id < MAX_CPUS; id++)
        registered[id] = false;
    evtchn_init_cpu();
    for (unsigned i = 0; i < kept_count; i++)
        kept_bind(&kept[i]);
}

const struct sleep_stage evtchn_stage = { .name = "event channels", .leave = evtchn_leave };

void evtchn_register(evtchn_port_t port, void (*fn)(evtchn_port_t))
{
    handlers[port] = fn;
    evtchn_unmask(port);
}

long evtchn_alloc_unbound(domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = remote };
    long r = event_channel_op(EVTCHNOP_alloc_unbound, &a);

    *port = a.port;
    return r;
}

long evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain b = { .remote_dom = remote, .remote_port = remote_port };
    long r = event_channel_op(EVTCHNOP_bind_interdomain, &b);

    *port = b.local_port;
    return r;
}

long evtchn_bind_ipi(unsigned vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_ipi b = { .vcpu = vcpu };
    long r = event_channel_op(EVTCHNOP_bind_ipi, &b);

    *port = b.port;
    return r;
}

long evtchn_bind_virq(unsigned virq, unsigned vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq b = { .virq = virq, .vcpu = vcpu };
    long r = event_channel_op(EVTCHNOP_bind_virq, &b);

    *port = b.port;
    return r;
}

long evtchn_close(evtchn_port_t port)
{
    struct evtchn_close c = { .port = port };

    if (port < EVTCHN_2L_NR_CHANNELS)
        evtchn_mask(port);      /* the next port of this number starts masked */
    return event_channel_op(EVTCHNOP_close, &c);
}

long evtchn_send(evtchn_port_t port)
{
    struct evtchn_send s = { .port = port };

    return event_channel_op(EVTCHNOP_send, &s);
}

void evtchn_mask(evtchn_port_t port)
{
    __atomic_fetch_or(&shared_info->evtchn_mask[port / WORD_BITS], BIT(port % WORD_BITS), __ATOMIC_SEQ_CST);
}

long evtchn_unmask(evtchn_port_t port)
{
    struct evtchn_unmask u = { .port = port };

    return event_channel_op(EVTCHNOP_unmask, &u);
}

bool evtchn_pending(evtchn_port_t port)
{
    return __atomic_load_n(&shared_info->evtchn_pending[port / WORD_BITS], __ATOMIC_ACQUIRE) & BIT(port % WORD_BITS);
}

void evtchn_clear(evtchn_port_t port)
{
    __atomic_fetch_and(&shared_info->evtchn_pending[port / WORD_BITS], ~BIT(port % WORD_BITS), __ATOMIC_SEQ_CST);
}

domid_t evtchn_own_domid(void)
{
    evtchn_port_t a, b;

    evtchn_alloc_unbound(DOMID_SELF, &a);
    evtchn_bind_interdomain(DOMID_SELF, a, &b);
    struct evtchn_status s = { .dom = DOMID_SELF, .port = a };
    event_channel_op(EVTCHNOP_status, &s);
    evtchn_close(a);
    evtchn_close(b);
    return s.u.interdomain.dom;
}
