// SPDX-License-Identifier: Apache-2.0
/* Device registers for unit tests: the test is the device. */
#pragma once

#include <stdint.h>

/* The test's: so many bytes wide. */
uint32_t host_mmio_read(const volatile void *at, unsigned width);
void host_mmio_write(volatile void *at, unsigned width, uint32_t value);
uint64_t host_mmio_read64(const volatile void *at);
void host_mmio_write64(volatile void *at, uint64_t value);

static inline uint8_t mmio_read8(const volatile void *at) { return (uint8_t)host_mmio_read(at, 1); }
static inline uint32_t mmio_read32(const volatile void *at) { return host_mmio_read(at, 4); }
static inline void mmio_write8(uint8_t value, volatile void *at) { host_mmio_write(at, 1, value); }
static inline void mmio_write32(uint32_t value, volatile void *at) { host_mmio_write(at, 4, value); }
static inline uint64_t mmio_read64(const volatile void *at) { return host_mmio_read64(at); }
static inline void mmio_write64(uint64_t value, volatile void *at) { host_mmio_write64(at, value); }
