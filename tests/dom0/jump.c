// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that has the host jump into a system of two pages and back, again and again: that system is entered as the
 * arm64 boot protocol says, keeps its own state, and its results are there for dom0. Before that every stage of the
 * jump is made to fail once, and the host has to be as it was. Says `faults: N of N`, `jumps: N of N`, the time of a
 * jump there and back (ticks of the counter, the least). Then a second system is loaded beside it, and the host goes to
 * one and the other in turn: `side by side: N of N`. At last it crashes: the first is entered once more, and comes
 * back.
 */
#include "dormouse/xen/hypercall.h"

#include <xen/hypfs.h>
#include <xen/kexec.h>

#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/system_suspend.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/dom0/jumped.h"

#define PAGE       4096u
#define EM_AARCH64 183
#define EXEC_NONE  (-1)        /* docs/abi.md */
#define EL2        (2u << 2)
#define SCTLR_M    1u
#define DAIF_ALL   0x3c0u
#define HCR_E2H    (1ull << 34)
#define HCR_TGE    (1ull << 27)
#define CPTR_TFP   (1ull << 10)

static const char *const stages[] = { "hibernation_begin", "domains", "dom0", "hibernation_snapshot", "cpus", "timers",
                                      "console", "smmu", "its", "gic", "core", "jump" };

static struct system_suspend suspended;

/* The two, each of which goes on by itself. */
static struct loaded {
    int type;
    struct jumped *memory;
    uint64_t jumps, next, after;   /* how often it was entered, and the sums to come */
} systems[] = { { KEXEC_TYPE_CRASH, NULL, 0, 1, 1 }, { KEXEC_TYPE_DEFAULT, NULL, 0, 1, 1 } };

static long kexec_op(unsigned cmd, void *arg) { return hypercall2(__HYPERVISOR_kexec_op, cmd, (uintptr_t)arg); }

static long jump_is(int type)
{
    struct xen_kexec_exec exec = { .type = type };

    return kexec_op(KEXEC_CMD_kexec, &exec);
}

static long hypfs_write(const char *path, const char *text)
{
    return hypercall5(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_write_contents, (uintptr_t)path, strlen(path) + 1,
                      (uintptr_t)text, strlen(text) + 1);
}

/* The number that /torpor/jump/back-entry is; 0: there is none. */
static uint64_t back_entry(void)
{
    static const char path[] = "/torpor/jump/back-entry";
    struct { struct xen_hypfs_direntry e; char text[32]; } told;
    uint64_t at = 0;

    if (hypercall5(__HYPERVISOR_hypfs_op, XEN_HYPFS_OP_read, (uintptr_t)path, sizeof(path), (uintptr_t)&told,
                   sizeof(told)))
        return 0;
    for (const char *c = told.text + 2; *c; c++)
        at = at * 16 + (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return at;
}

/* The two pages, with that number in the window, by one call each: the code, and then its memory. */
static bool load(struct loaded *l, unsigned page)
{
    struct xen_kexec_range window = { .range = KEXEC_RANGE_MA_CRASH };
    struct jumped memory = { .back = back_entry() };
    struct xen_kexec_segment code = { .buf._pad = (uintptr_t)jumped_program,
                                      .buf_size = (uint64_t)(jumped_program_end - jumped_program), .dest_size = PAGE };
    struct xen_kexec_segment data = { .buf._pad = (uintptr_t)&memory, .buf_size = sizeof(memory), .dest_size = PAGE };
    struct xen_kexec_load call = { .type = (uint8_t)l->type, .arch = EM_AARCH64, .nr_segments = 1 };

    if (!memory.back || kexec_op(KEXEC_CMD_kexec_get_range, &window) || window.size < (page + 2) * PAGE)
        return false;
    code.dest_maddr = window.start + page * PAGE;
    data.dest_maddr = code.dest_maddr + PAGE;
    l->memory = (struct jumped *)data.dest_maddr;
    call.segments._pad = (uintptr_t)&code;
    if (kexec_op(KEXEC_CMD_kexec_load, &call))
        return false;
    call = (struct xen_kexec_load){ .type = (uint8_t)(l->type | 0x80), .arch = EM_AARCH64, .nr_segments = 1,
                                    .segments._pad = (uintptr_t)&data, .entry_maddr = code.dest_maddr };
    return kexec_op(KEXEC_CMD_kexec_load, &call) == 0;
}

/* It writes past the caches, which may still have the old content. */
static void forget_lines(const void *at)
{
    __asm__ volatile("dc civac, %0\n\tdc civac, %1\n\tdsb sy" : : "r"(at), "r"((const char *)at + 64) : "memory");
}

static long suspend(void) { return system_suspend(&suspended, PSCI_SYSTEM_SUSPEND_64); }

/* Whether nobody was entered. */
static bool stayed(const struct loaded *l)
{
    forget_lines(l->memory);
    return l->memory->entries == l->jumps;
}

/* The stage fails once: dom0's call is refused, and nobody was there. */
static bool fails_at(const struct loaded *l, const char *stage)
{
    char text[48];
    bool refused;

    snprintf(text, sizeof(text), "jump/%s", stage);
    if (hypfs_write("/torpor/sleep/fail", text) || jump_is(l->type))
        return false;
    refused = suspend() < 0;
    return !jump_is(EXEC_NONE) && refused && stayed(l);
}

static bool turns_back(const struct loaded *l)
{
    long status;

    if (hypfs_write("/torpor/sleep/test-level", "jump/core") || jump_is(l->type))
        return false;
    status = suspend();
    return !hypfs_write("/torpor/sleep/test-level", "jump/") && status == 0 && stayed(l);
}

static bool was_entered_right(const struct jumped *system)
{
    return system->found.x0_to_x3 == 0 && system->found.current_el == EL2 && !(system->found.sctlr & SCTLR_M) &&
           system->found.daif == DAIF_ALL && !system->found.cntvoff && !(system->found.cnthp_ctl & 1) &&
           !(system->found.hcr & (HCR_E2H | HCR_TGE)) && !(system->found.cptr & CPTR_TFP);
}

static bool jump_once(struct loaded *l, uint64_t *ticks)
{
    uint64_t began = timer_now(), expected = l->next;

    if (jump_is(l->type) || suspend())
        return false;
    *ticks = min_u64(*ticks, timer_now() - began);
    l->next = l->after;
    l->after += expected;
    l->jumps++;
    forget_lines(l->memory);
    return l->memory->entries == l->jumps && l->memory->result == expected && was_entered_right(l->memory);
}

void guest_main(void)
{
    unsigned rounds = (unsigned)platform_option("rounds", 10), good = 0, faults = 0, side_by_side = 0;
    struct loaded *first = &systems[0], *second = &systems[1];
    uint64_t ticks = UINT64_MAX;

    irq_disable();
    if (jump_is(first->type) == 0 || !load(first, 0)) {
        print("jump: nothing can be loaded\n");
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(stages); i++)
        faults += fails_at(first, stages[i]);
    print("faults: %u of %u%s\n", faults, (unsigned)ARRAY_SIZE(stages),
          turns_back(first) ? "" : ", the test level did not");
    for (unsigned i = 0; i < rounds; i++)
        good += jump_once(first, &ticks);
    print("jumps: %u of %u, %llu ticks there and back\n", good, rounds, (unsigned long long)ticks);
    if (load(second, 2))
        for (unsigned i = 0; i < rounds; i++)
            side_by_side += jump_once(second, &ticks) && jump_once(first, &ticks);
    print("side by side: %u of %u\n", side_by_side, rounds);
    shutdown(SHUTDOWN_crash);
}
