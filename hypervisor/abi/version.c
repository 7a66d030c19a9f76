// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_xen_version (xen/include/public/version.h): our name, and the features that a guest may rely on. Answers
 * are constants, but for the caller's own handle and features. Everybody may ask everything except for the command
 * line, in whose place an unprivileged caller reads "<denied>".
 */
#include "abi/version.h"

#include <xen/version.h>

#include "abi/abi.h"
#include "base/cmdline.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

/* Only AArch64 kernels run: a 32-bit one is refused by XEN_DOMCTL_set_address_size and setvcpucontext. */
#define CAPABILITIES "xen-3.0-aarch64 "

/* Stores text in the guest's buffer of `size` bytes, cut and padded with zeros. size <= 1024. */
static long copy_text(uint64_t to_va, const char *text, size_t size)
{
    static const char zeros[1024];
    size_t n = strnlen(text, size - 1);

    if (copy_to_guest(to_va, text, n) || copy_to_guest(to_va + n, zeros, size - n))
        return -EFAULT;
    return 0;
}

static long compile_info_get(uint64_t arg_va)
{
    static const struct xen_compile_info info = {
        .compiler = VERSION_COMPILER,
        .compile_by = VERSION_COMPILE_BY,
        .compile_domain = VERSION_DOMAIN,
        .compile_date = TORPOR_BUILD_DATE,
    };

    return copy_to_guest(arg_va, &info, sizeof(info));
}

static uint32_t domain_features(const struct domain *d)
{
    uint32_t features = BIT(XENFEAT_writable_page_tables) | BIT(XENFEAT_auto_translated_physmap) |
                        BIT(XENFEAT_memory_op_vnode_supported) | BIT(XENFEAT_ARM_SMCCC_supported);

    if (d == dom0)
        features |= BIT(XENFEAT_dom0);
    features |= d->direct_mapped ? BIT(XENFEAT_direct_mapped) : BIT(XENFEAT_not_direct_mapped);
    return features;
}

static long features_get(uint64_t arg_va)
{
    struct xen_feature_info info;

    if (copy_from_guest(&info, arg_va, sizeof(info)))
        return -EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = domain_features(current_vcpu()->domain);
    return copy_to_guest(arg_va, &info, sizeof(info));
}

static long platform_parameters_get(uint64_t arg_va)
{
    /* Nothing of the hypervisor is in a guest's address space. */
    static const struct xen_platform_parameters parameters = { .virt_start = 0 };

    return copy_to_guest(arg_va, &parameters, sizeof(parameters));
}

static long build_id_get(uint64_t arg_va)
{
    size_t size = (size_t)(build_id_end - build_id_start);
    struct xen_build_id header;

    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    if (size == 0)
        return -ENODATA;
    if (arg_va == 0)
        return (long)size;
    if (copy_from_guest(&header, arg_va, sizeof(header)))
        return -EFAULT;
    if (header.len == 0)
        return -EINVAL;
    if (size > header.len)
        return -ENOBUFS;
    if (copy_to_guest(arg_va + offsetof(struct xen_build_id, buf), build_id_start, size))
        return -EFAULT;
    return (long)size;
}

static long handle_get(const struct domain *d, uint64_t arg_va)
{
    uint8_t handle[sizeof(xen_domain_handle_t)];

    domain_get_handle(d, handle);
    return copy_to_guest(arg_va, handle, sizeof(handle));
}

long abi_xen_version(uint64_t cmd, uint64_t arg_va)
{
    struct domain *d;

    if (likely(cmd == XENVER_version))
        return VERSION_MAJOR << 16 | VERSION_MINOR;

    d = current_vcpu()->domain;
    switch (cmd) {
    case XENVER_extraversion:
        return copy_text(arg_va, VERSION_EXTRA, XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return compile_info_get(arg_va);
    case XENVER_capabilities:
        return copy_text(arg_va, CAPABILITIES, XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return copy_text(arg_va, TORPOR_CHANGESET, XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        return platform_parameters_get(arg_va);
    case XENVER_get_features:
        return features_get(arg_va);
    case XENVER_pagesize:
        return arg_va == 0 ? (long)PAGE_SIZE : -EINVAL;
    case XENVER_guest_handle:
        return handle_get(d, arg_va);
    case XENVER_commandline:
        return copy_text(arg_va, d->privileged ? cmdline_text() : "<denied>", sizeof(xen_commandline_t));
    case XENVER_build_id:
        return build_id_get(arg_va);
    default:
        return -ENOSYS;
    }
}
