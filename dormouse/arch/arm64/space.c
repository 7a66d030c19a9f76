// SPDX-License-Identifier: Apache-2.0
/*
 * See machine/pagetable.h and machine/user.h. A space's root has the kernel's own blocks, global and out of EL0's
 * reach, beside the space's pages, which are remembered under its number, the ASID (Arm ARM, D8): the kernel runs on
 * with whichever root is loaded.
 */
#include "arch/fpu.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/entry.h"
#include "lib/base.h"
#include "lib/string.h"
#include "machine/pagetable.h"
#include "machine/user.h"

/* Arm ARM, D8.3: stage 1 descriptors */
enum { PTE_VALID = 1, PTE_TABLE = 3, PTE_PAGE = 3, PTE_USER = 1 << 6, PTE_READ_ONLY = 1 << 7, PTE_SHARED = 3 << 8,
       PTE_ACCESSED = 1 << 10, PTE_NOT_GLOBAL = 1 << 11 };
#define PTE_PXN   BIT(53)
#define PTE_UXN   BIT(54)
#define PTE_FRAME (BIT(48) - PAGE_SIZE)

enum { ASID_SHIFT = 48 };

/* In struct user's `vectors`. */
struct kept {
    struct fpu_state fpu;
    uint64_t thread_pointer;
};
_Static_assert(sizeof(struct kept) <= USER_VECTORS_SIZE, "it has room");
_Static_assert(sizeof(struct frame) == FRAME_SIZE && offsetof(struct user, kernel_sp) == FRAME_SIZE, "vectors.S knows");

uint64_t entry_of_table(const void *table)
{
    return (uintptr_t)table | PTE_TABLE;
}

uint64_t entry_of_page(const void *page, unsigned rights)
{
    return (uintptr_t)page | PTE_PAGE | PTE_USER | PTE_SHARED | PTE_ACCESSED | PTE_NOT_GLOBAL | PTE_PXN |
           (rights & SPACE_WRITE ? 0 : PTE_READ_ONLY) | (rights & SPACE_EXECUTE ? 0 : PTE_UXN);
}

void *entry_pointer(uint64_t entry)
{
    return entry & PTE_VALID ? (void *)(entry & PTE_FRAME) : NULL;
}

/* Unmapped addresses are not remembered: a walk that comes later sees the new entry. */
int entry_set(uint64_t *entry, uint64_t value, bool pinned)
{
    (void)pinned;
    __atomic_store_n(entry, value, __ATOMIC_RELAXED);
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
    return 0;
}

/* The kernel lies below the spaces, and all of a space below one entry of its root. */
void root_init(uint64_t *root)
{
    memcpy(root, page_table, TABLE_ENTRIES / 2 * sizeof(*root));
}

void table_protect(void *table)
{
    (void)table;
}

void table_release(void *table)
{
    (void)table;
}

int root_pin(const void *root)
{
    (void)root;
    return 0;
}

int root_unpin(const void *root)
{
    (void)root;
    return 0;
}

void root_load(const void *root, unsigned number)
{
    sysreg_write(ttbr0_el1, (root ? (uintptr_t)root : (uintptr_t)page_table) | (uint64_t)number << ASID_SHIFT);
    isb();
}

void root_forget(uint64_t va, unsigned number)
{
    __asm__ volatile("dsb ishst\n\ttlbi vae1is, %0\n\tdsb ish\n\tisb"
                     : : "r"(va >> PAGE_SHIFT | (uint64_t)number << ASID_SHIFT) : "memory");
}

void root_forget_all(unsigned number)
{
    __asm__ volatile("dsb ishst\n\ttlbi aside1is, %0\n\tdsb ish\n\tisb"
                     : : "r"((uint64_t)number << ASID_SHIFT) : "memory");
}

/* Arm ARM, B2.4.4; by the smallest line that a CPU may have. */
void code_written(void *page)
{
    for (char *at = page; at < (char *)page + PAGE_SIZE; at += 16)
        __asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
    __asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::: "memory");
}

/* EL0, AArch64, nothing masked: SPSR of zero */
void user_init(struct user *u, uint64_t pc, uint64_t sp, uint64_t argument)
{
    memset(u, 0, sizeof(*u));
    u->frame.elr = pc;
    u->frame.sp = sp;
    u->frame.x[0] = argument;
}

int user_set_thread_pointer(struct user *u, uint64_t value)
{
    (void)u;                        /* which gets it when it leaves the CPU */
    sysreg_write(tpidr_el0, value);
    return 0;
}

void user_switch_out(struct user *u)
{
    struct kept *kept = (struct kept *)u->vectors;

    u->frame.sp = sysreg_read(sp_el0);
    kept->thread_pointer = sysreg_read(tpidr_el0);
    fpu_save(&kept->fpu);
}

void user_switch_in(struct user *u)
{
    const struct kept *kept = (const struct kept *)u->vectors;

    sysreg_write(sp_el0, u->frame.sp);
    sysreg_write(tpidr_el0, kept->thread_pointer);
    fpu_load(&kept->fpu);
}
