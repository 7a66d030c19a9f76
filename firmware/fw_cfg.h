// SPDX-License-Identifier: Apache-2.0
/*
 * The files that QEMU's command line names and QEMU hands to a firmware: -kernel and -initrd (docs/specs/fw_cfg.rst in
 * QEMU's sources; legacy keys from include/standard-headers/linux/qemu_fw_cfg.h).
 */
#pragma once

#include "lib/base.h"

#define FW_CFG_KERNEL_SIZE 0x08
#define FW_CFG_INITRD_SIZE 0x0b
#define FW_CFG_KERNEL_DATA 0x11
#define FW_CFG_INITRD_DATA 0x12

#define FW_CFG_SCRATCH_SIZE 4096
#define FW_CFG_PEEK_MAX     2048

/*
 * scratch: where the device finds its orders. FW_CFG_SCRATCH_SIZE bytes of non-secure RAM, for it cannot see secure
 * RAM.
 */
void fw_cfg_init(paddr_t scratch);

uint32_t fw_cfg_read32(uint16_t key);

/* The first `size` bytes of the item, at most FW_CFG_PEEK_MAX; there until the next peek. */
const void *fw_cfg_peek(uint16_t key, uint64_t size);

/* The first `size` bytes of the item into non-secure RAM. Fails the machine if the device refuses. */
void fw_cfg_load(uint16_t key, paddr_t to, uint64_t size);
