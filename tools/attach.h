// SPDX-License-Identifier: Apache-2.0
/*
 * The network interfaces and disks of a domain that is being restored. libxl attaches devices when the domain's memory
 * is there, which for a guest that migrates is while it stands still; and for each of these it runs a script, which
 * costs more than all else that is left to do then. So they are taken out of the configuration that libxl is given, and
 * attached beside the transfer of the memory, by another process, which torpor-save-helper starts when there is a
 * domain and waits for before it is done (helper/attach.h).
 *
 *     attach_begin(libxl, &config);
 *     rc = libxl_domain_create_restore(libxl, &config, &id, ...);
 *     attach_end();
 *     attach_remember(libxl, id);      or, where there is no domain: attach_forget();
 *
 * libxl does not know of these devices until it is told to remember them. Where the guest is waited for that can be
 * when it runs: the devices work, and nobody looks for them before the domain has its own name.
 *
 * Only where that changes nothing before the guest runs here: interfaces whose script connects two ends, for one that
 * sets a route would draw the guest's packets here while it still runs elsewhere; and disks that are block devices of
 * this host already, for a new one may be looked into when it comes, and what is read of it while another host writes
 * it is stale. All others are left to libxl.
 *
 * Functions return 0, or -errno and have said why.
 */
#pragma once

#include <libxl.h>

/* Without a device that can be had beforehand, they do nothing. It takes these devices out of config. */
int attach_begin(libxl_ctx *libxl, libxl_domain_config *config);
/* The other process has ended, or never began. */
void attach_end(void);
/* They are in the domain's configuration that libxl keeps. Once; also in a process forked since attach_begin(). */
int attach_remember(libxl_ctx *libxl, uint32_t id);
void attach_forget(void);

/* The other process: program, domain's number, file with its configuration. An exit status. */
int attach_run(int argc, char **argv);
