// SPDX-License-Identifier: Apache-2.0
/*
 * The vocabulary that every room speaks: sizes, the four kinds of address,
 * and the few helpers that C leaves out.
 *
 * A guest frame number, a machine frame number and a physical address are
 * different one-member structs, so that mixing them does not compile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)
#define PACKED           __attribute__((packed))
#define NORETURN         __attribute__((noreturn))
#define NOINLINE         __attribute__((noinline))
#define ALWAYS_INLINE    inline __attribute__((always_inline))
#define MUST_CHECK       __attribute__((warn_unused_result))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define BIT(n)           (UINT64_C(1) << (n))

/*
 * A store that no later load of this thread passes, for two that each say something and then look what the other said.
 * A sequentially consistent store and load would do, but QEMU 7.2 lets an Arm load-acquire pass a store-release.
 */
#define STORE_BEFORE_LOADS(p, value) ((void)__atomic_exchange_n(p, value, __ATOMIC_SEQ_CST))

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef struct { uint64_t gfn; } gfn_t;   /* guest frame number */
typedef struct { uint64_t mfn; } mfn_t;   /* machine frame number */
typedef struct { uint64_t pa; } paddr_t;  /* machine physical address, bytes */
typedef uint16_t domid_t;

#define GFN(x)   ((gfn_t){ (x) })
#define MFN(x)   ((mfn_t){ (x) })
#define PADDR(x) ((paddr_t){ (x) })
#define INVALID_MFN MFN(~UINT64_C(0))
#define INVALID_GFN GFN(~UINT64_C(0))

static inline paddr_t mfn_to_paddr(mfn_t m) { return PADDR(m.mfn << PAGE_SHIFT); }
static inline mfn_t paddr_to_mfn(paddr_t p) { return MFN(p.pa >> PAGE_SHIFT); }
static inline bool mfn_valid_number(mfn_t m) { return m.mfn != ~UINT64_C(0); }
static inline mfn_t mfn_add(mfn_t m, uint64_t n) { return MFN(m.mfn + n); }
static inline gfn_t gfn_add(gfn_t g, uint64_t n) { return GFN(g.gfn + n); }

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline uint64_t align_down(uint64_t v, uint64_t a) { return v & ~(a - 1); }
static inline uint64_t align_up(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }

/* Stops the machine with one line on the console; for a broken invariant, never for bad input. */
NORETURN void panic(const char *fmt, ...) PRINTF(1, 2);

#define BUG_ON(cond) \
    do { \
        if (unlikely(cond)) \
            panic("%s:%d: invariant broken: %s", __FILE__, __LINE__, #cond); \
    } while (0)
