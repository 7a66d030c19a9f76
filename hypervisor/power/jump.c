// SPDX-License-Identifier: Apache-2.0
/*
 * The jump. It is the host's sleep with another end: instead of the firmware, a kernel is entered that stands in a part
 * of dom0's memory, and instead of an interrupt, that kernel brings the host back, by entering jump_back_entry. To it
 * this is a machine that was just started, with less memory: interrupts are quiet, EL2 is as the arm64 boot protocol
 * wants it, other CPUs are off. Nothing that it does to CPUs, timers and the interrupt controller matters to us,
 * for the way back is the same as from firmware that has lost it all. It must not write outside its memory.
 */
#include "power/jump.h"

#include "arch/sleep.h"
#include "arch/sysreg.h"
#include "base/panic.h"
#include "base/printk.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "cpu/timer.h"
#include "dev/console.h"
#include "dev/gic.h"
#include "dev/its.h"
#include "dev/smmu.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "power/handover.h"
#include "power/host.h"
#include "sleep/ops.h"
#include "vm/freeze.h"
#include "vm/kexec.h"

static enum kexec_type image;     /* of the jump under way */
static uint64_t image_entry;

static const void *device_tree;
static size_t device_tree_size;

/* --- The image: taken before anything sleeps, and put into memory when nothing changes it any more */

static int image_take(struct sleep *s)
{
    (void)s;
    return kexec_take_armed(&image, &image_entry) ? 0 : -ENOENT;
}

static int image_to_memory(struct sleep *s)
{
    (void)s;
    kexec_clean_caches(image);
    return 0;
}

static const struct hibernation_ops operations = { .begin = image_take, .pre_snapshot = image_to_memory };

/* --- The jump itself */

static int64_t leave(struct cpu_context *c)
{
    cpu_note_left();
    this_cpu()->left.context = *c;
    cpu_leave_to(image_entry, image_to_paddr(boot_root).pa, image_to_paddr(cpu_leaving).pa);
}

static int jump_enter(struct sleep *s)
{
    struct host_sleep *h = s->context;

    h->down_ns = s->now_ns();
    handover_leave(false);
    cpu_stages_off();
    (void)cpu_sleep(&jump_context, leave);
    h->restored = handover_return();
    h->up_ns = s->now_ns();
    sleep_note(s, SLEEP_ASLEEP, "away", 0, 0, h->down_ns, h->up_ns);
    handover_note_deeds(s, h->down_ns, h->up_ns);
    return 0;
}

static const struct sleep_stage jump_stage = { .name = "jump", .enter = jump_enter };

/* --- A crash, of dom0's or our own */

/*
 * Only timers, and the SMMU and the ITS, whose tables stay ours, are put to rest: a kernel for crashes expects the rest
 * as it stands. It has this CPU alone, for the others are on.
 */
void machine_enter_crash_kernel(void)
{
    image_entry = kexec_crash_entry();
    if (!image_entry)
        return;
    printk("torpor: going to the kernel that dom0 has loaded for a crash\n");
    kexec_clean_caches(KEXEC_CRASH);
    handover_leave(true);
    write_sysreg(0, cnthp_ctl_el2);
    write_sysreg(0, cntv_ctl_el0);
    smmu_silence();
    its_silence();
    (void)cpu_sleep(&jump_context, leave);
    (void)cpu_core_stage.on();
    printk("torpor: it came back, but there is nothing to go on with\n");
}

/* --- The list */

static const struct sleep_stage *const stages[] = {
    &hibernation_begin_stage,
    &domains_stage,
    &dom0_stage,
    &hibernation_snapshot_stage,
    &cpus_stage,
    &timers_stage,
    &console_stage,
    &smmu_jump_stage,
    &its_jump_stage,
    &gic_stage,
    &core_stage,
    &jump_stage,
};

const struct sleep_list jump_list = { .name = "jump", .stages = stages, .count = ARRAY_SIZE(stages) };

/* --- Handed by dom0 to the kernel */

static size_t address_text(paddr_t at, void *buf, size_t size)
{
    char text[24];
    size_t n;

    snprintf(text, sizeof(text), "0x%lx", at.pa);
    n = strlen(text) + 1;
    memcpy(buf, text, min_u64(n, size));
    return n;
}

static size_t back_entry_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    (void)e;
    return address_text(image_to_paddr(jump_back_entry), buf, size);
}

static size_t handover_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    (void)e;
    return address_text(handover_address(), buf, size);
}

static size_t device_tree_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    (void)e;
    memcpy(buf, device_tree, min_u64(device_tree_size, size));
    return device_tree_size;
}

/* A hexadecimal number, with 0x or without, up to `end`; *text is left behind that. */
static bool take_hexadecimal(const char **text, char end, uint64_t *number)
{
    const char *s = *text + (strncmp(*text, "0x", 2) ? 0 : 2);
    unsigned digits = 0;

    for (*number = 0; *s && *s != end; s++, digits++) {
        const char *all = "0123456789abcdef", *digit = strchr(all, *s);

        if (!digit)
            return false;
        *number = *number << 4 | (uint64_t)(digit - all);
    }
    *text = s + 1;
    return *s == end && digits && digits <= 16;
}

/* As Linux says it (Documentation/ABI/testing/sysfs-kernel-vmcoreinfo): address and size. */
static int vmcoreinfo_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    const char *text = data;
    struct kexec_note note;

    (void)e;
    (void)size;
    if (!take_hexadecimal(&text, ' ', &note.start) || !take_hexadecimal(&text, '\0', &note.size))
        return -EINVAL;
    kexec_set_note(note);
    return 0;
}

const struct hypfs_entry jump_dir[JUMP_ENTRIES] = {
    { .name = "back-entry", .type = HYPFS_STRING, .read = back_entry_read },
    { .name = "handover", .type = HYPFS_STRING, .read = handover_read },
    { .name = "device-tree", .type = HYPFS_BLOB, .read = device_tree_read },
    { .name = "vmcoreinfo", .type = HYPFS_STRING, .data = "", .size = 1, .write = vmcoreinfo_write, .max_write = 40 },
};

void jump_set_device_tree(const void *tree, size_t size)
{
    device_tree = tree;
    device_tree_size = size;
}

void jump_init(void) { hibernation_ops_set(&operations); }
