// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/base/hypfs.c hypervisor/abi/hypfs_op.c tests/unit/fakes.c */
/* hypfs as its hypercall shows it: paths, the forms of xen/include/public/hypfs.h, limits, and who may. */
#include "fakes.h"

#include <string.h>

#include <xen/hypfs.h>

#include "abi/abi.h"
#include "base/hypfs.h"

static struct domain *d;
static char stored[16];
static uint32_t number = 77;
static size_t long_size;

static size_t long_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    assert_string_equal(e->context, "long one");
    if (size)
        memset(buf, 'x', min_u64(size, long_size));
    return long_size;
}

static int text_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    (void)e;
    memcpy(stored, data, size);
    return 0;
}

static int number_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    (void)e;
    memcpy(&number, data, size);
    return number == 13 ? -EBUSY : 0;
}

static const struct hypfs_entry inner[] = {
    HYPFS_TEXT("text", "hello"),
};

static const struct hypfs_entry outer[] = {
    HYPFS_DIRECTORY("inner", inner),
    HYPFS_NUMBER("constant", number),
    { .name = "number", .type = HYPFS_UINT, .data = &number, .size = 4, .write = number_write, .max_write = 4 },
    { .name = "set", .type = HYPFS_STRING, .data = stored, .size = 1, .write = text_write,
      .max_write = sizeof(stored) },
    { .name = "flag", .type = HYPFS_BOOL, .data = "", .size = 1, .write = text_write, .max_write = 1 },
    { .name = "long", .type = HYPFS_STRING, .read = long_read, .context = (void *)(uintptr_t)"long one" },
};

static const struct hypfs_entry top = HYPFS_DIRECTORY("outer", outer);

static struct {
    struct xen_hypfs_direntry entry;
    char content[2 * HYPFS_MAX_CONTENT];
} answer;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    d = fake_domain(0, 1, 0);
    d->privileged = true;
    fake_set_current(d->vcpus[0]);
    memset(&answer, 0xee, sizeof(answer));
    long_size = 100;
    number = 77;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_release(d);
    fake_domain_free(d);
    fake_assert_nothing_left();
    return 0;
}

static long read_path_sized(const char *path, size_t size)
{
    return abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, strlen(path) + 1, (uintptr_t)&answer, size);
}

static long read_path(const char *path) { return read_path_sized(path, sizeof(answer)); }

static long write_path(const char *path, const void *data, size_t size)
{
    return abi_hypfs_op(XEN_HYPFS_OP_write_contents, (uintptr_t)path, strlen(path) + 1, (uintptr_t)data, size);
}

static void a_value_comes_with_its_description(void **state)
{
    (void)state;
    assert_int_equal(read_path("/outer/inner/text"), 0);
    assert_int_equal(answer.entry.type, XEN_HYPFS_TYPE_STRING);
    assert_int_equal(answer.entry.encoding, XEN_HYPFS_ENC_PLAIN);
    assert_int_equal(answer.entry.pad, 0);
    assert_int_equal(answer.entry.content_len, 6);
    assert_int_equal(answer.entry.max_write_len, 0);
    assert_string_equal(answer.content, "hello");

    assert_int_equal(read_path("/outer/number"), 0);
    assert_int_equal(answer.entry.type, XEN_HYPFS_TYPE_UINT);
    assert_int_equal(answer.entry.max_write_len, 4);
    assert_memory_equal(answer.content, &number, 4);
}

static void a_directory_lists_its_entries(void **state)
{
    const struct xen_hypfs_dirlistentry *e = (void *)answer.content;
    size_t used = 0;
    unsigned i;

    (void)state;
    assert_int_equal(read_path("/outer"), 0);
    assert_int_equal(answer.entry.type, XEN_HYPFS_TYPE_DIR);
    for (i = 0; i < ARRAY_SIZE(outer); i++) {
        assert_string_equal(e->name, outer[i].name);
        assert_int_equal((uintptr_t)e % 4, 0);
        used = (size_t)((const char *)e - answer.content) + offsetof(struct xen_hypfs_dirlistentry, name) +
               strlen(e->name) + 1;
        if (!e->off_next)
            break;
        e = (const void *)((const char *)e + e->off_next);
    }
    assert_int_equal(i, ARRAY_SIZE(outer) - 1);
    assert_int_equal(e->e.content_len, 100);
    assert_true(answer.entry.content_len >= used && answer.entry.content_len < used + 4);
}

static void the_root_is_a_directory_like_others(void **state)
{
    const struct xen_hypfs_dirlistentry *e = (void *)answer.content;

    (void)state;
    assert_int_equal(read_path("/"), 0);
    assert_string_equal(e->name, "outer");
    assert_int_equal(e->off_next, 0);
}

static void a_short_buffer_is_told_the_size(void **state)
{
    (void)state;
    assert_int_equal(read_path_sized("/outer/long", sizeof(answer.entry) - 1), -ENOBUFS);
    assert_int_equal(answer.entry.content_len, 0xeeeeeeee);
    assert_int_equal(read_path_sized("/outer/long", sizeof(answer.entry) + 99), -ENOBUFS);
    assert_int_equal(answer.entry.content_len, 100);
    assert_int_equal((uint8_t)answer.content[0], 0xee);
    assert_int_equal(read_path_sized("/outer/long", sizeof(answer.entry) + 100), 0);
    assert_int_equal(answer.content[99], 'x');
    assert_int_equal((uint8_t)answer.content[100], 0xee);
}

static void a_value_is_bounded(void **state)
{
    (void)state;
    long_size = HYPFS_MAX_CONTENT;
    assert_int_equal(read_path("/outer/long"), 0);
    long_size = HYPFS_MAX_CONTENT + 1;
    assert_int_equal(read_path("/outer/long"), -ENOBUFS);
}

static void a_path_is_checked(void **state)
{
    char path[XEN_HYPFS_MAX_PATHLEN + 1] = "/outer/inner/text";

    (void)state;
    assert_int_equal(read_path("/nothing"), -ENOENT);
    assert_int_equal(read_path("/out"), -ENOENT);
    assert_int_equal(read_path("/outer2"), -ENOENT);
    assert_int_equal(read_path("/outer/inner/text/more"), -ENOENT);
    assert_int_equal(read_path("outer"), -ENOENT);
    assert_int_equal(read_path(""), -ENOENT);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, 0, (uintptr_t)&answer, sizeof(answer)), -EINVAL);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, 7, (uintptr_t)&answer, sizeof(answer)), -EINVAL);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, 30, (uintptr_t)&answer, sizeof(answer)), -EINVAL);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, sizeof(path), (uintptr_t)&answer, sizeof(answer)),
                     -EINVAL);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, 0, 5, (uintptr_t)&answer, sizeof(answer)), -EFAULT);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_read, (uintptr_t)path, 18, 0, sizeof(answer)), -EFAULT);
}

static void only_what_is_writable_is_written(void **state)
{
    uint32_t value = 5;

    (void)state;
    assert_int_equal(write_path("/outer/number", &value, 4), 0);
    assert_int_equal(number, 5);
    value = 13;
    assert_int_equal(write_path("/outer/number", &value, 4), -EBUSY);
    assert_int_equal(write_path("/outer/number", &value, 3), -EDOM);
    assert_int_equal(write_path("/outer/number", &value, 5), -ENOSPC);
    assert_int_equal(write_path("/outer/constant", &value, 4), -EACCES);
    assert_int_equal(write_path("/outer/inner", "", 1), -EACCES);
    assert_int_equal(write_path("/", "", 1), -EACCES);
    assert_int_equal(write_path("/outer/set", "fifteen letters", 16), 0);
    assert_string_equal(stored, "fifteen letters");
    assert_int_equal(write_path("/outer/set", "sixteen letters!", 17), -ENOSPC);
    assert_int_equal(write_path("/outer/set", "a\0b", 4), -EINVAL);
    assert_int_equal(write_path("/outer/set", "ab", 2), -EINVAL);
    assert_int_equal(write_path("/outer/set", "", 0), -EINVAL);
    assert_int_equal(write_path("/outer/flag", "\1", 1), 0);
    assert_int_equal(write_path("/outer/flag", "\2", 1), -EINVAL);
    assert_int_equal(write_path("/outer/set", NULL, 4), -EFAULT);
}

static void an_allocation_that_fails_leaves_nothing(void **state)
{
    (void)state;
    fake_fail_allocation(0);
    assert_int_equal(read_path("/outer/inner/text"), -ENOMEM);
    fake_fail_allocation(0);
    assert_int_equal(write_path("/outer/set", "x", 2), -ENOMEM);
}

static void a_guest_without_privilege_is_refused(void **state)
{
    (void)state;
    d->privileged = false;
    assert_int_equal(read_path("/"), -EPERM);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), -EPERM);
}

static void the_version_takes_no_arguments(void **state)
{
    (void)state;
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), XEN_HYPFS_VERSION);
    assert_int_equal(abi_hypfs_op(XEN_HYPFS_OP_get_version, 0, 0, 0, 1), -EINVAL);
    assert_int_equal(abi_hypfs_op(3, (uintptr_t)"/", 2, (uintptr_t)&answer, sizeof(answer)), -EOPNOTSUPP);
}

static void the_root_has_a_name_once_and_is_bounded(void **state)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

    (void)state;
    assert_int_equal(hypfs_add(&top), -EEXIST);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        struct hypfs_entry e = HYPFS_TEXT(names[i], "");

        assert_int_equal(hypfs_add(&e), i < 7 ? 0 : -ENOSPC);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_comes_with_its_description, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_lists_its_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(the_root_is_a_directory_like_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_buffer_is_told_the_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_writable_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(an_allocation_that_fails_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_without_privilege_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_version_takes_no_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(the_root_has_a_name_once_and_is_bounded, setup, teardown),
    };

    if (hypfs_add(&top))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
