// SPDX-License-Identifier: Apache-2.0
#include "arch/stage2.h"

#include "arch/cache.h"
#include "arch/sysreg.h"
#include "arch/walks.h"

/* VTCR_EL2: RES1, level 1 start, write-back inner shareable walks, 4 KiB */
#define VTCR_BASE (BIT(31) | (3 << 12) | (1 << 10) | (1 << 8) | (1 << 6))
/* The CPU keeps access flag and dirty state itself */
#define VTCR_HA BIT(21)
#define VTCR_HD BIT(22)
#define VTCR_VS BIT(19)   /* 16 bits of VMID */
#define MOST_ADDRESS_BITS 43      /* of 16 tables of level 1 side by side */

/* Written at boot only, before anybody else reads it. */
static unsigned wanted_bits = 40;

static unsigned physical_range(void)
{
    return read_sysreg(id_aa64mmfr0_el1) & 0xf;
}

unsigned stage2_address_bits(void)
{
    static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48, 52 };
    unsigned range = physical_range();
    unsigned here = range < ARRAY_SIZE(bits) ? bits[range] : 48;

    return here < wanted_bits ? here : wanted_bits;
}

/* QEMU's `virt` has its PCI windows at the next multiple of 512 GiB. */
void stage2_widen(paddr_t ram_end)
{
    while (wanted_bits < MOST_ADDRESS_BITS && BIT(wanted_bits) < 2 * ram_end.pa)
        wanted_bits++;
    stage2_cpu_init();
}

bool stage2_has_dirty_state(void)
{
    return (read_sysreg(id_aa64mmfr1_el1) & 0xf) >= 2;
}

unsigned stage2_vmid_bits(void)
{
    return (read_sysreg(id_aa64mmfr1_el1) >> 4 & 0xf) == 2 ? 16 : 8;
}

void stage2_cpu_init(void)
{
    unsigned range = physical_range();

    write_sysreg(VTCR_BASE | (uint64_t)(range > 5 ? 5 : range) << 16 | (64 - stage2_address_bits()) |
                     (stage2_has_dirty_state() ? VTCR_HA | VTCR_HD : 0) | (stage2_vmid_bits() == 16 ? VTCR_VS : 0),
                 vtcr_el2);
    isb();
}

/* The registers' values, to be put back after TLB maintenance of another VMID. */
struct vmid_before {
    uint64_t vttbr, sctlr, tcr;
};

/*
 * TLB maintenance is for the VMID in VTTBR_EL2. The tables of the guest whose registers are loaded are not walked
 * meanwhile.
 */
static struct vmid_before vmid_enter(uint64_t vttbr)
{
    struct vmid_before before = { .vttbr = read_sysreg(vttbr_el2) };

    if (before.vttbr != vttbr) {
        before.sctlr = read_sysreg(sctlr_el1);
        before.tcr = read_sysreg(tcr_el1);
        walks_stop();
        write_sysreg(vttbr, vttbr_el2);
        isb();
    }
    return before;
}

static void vmid_leave(uint64_t vttbr, struct vmid_before before)
{
    if (before.vttbr != vttbr) {
        write_sysreg(before.vttbr, vttbr_el2);
        isb();
        walks_start(before.sctlr, before.tcr);
        isb();
    }
}

void stage2_flush(uint64_t vttbr)
{
    struct vmid_before before = vmid_enter(vttbr);

    tlb_flush_guest();
    vmid_leave(vttbr, before);
}

void stage2_flush_entries(uint64_t vttbr, const gfn_t *gfns, unsigned n)
{
    struct vmid_before before = vmid_enter(vttbr);

    tlb_flush_guest_entries(gfns, n);
    vmid_leave(vttbr, before);
}

void stage2_forget_here(gfn_t gfn, uint64_t va) { tlb_flush_guest_page_local(gfn, va); }
