// SPDX-License-Identifier: Apache-2.0
/*
 * The vector registers are each vCPU's own. Every vCPU fills all of them and FPCR, FPSR with values that only it would
 * write, gives up the CPU in several ways, and looks. The runner puts all vCPUs of two such domains on one physical
 * CPU, so that a register that is not switched is seen: by another vCPU of this domain or by the other domain. DISR_EL1
 * belongs to FEAT_RAS, which guests are not shown; where the CPU has it all the same, a vCPU's value there nobody else
 * finds.
 */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/print.h"
#include "tests/guests/tap.h"

enum { ROUNDS = 300 };

struct vectors { uint64_t q[64]; uint64_t fpcr, fpsr; } __attribute__((aligned(16)));

static struct vectors expected[MAX_CPUS], got[MAX_CPUS];
static volatile unsigned wrong[MAX_CPUS], rounds[MAX_CPUS], found[MAX_CPUS];

#define ALL_PAIRS(op) \
    op " q0, q1, [%0, #0]\n\t" op " q2, q3, [%0, #32]\n\t" op " q4, q5, [%0, #64]\n\t" op " q6, q7, [%0, #96]\n\t" \
    op " q8, q9, [%0, #128]\n\t" op " q10, q11, [%0, #160]\n\t" op " q12, q13, [%0, #192]\n\t" \
    op " q14, q15, [%0, #224]\n\t" op " q16, q17, [%0, #256]\n\t" op " q18, q19, [%0, #288]\n\t" \
    op " q20, q21, [%0, #320]\n\t" op " q22, q23, [%0, #352]\n\t" op " q24, q25, [%0, #384]\n\t" \
    op " q26, q27, [%0, #416]\n\t" op " q28, q29, [%0, #448]\n\t" op " q30, q31, [%0, #480]\n\t"

static void vectors_load(const struct vectors *v)
{
    __asm__ volatile(".arch_extension fp\n\t.arch_extension simd\n\t" ALL_PAIRS("ldp") : : "r"(v->q) : "memory");
    sysreg_write(fpcr, v->fpcr);
    sysreg_write(fpsr, v->fpsr);
}

static void vectors_store(struct vectors *v)
{
    __asm__ volatile(ALL_PAIRS("stp") : : "r"(v->q) : "memory");
    v->fpcr = sysreg_read(fpcr);
    v->fpsr = sysreg_read(fpsr);
}

static void disr_write(uint64_t value)
{
    trap_catch();
    sysreg_write(s3_0_c12_c1_1, value);   /* DISR_EL1 */
    (void)trap_caught();
}

static uint64_t disr_read(void)
{
    uint64_t value;

    trap_catch();
    value = sysreg_read(s3_0_c12_c1_1);
    return trap_caught() ? 0 : value;
}

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

static void leave_the_cpu(unsigned round)
{
    switch (round % 4) {
    case 0:
        sched_op(SCHEDOP_yield, NULL);
        break;
    case 1:
        irq_disable();
        timer_virtual_set(timer_now() + timer_frequency() / 5000);
        irq_wait();
        irq_enable();
        break;
    case 2:
        xen_version(XENVER_version, NULL);
        break;
    default:
        for (volatile unsigned i = 0; i < 2000; i++)
            ;
    }
}

static void work(void *arg)
{
    unsigned id = this_cpu()->id;
    struct vectors *e = &expected[id], *g = &got[id];
    uint64_t disr;

    (void)arg;
    irq_enable();
    gic_enable(platform.timer_virtual);
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned i = 0; i < ARRAY_SIZE(e->q); i++)
            e->q[i] = (uint64_t)(id + 1) << 56 | (uint64_t)r << 16 | i | (sysreg_read(cntvct_el0) & 0xffff) << 32;
        e->fpcr = (uint64_t)(id & 3) << 22;         /* rounding mode */
        e->fpsr = 1u << (id & 7 ? id & 3 : 4);      /* one cumulative flag */
        disr_write(e->q[0] >> 32 & 0xffffff);
        vectors_load(e);
        leave_the_cpu(r);
        vectors_store(g);
        disr = disr_read();     /* once: it is forgotten when another vCPU runs */
        found[id] += disr != 0 && disr != (e->q[0] >> 32 & 0xffffff);
        for (unsigned i = 0; i < ARRAY_SIZE(e->q); i++)
            if (g->q[i] != e->q[i])
                wrong[id]++;
        if (g->fpcr != e->fpcr || (g->fpsr & 0x1f) != e->fpsr)
            wrong[id]++;
        rounds[id]++;
    }
}

void guest_main(void)
{
    char name[64];

    tap_begin("fpu");
    irq_register(platform.timer_virtual, tick);
    for (unsigned i = 1; i < platform.cpus && i < MAX_CPUS; i++)
        expect_equal("vcpu_starts", cpu_start(i, work, NULL), 0);
    work(NULL);
    for (unsigned i = 0; i < platform.cpus && i < MAX_CPUS; i++) {
        snprintf(name, sizeof(name), "vcpu_%u_finishes", i);
        expect_true(name, wait_until(rounds[i] == ROUNDS, 60000));
        snprintf(name, sizeof(name), "vcpu_%u_sees_its_own_vector_registers", i);
        expect_equal(name, wrong[i], 0);
        snprintf(name, sizeof(name), "vcpu_%u_finds_nothing_of_others_in_disr", i);
        expect_or_xen(name, found[i], 0, found[i], "shows it");
    }
    tap_end();
}
