// SPDX-License-Identifier: Apache-2.0
/*
 * A guest whose saving has failed goes on. torpor(1) and its guardian see to that themselves; libvirt, which has libxl
 * save its guests with this helper as well, does not: it reports the failure and leaves the guest suspended.
 */
#pragma once

#include <stdint.h>

/*
 * Saving the domain has failed: `torpor wake` lets the domain go on, in a process of its own. Nothing is said of
 * failures here: that of the saving is reported.
 */
void keep_going(uint32_t domid);
