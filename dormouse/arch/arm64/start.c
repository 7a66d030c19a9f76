// SPDX-License-Identifier: Apache-2.0
/*
 * An arm64 guest is started with HVM parameters and the device tree. Without a PV console, dom0 prints by console_io,
 * and a guest of something else than Xen on its PL011.
 */
#include "machine/start.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "machine/cpu.h"
#include "machine/memory.h"

struct vcpu_place vcpu_places[MAX_CPUS];

static void *param_page(unsigned index)
{
    return gfn_pointer(GFN(hvm_param(index)));
}

void start_pages_get(struct start_pages *pages)
{
    *pages = (struct start_pages){
        .console = param_page(HVM_PARAM_CONSOLE_PFN),
        .console_port = (evtchn_port_t)hvm_param(HVM_PARAM_CONSOLE_EVTCHN),
        .store = param_page(HVM_PARAM_STORE_PFN),
        .store_port = (evtchn_port_t)hvm_param(HVM_PARAM_STORE_EVTCHN),
    };
}

const char *start_arguments(void)
{
    return platform.bootargs;
}

struct shared_info *shared_info_map(void)
{
    /* the last page of the range that the tree gives for grant frames: version 1 tables never reach it */
    gfn_t at = GFN((platform.grant_base + platform.grant_size) / PAGE_SIZE - 1);

    if (physmap_add(XENMAPSPACE_shared_info, 0, at))
        panic("the shared page cannot be mapped at frame %lx", at.gfn);
    return gfn_pointer(at);
}

static void upcall(unsigned intid)
{
    (void)intid;
    evtchn_upcall();
}

/* All vCPUs have one table of handlers, into which a program may have put another since vCPU 0 began. */
void upcall_init_cpu(void)
{
    static bool begun;

    if (!begun)
        irq_register(platform.evtchn_intid, upcall);
    begun = true;
    gic_enable(platform.evtchn_intid);
}

/* DDI 0183 3.3.1, 3.3.3. */
static void put_by_uart(const char *s, size_t n)
{
    enum { UARTDR = 0x00, UARTFR = 0x18, UARTFR_TXFF = 1 << 5 };

    for (size_t i = 0; i < n; i++) {
        while (mmio_read32(platform.uart + UARTFR) & UARTFR_TXFF)
            ;
        mmio_write32(platform.uart + UARTDR, (unsigned char)s[i]);
    }
}

void machine_put(const char *text, size_t n)
{
    if (platform.uart && !platform.xen)
        put_by_uart(text, n);
    else
        hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, (uintptr_t)text);
}

void machine_stop(void)
{
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        wfi();
}
