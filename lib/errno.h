// SPDX-License-Identifier: Apache-2.0
/* The error numbers that the ABI names (xen/include/public/errno.h); functions return them negated. */
#pragma once

#if __STDC_HOSTED__
#include <errno.h>
#else
enum {
#define XEN_ERRNO(name, value) name = (value),
#include <xen/errno.h>
};
#endif

/* Not an ABI value: the call has to be made again to go on; the trap path rewinds the guest. */
#ifndef ERESTART
#define ERESTART 85
#endif
