// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware that a guest sees: PSCI 1.1 (DEN0022D) and the discovery calls of SMCCC 1.1 (DEN0028), by HVC #0 or SMC
 * #0.
 */
#pragma once

struct vcpu;

/* The call in v->regs.x[0..3]; the result in x[0]. Unknown ones: NOT_SUPPORTED. */
void vpsci_call(struct vcpu *v);

/*
 * The function that puts the host to sleep when dom0 suspends, from dom0's last vCPU that is on: 0 when it slept and is
 * awake again, or -errno: it could not, and dom0 is told so. Boot only.
 */
void vpsci_set_host_suspend(int (*suspend)(struct vcpu *v));
