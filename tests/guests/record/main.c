// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that knows what it is: it gives everything that it has a known value, and when tests/dom0/record.c has saved
 * it and restored it into another domain it says what is not as before. vCPU 0 does the looking (machine.c, things.c),
 * the others are each in a state of their own (vcpus.c).
 *
 * When told to it suspends itself: as a kernel that is to be saved does, to be resumed, or to be restored, when it has
 * lost its ports and its grants, and nothing else; or by PSCI SYSTEM_SUSPEND.
 *
 *   fifo    event channels in the FIFO form
 */
#include "tests/guests/record/record.h"
#include "tests/guests/record/words.h"

#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/system_suspend.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"

static struct record_words *words;

enum { MOST_SEEN = 384 };
static struct { const char *name; unsigned index; uint64_t value; } seen[MOST_SEEN];
static unsigned seen_count;
static bool noted, lost;    /* ... and what it had of other domains is lost */

void wrong(const char *name, unsigned index, uint64_t before, uint64_t now)
{
    print("not ok record: generation %u: %s %u was 0x%lx and is 0x%lx\n", words->generation, name, index, before, now);
    words->wrong = 1;
}

void see(const char *name, unsigned index, uint64_t value)
{
    unsigned n = seen_count++;

    if (n >= MOST_SEEN)
        panic("record: there is more to look at than there is room");
    if (!noted) {
        seen[n].name = name;
        seen[n].index = index;
        seen[n].value = value;
    } else if (seen[n].value != value) {
        wrong(name, index, seen[n].value, value);
    }
}

static void look(void)
{
    seen_count = 0;
    vcpus_see();
    machine_see();
    if (lost)
        things_see_the_loss();
    else
        things_see();
    noted = true;
}

static void suspend_itself(void)
{
    struct sched_shutdown s = { .reason = SHUTDOWN_suspend };
    uint32_t count = words->suspend;

    words->answer = (int32_t)sched_op(SCHEDOP_shutdown, &s);
    lost = words->answer == 0;
    words->answered = count;
}

/* Alone, with nothing pending that could wake it: the state is noted anew. */
static void sleep_until_woken(void)
{
    static struct system_suspend suspend;
    uint32_t count = words->sleep;

    vcpus_stop();
    machine_prepare_to_sleep();
    noted = false;
    look();
    if (system_suspend(&suspend, PSCI_SYSTEM_SUSPEND_64) || suspend.context != (uintptr_t)&suspend)
        wrong("SYSTEM_SUSPEND's context", 0, (uintptr_t)&suspend, suspend.context);
    machine_wake();
    look();
    vcpus_start_again();
    vcpus_wait_for_all();
    words->slept = count;
}

static void check(void)
{
    uint32_t generation = words->generation;

    look();
    vcpus_wait_for_all();
    words->checked = generation;
}

void guest_main(void)
{
    words = (struct record_words *)((hvm_param(HVM_PARAM_CONSOLE_PFN) << PAGE_SHIFT) + RECORD_WORDS_AT);
    irq_disable();
    things_fill(platform_flag("fifo"));
    vcpus_start();
    vcpus_wait_for_all();
    machine_fill();
    look();
    look();
    print("record: %u values are known\n", seen_count);
    words->filled = 1;
    for (;;) {
        if (words->suspend != words->answered)
            suspend_itself();
        if (words->sleep != words->slept)
            sleep_until_woken();
        if (words->generation != words->checked)
            check();
    }
}
