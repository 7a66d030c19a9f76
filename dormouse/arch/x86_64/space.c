// SPDX-License-Identifier: Apache-2.0
/*
 * See machine/pagetable.h and machine/user.h. In 64-bit PV guests a vCPU has two roots, one for the kernel and one for
 * user programs, and Xen changes between them on the way (xen.h, MMUEXT_NEW_USER_BASEPTR): the kernel's is the same for
 * ever, and has nothing of a user program's; a space's has nothing of the kernel's.
 */
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/arch/x86_64/entry_bits.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/hypercall.h"
#include "lib/string.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/pagetable.h"
#include "machine/user.h"

/* In struct user's `vectors`. */
struct kept {
    char fxsave[512];
    uint64_t thread_pointer;        /* FS's base */
};
_Static_assert(sizeof(struct kept) <= USER_VECTORS_SIZE, "it has room");
_Static_assert(FLAT_KERNEL_SS == 0xe02b, "entry.S has the number");
_Static_assert(sizeof(struct frame) == FRAME_SIZE && offsetof(struct user, kernel_sp) == FRAME_SIZE, "entry.S knows");

/*
 * Xen interrupts a long one, and goes on by its notes in the vCPU when the guest calls again. With events masked that
 * is the same vCPU: none comes in between, after which the thread might be on another one.
 */
static long mmuext(const struct mmuext_op *ops, unsigned count)
{
    bool enabled = irq_save();
    long result = hypercall5(__HYPERVISOR_mmuext_op, (uintptr_t)ops, count, 0, DOMID_SELF, 0);

    irq_restore(enabled);
    return result;
}

uint64_t entry_of_table(const void *table)
{
    return frame_of(table) << PAGE_SHIFT | PTE_TABLE;
}

uint64_t entry_of_page(const void *page, unsigned rights)
{
    return frame_of(page) << PAGE_SHIFT | PTE_READABLE | PTE_USER | (rights & SPACE_WRITE ? PTE_WRITE : 0) |
           (rights & SPACE_EXECUTE ? 0 : PTE_NX);
}

void *entry_pointer(uint64_t entry)
{
    return entry & PTE_PRESENT ? gfn_pointer(mfn_to_gfn(MFN((entry & PTE_FRAME) >> PAGE_SHIFT))) : NULL;
}

int entry_set(uint64_t *entry, uint64_t value, bool pinned)
{
    if (pinned)
        return (int)entry_update(entry, value);
    *entry = value;
    return 0;
}

void root_init(uint64_t *root)
{
    (void)root;
}

void table_protect(void *table)
{
    page_protect(table, PTE_NX);
}

void table_release(void *table)
{
    page_protect(table, PTE_WRITE | PTE_NX);
}

int root_pin(const void *root)
{
    return (int)mmuext(&(struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frame_of(root) }, 1);
}

int root_unpin(const void *root)
{
    return (int)mmuext(&(struct mmuext_op){ .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = frame_of(root) }, 1);
}

/* User pages are global ones for the CPU, which a change of roots alone does not forget. */
void root_load(const void *root, unsigned number)
{
    const struct mmuext_op ops[] = {
        { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = root ? frame_of(root) : 0 },
        { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
    };

    (void)number;
    if (mmuext(ops, ARRAY_SIZE(ops)))
        panic("Xen refuses %p as a root", root);
}

void root_forget(uint64_t va, unsigned number)
{
    (void)number;
    mmuext(&(struct mmuext_op){ .cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = va }, 1);
}

/* Loading the next root forgets. */
void root_forget_all(unsigned number)
{
    (void)number;
}

void code_written(void *page)
{
    (void)page;
}

void user_init(struct user *u, uint64_t pc, uint64_t sp, uint64_t argument)
{
    enum { FCW = 0, MXCSR = 24 };   /* offsets in FXSAVE's area; the values are reset's (Intel SDM 1, 10.5.1) */

    memset(u, 0, sizeof(*u));
    u->frame.rip = pc;
    u->frame.cs = FLAT_USER_CS;
    u->frame.rflags = RFLAGS_IF;
    u->frame.rsp = sp;
    u->frame.ss = FLAT_USER_SS;
    u->frame.rdi = argument;
    *(uint16_t *)&u->vectors[FCW] = 0x37f;
    *(uint32_t *)&u->vectors[MXCSR] = 0x1f80;
}

/* A program may have loaded FS with another selector, and its base with it, which Xen then takes for the selector's. */
static long fs_base_set(uint64_t value)
{
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
    return hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, value);
}

int user_set_thread_pointer(struct user *u, uint64_t value)
{
    struct kept *kept = (struct kept *)u->vectors;
    long error = fs_base_set(value);

    if (error)
        fs_base_set(kept->thread_pointer);
    else
        kept->thread_pointer = value;
    return (int)error;
}

void user_switch_out(struct user *u)
{
    struct kept *kept = (struct kept *)u->vectors;

    __asm__ volatile("fxsave64 %0" : "=m"(kept->fxsave));
}

void user_switch_in(struct user *u)
{
    const struct kept *kept = (const struct kept *)u->vectors;

    __asm__ volatile("fxrstor64 %0" : : "m"(kept->fxsave));
    fs_base_set(kept->thread_pointer);
    if (u->kernel_sp)
        hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, u->kernel_sp);
}
