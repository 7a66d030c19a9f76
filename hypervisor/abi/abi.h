// SPDX-License-Identifier: Apache-2.0
/*
 * The hypercalls: each decodes its arguments, checks that the caller may, copies in and out, and calls vm/, mm/ or
 * cpu/, where the mechanism is. The convention (xen/include/public/arch-arm.h): `hvc #0xEA1`, number in x16,
 * arguments in x0 to x4, result in x0.
 *
 * Every handler returns 0 or more, or a negative errno. -ERESTART means that it stopped half-way for a waiting
 * interrupt, and that the current vCPU's regs.x[] now hold the arguments with which the same call goes on.
 */
#pragma once

#include "lib/base.h"
#include "lib/errno.h"

struct domain;
struct vcpu;

/*
 * The trap path's: v is the current vCPU, its ELR behind the hvc. Puts the result into x0, or rewinds to the hvc for
 * -ERESTART.
 */
void abi_hypercall(struct vcpu *v);
/* The call `number` with arguments x[0..4]: for abi_hypercall() and multicalls. */
long abi_dispatch(uint64_t number, const uint64_t *x);

long abi_memory_op(uint64_t cmd, uint64_t arg_va);
long abi_multicall(uint64_t list_va, uint64_t count);
long abi_xen_version(uint64_t cmd, uint64_t arg_va);
long abi_console_io(uint64_t cmd, uint64_t count, uint64_t va);
long abi_grant_table_op(uint64_t cmd, uint64_t va, uint64_t count);
long abi_vm_assist(uint64_t cmd, uint64_t type);
long abi_vcpu_op(uint64_t cmd, uint64_t vcpu_id, uint64_t arg_va);
long abi_sched_op(uint64_t cmd, uint64_t arg_va);
long abi_event_channel_op(uint64_t cmd, uint64_t arg_va);
long abi_hvm_op(uint64_t cmd, uint64_t arg_va);
long abi_platform_op(uint64_t arg_va);
long abi_physdev_op(uint32_t cmd, uint64_t arg_va);
long abi_sysctl(uint64_t arg_va);
long abi_domctl(uint64_t arg_va);
long abi_kexec_op(uint64_t cmd, uint64_t arg_va);
long abi_hypfs_op(uint64_t cmd, uint64_t path_va, uint64_t path_len, uint64_t data_va, uint64_t data_len);

/*
 * The domain that a call names by `id`, DOMID_SELF meaning the caller; a reference to put. NULL if there is none.
 * _allowed: only for a caller that is privileged, or itself; *error says -EPERM or -ESRCH.
 */
struct domain *abi_domain_get(domid_t id);
struct domain *abi_domain_get_allowed(domid_t id, int *error);
