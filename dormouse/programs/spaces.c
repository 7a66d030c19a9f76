// SPDX-License-Identifier: Apache-2.0
/*
 * Address spaces that come, change and go all the time: user programs which map and unmap pages and look after each
 * word that they wrote, on all CPUs. A program is not begun at once, so that a suspend finds roots of all kinds: never
 * loaded, in use, and left over on CPUs that do something else.
 *
 * extra="storm=N": N threads of the kernel sleep for as long as it takes to change a table, so that whatever is done in
 * a space is interrupted, and goes on on another CPU.
 */
#include "dormouse/core/arguments.h"
#include "dormouse/core/process.h"
#include "dormouse/core/space.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "lib/errno.h"

enum { PROGRAMS = 6, SLOTS = 24, ROUNDS = 60, SPINS = 2000 };
#define SLOT_SIZE  UINT64_C(0x130000)       /* several tables of pages, and not the same place in each */
#define SLOTS_BASE (SPACE_BASE + 0x10000000)
#define REPORT_NS  UINT64_C(200000000)
#define PAUSE_NS   UINT64_C(20000000)
#define STORM_NS   UINT64_C(60000)

enum wrong { WRONG_MEMORY = 1, WRONG_MAP, WRONG_UNMAP, WRONG_ZERO, WRONG_VECTOR, WRONG_POINTER, WRONG_THREAD };

static unsigned ended, wrong;

/* --- in the spaces --- */

USER_CODE static void end(uint64_t status)
{
    for (;;)
        user_call(CALL_EXIT, status, 0);
}

/* A vector register keeps the program's value. */
USER_CODE static inline void vector_set(uint64_t value)
{
#ifdef __x86_64__
    __asm__ volatile("movq %0, %%xmm7" : : "r"(value));
#else
    __asm__ volatile(".arch_extension fp\n\tfmov d7, %0" : : "r"(value));
#endif
}

USER_CODE static inline uint64_t vector_get(void)
{
    uint64_t value;

#ifdef __x86_64__
    __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
#else
    __asm__ volatile(".arch_extension fp\n\tfmov %0, d7" : "=r"(value));
#endif
    return value;
}

/* The word that the thread pointer points to. */
USER_CODE static inline uint64_t thread_word(void)
{
    uint64_t value;

#ifdef __x86_64__
    __asm__ volatile("movq %%fs:0, %0" : "=r"(value));
#else
    __asm__ volatile("mrs %0, tpidr_el0\n\tldr %0, [%0]" : "=r"(value));
#endif
    return value;
}

/* What a program does to the register itself is seen by no other. */
USER_CODE static inline void thread_pointer_spoil(void)
{
#ifdef __x86_64__
    __asm__ volatile("movl %%ss, %%eax\n\tmovl %%eax, %%fs" : : : "rax");
#else
    __asm__ volatile("msr tpidr_el0, xzr");
#endif
}

USER_CODE static void thread_pointer_set(const volatile uint64_t *to)
{
    if (user_call(CALL_THREAD_POINTER, (uint64_t)to, 0))
        end(WRONG_POINTER);
}

USER_CODE static volatile uint64_t *word_of(unsigned slot, uint64_t seed)
{
    return (volatile uint64_t *)(SLOTS_BASE + slot * SLOT_SIZE + (seed + slot) % 512 * 8);
}

/* Changes the slot, and returns whether it is there now. */
USER_CODE static bool slot_change(unsigned slot, bool is_there, uint64_t seed)
{
    uint64_t at = SLOTS_BASE + slot * SLOT_SIZE;

    if (is_there) {
        if (user_call(CALL_UNMAP, at, 0))
            end(WRONG_UNMAP);
        return false;
    }
    if (user_call(CALL_MAP, at, 0))
        end(WRONG_MAP);
    if (*word_of(slot, seed))
        end(WRONG_ZERO);
    *word_of(slot, seed) = seed ^ slot;
    return true;
}

USER_CODE static void worker(uint64_t seed)
{
    uint64_t there = 0, random = seed;
    volatile uint64_t own = seed;

    vector_set(seed);
#ifdef __x86_64__
    if (!user_call(CALL_THREAD_POINTER, BIT(47), 0))    /* no address of x86_64's */
        end(WRONG_POINTER);
#endif
    thread_pointer_set(&own);
    for (unsigned round = 0; round < ROUNDS; round++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        unsigned slot = (unsigned)(random >> 33) % SLOTS;
        bool now = slot_change(slot, there >> slot & 1, seed);

        there = (there & ~(UINT64_C(1) << slot)) | (uint64_t)now << slot;
        for (unsigned i = 0; i < SLOTS; i++)
            if ((there >> i & 1) && *word_of(i, seed) != (seed ^ i))
                end(WRONG_MEMORY);
        for (volatile unsigned spin = 0; spin < SPINS;)
            spin = spin + 1;
        if (vector_get() != seed)
            end(WRONG_VECTOR);
        if (thread_word() != seed)
            end(WRONG_THREAD);
        user_call(CALL_REPORT, 0, 0);
        if (random >> 62 == 0)
            user_call(CALL_SLEEP, 3000000, 0);
        if (seed % 4 == 0) {
            thread_pointer_spoil();
            user_call(CALL_SLEEP, 3000000, 0);
            thread_pointer_set(&own);
        }
    }
    end(0);
}

USER_CODE static void trespasser(uint64_t where)
{
    *(volatile uint64_t *)where = 1;
    end(0);
}

/* --- in the kernel --- */

static int64_t run_one(void (*entry)(uint64_t), uint64_t argument)
{
    struct process *p = process_new(entry, argument);

    if (!p)
        return -ENOMEM;
    thread_sleep_until(time_now() + PAUSE_NS);
    return process_begin(p) ? -ENOMEM : process_wait(p);
}

static void run_for_ever(void *arg)
{
    uint64_t number = (uintptr_t)arg;

    for (uint64_t seed = number + 1;; seed += PROGRAMS) {
        int64_t status = run_one(worker, seed);

        if (status) {
            print("spaces: not ok: program %lu ended with %ld\n", seed, status);
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        }
        __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
    }
}

static void sleep_for_ever(void *arg)
{
    uint64_t nap = STORM_NS + 7000 * (uintptr_t)arg;

    for (;;)
        thread_sleep_until(time_now() + nap);
}

int main(void)
{
    bool kept_out = run_one(trespasser, (uintptr_t)&wrong) == -EFAULT && !wrong;

    print("spaces: %s\n", kept_out ? "the kernel is out of reach" : "not ok: a program wrote to the kernel");
    for (uintptr_t i = 0; i < PROGRAMS; i++)
        if (thread_start("keeper", run_for_ever, (void *)i))
            return 1;
    for (uintptr_t i = argument_number("storm", 0); i; i--)
        if (thread_start("storm", sleep_for_ever, (void *)i))
            return 1;
    for (unsigned round = 0;; round++) {
        print("spaces: %u at %lu ms: %lu reports, %u programs, CPUs %lx\n", round, time_now() / 1000000,
              process_reports(), ended, process_cpus());
        thread_sleep_until(time_now() + REPORT_NS);
    }
}
