// SPDX-License-Identifier: Apache-2.0
/* The order in which a PV guest comes up, and its start info. */
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/start.h"

struct start_info *start_info;
xen_pfn_t *p2m;
struct cpu cpus[MAX_CPUS];
char stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(4096)));

/* Its own frame is put aside while the hypervisor's is mapped here. */
static char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

void cpu_prepare(unsigned id)
{
    cpus[id].self = &cpus[id];
    cpus[id].id = id;
    cpus[id].info.evtchn_upcall_mask = 1;
}

void dormouse_main(struct start_info *info)
{
    start_info = info;
    p2m = (xen_pfn_t *)info->mfn_list;
    cpu_prepare(0);
    hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, (uintptr_t)&cpus[0]);
    traps_init();
    memory_map_init();
    console_init();
    evtchn_init();
    irq_enable();
    guest_main();
    shutdown(SHUTDOWN_poweroff);
}

/* Nothing: events need the allocator already. */
void machine_start(void)
{
}

void start_pages_get(struct start_pages *pages)
{
    *pages = (struct start_pages){
        .console = gfn_pointer(mfn_to_gfn(MFN(start_info->console.domU.mfn))),
        .console_port = start_info->console.domU.evtchn,
        .store = gfn_pointer(mfn_to_gfn(MFN(start_info->store_mfn))),
        .store_port = start_info->store_evtchn,
    };
}

const char *start_arguments(void)
{
    return (const char *)start_info->cmd_line;
}

struct shared_info *shared_info_map(void)
{
    page_map(shared_page, MFN(start_info->shared_info >> PAGE_SHIFT));
    p2m_lists_publish((struct shared_info *)shared_page);
    return (struct shared_info *)shared_page;
}

void shared_info_unmap(void)
{
    page_map(shared_page, gfn_to_mfn(gfn_of(shared_page)));
}

void irq_enable(void)
{
    __asm__ volatile("movb $0, %%gs:65" ::: "memory");
    /*
     * gone to another vCPU meanwhile, this asks the other one, which does no harm; the one left behind took its own on
     * the way
     */
    if (__atomic_load_n(&vcpu_info_of(cpu_id())->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
        xen_version(XENVER_version, NULL);      /* any hypercall delivers pending events */
}

void irq_wait(void)
{
    sched_op(SCHEDOP_block, NULL);              /* unmasks; pending events are taken on the way back */
    irq_disable();
}

void machine_put(const char *text, size_t n)
{
    hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, (uintptr_t)text);
}

void machine_stop(void)
{
    for (;;)
        sched_op(SCHEDOP_yield, NULL);
}
