// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_console_io: dom0's output to the machine's console, and its input from it; other domains have consoles of
 * their own. Copied in small pieces; a long write stops for waiting interrupts and goes on with the rest.
 */
#include "abi/abi.h"

#include <xen/xen.h>

#include "cpu/cpu.h"
#include "dev/console.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define CHUNK     128
#define COUNT_MAX 0x7fffffffu   /* xen/include/public/xen.h: "2GB" */

static long console_write(struct vcpu *v, uint64_t count, uint64_t va)
{
    char text[CHUNK];

    while (count) {
        size_t n = min_u64(count, sizeof(text));

        if (copy_from_guest(text, va, n))
            return -EFAULT;
        console_raw_write(text, n);
        count -= n;
        va += n;
        if (count && preempt_pending()) {
            v->regs.x[1] = count;
            v->regs.x[2] = va;
            return -ERESTART;
        }
    }
    return 0;
}

/* Reads the input that is there, up to a piece: the guest asks again for more. */
static long console_read(uint64_t count, uint64_t va)
{
    char text[CHUNK];
    size_t n;

    n = console_guest_read(text, min_u64(count, sizeof(text)));
    return n && copy_to_guest(va, text, n) ? -EFAULT : (long)n;
}

long abi_console_io(uint64_t cmd, uint64_t count, uint64_t va)
{
    struct vcpu *v = current_vcpu();

    if (count > COUNT_MAX)
        return -E2BIG;
    if (!v->domain->hypervisor_console)
        return -EPERM;
    switch (cmd) {
    case CONSOLEIO_write: return console_write(v, count, va);
    case CONSOLEIO_read: return console_read(count, va);
    default: return -ENOSYS;
    }
}
