// SPDX-License-Identifier: Apache-2.0
/* Unit tests run on any machine, but see the Xen ABI as an arm64 guest does. Included before everything else. */
#pragma once

#include <stdint.h>

#pragma push_macro("__x86_64__")
#pragma push_macro("__aarch64__")
#undef __x86_64__
#undef __aarch64__
#define __aarch64__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/hvm/params.h>
#include <xen/sysctl.h>
#pragma pop_macro("__aarch64__")
#pragma pop_macro("__x86_64__")

/* The C library has a sched_yield() of its own. */
#define sched_yield libc_sched_yield
#include <sched.h>
#undef sched_yield
