// SPDX-License-Identifier: Apache-2.0
/* The record of the CPU that a domain sees, and the features that a host has to have for it. */
#include "vm/arm64/cpu_view.h"

#include "arch/nospec.h"
#include "arch/sysreg.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/arm64/idregs.h"
#include "vm/domain.h"
#include "vm/records.h"

struct cpu_view_record_v1 {
    uint64_t midr;              /* which CPU it is */
    uint64_t ctr, dczid;        /* its cache lines, and how much DC ZVA clears: programs keep these */
    uint64_t id_registers[CPU_VIEW_REGISTERS];
};

uint64_t cpu_view_read(const struct domain *d, unsigned crm, unsigned op2)
{
    const uint64_t *restored = d->cpu_view.id_registers;

    return restored ? restored[index_nospec((crm << 3 | op2) - 8, CPU_VIEW_REGISTERS)] : idreg_read(d, crm, op2);
}

bool cpu_view_has_aarch32(const struct domain *d) { return (cpu_view_read(d, 4, 0) & 15) == 2; }

void cpu_view_free(struct domain *d)
{
    heap_free(d->cpu_view.id_registers, CPU_VIEW_REGISTERS * sizeof(uint64_t));
    d->cpu_view.id_registers = NULL;
}

/* --- Missing features, by name (Arm ARM DDI 0487, D19.2) --- */

#define NEEDS(feature) "needs " feature ", which this host's CPUs have not"

static const struct {
    uint8_t crm, op2, shift;
    const char *why;
} names[] = {
    { 4, 0, 0, NEEDS("AArch32 at EL0") },
    { 4, 0, 16, NEEDS("floating point (FP, or FEAT_FP16)") },
    { 4, 0, 20, NEEDS("AdvSIMD") },
    { 4, 0, 24, NEEDS("a GICv3's registers") },
    { 4, 0, 48, NEEDS("FEAT_DIT") },
    { 4, 0, 56, NEEDS("FEAT_CSV2") },
    { 4, 0, 60, NEEDS("FEAT_CSV3") },
    { 4, 1, 0, NEEDS("FEAT_BTI") },
    { 4, 1, 4, NEEDS("FEAT_SSBS") },
    { 6, 0, 4, NEEDS("FEAT_AES") },
    { 6, 0, 8, NEEDS("FEAT_SHA1") },
    { 6, 0, 12, NEEDS("FEAT_SHA256") },
    { 6, 0, 16, NEEDS("CRC32") },
    { 6, 0, 20, NEEDS("FEAT_LSE") },
    { 6, 0, 28, NEEDS("FEAT_RDM") },
    { 6, 0, 32, NEEDS("FEAT_SHA3") },
    { 6, 0, 36, NEEDS("FEAT_SM3") },
    { 6, 0, 40, NEEDS("FEAT_SM4") },
    { 6, 0, 44, NEEDS("FEAT_DotProd") },
    { 6, 0, 48, NEEDS("FEAT_FHM") },
    { 6, 0, 52, NEEDS("FEAT_FlagM") },
    { 6, 0, 56, NEEDS("FEAT_TLBIOS") },
    { 6, 0, 60, NEEDS("FEAT_RNG") },
    { 6, 1, 0, NEEDS("FEAT_DPB") },
    { 6, 1, 12, NEEDS("FEAT_JSCVT") },
    { 6, 1, 16, NEEDS("FEAT_FCMA") },
    { 6, 1, 20, NEEDS("FEAT_LRCPC") },
    { 6, 1, 32, NEEDS("FEAT_FRINTTS") },
    { 6, 1, 36, NEEDS("FEAT_SB") },
    { 6, 1, 40, NEEDS("FEAT_SPECRES") },
    { 6, 1, 44, NEEDS("FEAT_BF16") },
    { 6, 1, 48, NEEDS("FEAT_DGH") },
    { 6, 1, 52, NEEDS("FEAT_I8MM") },
    { 6, 2, 20, NEEDS("FEAT_HBC") },
    { 6, 2, 28, NEEDS("FEAT_CLRBHB") },
    { 6, 2, 52, NEEDS("FEAT_CSSC") },
    { 7, 0, 0, NEEDS("larger physical addresses") },
    { 7, 0, 4, NEEDS("16-bit ASIDs") },
    { 7, 0, 20, NEEDS("pages of 16 KiB") },
    { 7, 0, 24, NEEDS("pages of 64 KiB") },
    { 7, 0, 28, NEEDS("pages of 4 KiB") },
    { 7, 1, 0, NEEDS("FEAT_HAFDBS") },
    { 7, 1, 12, NEEDS("FEAT_HPDS") },
    { 7, 1, 20, NEEDS("FEAT_PAN") },
    { 7, 1, 36, NEEDS("FEAT_ETS2") },
    { 7, 1, 60, NEEDS("FEAT_ECBHB") },
    { 7, 2, 4, NEEDS("FEAT_UAO") },
    { 7, 2, 16, NEEDS("FEAT_LVA") },
    { 7, 2, 20, NEEDS("FEAT_CCIDX") },
    { 7, 2, 28, NEEDS("FEAT_TTST") },
    { 7, 2, 32, NEEDS("FEAT_LSE2") },
    { 7, 2, 36, NEEDS("FEAT_IDST") },
    { 7, 2, 48, NEEDS("FEAT_TTL") },
    { 7, 2, 52, NEEDS("FEAT_BBM") },
    { 7, 2, 60, NEEDS("FEAT_E0PD") },
};

static const char *name_of(unsigned crm, unsigned op2, unsigned shift)
{
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].crm == crm && names[i].op2 == op2 && names[i].shift == shift)
            return names[i].why;
    return NEEDS("a feature of AArch32, or one that has no name here");
}

/* NULL: the host has all of the register. */
static const char *missing_of(const struct domain *d, unsigned crm, unsigned op2, uint64_t saved)
{
    uint64_t lacking = saved ^ idreg_common(crm, op2, saved, idreg_read(d, crm, op2));

    return lacking ? name_of(crm, op2, (unsigned)__builtin_ctzll(lacking) & ~3u) : NULL;
}

/* AArch64's first: a feature missing there has a name, and AArch32 mostly lacks the same. */
static const char *missing_registers(const struct domain *d, const uint64_t *saved)
{
    enum { FIRST_OF_AARCH64 = 3 * 8 };

    for (unsigned n = 0; n < CPU_VIEW_REGISTERS; n++) {
        unsigned i = (n + FIRST_OF_AARCH64) % CPU_VIEW_REGISTERS;
        const char *why = missing_of(d, (i >> 3) + 1, i & 7, saved[i]);

        if (why)
            return why;
    }
    return NULL;
}

/*
 * CTR_EL0 (D19.2.34): a program that cleans too few lines, or none because it need not, would not see its own writes.
 */
#define CTR_IMINLINE(v) ((v) & 15)
#define CTR_L1IP(v)     (((v) >> 14) & 3)   /* greater: less maintenance is needed */
#define CTR_DMINLINE(v) (((v) >> 16) & 15)
#define CTR_FREE(v)     (((v) >> 28) & 3)   /* IDC, DIC: maintenance that is not needed */

static const char *missing_of_caches(const struct cpu_view_record_v1 *r)
{
    uint64_t here = read_sysreg(ctr_el0);

    if (CTR_IMINLINE(here) < CTR_IMINLINE(r->ctr) || CTR_DMINLINE(here) < CTR_DMINLINE(r->ctr))
        return "is of a CPU with longer cache lines than this host's";
    if (CTR_L1IP(here) < CTR_L1IP(r->ctr) || (CTR_FREE(r->ctr) & ~CTR_FREE(here)))
        return "is of a CPU whose caches need less maintenance than this host's";
    return read_sysreg(dczid_el0) == r->dczid ? NULL : "is of a CPU whose DC ZVA clears another size than this host's";
}

/* --- The record --- */

static int view_save(void *object, unsigned instance, struct record_writer *w)
{
    const struct domain_cpu_view *view = &((struct domain *)object)->cpu_view;
    struct cpu_view_record_v1 r = {
        .midr = view->midr ? view->midr : read_sysreg(midr_el1),
        .ctr = read_sysreg(ctr_el0),
        .dczid = read_sysreg(dczid_el0),
    };

    (void)instance;
    for (unsigned i = 0; i < CPU_VIEW_REGISTERS; i++)
        r.id_registers[i] = cpu_view_read(object, (i >> 3) + 1, i & 7);
    record_write(w, &r, sizeof(r));
    return 0;
}

static int view_check(void *object, unsigned instance, struct record_reader *in)
{
    struct cpu_view_record_v1 r;
    const char *why;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    why = missing_registers(object, r.id_registers);
    if (!why)
        why = missing_of_caches(&r);
    if (!why && (!r.midr || r.midr > UINT32_MAX))
        why = "is of a CPU of no make (MIDR_EL1)";
    return why ? record_refuse(in, -EOPNOTSUPP, why) : 0;
}

static int view_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct cpu_view_record_v1 r;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    d->cpu_view.id_registers = heap_alloc(sizeof(r.id_registers));
    if (!d->cpu_view.id_registers)
        return -ENOMEM;
    memcpy(d->cpu_view.id_registers, r.id_registers, sizeof(r.id_registers));
    d->cpu_view.midr = r.midr == read_sysreg(midr_el1) ? 0 : r.midr;
    return 0;
}

const struct record_kind cpu_view_record = {
    .name = "CPU_VIEW", .id = RECORD_CPU_VIEW, .version = 1, .count = record_count_one,
    .save = view_save, .check = view_check, .restore = view_restore,
};
