// SPDX-License-Identifier: Apache-2.0
/* The jump, for commands that have another kernel do something. Both return 0, or less and have said what failed. */
#pragma once

#include <xenctrl.h>

/* The machine's device tree to a file, for a kernel that runs on the machine and not in dom0: kexec --dtb. */
int jump_write_device_tree(const char *path);
/* To the kernel that kexec -p has loaded; returns when that has come back. */
int jump_go(xc_interface *xc);
