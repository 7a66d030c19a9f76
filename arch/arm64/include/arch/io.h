// SPDX-License-Identifier: Apache-2.0
/*
 * Device registers. One load or store each, of exactly that width, in the simple addressing forms for which a data
 * abort has a valid syndrome, so that it also works where somebody emulates the device. Device memory keeps these
 * accesses in order among themselves; against normal memory the caller puts the barrier.
 */
#pragma once

#include <stdint.h>

static inline uint8_t mmio_read8(const volatile void *a)
{
    uint32_t v;

    __asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return (uint8_t)v;
}

static inline uint16_t mmio_read16(const volatile void *a)
{
    uint32_t v;

    __asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return (uint16_t)v;
}

static inline uint32_t mmio_read32(const volatile void *a)
{
    uint32_t v;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static inline uint64_t mmio_read64(const volatile void *a)
{
    uint64_t v;

    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static inline void mmio_write8(uint8_t v, volatile void *a)
{
    __asm__ volatile("strb %w0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}

static inline void mmio_write16(uint16_t v, volatile void *a)
{
    __asm__ volatile("strh %w0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}

static inline void mmio_write32(uint32_t v, volatile void *a)
{
    __asm__ volatile("str %w0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}

static inline void mmio_write64(uint64_t v, volatile void *a)
{
    __asm__ volatile("str %0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}
