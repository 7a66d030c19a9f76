// SPDX-License-Identifier: Apache-2.0
#include "firmware/fw_cfg.h"

#include "arch/barrier.h"
#include "arch/io.h"
#include "firmware/machine.h"

_Static_assert(FW_CFG_PEEK_MAX < FW_CFG_SCRATCH_SIZE, "the upper part of the scratch memory is for peeking");

#define FW_CFG_DATA     0x00
#define FW_CFG_SELECTOR 0x08
#define FW_CFG_DMA      0x10
#define DMA_ERROR       BIT(0)
#define DMA_READ        BIT(1)
#define DMA_SELECT      BIT(3)
#define DMA_KEY_SHIFT   16

/* All big endian. */
struct dma_access {
    uint32_t control, length;
    uint64_t address;
};

static volatile struct dma_access *dma;

void fw_cfg_init(paddr_t scratch)
{
    dma = (volatile struct dma_access *)scratch.pa;
}

uint32_t fw_cfg_read32(uint16_t key)
{
    mmio_write16(__builtin_bswap16(key), machine_register(MACHINE_FW_CFG, FW_CFG_SELECTOR));
    /* The data register is a stream of bytes, and these are an x86's. */
    return mmio_read32(machine_register(MACHINE_FW_CFG, FW_CFG_DATA));
}

void fw_cfg_load(uint16_t key, paddr_t to, uint64_t size)
{
    uint32_t control;

    if (size > UINT32_MAX)
        machine_fail("fw_cfg item %#x has %llu bytes: more than one transfer can take", key, (unsigned long long)size);
    dma->length = __builtin_bswap32((uint32_t)size);
    dma->address = __builtin_bswap64(to.pa);
    dma->control = __builtin_bswap32((uint32_t)(DMA_SELECT | DMA_READ | (uint32_t)key << DMA_KEY_SHIFT));
    dsb_sy();
    mmio_write64(__builtin_bswap64((uint64_t)dma), machine_register(MACHINE_FW_CFG, FW_CFG_DMA));
    do {
        control = __builtin_bswap32(dma->control);
        if (control & DMA_ERROR)
            machine_fail("QEMU refused to hand over fw_cfg item %#x", key);
    } while (control);
    dsb_sy();
}

const void *fw_cfg_peek(uint16_t key, uint64_t size)
{
    uint64_t to = (uint64_t)dma + FW_CFG_SCRATCH_SIZE - FW_CFG_PEEK_MAX;

    fw_cfg_load(key, PADDR(to), size);
    return (const void *)to;
}
