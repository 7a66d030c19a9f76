// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/arm64/cpu_view.c hypervisor/vm/arm64/idregs.c record/record.c */
/* A domain moves between hosts: it goes on seeing the CPU that it began on, or the missing feature is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/sysreg.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/arm64/cpu_view.h"
#include "vm/domain.h"
#include "vm/records.h"

struct reg { const char *name; uint64_t value; };

/* Cortex-A57's technical reference manual (DDI 0488), 4.3; and one that has more of nearly everything. */
static const struct reg older[] = {
    { "midr_el1", 0x411fd070 }, { "ctr_el0", 0x8444c004 }, { "dczid_el0", 4 }, { "id_aa64pfr0_el1", 0x2222 },
    { "id_aa64isar0_el1", 0x11120 }, { "id_aa64mmfr0_el1", 0x1124 },
    { "id_pfr0_el1", 0x131 }, { "mvfr0_el1", 0x10110222 },
};
static const struct reg newer[] = {
    { "midr_el1", 0x000f0510 }, { "ctr_el0", 0xb444c004 }, { "dczid_el0", 4 },
    { "id_aa64pfr0_el1", 0x1101000000112222 },
    { "id_aa64pfr1_el1", 0x21 }, { "id_aa64isar0_el1", 0x1221111110212120 }, { "id_aa64isar1_el1", 0x11111100211002 },
    { "id_aa64mmfr0_el1", 0x100126 }, { "id_aa64mmfr1_el1", 0x302002 },
    { "id_pfr0_el1", 0x131 }, { "mvfr0_el1", 0x10110222 },
};

static struct reg machine[16];
static struct domain here, there;
static unsigned char stream[1024];
static size_t size;
static struct record_fault fault;
static bool no_memory;

static const struct record_kind *const kinds[] = { &cpu_view_record };
static const struct record_table table = { kinds, 1 };

uint64_t host_read_sysreg(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(machine) && machine[i].name; i++)
        if (!strcmp(name, machine[i].name))
            return machine[i].value;
    return 0;
}

void *heap_alloc(size_t n) { return no_memory ? NULL : calloc(1, n); }
void heap_free(void *p, size_t n) { (void)n; free(p); }
unsigned record_count_one(const void *d) { (void)d; return 1; }

static void machine_is(const struct reg *cpu, size_t n)
{
    memset(machine, 0, sizeof(machine));
    memcpy(machine, cpu, n);
}

static void set(const char *name, uint64_t value)
{
    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++)
        if (!machine[i].name || !strcmp(name, machine[i].name)) {
            machine[i] = (struct reg){ name, value };
            return;
        }
}

static int nobody(void **state)
{
    (void)state;
    here = there = (struct domain){ .vgic.version = 2 };
    no_memory = false;
    machine_is(older, sizeof(older));
    return 0;
}

static int end(void **state)
{
    (void)state;
    cpu_view_free(&here);
    cpu_view_free(&there);
    return 0;
}

static void save(struct domain *d)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };

    assert_int_equal(records_save(&table, d, &w, &fault), 0);
    size = w.used;
}

static int restore(struct domain *d)
{
    bool begun;

    return records_restore(&table, d, stream, size, &begun, &fault);
}

static void assert_refused(const char *why)
{
    assert_int_equal(restore(&there), -EOPNOTSUPP);
    assert_string_equal(fault.why, why);
    assert_null(there.cpu_view.id_registers);
}

static void a_host_of_the_same_make_is_like_the_one_before(void **state)
{
    (void)state;
    save(&here);
    assert_int_equal(restore(&there), 0);
    assert_int_equal(there.cpu_view.midr, 0);
    for (unsigned crm = 1; crm < 8; crm++)
        for (unsigned op2 = 0; op2 < 8; op2++)
            assert_int_equal(cpu_view_read(&there, crm, op2), cpu_view_read(&here, crm, op2));
    assert_true(cpu_view_has_aarch32(&there));
}

static void a_newer_one_shows_what_the_older_one_did_and_it_can_go_back(void **state)
{
    uint64_t isar0 = cpu_view_read(&here, 6, 0);

    (void)state;
    save(&here);
    machine_is(newer, sizeof(newer));
    assert_int_not_equal(cpu_view_read(&here, 6, 0), isar0);
    assert_int_equal(restore(&there), 0);
    assert_int_equal(cpu_view_read(&there, 6, 0), isar0);
    assert_int_equal(there.cpu_view.midr, 0x411fd070);
    set("dczid_el0", 4);
    save(&there);
    machine_is(older, sizeof(older));
    set("ctr_el0", 0xb444c004);
    cpu_view_free(&there);
    assert_int_equal(restore(&there), 0);
    assert_int_equal(there.cpu_view.midr, 0);
}

static void an_older_one_is_refused_by_the_name_of_what_it_lacks(void **state)
{
    (void)state;
    machine_is(newer, sizeof(newer));
    save(&here);
    set("id_aa64isar0_el1", 0x1221111110012120);
    assert_refused("needs FEAT_LSE, which this host's CPUs have not");
    set("id_aa64isar0_el1", 0x1221111110212120);
    set("id_aa64pfr0_el1", 0x11010000001f2222);
    assert_refused("needs floating point (FP, or FEAT_FP16), which this host's CPUs have not");
    set("id_aa64pfr0_el1", 0x1101000000112221);
    assert_refused("needs AArch32 at EL0, which this host's CPUs have not");
    set("id_aa64pfr0_el1", 0x1101000000112222);
    set("mvfr0_el1", 0x10110022);
    assert_refused("needs a feature of AArch32, or one that has no name here, which this host's CPUs have not");
    set("id_aa64isar0_el1", 0x1221111110012120);   /* a feature with a name comes first */
    assert_refused("needs FEAT_LSE, which this host's CPUs have not");
}

static void programs_keep_what_they_know_of_caches(void **state)
{
    (void)state;
    machine_is(newer, sizeof(newer));
    save(&here);
    set("ctr_el0", 0xb444c003);
    assert_refused("is of a CPU with longer cache lines than this host's");
    set("ctr_el0", 0xb443c004);
    assert_refused("is of a CPU with longer cache lines than this host's");
    set("ctr_el0", 0xa444c004);
    assert_refused("is of a CPU whose caches need less maintenance than this host's");
    set("ctr_el0", 0xb4448004);
    assert_refused("is of a CPU whose caches need less maintenance than this host's");
    set("ctr_el0", 0xb444c004);
    set("dczid_el0", 5);
    assert_refused("is of a CPU whose DC ZVA clears another size than this host's");
}

static void a_make_is_a_number_of_32_bits(void **state)
{
    (void)state;
    save(&here);
    memset(stream + 40, 0, 8);
    assert_refused("is of a CPU of no make (MIDR_EL1)");
    stream[40 + 4] = 1;
    assert_refused("is of a CPU of no make (MIDR_EL1)");
}

static void without_memory_nothing_is_shown(void **state)
{
    (void)state;
    save(&here);
    no_memory = true;
    assert_int_equal(restore(&there), -ENOMEM);
    assert_null(there.cpu_view.id_registers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, nobody, end)
        CASE(a_host_of_the_same_make_is_like_the_one_before),
        CASE(a_newer_one_shows_what_the_older_one_did_and_it_can_go_back),
        CASE(an_older_one_is_refused_by_the_name_of_what_it_lacks),
        CASE(programs_keep_what_they_know_of_caches),
        CASE(a_make_is_a_number_of_32_bits),
        CASE(without_memory_nothing_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
