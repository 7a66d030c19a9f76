// SPDX-License-Identifier: Apache-2.0
/*
 * Emulated device registers: a guest's access faults at stage 2, the domain's list of regions names the emulation.
 * Accesses are 1, 2, 4 or 8 bytes, naturally aligned (others never reach a handler: the guest gets a data abort).
 */
#pragma once

#include "lib/base.h"

struct vcpu;
struct domain;

struct mmio_access {
    uint64_t offset;   /* from the start of the region */
    unsigned size;     /* bytes */
    bool write;
    uint64_t value;    /* in: to write; out: read, zero-extended */
};

/* false: no such register in that size; the guest gets an external data abort. */
typedef bool mmio_handler(struct vcpu *v, struct mmio_access *a, void *context);

struct mmio_region {
    uint64_t start, size;    /* guest-physical, bytes */
    mmio_handler *handler;
    void *context;
};

#define MMIO_REGIONS 8

/* mmio.c's. Regions are few and never removed before the domain goes. */
struct domain_mmio {
    struct mmio_region region[MMIO_REGIONS];
    unsigned count;              /* only grows, before vCPUs run */
};

/* -ENOSPC. */
int mmio_add_region(struct domain *d, uint64_t start, uint64_t size, mmio_handler *handler, void *context);
/*
 * Its handler refuses, or the access is not aligned; done; no region is there. The first two are a handler's results.
 */
enum mmio_result { MMIO_REFUSED = false, MMIO_DONE = true, MMIO_NOBODY };
enum mmio_result mmio_emulate(struct vcpu *v, uint64_t gpa, struct mmio_access *a);
