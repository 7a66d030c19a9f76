// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory for hypercalls. The caller's page tables are walked by the hardware (AT S12E1R/W), which yields the
 * machine address and checks the rights of both stages; the p2m's lock keeps that true while the bytes are copied.
 */
#include "vm/guest_access.h"

#include "arch/barrier.h"
#include "arch/sysreg.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define PAR_ADDRESS UINT64_C(0x0000fffffffff000)

/* The machine address of a guest virtual one, while the p2m stands still. */
static int translate(uint64_t va, bool write, uint64_t *pa)
{
    uint64_t par, saved = read_sysreg(par_el1);

    if (write)
        __asm__ volatile("at s12e1w, %0" : : "r"(va));
    else
        __asm__ volatile("at s12e1r, %0" : : "r"(va));
    isb();
    par = read_sysreg(par_el1);
    write_sysreg(saved, par_el1);   /* the guest may be between its own AT and the read */
    if (par & PAR_F)
        return -EFAULT;
    *pa = (par & PAR_ADDRESS) | (va & ~PAGE_MASK);
    return 0;
}

/* Copies between `buffer` and a piece of guest memory that lies within one page. */
static int copy_piece(struct p2m *p2m, uint64_t va, void *buffer, size_t n, bool write)
{
    uint64_t pa;
    int err;

    spin_lock(&p2m->lock);
    err = translate(va, write, &pa);
    if (!err && !frame_is_ram(MFN(pa >> PAGE_SHIFT)))
        err = -EFAULT;
    if (!err) {
        char *guest = (char *)mfn_to_virt(MFN(pa >> PAGE_SHIFT)) + (pa & ~PAGE_MASK);

        memcpy(write ? guest : buffer, write ? buffer : guest, n);
    }
    spin_unlock(&p2m->lock);
    return err;
}

static int copy(uint64_t va, char *buffer, size_t n, bool write)
{
    struct p2m *p2m = &current_vcpu()->domain->p2m;

    while (n) {
        size_t piece = min_u64(n, PAGE_SIZE - (va & ~PAGE_MASK));
        int err = copy_piece(p2m, va, buffer, piece, write);

        if (err)
            return err;
        va += piece;
        buffer += piece;
        n -= piece;
    }
    return 0;
}

int copy_from_guest(void *to, uint64_t guest_va, size_t n)
{
    return copy(guest_va, to, n, false);
}

int copy_to_guest(uint64_t guest_va, const void *from, size_t n)
{
    return copy(guest_va, (char *)(uintptr_t)from, n, true);
}

int guest_va_to_gpa(uint64_t guest_va, bool write, uint64_t *gpa)
{
    uint64_t par, saved = read_sysreg(par_el1);

    if (write)
        __asm__ volatile("at s1e1w, %0" : : "r"(guest_va));
    else
        __asm__ volatile("at s1e1r, %0" : : "r"(guest_va));
    isb();
    par = read_sysreg(par_el1);
    write_sysreg(saved, par_el1);
    if (par & PAR_F)
        return -EFAULT;
    *gpa = (par & PAR_ADDRESS) | (guest_va & ~PAGE_MASK);
    return 0;
}
