// SPDX-License-Identifier: Apache-2.0
/*
 * Grants between neighbours, each of which runs this program: few references, and each maps those that it finds. The
 * lower half of the references lets others write, and names frames of the arena only; the upper half lets them read
 * anything.
 */
#include "dormouse/xen/grant.h"
#include "tests/guests/fuzz/fuzz.h"

enum { REFERENCES = 16, HANDLES = 32, PLACES = 16 };
#define PLACES_ADDRESS UINT64_C(0xa0000000)

static grant_handle_t handles[HANDLES];

void grants_init(void)
{
    if (grant_init())
        violation("the grant table cannot be mapped");
}

static grant_ref_t draw_reference(void) { return (grant_ref_t)(one_in(16) ? draw() : below(REFERENCES)); }
static uint64_t draw_place(void) { return PLACES_ADDRESS + below(PLACES) * PAGE_SIZE; }

static uint64_t draw_readable(void)
{
    uint64_t slot = slot_address((unsigned)below(SLOTS)) >> PAGE_SHIFT;

    switch (below(counted ? 2 : 3)) {
    case 0: return draw_gfn_of_arena();
    case 2: return slot + below(8);
    default: return ((platform.ram_base + GARDEN_OFFSET) >> PAGE_SHIFT) + below(8);
    }
}

/* Entries are a word each, so that two vCPUs never make one up between them. The table may be elsewhere by now. */
void grants_give(void)
{
    grant_ref_t ref = (grant_ref_t)below(REFERENCES);
    bool writable = ref < REFERENCES / 2;
    uint64_t flags = one_in(3) ? 0 : GTF_permit_access | (writable ? 0 : GTF_readonly);
    uint64_t frame = writable ? draw_gfn_of_arena() : draw_readable();

    poke((uint64_t *)grant_table + ref, flags | (uint64_t)draw_domain() << 16 | frame << 32);
}

static void map(void)
{
    struct gnttab_map_grant_ref m[2];
    unsigned n = 1 + (unsigned)below(ARRAY_SIZE(m));
    uint64_t v;

    for (unsigned i = 0; i < n; i++)
        m[i] = (struct gnttab_map_grant_ref){
            .host_addr = draw_place(), .flags = GNTMAP_host_map | (one_in(2) ? GNTMAP_readonly : 0),
            .ref = draw_reference(), .dom = draw_domain(), .status = GNTST_general_error,
        };
    if (call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uintptr_t)m, n, 0, 0))
        return;
    for (unsigned i = 0; i < n; i++) {
        if (m[i].status != GNTST_okay)
            continue;
        handles[below(HANDLES)] = m[i].handle;
        peek((uint64_t *)m[i].host_addr + below(512), &v);
        poke((uint64_t *)m[i].host_addr + below(512), v);
    }
}

static void unmap(void)
{
    struct gnttab_unmap_grant_ref u = {
        .host_addr = draw_place(), .handle = one_in(8) ? (grant_handle_t)below(HANDLES) : handles[below(HANDLES)],
    };

    /* the handle says where it is, but the caller has to know */
    for (unsigned i = 0; i < PLACES; i++) {
        u.host_addr = PLACES_ADDRESS + i * PAGE_SIZE;
        if (call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uintptr_t)&u, 1, 0, 0) ||
            u.status == GNTST_okay)
            break;
    }
}

void grants_take(void)
{
    if (one_in(2))
        map();
    else
        unmap();
}

/* A grant of a neighbour's or a frame of ours: of the arena if it is written to. */
static uint16_t copy_end(struct gnttab_copy_ptr *p, bool written, uint16_t flag)
{
    p->offset = (uint16_t)below(4096);
    if (one_in(2)) {
        p->u.ref = draw_reference();
        p->domid = draw_domain();
        return flag;
    }
    p->u.gmfn = written ? draw_gfn_of_arena() : draw_readable();
    p->domid = DOMID_SELF;
    return 0;
}

void grants_copy(void)
{
    struct gnttab_copy c = { .len = (uint16_t)below(one_in(16) ? 4097 : 64) };

    c.flags = copy_end((struct gnttab_copy_ptr *)&c.source, false, GNTCOPY_source_gref);
    c.flags |= copy_end((struct gnttab_copy_ptr *)&c.dest, true, GNTCOPY_dest_gref);
    call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&c, 1, 0, 0);
}
