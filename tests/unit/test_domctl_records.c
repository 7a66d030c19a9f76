// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/domctl_rooms.c tests/unit/fakes.c hypervisor/abi/domctl*.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* Domctls of a domain's records: measured, fetched, checked and put back. */
#include "domctl_rooms.h"

#include "abi/domctl_needs.h"

static void records_are_measured_fetched_and_put_back(void **state)
{
    struct xen_domctl_hvmcontext *c = &op.u.hvmcontext;
    char buffer[16] __attribute__((aligned(16))) = { 0 };

    (void)state;
    begin(XEN_DOMCTL_gethvmcontext);
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    set_xen_guest_handle(c->buffer, (uint8_t *)buffer);
    c->size = sizeof(buffer);
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    assert_memory_equal(buffer, domctl_records, 8);
    c->size = 7;
    assert_int_equal(call(), -ENOBUFS);
    c->size = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(c->size, 8);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    next_error = -EINVAL;
    assert_int_equal(call(), -EINVAL);

    op.cmd = XEN_DOMCTL_sethvmcontext;
    assert_int_equal(call(), 0);
    assert_true(seen.restored);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    next_error = -EBADMSG;
    assert_int_equal(call(), -EBADMSG);
    c->size = 0;
    assert_int_equal(call(), -EINVAL);
    c->size = 8 * MIB + 1;
    assert_int_equal(call(), -EINVAL);
    c->size = 8;
    c->buffer.q = 8;
    assert_int_equal(call(), -EFAULT);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
}

static void needs_are_fetched_and_checked(void **state)
{
    struct torpor_domctl_needs *n = (void *)&op.u;
    char buffer[16] = { 0 };

    (void)state;
    begin(TORPOR_DOMCTL_NEEDS);
    assert_int_equal(call(), -EINVAL);
    n->buffer = (uintptr_t)buffer;
    n->size = sizeof(buffer);
    assert_int_equal(call(), 0);
    assert_int_equal(n->size, 8);
    assert_memory_equal(buffer, domctl_records, 8);
    n->size = 7;
    assert_int_equal(call(), -ENOBUFS);
    n->check = 1;
    n->size = 8;
    assert_int_equal(call(), 0);
    assert_true(seen.restored);
    next_error = -EOPNOTSUPP;
    assert_int_equal(call(), -EOPNOTSUPP);
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
    n->check = 2;
    assert_int_equal(call(), -EINVAL);
    n->check = 1;
    n->size = TORPOR_NEEDS_MAX + 1;
    assert_int_equal(call(), -EINVAL);
    n->size = 8;
    n->buffer = 8;
    assert_int_equal(call(), -EFAULT);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
}

static void one_record_is_fetched_alone(void **state)
{
    struct xen_domctl_hvmcontext_partial *c = &op.u.hvmcontext_partial;
    char buffer[16] = { 0 };

    (void)state;
    begin(XEN_DOMCTL_gethvmcontext_partial);
    c->type = 21;
    c->instance = 3;
    assert_int_equal(call(), 0);
    assert_int_equal(c->bufsz, 8);
    set_xen_guest_handle(c->buffer, (uint8_t *)buffer);
    assert_int_equal(call(), 0);
    assert_memory_equal(buffer, domctl_records, 8);
    c->bufsz = 4;
    assert_int_equal(call(), -ENOBUFS);
    c->bufsz = 8;
    fake_fail_allocation(0);
    assert_int_equal(call(), -ENOMEM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(records_are_measured_fetched_and_put_back),
        TEST(needs_are_fetched_and_checked),
        TEST(one_record_is_fetched_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
