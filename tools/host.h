// SPDX-License-Identifier: Apache-2.0
/* The host's suspend to RAM, from where dom0 stands: dom0's kernel asks the hypervisor for it, as its last act. */
#pragma once

/* Whether dom0's kernel would suspend the host. Returns 0; or -errno, and has said what is missing. */
int host_check(void);

/* Suspends the host, and returns when it is awake again. 0; or -errno, and has said what failed. */
int host_suspend(void);
