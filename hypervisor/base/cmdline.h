// SPDX-License-Identifier: Apache-2.0
/* The command line that the boot loader gave. */
#pragma once

/* All of it, as it was given; "" if there was none. */
const char *cmdline_text(void);
