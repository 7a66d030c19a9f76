// SPDX-License-Identifier: Apache-2.0
/*
 * A toolstack gone mad: seeded random domctls, sysctls, memory and parameter operations on domains of its own making,
 * from dom0's user space through /dev/xen/privcmd. Half of the arguments are noise, half are nearly right, so that
 * calls get past the first check. After each round the domain is destroyed, and free memory has to be as before, to the
 * page.
 *
 *   toolstack SEED ROUNDS        exits 0 iff it was, each time; the seed is printed first
 *
 * Calls that would end dom0 or the machine by right are left out: destroying dom0, debug keys, taking dom0's
 * interrupts, starving it by weight. A static program without a C library, so that it runs wherever dom0 runs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/domctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hypfs.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/version.h>
#include <xen/xen.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CALLS_A_ROUND 3000
#define DOMAIN_KIB    131072
#define DEVICE_MFN    0x9000   /* QEMU virt: UART, RTC, GPIO; dom0 may use most of it */

enum { SYS_IOCTL = 29, SYS_OPENAT = 56, SYS_WRITE = 64, SYS_EXIT_GROUP = 94, AT_FDCWD = -100, O_RDWR = 2 };

struct privcmd_hypercall {
    uint64_t op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL ((uint64_t)sizeof(struct privcmd_hypercall) << 16 | 'P' << 8)

static int privcmd;
static uint64_t state;
static uint64_t buffer[8192] __attribute__((aligned(4096)));
static union {
    struct xen_domctl domctl;
    struct xen_sysctl sysctl;
    uint64_t words[64];
} op __attribute__((aligned(4096)));

static long syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

/* The compiler calls these two by itself. */
void *memset(void *p, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)p)[i] = (char)c;
    return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

static void print(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    syscall6(SYS_WRITE, 1, (long)text, (long)n, 0, 0, 0);
}

static void print_number(const char *text, uint64_t value)
{
    char digits[24], *p = &digits[23];

    *p = 0;
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    print(text);
    print(p);
}

static uint64_t parse_number(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static bool one_in(uint32_t n) { return below(n) == 0; }

static long hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct privcmd_hypercall call = { number, { a, b, c, d, e } };

    return syscall6(SYS_IOCTL, privcmd, (long)IOCTL_PRIVCMD_HYPERCALL, (long)&call, 0, 0, 0);
}

static long domctl(uint32_t cmd, domid_t domain)
{
    op.domctl.cmd = cmd;
    op.domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domctl.domain = domain;
    return hypercall(__HYPERVISOR_domctl, (uintptr_t)&op, 0, 0, 0, 0);
}

static long sysctl(uint32_t cmd)
{
    op.sysctl.cmd = cmd;
    op.sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_sysctl, (uintptr_t)&op, 0, 0, 0, 0);
}

static uint64_t free_pages(void)
{
    memset(&op, 0, sizeof(op));
    return sysctl(XEN_SYSCTL_physinfo) ? 0 : op.sysctl.u.physinfo.free_pages;
}

/* Numbers that code has limits at, and addresses of ours. */
static uint64_t any_value(domid_t domain)
{
    switch (below(12)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return (uintptr_t)buffer + below(8192);
    case 3: return (uintptr_t)buffer;
    case 4: return domain;
    case 5: return DOMID_SELF;
    case 6: return below(64);
    case 7: return (GUEST_RAM_BASE >> 12) + below(1024);
    case 8: return UINT64_C(1) << below(64);
    case 9: return (UINT64_C(1) << below(64)) - 1;
    case 10: return DEVICE_MFN + below(64);
    default: return (uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX);
    }
}

static void fill(uint64_t *words, size_t n, domid_t domain)
{
    for (size_t i = 0; i < n; i++)
        words[i] = one_in(2) ? any_value(domain) : (any_value(domain) & UINT32_MAX) | any_value(domain) << 32;
}

static domid_t domain_new(void)
{
    struct xen_domctl_createdomain *c = &op.domctl.u.createdomain;
    domid_t id;

    memset(&op, 0, sizeof(op));
    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = 2;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    if (domctl(XEN_DOMCTL_createdomain, 0))
        return 0;
    id = op.domctl.domain;
    op.domctl.u.max_vcpus.max = 2;
    domctl(XEN_DOMCTL_max_vcpus, id);
    op.domctl.u.max_mem.max_memkb = DOMAIN_KIB;
    domctl(XEN_DOMCTL_max_mem, id);
    return id;
}

/* Makes noise nearly right, so that something happens. */
static void domctl_improve(uint32_t cmd)
{
    struct vcpu_guest_context *context = (void *)buffer;

    switch (cmd) {
    case XEN_DOMCTL_max_mem:
        op.domctl.u.max_mem.max_memkb = one_in(2) ? DOMAIN_KIB / 2 : DOMAIN_KIB;
        break;
    case XEN_DOMCTL_setvcpucontext:
        op.domctl.u.vcpucontext.vcpu = below(2);
        op.domctl.u.vcpucontext.ctxt.q = (uintptr_t)context;
        context->user_regs.cpsr = PSR_GUEST64_INIT;
        context->user_regs.pc64 = GUEST_RAM_BASE + below(65536) * 4;
        context->flags = VGCF_online;
        break;
    case XEN_DOMCTL_getvcpuinfo:
    case XEN_DOMCTL_setvcpuaffinity:
    case XEN_DOMCTL_getvcpuaffinity:
        op.domctl.u.getvcpuinfo.vcpu = below(3);
        break;
    case XEN_DOMCTL_iomem_permission:
        op.domctl.u.iomem_permission.first_mfn = DEVICE_MFN + below(128);
        op.domctl.u.iomem_permission.nr_mfns = below(8);
        break;
    case XEN_DOMCTL_memory_mapping:
        op.domctl.u.memory_mapping.first_gfn = (GUEST_PL011_BASE >> 12) + below(64);
        op.domctl.u.memory_mapping.first_mfn = DEVICE_MFN + below(128);
        op.domctl.u.memory_mapping.nr_mfns = below(4);
        break;
    default:
        break;
    }
}

static void random_domctl(domid_t domain)
{
    uint32_t cmd = below(90);
    long result;

    fill(op.words, ARRAY_SIZE(op.words), domain);
    switch (cmd) {
    case XEN_DOMCTL_destroydomain:
    case XEN_DOMCTL_set_virq_handler:
    case XEN_DOMCTL_soft_reset:   /* ends the domain on stock Xen */
        return;
    case XEN_DOMCTL_scheduler_op:
        op.domctl.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
        op.domctl.u.scheduler_op.u.credit2.weight %= 256;
        break;
    default:
        if (one_in(2))
            domctl_improve(cmd);
        break;
    }
    result = domctl(cmd, cmd == XEN_DOMCTL_createdomain ? 0 : domain);
    if (cmd == XEN_DOMCTL_createdomain && result == 0)
        domctl(XEN_DOMCTL_destroydomain, op.domctl.domain);
}

static void random_sysctl(domid_t domain)
{
    uint32_t cmd = below(32);

    fill(op.words, ARRAY_SIZE(op.words), domain);
    if (cmd == XEN_SYSCTL_debug_keys || cmd == XEN_SYSCTL_cpu_hotplug)
        return;
    if (cmd == XEN_SYSCTL_getdomaininfolist)
        op.sysctl.u.getdomaininfolist.max_domains %= 64;
    sysctl(cmd);
}

/* Lists of frames in the domain's usual places, in the middle of the buffer. */
static uint64_t random_list(uint64_t first, uint32_t range, unsigned part)
{
    uint64_t *list = buffer + 512 * part;

    for (unsigned i = 0; i < 64; i++)
        list[i] = first + below(range);
    return (uintptr_t)list;
}

static void random_reservation(domid_t domain)
{
    struct xen_memory_reservation *r = (void *)buffer;

    r->domid = domain;
    if (one_in(4))
        return;
    r->extent_start.q = random_list(GUEST_RAM_BASE >> 12, 32768, 1);
    r->nr_extents = below(64);
    r->extent_order = below(11);
    r->mem_flags = 0;
}

static void random_placing(domid_t domain)
{
    struct xen_add_to_physmap *a = (void *)buffer;

    a->domid = domain;
    a->space = below(6);
    a->idx = below(4);
    a->gpfn = (GUEST_GNTTAB_BASE >> 12) + below(64);
}

static void random_batch(domid_t domain)
{
    struct xen_add_to_physmap_batch *b = (void *)buffer;

    b->domid = domain;
    b->space = (uint16_t)below(6);
    b->size = (uint16_t)below(64);
    b->u.foreign_domid = b->space == XENMAPSPACE_gmfn_foreign && one_in(2) ? domain : 0;
    b->idxs.q = random_list(GUEST_RAM_BASE >> 12, 0x30000, 1);
    b->gpfns.q = random_list(GUEST_MAGIC_BASE >> 12, 1024, 2);
    b->errs.q = (uintptr_t)(buffer + 512 * 3);
}

static void random_memory_op(domid_t domain)
{
    static const struct { unsigned cmd; void (*prepare)(domid_t); } calls[] = {
        { XENMEM_populate_physmap, random_reservation }, { XENMEM_decrease_reservation, random_reservation },
        { XENMEM_increase_reservation, random_reservation }, { XENMEM_claim_pages, random_reservation },
        { XENMEM_add_to_physmap, random_placing }, { XENMEM_add_to_physmap_batch, random_batch },
        { XENMEM_current_reservation, NULL }, { XENMEM_maximum_gpfn, NULL }, { XENMEM_remove_from_physmap, NULL },
        { XENMEM_get_vnumainfo, NULL }, { XENMEM_reserved_device_memory_map, NULL }, { XENMEM_acquire_resource, NULL },
    };
    unsigned i = below(ARRAY_SIZE(calls));

    *(domid_t *)buffer = domain;
    if (calls[i].prepare)
        calls[i].prepare(domain);
    hypercall(__HYPERVISOR_memory_op, calls[i].cmd | (one_in(8) ? below(70) << 6 : 0), (uintptr_t)buffer, 0, 0, 0);
}

static void random_small_call(domid_t domain)
{
    struct xen_hvm_param *p = (void *)buffer;

    switch (below(3)) {
    case 0:
        p->domid = domain;
        p->index = below(HVM_NR_PARAMS + 2);
        hypercall(__HYPERVISOR_hvm_op, below(3), (uintptr_t)p, 0, 0, 0);
        break;
    case 1:
        hypercall(__HYPERVISOR_hypfs_op, below(4), (uintptr_t)(buffer + 512), below(1100), (uintptr_t)buffer,
                  below(20000));
        break;
    default:
        hypercall(__HYPERVISOR_xen_version, below(12), (uintptr_t)buffer, 0, 0, 0);
        break;
    }
}

static void round_run(domid_t domain)
{
    static void (*const kinds[])(domid_t) = { random_domctl, random_domctl, random_memory_op, random_sysctl,
                                              random_small_call };

    for (unsigned i = 0; i < CALLS_A_ROUND; i++) {
        fill(buffer, 512, domain);
        kinds[below(ARRAY_SIZE(kinds))](domain);
    }
}

static int fuzz(uint64_t seed, uint64_t rounds)
{
    uint64_t before = free_pages();

    state = seed;
    print_number("seed ", seed);
    print_number(", free pages ", before);
    print("\n");
    for (uint64_t i = 0; i < rounds; i++) {
        domid_t domain = domain_new();
        uint64_t after;

        if (!domain) {
            print_number("no domain could be made in round ", i);
            print("\n");
            return 1;
        }
        round_run(domain);
        memset(&op, 0, sizeof(op));
        domctl(XEN_DOMCTL_destroydomain, domain);
        after = free_pages();
        if (after != before) {
            print_number("round ", i);
            print_number(": free pages ", after);
            print("\n");
            return 1;
        }
    }
    print("every page came back\n");
    return 0;
}

void program_main(uint64_t *stack);
void program_main(uint64_t *stack)
{
    char **argv = (char **)(stack + 1);
    int status = 2;

    /* Touched, so that the hypervisor finds it mapped. */
    memset(buffer, 0, sizeof(buffer));
    memset(&op, 0, sizeof(op));
    privcmd = (int)syscall6(SYS_OPENAT, AT_FDCWD, (long)"/dev/xen/privcmd", O_RDWR, 0, 0, 0);
    if (stack[0] != 3 || privcmd < 0)
        print("usage, in dom0: toolstack SEED ROUNDS\n");
    else
        status = fuzz(parse_number(argv[1]), parse_number(argv[2]));
    syscall6(SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl program_main\n");
