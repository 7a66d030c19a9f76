// SPDX-License-Identifier: Apache-2.0
/*
 * The C side of the exception vectors (hypervisor/entry/vectors.S): each takes the vCPU that trapped and returns the
 * one to go on with.
 */
#pragma once

#include "lib/base.h"

struct vcpu;
struct cpu_regs;

struct vcpu *trap_sync(struct vcpu *v);
struct vcpu *trap_irq(struct vcpu *v);
struct vcpu *trap_serror(struct vcpu *v);
/* EL2's own exception: the registers as they were; does not return. */
NORETURN void trap_from_el2(const struct cpu_regs *regs, unsigned vector);
