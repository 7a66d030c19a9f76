// SPDX-License-Identifier: Apache-2.0
/*
 * How a boot loader marks its modules and other domains in the tree (Xen's docs/misc/arm/device-tree/booting.txt).
 * Texts alone: UEFI's stub can use no table of addresses.
 */
#pragma once

#define MODULE_COMPATIBLE     "multiboot,module"
#define MODULE_COMPATIBLE_XEN "xen,multiboot-module"   /* the same, as it was called first */
#define DOMAIN_COMPATIBLE     "xen,domain"
