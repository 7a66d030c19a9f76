// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual CPU: what its ID registers show (Arm ARM DDI 0487, ID_AA64*_EL1), that features they hide are not there,
 * and that there is one time.
 */
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "lib/print.h"
#include "tests/guests/tap.h"

#define SHOWS_MORE "shows it"
#define ID(crm, op2) sysreg_read(s3_0_c0_c##crm##_##op2)

struct field {
    const char *name;
    unsigned crm, op2, shift;
};

static uint64_t registers[8][8];   /* by CRm and op2 */

static void registers_read(void)
{
#define ROW(crm) \
    do { \
        registers[crm][0] = ID(crm, 0), registers[crm][1] = ID(crm, 1), registers[crm][2] = ID(crm, 2), \
        registers[crm][3] = ID(crm, 3); \
        registers[crm][4] = ID(crm, 4), registers[crm][5] = ID(crm, 5), registers[crm][6] = ID(crm, 6), \
        registers[crm][7] = ID(crm, 7); \
    } while (0)
    ROW(1); ROW(2); ROW(3); ROW(4); ROW(5); ROW(6); ROW(7);
#undef ROW
}

static unsigned field(unsigned crm, unsigned op2, unsigned shift) { return registers[crm][op2] >> shift & 15; }

static void hidden_features(void)
{
    static const struct field hidden[] = {
        { "el2", 4, 0, 8 },          { "el3", 4, 0, 12 },          { "ras", 4, 0, 28 },
        { "sve", 4, 0, 32 },         { "sel2", 4, 0, 36 },         { "mpam", 4, 0, 40 },
        { "amu", 4, 0, 44 },         { "rme", 4, 0, 52 },          { "mte", 4, 1, 8 },
        { "ras_frac", 4, 1, 12 },    { "mpam_frac", 4, 1, 16 },    { "sme", 4, 1, 24 },
        { "rndr_trap", 4, 1, 28 },   { "csv2_frac", 4, 1, 32 },    { "nmi", 4, 1, 36 },
        { "mte_frac", 4, 1, 40 },    { "gcs", 4, 1, 44 },          { "the", 4, 1, 48 },
        { "trace", 5, 0, 4 },        { "pmu", 5, 0, 8 },           { "spe", 5, 0, 32 },
        { "double_lock", 5, 0, 36 }, { "trace_filter", 5, 0, 40 }, { "trace_buffer", 5, 0, 44 },
        { "mtpmu", 5, 0, 48 },       { "brbe", 5, 0, 52 },         { "tme", 6, 0, 24 },
        { "apa", 6, 1, 4 },          { "api", 6, 1, 8 },           { "gpa", 6, 1, 24 },
        { "gpi", 6, 1, 28 },         { "xs", 6, 1, 56 },           { "ls64", 6, 1, 60 },
        { "wfxt", 6, 2, 0 },         { "rpres", 6, 2, 4 },         { "gpa3", 6, 2, 8 },
        { "apa3", 6, 2, 12 },        { "mops", 6, 2, 16 },         { "pac_frac", 6, 2, 24 },
        { "exs", 7, 0, 44 },         { "fgt", 7, 0, 56 },          { "ecv", 7, 0, 60 },
        { "vmid_bits", 7, 1, 4 },    { "vhe", 7, 1, 8 },           { "lor", 7, 1, 16 },
        { "xnx", 7, 1, 28 },         { "twed", 7, 1, 32 },         { "hcx", 7, 1, 40 },
        { "afp", 7, 1, 44 },         { "tidcp1", 7, 1, 52 },       { "cmow", 7, 1, 56 },
        { "cnp", 7, 2, 0 },          { "iesb", 7, 2, 12 },         { "nested", 7, 2, 24 },
        { "fwb", 7, 2, 40 },         { "evt", 7, 2, 56 },
    };
    char name[40];

    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++) {
        const struct field *f = &hidden[i];

        snprintf(name, sizeof(name), "%s_is_hidden", f->name);
        expect_or_xen(name, field(f->crm, f->op2, f->shift), 0, field(f->crm, f->op2, f->shift), SHOWS_MORE);
    }
}

/* Those that came after the ones that the hypervisor knows, and those that belong to hidden features. */
static void hidden_registers(void)
{
    uint64_t any = registers[3][3] | registers[3][7];

    for (unsigned op2 = 2; op2 < 8; op2++)
        any |= registers[4][op2];
    for (unsigned op2 = 1; op2 < 8; op2++)
        any |= registers[5][op2];
    for (unsigned op2 = 3; op2 < 8; op2++)
        any |= registers[6][op2] | registers[7][op2];
    expect_or_xen("other_id_registers_read_as_zero", any, 0, any, SHOWS_MORE);
}

static void shown_features(void)
{
    unsigned size = field(7, 0, 0), el0 = field(4, 0, 0);

    expect_true("el0_is_there", el0 == 1 || el0 == 2);
    expect_or_xen("el1_is_aarch64_only", field(4, 0, 4), 1, 2, "shows AArch32 at EL1");
    expect_true("fp_and_simd_agree", field(4, 0, 16) == field(4, 0, 20));
    expect_true("csv2_is_at_most_1", field(4, 0, 56) <= 1 || tap_on_stock_xen());
    expect_true("addresses_of_40_bits_at_most", size <= 2 || tap_on_stock_xen());
    expect_equal("pages_of_4_kib", field(7, 0, 28), 0);
    expect_or_xen("two_breakpoints", field(5, 0, 12), 1, field(5, 0, 12), SHOWS_MORE);
}

/* WFET x0 and WFIT x0, with a time long past. Hidden, so undefined, whether the CPU has them or not. */
static void hidden_instructions(void)
{
    trap_catch();
    __asm__ volatile("mov x0, xzr\n\t.inst 0xd5031000" : : : "x0", "memory");
    expect_true("wfet_is_undefined", trap_caught() == 1 || tap_on_stock_xen());
    trap_catch();
    __asm__ volatile("mov x0, xzr\n\t.inst 0xd5031020" : : : "x0", "memory");
    expect_true("wfit_is_undefined", trap_caught() == 1 || tap_on_stock_xen());
    trap_catch();
    (void)sysreg_read(s3_3_c14_c0_5);   /* CNTPCTSS_EL0 */
    expect_true("cntpctss_is_undefined", trap_caught() == 1 || tap_on_stock_xen());
}

static void one_time(void)
{
    bool same = true;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t before = timer_now(), physical = timer_now_physical(), after = timer_now();

        same = same && before <= physical && physical <= after;
    }
    expect_true("both_counters_are_one", same || tap_on_stock_xen());
    sysreg_write(cntp_tval_el0, 1000000);
    uint64_t cval = sysreg_read(cntp_cval_el0), now = timer_now();
    expect_true("the_physical_timer_counts_it_too", (cval >= now && cval - now <= 1000000) ||
                                                        (cval < now && now - cval < timer_frequency()) ||
                                                        tap_on_stock_xen());
}

void guest_main(void)
{
    tap_begin("sysregs");
    registers_read();
    hidden_features();
    hidden_registers();
    shown_features();
    hidden_instructions();
    one_time();
    tap_end();
}
