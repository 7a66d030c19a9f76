// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/arm64/idregs.c */
/* The guests' view of CPUs that have everything, nothing, or the features of a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/sysreg.h"
#include "vm/arm64/idregs.h"
#include "vm/domain.h"

#define EVERYTHING UINT64_C(0x7777777777777777)   /* the seventh revision of each feature */

static struct domain d;
static uint64_t machine;          /* the value of each register, but for those below */
static const char *named;
static uint64_t named_value;

uint64_t host_read_sysreg(const char *name)
{
    return named && !strcmp(name, named) ? named_value : machine;
}

static uint64_t read_with(const char *name, uint64_t value, unsigned crm, unsigned op2)
{
    named = name;
    named_value = value;
    return idreg_read(&d, crm, op2);
}

static void a_cpu_with_everything_shows_what_is_known(void **state)
{
    (void)state;
    machine = EVERYTHING;
    named = NULL;
    d.vgic.version = 2;
    assert_int_equal(idreg_read(&d, 4, 0), 0x1101000000110012);
    d.vgic.version = 3;
    assert_int_equal(idreg_read(&d, 4, 0), 0x1101000001110012);
    assert_int_equal(idreg_read(&d, 4, 1), 0x21);
    assert_int_equal(idreg_read(&d, 5, 0), 0x101006);
    assert_int_equal(idreg_read(&d, 6, 0), 0x1221111110212120);
    assert_int_equal(idreg_read(&d, 6, 1), 0x0011111100211002);
    assert_int_equal(idreg_read(&d, 6, 2), 0x0010000010100000);
    assert_int_equal(idreg_read(&d, 7, 0), 0x110122);
    assert_int_equal(idreg_read(&d, 7, 1), 0x1000002000302002);
    assert_int_equal(idreg_read(&d, 7, 2), 0x1021001110110010);
    assert_int_equal(idreg_read(&d, 1, 0), 0x01017777);
    assert_int_equal(idreg_read(&d, 1, 1), 0x10707);
    assert_int_equal(idreg_read(&d, 1, 2), 6);
    for (unsigned op2 = 2; op2 < 8; op2++)
        assert_int_equal(idreg_read(&d, 4, op2), 0);
    for (unsigned op2 = 3; op2 < 8; op2++)
        assert_int_equal(idreg_read(&d, 6, op2) | idreg_read(&d, 7, op2), 0);
    for (unsigned op2 = 1; op2 < 8; op2++)
        assert_int_equal(idreg_read(&d, 5, op2), 0);
}

static void a_cpu_with_nothing_shows_nothing(void **state)
{
    (void)state;
    machine = 0;
    d.vgic.version = 3;
    assert_int_equal(read_with("id_aa64pfr0_el1", 0xff0011, 4, 0), 0xff0011);          /* neither FP nor SIMD */
    assert_int_equal(read_with("id_aa64mmfr0_el1", 0xff000000, 7, 0), 0xff000000);     /* neither 64 nor 4 KiB pages */
    for (unsigned crm = 1; crm < 8; crm++)
        for (unsigned op2 = 0; op2 < 8; op2++)
            if (crm != 5)
                assert_int_equal(read_with(NULL, 0, crm, op2), 0);
}

/* Cortex-A57's technical reference manual (DDI 0488), 4.3; the GIC's system registers are there. */
static void a_cortex_a57_is_itself(void **state)
{
    (void)state;
    machine = 0;
    d.vgic.version = 3;
    assert_int_equal(read_with("id_aa64pfr0_el1", 0x01002222, 4, 0), 0x01000012);
    assert_int_equal(read_with("id_aa64isar0_el1", 0x00011120, 6, 0), 0x00011120);
    assert_int_equal(read_with("id_aa64mmfr0_el1", 0x00001124, 7, 0), 0x00000122);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_with_everything_shows_what_is_known),
        cmocka_unit_test(a_cpu_with_nothing_shows_nothing),
        cmocka_unit_test(a_cortex_a57_is_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
