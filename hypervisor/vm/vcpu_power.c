// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU's way on and off. Each step of enum vcpu_power is one compare and exchange, and has one owner: a vCPU goes off
 * by itself, and a caller that wants to set its registers and start it claims it first. Only then does the claimer wait
 * until it has left its CPU: a claimed vCPU does not run again before it is released, so it stays off its CPU, even if
 * others ask meanwhile.
 */
#include "arch/relax.h"
#include "vm/vcpu.h"

static bool power_step(struct vcpu *v, enum vcpu_power from, enum vcpu_power to)
{
    return __atomic_compare_exchange_n(&v->power, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

enum vcpu_power vcpu_claim(struct vcpu *v)
{
    enum vcpu_power found = VCPU_OFF;

    if (!__atomic_compare_exchange_n(&v->power, &found, VCPU_COMING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return found;
    sched_sleep_sync(&v->sched);   /* its own CPU_OFF may still be leaving its CPU */
    return VCPU_OFF;
}

void vcpu_claim_paused(struct vcpu *v)
{
    while (!power_step(v, VCPU_OFF, VCPU_COMING) && !power_step(v, VCPU_ON, VCPU_COMING))
        cpu_relax();
}

void vcpu_release(struct vcpu *v, bool on)
{
    __atomic_store_n(&v->power, on ? VCPU_ON : VCPU_OFF, __ATOMIC_SEQ_CST);
    if (on)
        sched_wake(&v->sched);
    else
        sched_sleep(&v->sched);
}

void vcpu_go_off(struct vcpu *v)
{
    if (power_step(v, VCPU_ON, VCPU_OFF))
        sched_sleep(&v->sched);
}
