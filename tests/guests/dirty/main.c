// SPDX-License-Identifier: Apache-2.0
/* The guest of tests/dom0/dirty.c, which names the writes in a page that both see (mail.h). */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/grant.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "tests/guests/dirty/mail.h"

static volatile bool stormy;
static volatile unsigned storms;      /* vCPUs that are at it */

static volatile uint64_t *page_at(uint64_t page) { return (volatile uint64_t *)(platform.ram_base + page * PAGE_SIZE); }
static volatile struct mail *mail(void) { return (volatile struct mail *)page_at(MAIL_PAGE); }
static gfn_t frame_of(uint64_t page) { return GFN(platform.ram_base / PAGE_SIZE + page); }

static void write_by_seed(uint64_t seed, uint64_t count)
{
    while (count--) {
        uint64_t page = mail_page(&seed);

        page_at(page)[mail_draw(&seed) % 512] += 1 + count;
    }
}

static uint64_t write_in_turn(uint64_t page, uint64_t count, uint64_t words)
{
    uint64_t began = timer_now();

    for (uint64_t i = 0; i < count; i++)
        for (uint64_t word = 0; word < words; word++)
            page_at(page + i)[word]++;
    return timer_now() - began;
}

/*
 * In bursts, so that not every page is dirty in every round. No two values that are ever written to a word are the
 * same.
 */
static void storm(void *arg)
{
    uint64_t state = 77 + (uintptr_t)arg, n = 0;

    __atomic_fetch_add(&storms, 1, __ATOMIC_SEQ_CST);
    while (stormy) {
        page_at(mail_page(&state))[mail_draw(&state) % 512] = ++n << 3 | (uintptr_t)arg;
        __atomic_fetch_add(&mail()->writes, 1, __ATOMIC_RELAXED);
        if (mail_draw(&state) % 64 == 0)
            timer_delay_us(2000);
    }
    __atomic_fetch_sub(&storms, 1, __ATOMIC_SEQ_CST);
}

static long storm_begin(void)
{
    stormy = true;
    for (unsigned i = 1; i < DIRTY_VCPUS; i++) {
        long r = cpu_start(i, storm, (void *)(uintptr_t)i);

        if (r)
            return r;
    }
    return 0;
}

static long storm_end(void)
{
    stormy = false;
    while (storms)
        sched_op(SCHEDOP_yield, NULL);
    return 0;
}

static long reservation(unsigned op, uint64_t page, unsigned order)
{
    xen_pfn_t gfn = frame_of(page).gfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = order, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &gfn);
    return memory_op(op, &r) == 1 ? 0 : -1;
}

static long run_state(uint64_t page)
{
    struct vcpu_register_runstate_memory_area area = { .addr.p = (uintptr_t)page_at(page) };

    return vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
}

static long obey(volatile struct mail *m)
{
    switch (m->command) {
    case MAIL_WRITE:
        write_by_seed(m->seed, m->count);
        return 0;
    case MAIL_WRITE_IN_TURN:
        m->ticks = write_in_turn(m->page, m->count, m->seed);
        return 0;
    case MAIL_WRITE_EVERY:
        for (uint64_t i = 0; i < m->count; i++)
            page_at(m->page + i * m->seed)[0]++;
        return 0;
    case MAIL_GRANT:
        grant_access(DIRTY_REF, 0, frame_of(m->page), false);
        return 0;
    case MAIL_GRANT_END:
        return grant_end(DIRTY_REF) ? 0 : -1;
    case MAIL_HYPERCALL:
        return xen_version(XENVER_extraversion, (void *)(uintptr_t)page_at(m->page));
    case MAIL_RUN_STATE:
        return run_state(m->page);
    case MAIL_DECREASE:
        return reservation(XENMEM_decrease_reservation, m->page, (unsigned)m->count);
    case MAIL_POPULATE:
        return reservation(XENMEM_populate_physmap, m->page, (unsigned)m->count);
    case MAIL_STORM:
        return storm_begin();
    case MAIL_CALM:
        return storm_end();
    default:
        return -1;
    }
}

void guest_main(void)
{
    volatile struct mail *m = mail();

    grant_init();
    for (uint64_t n = 1;; n++) {
        while (__atomic_load_n(&m->number, __ATOMIC_ACQUIRE) != n)
            sched_op(SCHEDOP_yield, NULL);
        m->result = (uint64_t)obey(m);
        __atomic_store_n(&m->answered, n, __ATOMIC_RELEASE);
    }
}
