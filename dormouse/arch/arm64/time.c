// SPDX-License-Identifier: Apache-2.0
/* See machine/time.h. */
#include "machine/time.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"

#define NS_PER_S UINT64_C(1000000000)

static void (*timer_fn)(void);

uint64_t machine_now(void)
{
    uint64_t ticks = timer_now(), frequency = timer_frequency();

    return ticks / frequency * NS_PER_S + ticks % frequency * NS_PER_S / frequency;
}

uint64_t machine_ticks_ns(void)
{
    return machine_now();
}

static void timer_interrupt(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();           /* it is a level: it would come again at once */
    timer_fn();
}

void machine_timer_init_cpu(void (*fn)(void))
{
    timer_fn = fn;
    irq_register(platform.timer_virtual, timer_interrupt);
    gic_enable(platform.timer_virtual);
}

void machine_timer_resume_cpu(void)
{
}

void machine_timer_set(uint64_t at)
{
    uint64_t frequency = timer_frequency();

    if (at == ~UINT64_C(0))
        timer_virtual_stop();
    else
        timer_virtual_set(at / NS_PER_S * frequency + (at % NS_PER_S * frequency + NS_PER_S - 1) / NS_PER_S);
}
