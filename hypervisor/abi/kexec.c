// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_kexec_op (xen/include/public/kexec.h), for privileged domains: dom0 loads a kernel into its window, and
 * says that its next suspend is to be the jump into it.
 *
 * Segments are copied as they come. A load that has to stop for an interrupt writes the rest of it into the
 * caller's own description, as a call that appends: so it goes on by the same means by which a caller loads in several
 * calls, and nothing is kept of a load that nobody finishes but an image that is not loaded. An error in a
 * load unloads the image.
 */
#include "abi/abi.h"

#include <xen/kexec.h>

#include "base/cpu.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/kexec.h"
#include "vm/vcpu.h"

_Static_assert(KEXEC_DEFAULT == KEXEC_TYPE_DEFAULT && KEXEC_CRASH == KEXEC_TYPE_CRASH, "the header's numbers");

#define EM_AARCH64   183    /* ELF for the Arm 64-bit Architecture (AAELF64), 5.1 */
/*
 * Torpor's own, in xen_kexec_load.type: the segments are added to those of the calls before. With an entry of 0, here
 * or in the call that begins: there are more to come.
 */
#define LOAD_APPENDS 0x80u

/* Also our own, in xen_kexec_exec.type: dom0's next suspend is no jump after all. */
#define EXEC_NONE    (-1)

static bool type_is_valid(unsigned type) { return type < KEXEC_TYPES; }

/* The first page of *s, which is moved on by it. */
static long segment_load_page(enum kexec_type type, struct xen_kexec_segment *s)
{
    uint64_t n = min_u64(s->buf_size, PAGE_SIZE);
    void *page;
    int error = kexec_add_page(type, s->dest_maddr, &page);

    if (error)
        return error;
    if (s->buf._pad) {
        if (copy_from_guest(page, s->buf._pad, n))
            return -EFAULT;
        memset(page + n, 0, PAGE_SIZE - n);
        s->buf._pad += n;
        s->buf_size -= n;
    }
    s->dest_maddr += PAGE_SIZE;
    s->dest_size -= PAGE_SIZE;
    return 0;
}

static long segment_check(const struct xen_kexec_segment *s)
{
    if (!s->dest_size || (s->dest_size & ~PAGE_MASK) || s->buf_size > s->dest_size)
        return -EINVAL;
    return 0;
}

/*
 * "Segments with no source buffer will be accessible to the image": kexec-tools name the first MiB so. With the MMU off
 * all memory is, and memory outside the window is not part of the image.
 */
static bool segment_is_nothing(const struct xen_kexec_segment *s)
{
    return !s->buf._pad && !kexec_window_touched(s->dest_maddr, s->dest_size);
}

/* As much of *s as can be done now. -ERESTART: there is more of it. */
static long segment_load(enum kexec_type type, struct xen_kexec_segment *s)
{
    long error = segment_check(s);

    if (!error && segment_is_nothing(s))
        return 0;
    while (!error && s->dest_size) {
        error = segment_load_page(type, s);
        if (!error && s->dest_size && preempt_pending())
            return -ERESTART;
    }
    return error;
}

/* The rest, in the caller's own terms: the rest of the segment that was being loaded, and those behind it. */
static long load_stop(uint64_t arg_va, struct xen_kexec_load *load, const struct xen_kexec_segment *s)
{
    load->type |= LOAD_APPENDS;
    if ((s && copy_to_guest(load->segments._pad, s, sizeof(*s))) || copy_to_guest(arg_va, load, sizeof(*load)))
        return -EFAULT;
    return -ERESTART;
}

static long load_segments(uint64_t arg_va, struct xen_kexec_load *load, enum kexec_type type)
{
    while (load->nr_segments) {
        struct xen_kexec_segment s;
        long error;

        if (copy_from_guest(&s, load->segments._pad, sizeof(s)))
            return -EFAULT;
        error = segment_load(type, &s);
        if (error)
            return error == -ERESTART ? load_stop(arg_va, load, &s) : error;
        load->nr_segments--;
        load->segments._pad += sizeof(s);
        if (load->nr_segments && preempt_pending())
            return load_stop(arg_va, load, NULL);
    }
    return load->entry_maddr ? kexec_complete(type, load->entry_maddr) : 0;
}

static long op_load(uint64_t arg_va)
{
    struct xen_kexec_load load;
    enum kexec_type type;
    uint64_t start, size;
    long result;

    if (copy_from_guest(&load, arg_va, sizeof(load)))
        return -EFAULT;
    type = load.type & ~LOAD_APPENDS;
    if (!type_is_valid(type) || load.arch != EM_AARCH64)
        return -EINVAL;
    if (!kexec_window(&start, &size))
        return -EADDRNOTAVAIL;
    if (!(load.type & LOAD_APPENDS))
        kexec_unload(type);
    result = load_segments(arg_va, &load, type);
    if (result && result != -ERESTART)
        kexec_unload(type);
    return result;
}

/*
 * An ELF note that kexec-tools name where they describe the memory that there was to a kernel for crashes, if dom0 has
 * not told where its own is. Linux has no /proc/vmcore without a note, and ours says where in memory we are.
 */
static struct PACKED {
    uint32_t name_size, desc_size, type;
    char name[8];
    uint64_t image_start, image_end;
    uint32_t no_more[3];
} crash_note __attribute__((aligned(8))) = {
    .name_size = sizeof("TORPOR"), .desc_size = 16, .type = 1, .name = "TORPOR",
};

static void range_of_note(struct xen_kexec_range *range)
{
    struct kexec_note own = kexec_note();

    if (own.size) {
        range->start = own.start;
        range->size = own.size;
        return;
    }
    crash_note.image_start = image_start_address().pa;
    crash_note.image_end = image_end_address().pa;
    range->start = image_to_paddr(&crash_note).pa;
    range->size = sizeof(crash_note);
}

/* The area for kernels, ourselves, and our note; there is neither a heap beside it nor a note for each CPU. */
static long op_get_range(uint64_t arg_va)
{
    struct xen_kexec_range range;

    if (copy_from_guest(&range, arg_va, sizeof(range)))
        return -EFAULT;
    switch (range.range) {
    case KEXEC_RANGE_MA_CRASH:
        (void)kexec_window(&range.start, &range.size);
        break;
    case KEXEC_RANGE_MA_XEN:
        range.start = image_start_address().pa;
        range.size = image_end_address().pa - range.start;
        break;
    case KEXEC_RANGE_MA_VMCOREINFO:
        range_of_note(&range);
        break;
    default:
        return -EINVAL;
    }
    return copy_to_guest(arg_va, &range, sizeof(range)) ? -EFAULT : 0;
}

static long op_exec(uint64_t arg_va)
{
    struct xen_kexec_exec exec;

    if (copy_from_guest(&exec, arg_va, sizeof(exec)))
        return -EFAULT;
    if (exec.type != EXEC_NONE)
        return type_is_valid((unsigned)exec.type) ? kexec_arm((enum kexec_type)exec.type) : -EINVAL;
    kexec_disarm();
    return 0;
}

/* Unload and status: a type in a byte. */
static long op_of_type(uint64_t cmd, uint64_t arg_va)
{
    struct xen_kexec_unload unload;

    _Static_assert(sizeof(unload) == sizeof(struct xen_kexec_status), "both are the type alone");
    if (copy_from_guest(&unload, arg_va, sizeof(unload)))
        return -EFAULT;
    if (!type_is_valid(unload.type))
        return -EINVAL;
    if (cmd == KEXEC_CMD_kexec_status)
        return kexec_loaded(unload.type);
    kexec_unload(unload.type);
    return 0;
}

long abi_kexec_op(uint64_t cmd, uint64_t arg_va)
{
    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    switch (cmd) {
    case KEXEC_CMD_kexec:
        return op_exec(arg_va);
    case KEXEC_CMD_kexec_get_range:
        return op_get_range(arg_va);
    case KEXEC_CMD_kexec_load:
        return op_load(arg_va);
    case KEXEC_CMD_kexec_unload:
    case KEXEC_CMD_kexec_status:
        return op_of_type(cmd, arg_va);
    default:
        return -ENOSYS;
    }
}
