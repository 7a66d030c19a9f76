// SPDX-License-Identifier: Apache-2.0
/*
 * Requests from dom0 by xenstore's control/shutdown: suspend, poweroff, halt, reboot. Any other is named and ignored.
 */
#pragma once

/* Answers them from now on, and says that this guest can suspend. */
void shutdown_requests_init(void);
