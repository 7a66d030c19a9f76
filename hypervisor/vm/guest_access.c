// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory for hypercalls. The caller's page tables are walked by the hardware (AT S12E1R/W), which yields the
 * machine address and checks the rights of both stages; the p2m's lock keeps that true while the bytes are copied.
 */
#include "vm/guest_access.h"

#include "arch/stage2.h"
#include "arch/translate.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/p2m_dirty.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

/*
 * The machine address to write to. Entries that nobody had written since they were cleaned are the guest's to write,
 * and so ours.
 */
static bool translate_to_write(struct p2m *p2m, uint64_t va, uint64_t *pa) REQUIRES(p2m->lock)
{
    uint64_t gpa;

    if (translate_both(va, true, pa))
        return true;
    if (!translate_stage1(va, true, &gpa) || !p2m_write_fault_locked(p2m, GFN(gpa >> PAGE_SHIFT)))
        return false;
    stage2_forget_here(GFN(gpa >> PAGE_SHIFT), va);
    return translate_both(va, true, pa);
}

/* Copies between `buffer` and a piece of guest memory that lies within one page. */
static inline int copy_piece(struct p2m *p2m, uint64_t va, void *buffer, size_t n, bool write)
{
    uint64_t pa;
    int err;

    spin_lock(&p2m->lock);
    err = (write ? translate_to_write(p2m, va, &pa) : translate_both(va, false, &pa)) &&
                  frame_is_ram(MFN(pa >> PAGE_SHIFT))
              ? 0
              : -EFAULT;
    if (!err) {
        char *guest = (char *)mfn_to_virt(MFN(pa >> PAGE_SHIFT)) + (pa & ~PAGE_MASK);

        memcpy(write ? guest : buffer, write ? buffer : guest, n);
        if (write)
            p2m_written_locked(p2m, MFN(pa >> PAGE_SHIFT));
    }
    spin_unlock(&p2m->lock);
    return err;
}

static NOINLINE int copy_pieces(struct p2m *p2m, uint64_t va, char *buffer, size_t n, bool write)
{
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

/* Most is within a page. */
static int copy(uint64_t va, char *buffer, size_t n, bool write)
{
    struct p2m *p2m = &current_vcpu()->domain->p2m;

    if (likely(n && n <= PAGE_SIZE - (va & ~PAGE_MASK)))
        return copy_piece(p2m, va, buffer, n, write);
    return copy_pieces(p2m, va, buffer, n, write);
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
    return translate_stage1(guest_va, write, gpa) ? 0 : -EFAULT;
}
