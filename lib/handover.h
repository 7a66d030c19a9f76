// SPDX-License-Identifier: Apache-2.0
/*
 * What the hypervisor tells the keeper, the program that saves the host's memory while another kernel runs
 * (tools/keeper), and what the keeper tells it when it has put the memory back. It stands in the hypervisor's image,
 * at the address that /torpor/jump/handover in hypfs names. Whose memory is whose is not copied for the keeper: it is
 * told how to read the frame table, as makedumpfile is told of Linux's.
 *
 * Addresses are physical unless another kind is named. The layout is the same in both programs: 64-bit fields alone.
 */
#pragma once

#include <stdint.h>

#define HANDOVER_MAGIC   UINT64_C(0x31564f48524f5054)   /* "TPORHOV1" */
#define HANDOVER_VERSION 6

/* A frame's state is (word >> state_shift) & state_mask, in the first word of its entry; below used_from it is free. */
struct handover_frames {
    uint64_t table;                  /* of the first frame's entry */
    uint64_t size;                   /* of the whole table, bytes */
    uint64_t first, count;           /* frames of 4 KiB */
    uint64_t entry_size;
    uint64_t state_shift, state_mask, used_from;
    /*
     * The entries are set up in sections of 2^section_order, as frames are used: for each a byte, from this address on.
     * Below section_set_up no frame of the section is in use, and its part of the table need not be kept but for the
     * first entry.
     */
    uint64_t sections, section_order, section_set_up;
};

/* A CPU's own, and what it had in its system registers of EL2 when it went off. */
struct handover_registers {
    uint64_t mpidr;                  /* MPIDR_EL1's affinity fields */
    uint64_t sctlr, hcr, cptr, mdcr, hstr, tcr, ttbr0, mair, vbar, vtcr, vttbr, vpidr, vmpidr, cnthctl, cntvoff,
             esr, elr, spsr, far, hpfar;
};

/*
 * Of each CPU when it went off: from `first` on registers x19 to x30 and SP, 13 words, and from `registers` on those
 * above. x30 is 0: it never did.
 */
struct handover_contexts {
    uint64_t first, registers, stride, count;
    uint64_t left;                   /* which of them is that of the CPU that left, the last one */
};

#define HANDOVER_CPUS_MAX 128u

struct handover_range {
    uint64_t start, size;
};

/* What the other kernels did, for the timeline. */
enum handover_deed {
    HANDOVER_STARTING,               /* the one that saves, until the keeper runs; the hypervisor notes its start */
    HANDOVER_SAVING,
    HANDOVER_OFF,                    /* no power, and the start of the one that restores */
    HANDOVER_CHECKING,
    HANDOVER_RESTORING,              /* with the start of its kernel in the window */
    HANDOVER_DEEDS,
};

struct handover_times {
    uint64_t start, end;             /* by the host's counter; end 0: it was not done */
};

struct handover {
    uint64_t magic, version, size;
    char program[32];                /* "Torpor 0.1" */
    uint64_t address;                /* its own */
    uint64_t back_entry;             /* entered at EL2, MMU off, on the CPU that was left on */
    struct handover_contexts contexts;
    struct handover_frames frames;
    struct handover_range window;    /* the other kernel's memory, which is not the host's */
    struct handover_range image;     /* the hypervisor's program and data, at image_base for EL2 */
    uint64_t image_base;
    uint64_t direct_map;             /* where EL2 has physical address 0 */
    struct handover_range tree;      /* the boot loader's device tree; like image and table, no frame of it is in use */
    uint64_t counter_frequency;      /* Hz */
    uint64_t counter_bias;           /* the host's counter less CNTPCT_EL0, as the host left */
    uint64_t left_mpidr;             /* MPIDR_EL1's affinity fields of the CPU that left */
    uint64_t boot_mpidr;             /* and of the one that firmware starts */
    uint64_t crashed;                /* 1: it will not go on; back_entry leads to a reset */
    /* The keeper's: */
    uint64_t restored;               /* 1: all of this was put back, and the counter has begun again */
    uint64_t restored_bias;          /* counter_bias from now on */
    struct handover_times deeds[HANDOVER_DEEDS];
};
