// SPDX-License-Identifier: Apache-2.0
/* Xen's public headers (Debian's libxen-dev), in an order in which they compile without a C library. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Without this the headers give the names of this release's calls the numbers of their predecessors. */
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
