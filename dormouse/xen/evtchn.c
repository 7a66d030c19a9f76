// SPDX-License-Identifier: Apache-2.0
/*
 * 2-level event channels (xen/include/public/xen.h, struct shared_info). The pending bits belong to the hypervisor
 * until this side clears them, so every change of a shared word is atomic.
 */
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/arch/arm64/platform.h"

enum { WORD_BITS = 64, WORDS = 64 };

struct shared_info *shared_info;
struct vcpu_info vcpu_infos[MAX_CPUS] __attribute__((aligned(64)));  /* none crosses a page, as registering asks */
static void (*handlers[EVTCHN_2L_NR_CHANNELS])(evtchn_port_t);

static void upcall(unsigned intid)
{
    struct vcpu_info *info = &vcpu_infos[this_cpu()->id];

    (void)intid;
    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
    uint64_t words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_ACQ_REL);
    while (words) {
        unsigned w = (unsigned)__builtin_ctzl(words);
        uint64_t bits = __atomic_load_n(&shared_info->evtchn_pending[w], __ATOMIC_ACQUIRE) &
                        ~shared_info->evtchn_mask[w];

        words &= words - 1;
        while (bits) {
            evtchn_port_t port = w * WORD_BITS + (unsigned)__builtin_ctzl(bits);

            bits &= bits - 1;
            evtchn_clear(port);
            if (handlers[port])
                handlers[port](port);
        }
    }
}

void evtchn_init(void)
{
    /* the last page of the range that the tree gives for grant frames: version 1 tables never reach it */
    gfn_t at = GFN((platform.grant_base + platform.grant_size) / PAGE_SIZE - 1);

    if (physmap_add(XENMAPSPACE_shared_info, 0, at))
        panic("the shared page cannot be mapped at frame %lx", at.gfn);
    shared_info = (struct shared_info *)(at.gfn << PAGE_SHIFT);
    for (unsigned i = 0; i < WORDS; i++)
        shared_info->evtchn_mask[i] = ~UINT64_C(0);
    irq_register(platform.evtchn_intid, upcall);
    evtchn_init_cpu();
}

void evtchn_init_cpu(void)
{
    unsigned id = this_cpu()->id;
    uintptr_t info = (uintptr_t)&vcpu_infos[id];
    struct vcpu_register_vcpu_info r = { .mfn = info >> PAGE_SHIFT, .offset = info & (PAGE_SIZE - 1) };
    static bool registered[MAX_CPUS];   /* a vCPU that was off keeps its place */

    if (!registered[id] && vcpu_op(VCPUOP_register_vcpu_info, id, &r))
        panic("vCPU %u: its vcpu_info is refused", id);
    registered[id] = true;
    gic_enable(platform.evtchn_intid);
}

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
        evtchn_mask(port);      /* whoever is given this number next starts masked */
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

void evtchn_unmask(evtchn_port_t port)
{
    __atomic_fetch_and(&shared_info->evtchn_mask[port / WORD_BITS], ~BIT(port % WORD_BITS), __ATOMIC_SEQ_CST);
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
