// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/arm64/core_switch.c hypervisor/mm/vmid.c arch/arm64/stage2.c */
/*
 * A CPU changes from one guest to another, or flushes another's TLB entries: after each single write of a register that
 * a walk of EL1's tables uses, either nothing can be walked, or all of them are one guest's. Each guest's registers
 * have its letter in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/cache.h"
#include "arch/ras.h"
#include "arch/stage2.h"
#include "arch/sysreg.h"
#include "arch/walks.h"
#include "base/cpu.h"
#include "mm/vmid.h"
#include "vm/arm64/vtimer.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define OF(letter)   ((uint64_t)(letter) << 56)
#define NAME_OF(reg) NAME_OF_(reg)
#define NAME_OF_(reg) #reg
#define OWNER(value) ((char)((value) >> 56))

struct cpu cpus[MAX_CPUS];

static struct { const char *name; uint64_t value; } registers[64];
static const char *const of_walks[] = { "vttbr_el2", "ttbr0_el1", "ttbr1_el1", "tcr_el1", "mair_el1", "sctlr_el1" };
static bool guest_ran;     /* since the last DSB: its walks may still be under way */
static unsigned flushes;
static uint64_t flushed;   /* VTTBR_EL2 at the last */

static bool error_pending;   /* a physical SError */

/* As the CPU does it: not pending any more, and registers of the guest's are scratch. */
void serror_take(void)
{
    assert_true(error_pending);
    error_pending = false;
    host_write_sysreg(0xbad, "tpidr_el0");
    host_write_sysreg(0xbad, "tpidrro_el0");
}

void vtimer_save(struct vcpu *v) { (void)v; }
void vtimer_load(struct vcpu *v) { (void)v; }
void vgic_save(struct vcpu *v) { (void)v; }
void vgic_load(struct vcpu *v) { (void)v; }
void fpu_save(struct fpu_state *s) { (void)s; }
void fpu_load(const struct fpu_state *s) { (void)s; }

static uint64_t *register_named(const char *name)
{
    unsigned i = 0;

    while (registers[i].name && strcmp(registers[i].name, name))
        i++;
    assert_true(i < 63);
    registers[i].name = name;
    return &registers[i].value;
}

uint64_t host_read_sysreg(const char *name)
{
    if (!strcmp(name, "isr_el1"))
        return error_pending ? ISR_A : 0;
    return *register_named(name);
}

static bool is_of_walks(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(of_walks); i++)
        if (!strcmp(name, of_walks[i]))
            return true;
    return false;
}

static void assert_one_guests(const char *const *names, unsigned n, const char *written)
{
    for (unsigned i = 1; i < n; i++)
        if (OWNER(*register_named(names[i])) != OWNER(*register_named(names[0])))
            fail_msg("after %s was written, %s is not of the same guest as %s", written, names[i], names[0]);
}

/* The registers that a walk guessed at this moment would use. */
static void assert_walks_are_sound(const char *written)
{
    static const char *const flat[] = { "vttbr_el2", "sctlr_el1" };

    if (!(*register_named("sctlr_el1") & SCTLR_M))
        assert_one_guests(flat, ARRAY_SIZE(flat), written);   /* stage 2 alone */
    else if ((*register_named("tcr_el1") & (TCR_EPD0 | TCR_EPD1)) != (TCR_EPD0 | TCR_EPD1))
        assert_one_guests(of_walks, ARRAY_SIZE(of_walks), written);
}

void host_write_sysreg(uint64_t value, const char *name)
{
    *register_named(name) = value;
    if (!is_of_walks(name))
        return;
    if (guest_ran)
        fail_msg("%s was written while the guest's walks may be under way", name);
    assert_walks_are_sound(name);
}

static void walks_are_over(void) { guest_ran = false; }

void host_tlb_flush(void)
{
    flushes++;
    flushed = *register_named("vttbr_el2");
}

static struct vcpu *guest(struct domain *d, char letter, bool mmu)
{
    struct vcpu *v = calloc(1, sizeof(*v));

    d->p2m.vttbr = OF(letter);
    v->domain = d;
    v->core.hcr = HCR_VM;
    v->core.el1.sctlr = OF(letter) | (mmu ? SCTLR_M : 0);
    v->core.el1.tcr = v->core.el1.ttbr0 = v->core.el1.ttbr1 = v->core.el1.mair = OF(letter);
    return v;
}

static struct domain a, b;
static struct vcpu *vcpus[4];   /* two of each domain; one with the MMU on, one without */

static int setup(void **state)
{
    (void)state;
    memset(registers, 0, sizeof(registers));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(cpus, 0, sizeof(cpus));
    host_dsb_nsh = walks_are_over;
    for (unsigned i = 0; i < 4; i++)
        vcpus[i] = guest(i < 2 ? &a : &b, i < 2 ? 'a' : 'b', i & 1);
    walks_stop();
    flushes = 0;
    guest_ran = error_pending = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        free(vcpus[i]);
    host_dsb_nsh = NULL;
    return 0;
}

static void run(struct vcpu *v)
{
    assert_int_equal(*register_named("sctlr_el1"), v->core.el1.sctlr);
    assert_int_equal(*register_named("tcr_el1"), v->core.el1.tcr);
    assert_int_equal(*register_named("vttbr_el2"), v->domain->p2m.vttbr);
    guest_ran = true;
}

static void no_walk_mixes_two_guests_while_they_are_switched(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = 0; to < 4; to++) {
            vcpu_switch_in(vcpus[from]);
            run(vcpus[from]);
            vcpu_switch_out(vcpus[from]);
            vcpu_switch_in(vcpus[to]);
            run(vcpus[to]);
            vcpu_switch_out(vcpus[to]);
        }
}

static void nothing_is_walked_while_no_guest_is_loaded(void **state)
{
    (void)state;
    vcpu_switch_in(vcpus[0]);
    run(vcpus[0]);
    vcpu_switch_out(vcpus[0]);
    assert_int_equal(*register_named("tcr_el1"), TCR_EPD0 | TCR_EPD1);
    assert_int_equal(*register_named("sctlr_el1"), SCTLR_M);
}

static void a_reset_vcpu_walks_by_its_new_registers_only(void **state)
{
    (void)state;
    vcpu_switch_in(vcpus[1]);
    run(vcpus[1]);
    vcpus[1]->core.el1.sctlr = OF('a') | 4;
    vcpus[1]->core.el1.tcr = OF('a') | 8;
    core_load(vcpus[1]);
    run(vcpus[1]);
}

static void no_walk_is_cached_for_another_guest_while_its_entries_are_flushed(void **state)
{
    gfn_t gfn = GFN(1);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        vcpu_switch_in(vcpus[i]);
        run(vcpus[i]);
        stage2_flush(b.p2m.vttbr);
        assert_int_equal(flushed, b.p2m.vttbr);
        run(vcpus[i]);
        stage2_flush_entries(b.p2m.vttbr, &gfn, 1);
        assert_int_equal(flushed, b.p2m.vttbr);
        run(vcpus[i]);
        stage2_flush(a.p2m.vttbr);
        assert_int_equal(flushed, a.p2m.vttbr);
        run(vcpus[i]);
        vcpu_switch_out(vcpus[i]);
    }
    /* between two guests, too: then nothing is to be walked afterwards */
    stage2_flush(b.p2m.vttbr);
    assert_int_equal(*register_named("tcr_el1"), TCR_EPD0 | TCR_EPD1);
    assert_int_equal(*register_named("sctlr_el1"), SCTLR_M);
}

static void another_vcpu_of_the_same_domain_finds_nothing_of_the_last_in_the_tlb(void **state)
{
    (void)state;
    vcpu_switch_in(vcpus[0]);
    vcpu_switch_out(vcpus[0]);
    vcpu_switch_in(vcpus[0]);
    vcpu_switch_out(vcpus[0]);
    assert_int_equal(flushes, 0);
    vcpu_switch_in(vcpus[1]);
    assert_int_equal(flushes, 1);
    assert_int_equal(flushed, a.p2m.vttbr);
}

/* A domain that has a VMID with another finds nothing of that one either, whatever it left itself. */
static void a_domain_that_shares_its_vmid_finds_nothing_in_the_tlb(void **state)
{
    uint16_t taken[255];

    (void)state;
    assert_int_equal(vmid_cpu_on(true), 0);   /* one that has 8 bits */
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        taken[i] = vmid_take();
    a.p2m.vmid = taken[0];
    vcpu_switch_in(vcpus[0]);
    vcpu_switch_out(vcpus[0]);
    assert_int_equal(flushes, 0);
    b.p2m.vmid = vmid_take();
    assert_int_equal(b.p2m.vmid, a.p2m.vmid);
    for (unsigned i = 0; i < 4; i++) {
        vcpu_switch_in(vcpus[i % 2 * 2]);
        assert_int_equal(flushes, i + 1);
        assert_int_equal(flushed, vcpus[i % 2 * 2]->domain->p2m.vttbr);
        vcpu_switch_out(vcpus[i % 2 * 2]);
    }
    vmid_put(b.p2m.vmid);
    vcpu_switch_in(vcpus[0]);
    assert_int_equal(flushes, 4);
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        vmid_put(taken[i]);
}

static void a_virtual_error_that_the_guest_masks_stays_pending_over_a_switch(void **state)
{
    (void)state;
    vcpu_switch_in(vcpus[0]);
    host_write_sysreg(*register_named("hcr_el2") | HCR_VSE, "hcr_el2");
    vcpu_switch_out(vcpus[0]);
    vcpu_switch_in(vcpus[2]);
    assert_false(*register_named("hcr_el2") & HCR_VSE);
    vcpu_switch_out(vcpus[2]);
    vcpu_switch_in(vcpus[0]);
    assert_true(*register_named("hcr_el2") & HCR_VSE);
    /* and is over when it was taken, which the CPU shows by clearing the bit (Arm ARM, HCR_EL2.VSE) */
    host_write_sysreg(HCR_VM, "hcr_el2");
    vcpu_switch_out(vcpus[0]);
    vcpu_switch_in(vcpus[0]);
    assert_false(*register_named("hcr_el2") & HCR_VSE);
}

static void an_error_that_arrives_as_a_guest_leaves_is_that_guests(void **state)
{
    (void)state;
    vcpu_switch_in(vcpus[0]);
    host_write_sysreg(0x1234, "tpidr_el0");
    error_pending = true;
    vcpu_switch_out(vcpus[0]);
    assert_false(error_pending);
    vcpu_switch_in(vcpus[2]);
    assert_false(*register_named("hcr_el2") & HCR_VSE);
    vcpu_switch_out(vcpus[2]);
    vcpu_switch_in(vcpus[0]);
    assert_true(*register_named("hcr_el2") & HCR_VSE);
    assert_int_equal(*register_named("tpidr_el0"), 0x1234);
}

static void nobody_finds_anothers_deferred_errors(void **state)
{
    (void)state;
    cpus[0].has_ras = true;
    vcpu_switch_in(vcpus[0]);
    *register_named(NAME_OF(VDISR_EL2)) = 0x80000000;   /* by its DISR_EL1 */
    vcpu_switch_out(vcpus[0]);
    vcpu_switch_in(vcpus[2]);
    assert_int_equal(*register_named(NAME_OF(VDISR_EL2)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_virtual_error_that_the_guest_masks_stays_pending_over_a_switch, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_error_that_arrives_as_a_guest_leaves_is_that_guests, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_finds_anothers_deferred_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(no_walk_mixes_two_guests_while_they_are_switched, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_walked_while_no_guest_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_vcpu_walks_by_its_new_registers_only, setup, teardown),
        cmocka_unit_test_setup_teardown(no_walk_is_cached_for_another_guest_while_its_entries_are_flushed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_domain_that_shares_its_vmid_finds_nothing_in_the_tlb, setup, teardown),
        cmocka_unit_test_setup_teardown(another_vcpu_of_the_same_domain_finds_nothing_of_the_last_in_the_tlb, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
