// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c tests/unit/threads.c tests/unit/threads_pair.c hypervisor/vm/grant/grant.c */
/* sources: hypervisor/vm/grant/map.c hypervisor/vm/grant/copy.c */
/*
 * Grants between two domains, two vCPUs of each at once: given, changed under the users' hands, mapped, copied through,
 * swapped, flushed and given back, while the tables grow; and each domain in turn destroyed while the other goes on.
 */
#include "threads_pair.h"

#include "vm/grant/internal.h"

#define REFS      24
#define PAGES     8
#define TABLE_GFN 200
#define MAP_GFN   100    /* 40 for each vCPU */
#define FRAMES    3
#define HANDLES   600    /* more than a page of them, less than allowed */

static void create(struct domain *d, unsigned n)
{
    (void)n;
    threads_expect(grant_domain_init(d, FRAMES, HANDLES / 256 + 1) == 0);
    threads_expect(grant_map_frame(d, 0, GFN(TABLE_GFN)) == 0);
}

/* An entry as the guest writes it: whole, or only its flags, and whether it is in use or not. */
static void guest_gives(struct domain *d, struct domain *peer)
{
    uint32_t *words = (uint32_t *)fake_page(d, TABLE_GFN) + 2 * threads_random(REFS);
    uint32_t flags = threads_random(4) ? GTF_permit_access : GTF_permit_access | GTF_readonly;

    __atomic_store_n(&words[1], threads_random(8) ? threads_random(PAGES) : UINT32_MAX, __ATOMIC_SEQ_CST);
    if (threads_random(4))
        __atomic_store_n(&words[0], flags | (uint32_t)peer->id << 16, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&words[0], threads_random(2) ? UINT32_C(0xffff0000) : ~(uint32_t)GTF_readonly,
                           __ATOMIC_SEQ_CST);
}

static void guest_maps(struct domain *d, struct domain *peer, unsigned vcpu)
{
    struct grant_map op = {
        .host_addr = (uint64_t)(MAP_GFN + 40 * vcpu + threads_random(40)) << PAGE_SHIFT,
        .flags = (threads_random(2) ? GNTMAP_host_map : GNTMAP_device_map) | (threads_random(2) ? GNTMAP_readonly : 0),
        .ref = threads_random(REFS),
        .granter = peer->id,
    };

    if (grant_map_ref(d, &op) == GNTST_okay && threads_random(2))
        grant_unmap_ref(d, op.handle, op.host_addr, op.machine_addr);
}

static void guest_unmaps(struct domain *d)
{
    uint64_t gfn = MAP_GFN + threads_random(80);

    grant_unmap_ref(d, threads_random(HANDLES), gfn << PAGE_SHIFT, 0);
    while (threads_random(2) && grant_trim(d))
        ;
}

/* Nothing is copied: this is about the holders of the frames. */
static void guest_copies(struct domain *d, struct domain *peer)
{
    struct grant_copy_end end[2];

    for (unsigned i = 0; i < 2; i++) {
        bool is_ref = threads_random(2);

        end[i] = (struct grant_copy_end){
            .is_ref = is_ref,
            .domain = is_ref ? peer->id : DOMID_SELF,
            .ref = threads_random(REFS),
            .gfn = threads_random(PAGES),
        };
    }
    grant_copy(d, &end[0], &end[1], 0);
}

static void guest_flushes(struct domain *d, struct domain *peer)
{
    unsigned next = 0;

    grant_cache_flush(d, fake_mfn(peer, threads_random(PAGES)).mfn << PAGE_SHIFT, 0, 64, &next, threads_preempt);
}

static void guest_step(struct domain *d, struct domain *peer, unsigned n, unsigned vcpu)
{
    mfn_t mfn;

    (void)n;
    switch (threads_random(10)) {
    case 0: case 1: guest_gives(d, peer); break;
    case 2: case 3: guest_maps(d, peer, vcpu); break;
    case 4: case 5: guest_unmaps(d); break;
    case 6: guest_copies(d, peer); break;
    case 7: guest_flushes(d, peer); break;
    case 8: grant_swap(d, threads_random(REFS), threads_random(REFS)); break;
    default:
        threads_random(2) ? (void)grant_get_frame(d, threads_random(FRAMES + 1), &mfn) : (void)grant_maptrack_pages(d);
        break;
    }
}

static int destroy(struct domain *d, unsigned n)
{
    (void)n;
    return grant_domain_destroy(d, threads_preempt);
}

static void check(struct domain *d)
{
    threads_expect(d->grants.maptrack_used == 0);
    threads_expect(d->grants.pinned == 0);
}

int main(void)
{
    static const struct pair_play play = {
        .pages = PAGES,
        .create = create,
        .step = guest_step,
        .destroy = destroy,
        .check = check,
        .free = grant_domain_free,
    };

    return pair_main(&play);
}
