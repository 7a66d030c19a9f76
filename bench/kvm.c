// SPDX-License-Identifier: Apache-2.0
/*
 * The guest binary on KVM: the first process of a stock Linux, which makes a virtual machine as small as
 * bench/guest/machine.dts has it, runs the guest in it to its end and switches the machine off. Interrupt controller,
 * timers and PSCI are the kernel's own; the guest's UART comes here, and its SYSTEM_OFF.
 *
 * linux/kvm.h; Documentation/virt/kvm/api.rst and devices/arm-vgic.rst, arm-vgic-v3.rst of Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { NR_VCPUS = 2, NR_IRQS = 64 };

/* machine.dts */
#define GICD_BASE   UINT64_C(0x100000000)
#define GICR_BASE   UINT64_C(0x100100000)
#define GICC_BASE   UINT64_C(0x08040000)
#define UART_BASE   UINT64_C(0x09000000)
#define RAM_BASE    UINT64_C(0x40000000)
#define RAM_SIZE    UINT64_C(0x2000000)
#define TREE_OFFSET UINT64_C(0x1800000)

#define UARTDR      0x00

static int kvm, vm;
static size_t run_size;

struct vcpu {
    int fd;
    struct kvm_run *run;
};
static struct vcpu vcpus[NR_VCPUS];

static __attribute__((noreturn)) void end(void)
{
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void fail(const char *what)
{
    printf("kvm: %s: %s\n", what, strerror(errno));
    end();
}

static int need(int result, const char *what)
{
    if (result < 0)
        fail(what);
    return result;
}

/* --- The machine --- */

static void load(char *at, size_t room, const char *path)
{
    int fd = need(open(path, O_RDONLY), path);
    ssize_t n;

    while ((n = read(fd, at, room)) > 0) {
        at += n;
        room -= (size_t)n;
    }
    if (n < 0 || !room)
        fail(path);
    close(fd);
}

static void make_ram(const char *tree)
{
    char *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = RAM_BASE,
        .memory_size = RAM_SIZE,
        .userspace_addr = (uintptr_t)ram,
    };

    if (ram == MAP_FAILED)
        fail("memory");
    load(ram, TREE_OFFSET, "/costs.img");
    load(ram + TREE_OFFSET, RAM_SIZE - TREE_OFFSET, tree);
    need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

/* vCPUs but the first begin off. */
static void make_vcpu(unsigned id)
{
    struct vcpu *v = &vcpus[id];
    struct kvm_vcpu_init init;

    v->fd = need(ioctl(vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
    v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED)
        fail("struct kvm_run");
    need(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
    init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2 | (uint32_t)(id != 0) << KVM_ARM_VCPU_POWER_OFF;
    need(ioctl(v->fd, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
}

/* Registers are named by their place in struct kvm_regs, in words. */
static void set_register(unsigned vcpu, uint64_t place, uint64_t value)
{
    struct kvm_one_reg r = {
        .id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | place / sizeof(uint32_t),
        .addr = (uintptr_t)&value,
    };

    need(ioctl(vcpus[vcpu].fd, KVM_SET_ONE_REG, &r), "KVM_SET_ONE_REG");
}

static void set_gic(int gic, uint32_t group, uint64_t attribute, const void *value)
{
    struct kvm_device_attr a = { .group = group, .attr = attribute, .addr = (uintptr_t)value };

    need(ioctl(gic, KVM_SET_DEVICE_ATTR, &a), "KVM_SET_DEVICE_ATTR of the GIC");
}

/* The host's version of it; returns which. */
static unsigned make_gic(void)
{
    struct kvm_create_device d = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
    unsigned version = 3;

    if (ioctl(vm, KVM_CREATE_DEVICE, &d)) {
        version = 2;
        d.type = KVM_DEV_TYPE_ARM_VGIC_V2;
        need(ioctl(vm, KVM_CREATE_DEVICE, &d), "KVM_CREATE_DEVICE of the GIC");
    }
    if (version == 3) {
        set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &(uint64_t){ GICD_BASE });
        set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &(uint64_t){ GICR_BASE });
    } else {
        set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_DIST, &(uint64_t){ GICD_BASE });
        set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_CPU, &(uint64_t){ GICC_BASE });
    }
    set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &(uint32_t){ NR_IRQS });
    set_gic((int)d.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
    return version;
}

/* --- Running it --- */

static void mmio(const struct kvm_run *run)
{
    if (run->mmio.is_write && run->mmio.phys_addr == UART_BASE + UARTDR)
        putchar(run->mmio.data[0]);
    else if (!run->mmio.is_write)
        memset((void *)run->mmio.data, 0, sizeof(run->mmio.data));
}

static void *vcpu_run(void *arg)
{
    struct vcpu *v = arg;

    for (;;) {
        need(ioctl(v->fd, KVM_RUN, 0), "KVM_RUN");
        switch (v->run->exit_reason) {
        case KVM_EXIT_MMIO:
            mmio(v->run);
            break;
        case KVM_EXIT_SYSTEM_EVENT:
            end();
        default:
            printf("kvm: exit %u\n", v->run->exit_reason);
            end();
        }
    }
}

int main(void)
{
    pthread_t others[NR_VCPUS];

    setvbuf(stdout, NULL, _IOLBF, 0);
    need(mount("devtmpfs", "/dev", "devtmpfs", 0, NULL), "/dev");
    kvm = need(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    run_size = (size_t)need(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    vm = need(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    for (unsigned i = 0; i < NR_VCPUS; i++)
        make_vcpu(i);
    make_ram(make_gic() == 3 ? "/gic3.dtb" : "/gic2.dtb");
    set_register(0, offsetof(struct kvm_regs, regs.pc), RAM_BASE);
    set_register(0, offsetof(struct kvm_regs, regs.regs[0]), RAM_BASE + TREE_OFFSET);
    for (unsigned i = 1; i < NR_VCPUS; i++)
        if ((errno = pthread_create(&others[i], NULL, vcpu_run, &vcpus[i])))
            fail("pthread_create");
    vcpu_run(&vcpus[0]);
    return 0;
}
