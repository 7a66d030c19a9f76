// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/vm/grant/grant.c hypervisor/vm/grant/map.c hypervisor/vm/grant/copy.c */
/*
 * Grants between two domains, two vCPUs of each at once: given, changed under the users' hands, mapped, copied through, swapped,
 * flushed and given back, while the tables grow; and each domain in turn destroyed while the other goes on.
 */
#include "tsan.h"

#include "vm/grant/internal.h"

#define ROUNDS    12
#define THREADS   4      /* two vCPUs of each domain */
#define STEPS     3000
#define REFS      24
#define PAGES     8
#define TABLE_GFN 200
#define MAP_GFN   100    /* 40 for each vCPU */
#define FRAMES    3
#define HANDLES   600    /* more than a page of them, less than allowed */

static struct domain *domains[2];

/* Held for reading while a vCPU of the domain is in a hypercall, for writing by whoever pauses it for good. */
static pthread_rwlock_t running[2] = { PTHREAD_RWLOCK_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER };
static bool paused[2];

static struct domain *domain_new(unsigned n)
{
    struct domain *d = fake_domain((domid_t)(n + 1), 2, PAGES);

    CHECK(grant_domain_init(d, FRAMES, HANDLES / 256 + 1) == 0);
    CHECK(grant_map_frame(d, 0, GFN(TABLE_GFN)) == 0);
    return d;
}

/* An entry as the guest writes it: whole, or only its flags, and whether it is in use or not. */
static void guest_gives(struct domain *d, struct domain *peer)
{
    uint32_t *words = (uint32_t *)fake_page(d, TABLE_GFN) + 2 * below(REFS);
    uint32_t flags = below(4) ? GTF_permit_access : GTF_permit_access | GTF_readonly;

    __atomic_store_n(&words[1], below(8) ? below(PAGES) : UINT32_MAX, __ATOMIC_SEQ_CST);
    if (below(4))
        __atomic_store_n(&words[0], flags | (uint32_t)peer->id << 16, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&words[0], below(2) ? UINT32_C(0xffff0000) : ~(uint32_t)GTF_readonly, __ATOMIC_SEQ_CST);
}

static void guest_maps(struct domain *d, struct domain *peer, unsigned vcpu)
{
    struct grant_map op = {
        .host_addr = (uint64_t)(MAP_GFN + 40 * vcpu + below(40)) << PAGE_SHIFT,
        .flags = (below(2) ? GNTMAP_host_map : GNTMAP_device_map) | (below(2) ? GNTMAP_readonly : 0),
        .ref = below(REFS),
        .granter = peer->id,
    };

    if (grant_map_ref(d, &op) == GNTST_okay && below(2))
        grant_unmap_ref(d, op.handle, op.host_addr, op.machine_addr);
}

static void guest_unmaps(struct domain *d)
{
    uint64_t gfn = MAP_GFN + below(80);

    grant_unmap_ref(d, below(HANDLES), gfn << PAGE_SHIFT, 0);
    while (below(2) && grant_trim(d))
        ;
}

/* Nothing is copied: what this is about is what holds the frames. */
static void guest_copies(struct domain *d, struct domain *peer)
{
    struct grant_copy_end end[2];

    for (unsigned i = 0; i < 2; i++) {
        bool is_ref = below(2);

        end[i] = (struct grant_copy_end){
            .is_ref = is_ref, .domain = is_ref ? peer->id : DOMID_SELF, .ref = below(REFS), .gfn = below(PAGES),
        };
    }
    grant_copy(d, &end[0], &end[1], 0);
}

static void guest_flushes(struct domain *d, struct domain *peer)
{
    unsigned next = 0;

    grant_cache_flush(d, fake_mfn(peer, below(PAGES)).mfn << PAGE_SHIFT, 0, 64, &next, sometimes);
}

static void guest_step(struct domain *d, struct domain *peer, unsigned vcpu)
{
    mfn_t mfn;

    switch (below(10)) {
    case 0: case 1: guest_gives(d, peer); break;
    case 2: case 3: guest_maps(d, peer, vcpu); break;
    case 4: case 5: guest_unmaps(d); break;
    case 6: guest_copies(d, peer); break;
    case 7: guest_flushes(d, peer); break;
    case 8: grant_swap(d, below(REFS), below(REFS)); break;
    default: below(2) ? (void)grant_get_frame(d, below(FRAMES + 1), &mfn) : (void)grant_maptrack_pages(d); break;
    }
}

static void play(unsigned thread)
{
    unsigned n = thread / 2;

    for (unsigned i = 0; i < STEPS; i++) {
        pthread_rwlock_rdlock(&running[n]);
        if (!paused[n])
            guest_step(domains[n], domains[!n], thread % 2);
        pthread_rwlock_unlock(&running[n]);
    }
}

static void destroy(unsigned n)
{
    int err;

    pthread_rwlock_wrlock(&running[n]);
    paused[n] = true;
    pthread_rwlock_unlock(&running[n]);
    do
        err = grant_domain_destroy(domains[n], sometimes);
    while (err == -ERESTART);
    CHECK(err == 0);
    CHECK(domains[n]->grants.maptrack_used == 0);
}

int main(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct tsan_thread threads[THREADS];
        unsigned first = round % 2;

        fake_reset();
        thread_random = round + 1;
        for (unsigned n = 0; n < 2; n++) {
            domains[n] = domain_new(n);
            paused[n] = false;
        }
        tsan_start(threads, THREADS, play, round * THREADS + 1);
        destroy(first);
        tsan_join(threads, THREADS);
        destroy(!first);
        for (unsigned n = 0; n < 2; n++)
            CHECK(domains[n]->grants.pinned == 0);
        /* Both ends' maps go before either's frames are counted. */
        for (unsigned n = 0; n < 2; n++)
            fake_domain_release(domains[n]);
        for (unsigned n = 0; n < 2; n++) {
            CHECK(domains[n]->refs == 1);
            grant_domain_free(domains[n]);
            fake_domain_free(domains[n]);
        }
        fake_assert_nothing_left();
    }
    printf("%u rounds\n", ROUNDS);
    return 0;
}
