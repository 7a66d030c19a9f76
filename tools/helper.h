// SPDX-License-Identifier: Apache-2.0
/* Where torpor-save-helper is. */
#pragma once

/*
 * Has libxl use it: the one beside this program, else the one in /usr/sbin. 0, or -errno and has said that there is
 * none.
 */
int helper_use(void);
