// SPDX-License-Identifier: Apache-2.0
/* Stage-2 translation's part of the CPU: its control register and TLB maintenance. */
#pragma once

#include "lib/base.h"

/* Bits of guest-physical address: 40, as on Xen, or the CPUs' own limit if that is less. */
unsigned stage2_address_bits(void);
/*
 * Boot, before there are domains or other CPUs: on a machine whose RAM ends there they are as many as reach the devices
 * that a board may have above it, dom0's being where they are. Up to 43, which is what three levels of tables can.
 */
void stage2_widen(paddr_t ram_end);
/* Of this CPU; those above 8 are in use where every CPU has them. */
unsigned stage2_vmid_bits(void);
/* Sets VTCR_EL2 of this CPU. */
void stage2_cpu_init(void);
/*
 * The CPU gives an entry with DBM the permission to write by itself (FEAT_HAFDBS). CPUs that cannot take a fault
 * instead.
 */
bool stage2_has_dirty_state(void);
/* Every CPU forgets stages 1 and 2 of that VTTBR's VMID. */
void stage2_flush(uint64_t vttbr);
/*
 * The same, but of stage 2 only n leaf entries, each of which contains one of these guest frames. Stage 1 goes whole:
 * entries that combine both stages are found by virtual address only.
 */
void stage2_flush_entries(uint64_t vttbr, const gfn_t *gfns, unsigned n);
/*
 * This CPU forgets its translation of va, an address of the guest that runs, to the guest frame. For an entry that
 * allows more than it did: other addresses and CPUs may still use the old one, fault and come here, too.
 */
void stage2_forget_here(gfn_t gfn, uint64_t va);
