// SPDX-License-Identifier: Apache-2.0
/*
 * The fuzzer's own vocabulary. Several vCPUs make random calls at once, on few objects, so that they meet.
 *
 * Time goes by in epochs. An epoch has a plan, drawn from (seed, epoch) alone: a few kinds of operation out of all, for
 * a mix of everything seldom brings the same two together. An operation is drawn from (seed, epoch, vCPU, its number)
 * alone, so a seed brings the same calls again, in an order that only concurrency changes. Between two epochs all vCPUs
 * but vCPU 0 stand still or are off, and vCPU 0 checks the invariants (check.c).
 *
 * Interrupts come at any place of a call. The hypervisor stops a long one for them, and goes on with it when it is made
 * again. Some are not: the interrupt's handler returns behind the call, no vCPU makes one of its kind for the rest of
 * the epoch, and the domain may be destroyed like that.
 *
 * The places, by offset from the start of RAM:
 *   garden      never given away: each word has its one value
 *   playground  frames come and go; a word is 0 or its tag, whoever looks at it whenever. Also at SPARSE_ADDRESS, far
 *               above RAM, where each 2 MiB take a table of stage 2's small pool
 *   arena       anything goes: the pages that the hypervisor and other domains may write to
 */
#pragma once
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/base.h"
#include "lib/errno.h"

enum {
    GARDEN_OFFSET = 4 << 20, GARDEN_PAGES = 64,
    PLAYGROUND_OFFSET = 6 << 20, ARENA_OFFSET = 24 << 20, ARENA_PAGES = 64, RAM_LEAST = 32 << 20,
    SLOT_PAGES = 512, RAM_SLOTS = 1, SPARSE_SLOTS = 5, SLOTS = RAM_SLOTS + SPARSE_SLOTS,
    LARGEST_ORDER = 9, UART_INTID = 32, UART_IMSC = 0x38,
};
#define SPARSE_ADDRESS UINT64_C(0x88000000)
#define UART_ADDRESS   UINT64_C(0x22000000)     /* GUEST_PL011_BASE, which arch-arm.h tells toolstacks only */

/* main.c: from the arguments */
extern uint64_t seed;
extern bool trace;
extern bool counted;                /* see check.c */
extern bool own_console;            /* the console needs no event channel, so all ports may be closed */
extern domid_t own_id;
extern uint64_t (*arena)[512];

/*
 * An epoch's habits, drawn with its plan: a value that each operation would draw anew from all there is would be medium
 * always, and seldom twice the same.
 */
struct habits {
    unsigned slot, reach;           /* memory: at the end of which slot, and how many pages to each side */
    unsigned largest_order;         /* of an extent */
    unsigned ports;                 /* how many are opened at once, at most */
    unsigned beat;                  /* the timer comes each 2^BEAT_LEAST to 2^beat ticks */
    unsigned abandon;               /* one in so many calls is left at the first interrupt that comes in it; 0: none */
    bool finish;                    /* others go on making such calls */
};
extern struct habits habits;

/* Says what is broken and where we are, and ends the domain. */
NORETURN void violation(const char *fmt, ...) PRINTF(1, 2);

enum { ABANDONED = -1000 };
/*
 * A hypercall. On a vCPU that takes interrupts it may be left unfinished: the result is ABANDONED then, and where
 * calls are not finished no vCPU makes one of this kind any more, for the rest of the epoch.
 */
long call(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* Whether an interrupt would end this vCPU's wait; after noise it may not. */
bool may_wait(void);

/* draw.c: the random numbers of the vCPU that asks */
void draw_from(uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t draw(void);
/* For interrupt handlers, which come at any place of the others. */
uint64_t draw_aside(void);
static inline uint64_t below(uint64_t n) { return draw() % n; }
static inline bool one_in(unsigned n) { return below(n) == 0; }
uint64_t draw_gfn_of_arena(void);
/* This domain, a neighbour in number, or dom0. */
domid_t draw_domain(void);
unsigned draw_vcpu(void);
/* A mix without state, for values that are to be known again. */
uint64_t mix(uint64_t v);

/* One 64-bit access, or false if it faults. */
bool peek(const volatile uint64_t *p, uint64_t *value);
bool poke(volatile uint64_t *p, uint64_t value);

/* vectors.S: the vectors; the code of a vCPU that goes off at once; a call that an interrupt may leave unfinished. */
extern char fuzz_vectors[], flicker[];
long hypercall_abandonable(const uint64_t number_and_arguments[6], bool abandon);

/* check.c */
void check_init(void);
/* The word is 0 or its tag; false if there is no page. */
bool tag_check(const volatile uint64_t *p);
void tag_write(volatile uint64_t *p);
/* The playground as this side believes it to be mapped, frame by frame. Others change it at the same time. */
extern bool believed[SLOTS * SLOT_PAGES];
/* Somebody may have put something there since the last check. */
extern bool tried[SLOTS * SLOT_PAGES];
/* All that can be said of the domain while only this vCPU runs. `whole` takes its time. */
void check_all(bool whole);
uint64_t slot_address(unsigned slot);
/* The place in `believed` of a frame; negative: not of the playground. */
int slot_index(uint64_t gfn);

/* The kinds of operation. Each makes one, or a few that belong together. */
void memory_populate(void);
void memory_give_back(void);
void memory_touch(void);
void memory_place(void);
void events_open(void);
void events_open_many(void);
void events_close(void);
void events_signal(void);
void events_fifo(void);
void events_reset(void);
void events_poll(void);
void grants_give(void);
void grants_take(void);
void grants_copy(void);
void processors_on(void);
void processors_off(void);
void processors_wait(void);
void processors_areas(void);
void processors_interrupt(void);
void devices_uart(void);
void noise_hypercall(void);
void noise_mmio(void);
void noise_sysreg(void);
void noise_firmware(void);
void noise_wait(void);

/* Sees to it that the domain may have more than it has. */
void memory_init(void);
/* Before an epoch: some slots get a page in their midst, as far as there are tables, so that these have one. */
void memory_prepare(void);
void grants_init(void);
void noise_init(void);
/* Puts this vCPU's interrupt controller right after noise, and tells whether an interrupt comes through. */
bool interrupts_restore(void);
