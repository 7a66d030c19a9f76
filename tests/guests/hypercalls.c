// SPDX-License-Identifier: Apache-2.0
/*
 * The calls themselves: which exist, what they say about the hypervisor, what a domain without privilege is refused,
 * and what happens to pointers that lead nowhere. Expectations are the public headers'; nothing here changes the
 * domain for good.
 */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/guests/tap.h"

#define UNMAPPED_IPA  0x30000000ul      /* in Dormouse's own map, but nothing of the guest layout is there */
#define UNMAPPED_VA   (1ul << 45)       /* in no translation table of Dormouse */

static bool is_text(const char *s, size_t size)
{
    return s[0] && memchr(s, 0, size);
}

static void version_calls(void)
{
    xen_extraversion_t extra = "";
    static xen_capabilities_info_t caps;
    static xen_commandline_t line;
    xen_changeset_info_t changeset = "";
    static struct xen_compile_info compile;
    struct xen_platform_parameters params;
    xen_domain_handle_t handle;
    struct xen_build_id id = { 0 };

    expect_equal("version_is_4_17", xen_version(XENVER_version, NULL), 4 << 16 | 17);
    expect_equal("extraversion", xen_version(XENVER_extraversion, extra), 0);
    expect_true("extraversion_is_text", is_text(extra, sizeof(extra)));
    expect_equal("compile_info", xen_version(XENVER_compile_info, &compile), 0);
    expect_true("compile_info_is_text", is_text(compile.compiler, sizeof(compile.compiler)));
    expect_equal("capabilities", xen_version(XENVER_capabilities, caps), 0);
    expect_true("capabilities_name_aarch64", strstr(caps, "xen-3.0-aarch64"));
    expect_equal("changeset", xen_version(XENVER_changeset, changeset), 0);
    expect_equal("platform_parameters", xen_version(XENVER_platform_parameters, &params), 0);
    expect_equal("pagesize", xen_version(XENVER_pagesize, NULL), 4096);
    expect_equal("guest_handle", xen_version(XENVER_guest_handle, handle), 0);
    expect_equal("commandline", xen_version(XENVER_commandline, line), 0);
    expect_true("commandline_is_denied_to_a_guest", !strcmp(line, "<denied>"));
    expect_equal("build_id_is_denied_to_a_guest", xen_version(XENVER_build_id, &id), -EPERM);
    expect_equal("version_unknown", xen_version(11, NULL), -ENOSYS);
    expect_equal("version_unknown_large", xen_version(~0u, NULL), -ENOSYS);
}

static void feature_calls(void)
{
    struct xen_feature_info f = { .submap_idx = 0 };
    static const struct { unsigned bit; bool set; const char *name; } expected[] = {
        { XENFEAT_auto_translated_physmap, true, "feature_auto_translated_physmap" },
        { XENFEAT_memory_op_vnode_supported, true, "feature_memory_op_vnode" },
        { XENFEAT_ARM_SMCCC_supported, true, "feature_arm_smccc" },
        { XENFEAT_not_direct_mapped, true, "feature_not_direct_mapped" },
        { XENFEAT_direct_mapped, false, "feature_direct_mapped_is_off" },
        { XENFEAT_dom0, false, "feature_dom0_is_off" },
        { XENFEAT_hvm_callback_vector, false, "feature_hvm_callback_vector_is_off" },
    };

    expect_equal("get_features", xen_version(XENVER_get_features, &f), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        expect_equal(expected[i].name, f.submap >> expected[i].bit & 1, expected[i].set);
    f.submap_idx = XENFEAT_NR_SUBMAPS;
    expect_equal("get_features_beyond_the_maps", xen_version(XENVER_get_features, &f), -EINVAL);
}

/* Numbers that have no meaning on Arm (arch-arm.h lists those that have). */
static void unknown_calls(void)
{
    static const unsigned long numbers[] = {
        __HYPERVISOR_set_trap_table, __HYPERVISOR_mmu_update, __HYPERVISOR_set_callbacks, 11,
        __HYPERVISOR_update_va_mapping, __HYPERVISOR_iret, __HYPERVISOR_mmuext_op, __HYPERVISOR_nmi_op,
        __HYPERVISOR_callback_op, __HYPERVISOR_tmem_op, 43, 63, 64, 255, 256, 0x10000011, ~0ul,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        char name[48];

        snprintf(name, sizeof(name), "hypercall_%lx_is_unknown", numbers[i]);
        expect_equal(name, hypercall2(numbers[i], 0, 0), -ENOSYS);
    }
    /* the number is all of x16: bits above 31 are not ignored */
    expect_equal("hypercall_number_is_64_bits_wide", hypercall2(1ul << 32 | __HYPERVISOR_xen_version, 0, 0), -ENOSYS);
}

static void tag_checked(void)
{
    trap_catch();
    __asm__ volatile("mov x16, #17\n\tmov x0, #0\n\thvc #0xea2\n\tnop"
                     : : : "x0", "x1", "x2", "x3", "x4", "x16", "memory");
    expect_true("hvc_with_another_tag_is_skipped_or_undefined", trap_caught() <= 1);
}

static void registers_kept(void)
{
    uint64_t wrong;

    __asm__ volatile(
        "mov x5, #5\n\tmov x6, #6\n\tmov x7, #7\n\tmov x8, #8\n\tmov x9, #9\n\tmov x10, #10\n\tmov x11, #11\n\t"
        "mov x12, #12\n\tmov x13, #13\n\tmov x14, #14\n\tmov x15, #15\n\tmov x17, #17\n\tmov x0, #0\n\tmov x16, #17\n\t"
        "hvc #0xea1\n\t"
        "add x5, x5, x6\n\tadd x7, x7, x8\n\tadd x9, x9, x10\n\tadd x11, x11, x12\n\tadd x13, x13, x14\n\t"
        "add x15, x15, x17\n\tadd x5, x5, x7\n\tadd x9, x9, x11\n\tadd x13, x13, x15\n\tadd x5, x5, x9\n\t"
        "add %0, x5, x13"
        : "=r"(wrong) : : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                          "x15", "x16", "x17", "memory");
    expect_equal("a_hypercall_keeps_the_other_registers", wrong, 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12 + 13 + 14 + 15 + 17);
}

static void bad_pointers(void)
{
    void *beyond = (void *)(platform.ram_base + platform.ram_size);

    expect_equal("null_is_not_mapped", xen_version(XENVER_extraversion, NULL), -EFAULT);
    expect_equal("pointer_to_no_memory", xen_version(XENVER_extraversion, (void *)UNMAPPED_IPA), -EFAULT);
    expect_equal("pointer_to_no_translation", xen_version(XENVER_extraversion, (void *)UNMAPPED_VA), -EFAULT);
    expect_equal("pointer_at_the_end_of_addresses", xen_version(XENVER_extraversion, (void *)~7ul), -EFAULT);
    expect_equal("pointer_to_the_gic", xen_version(XENVER_extraversion, (void *)platform.gicd), -EFAULT);
    expect_equal("pointer_that_leaves_ram", xen_version(XENVER_extraversion, (char *)beyond - 8), -EFAULT);
    expect_equal("event_channel_argument", event_channel_op(EVTCHNOP_send, (void *)UNMAPPED_IPA), -EFAULT);
    expect_equal("sched_argument", sched_op(SCHEDOP_shutdown_code, (void *)UNMAPPED_IPA), -EFAULT);
    expect_equal("memory_argument", memory_op(XENMEM_add_to_physmap, (void *)UNMAPPED_IPA), -EFAULT);
    expect_equal("hvm_argument", hvm_op(HVMOP_get_param, (void *)UNMAPPED_IPA), -EFAULT);
    expect_equal("grant_argument", grant_table_op(GNTTABOP_query_size, (void *)UNMAPPED_IPA, 1), -EFAULT);
    expect_equal("sysctl_argument", hypercall2(__HYPERVISOR_sysctl, UNMAPPED_IPA, 0), -EFAULT);
    expect_equal("domctl_argument", hypercall2(__HYPERVISOR_domctl, UNMAPPED_IPA, 0), -EFAULT);
}

static void unknown_operations(void)
{
    static uint64_t buffer[64];

    expect_equal("event_channel_op_unknown", event_channel_op(99, buffer), -ENOSYS);
    expect_equal("sched_op_unknown", sched_op(99, buffer), -ENOSYS);
    expect_equal("hvm_op_unknown", hvm_op(99, buffer), -ENOSYS);
    expect_equal("grant_table_op_unknown", grant_table_op(99, buffer, 1), -ENOSYS);
    expect_equal("physdev_op_unknown", hypercall2(__HYPERVISOR_physdev_op, 99, (uintptr_t)buffer), -ENOSYS);
    expect_equal("memory_op_unknown", memory_op(63, buffer), -ENOSYS);
    expect_equal("memory_map_is_not_for_arm", memory_op(XENMEM_memory_map, buffer), -ENOSYS);
}

static void privileged_calls(void)
{
    /* interface_version and cmd come first in both structures */
    static struct { uint32_t cmd, version; uint64_t rest[32]; } op;

    op.cmd = 6, op.version = 0x15;          /* XEN_SYSCTL_getdomaininfolist of release 4.17 */
    expect_equal("sysctl_is_refused", hypercall2(__HYPERVISOR_sysctl, (uintptr_t)&op, 0), -EPERM);
    op.version = 0x14;
    expect_equal("sysctl_of_another_release", hypercall2(__HYPERVISOR_sysctl, (uintptr_t)&op, 0), -EACCES);
    op.cmd = 5, op.version = 0x15;          /* XEN_DOMCTL_getdomaininfo */
    expect_equal("domctl_is_refused", hypercall2(__HYPERVISOR_domctl, (uintptr_t)&op, 0), -EPERM);
    op.version = 0x14;
    expect_equal("domctl_of_another_release", hypercall2(__HYPERVISOR_domctl, (uintptr_t)&op, 0), -EACCES);
    expect_equal("console_io_is_refused", hypercall3(__HYPERVISOR_console_io, 0, 1, (uintptr_t)"x"), -EPERM);

    struct sched_remote_shutdown s = { .domain_id = 0, .reason = SHUTDOWN_poweroff };
    expect_equal("remote_shutdown_of_dom0_is_refused", sched_op(SCHEDOP_remote_shutdown, &s), -EPERM);
    s.domain_id = 0x7000;
    expect_equal("remote_shutdown_of_nobody", sched_op(SCHEDOP_remote_shutdown, &s), -ESRCH);
    struct sched_pin_override p = { .pcpu = 0 };
    expect_equal("pin_override_is_refused", sched_op(SCHEDOP_pin_override, &p), -EPERM);

    struct xen_hvm_param h = { .domid = 0, .index = HVM_PARAM_CONSOLE_PFN };
    expect_equal("hvm_param_of_dom0_is_refused", hvm_op(HVMOP_get_param, &h), -EPERM);
    h.domid = 0x7000;
    expect_equal("hvm_param_of_nobody", hvm_op(HVMOP_get_param, &h), -ESRCH);
    h.domid = DOMID_SELF;
    h.index = HVM_NR_PARAMS;
    expect_equal("hvm_param_beyond_the_last", hvm_op(HVMOP_get_param, &h), -EINVAL);
    h.index = HVM_PARAM_CONSOLE_PFN;
    expect_equal("console_frame_is_not_the_guests_to_set", hvm_op(HVMOP_set_param, &h), -EPERM);
    expect_true("console_frame_is_told", hvm_param(HVM_PARAM_CONSOLE_PFN));
    expect_true("store_frame_is_told", hvm_param(HVM_PARAM_STORE_PFN));
    expect_true("store_port_is_told", hvm_param(HVM_PARAM_STORE_EVTCHN));
}

static void sched_calls(void)
{
    struct sched_watchdog w = { .id = 0, .timeout = 0 };
    struct sched_poll p = { .nr_ports = 129 };
    evtchn_port_t port = 5000;

    expect_equal("yield", sched_op(SCHEDOP_yield, NULL), 0);
    expect_equal("poll_of_too_many_ports", sched_op(SCHEDOP_poll, &p), -EINVAL);
    set_xen_guest_handle(p.ports, &port);
    p.nr_ports = 1;
    p.timeout = 1;      /* long ago */
    expect_equal("poll_of_a_port_beyond_the_last", sched_op(SCHEDOP_poll, &p), -EINVAL);
    p.nr_ports = 0;
    expect_equal("poll_of_nothing_ends_at_its_time", sched_op(SCHEDOP_poll, &p), 0);

    w.id = 1;
    expect_equal("watchdog_that_was_not_set", sched_op(SCHEDOP_watchdog, &w), -EINVAL);
    w.id = 3;
    expect_equal("watchdog_beyond_the_last", sched_op(SCHEDOP_watchdog, &w), -EINVAL);
    w.id = 0, w.timeout = 1000;
    expect_equal("watchdog_is_given", sched_op(SCHEDOP_watchdog, &w), 1);
    expect_equal("second_watchdog_is_given", sched_op(SCHEDOP_watchdog, &w), 2);
    expect_or_xen("there_are_two_watchdogs", sched_op(SCHEDOP_watchdog, &w), -ENOSPC, (uint32_t)-ENOSPC,
                  "the error is 32 bits wide");
    w.id = 1, w.timeout = 2000;
    expect_equal("watchdog_is_pushed_on", sched_op(SCHEDOP_watchdog, &w), 0);
    w.timeout = 0;
    expect_equal("watchdog_is_given_back", sched_op(SCHEDOP_watchdog, &w), 0);
    w.id = 2;
    expect_equal("second_watchdog_is_given_back", sched_op(SCHEDOP_watchdog, &w), 0);
}

static void multicalls(void)
{
    multicall_entry_t calls[3] = {
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version, 0 } },
        { .op = 63 },
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize, 0 } },
    };

    expect_equal("multicall", hypercall2(__HYPERVISOR_multicall, (uintptr_t)calls, 3), 0);
    expect_equal("multicall_first_result", calls[0].result, 4 << 16 | 17);
    expect_equal("multicall_unknown_call", calls[1].result, -ENOSYS);
    expect_equal("multicall_last_result", calls[2].result, 4096);
    expect_equal("multicall_bad_pointer", hypercall2(__HYPERVISOR_multicall, UNMAPPED_IPA, 1), -EFAULT);
    expect_equal("multicall_of_nothing", hypercall2(__HYPERVISOR_multicall, (uintptr_t)calls, 0), 0);
}

void guest_main(void)
{
    tap_begin("hypercalls");
    version_calls();
    feature_calls();
    unknown_calls();
    tag_checked();
    registers_kept();
    bad_pointers();
    unknown_operations();
    privileged_calls();
    sched_calls();
    multicalls();
    tap_end();
}
