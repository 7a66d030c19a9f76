// SPDX-License-Identifier: Apache-2.0
/* Exceptions in C: see trap.h. The table of interrupt handlers is shared by all vCPUs and only ever filled in. */
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/hypercall.h"
#include "machine/user.h"

/* Where a program has no threads, they are not linked. */
#pragma weak thread_preempt
#pragma weak thread_user

enum { MAX_INTID = 1020, KIND_SYNC = 4, KIND_SYNC_USER = 8 };
static void (*handlers[MAX_INTID])(unsigned);

void irq_register(unsigned intid, void (*fn)(unsigned))
{
    handlers[intid] = fn;
}

void trap_catch(void)
{
    this_cpu()->caught = 0;
    this_cpu()->catching = true;
}

unsigned trap_caught(void)
{
    this_cpu()->catching = false;
    return this_cpu()->caught;
}

void trap_handle(struct frame *f, unsigned kind)
{
    struct cpu *c = this_cpu();

    if (kind == KIND_SYNC && c->catching) {
        c->caught++;
        c->caught_esr = f->esr;
        c->caught_far = f->far;
        f->elr += 4;
        return;
    }
    if (kind == KIND_SYNC_USER && thread_user) {
        struct user *u = thread_user();

        u->frame = *f;
        u->frame.sp = sysreg_read(sp_el0);
        user_leave(u, f->esr >> ESR_EC_SHIFT == ESR_EC_SVC ? USER_CALL : USER_FAULT);
    }
    c->catching = false;
    print("unexpected exception: vCPU %u kind %u esr %lx far %lx pc %lx lr %lx sp %lx\n",
          c->id, kind, f->esr, f->far, f->elr, f->x[30], f->sp);
    shutdown(SHUTDOWN_crash);
}

void irq_handle(void)
{
    unsigned intid = gic_ack();

    if ((intid & 0x3ff) >= MAX_INTID)
        return;                     /* spurious: nothing to end */
    if (handlers[intid & 0x3ff])
        handlers[intid & 0x3ff](intid & 0x3ff);
    gic_eoi(intid);
    if (thread_preempt)
        thread_preempt();
}
