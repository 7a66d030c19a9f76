// SPDX-License-Identifier: Apache-2.0
#include "tests/guests/tap.h"

#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/print.h"
#include "lib/string.h"

static unsigned passed, failed;
static bool stock_xen;

bool tap_on_stock_xen(void) { return stock_xen; }

void tap_begin(const char *guest)
{
    xen_extraversion_t extra = "";
    xen_changeset_info_t changeset = "";
    long v = xen_version(XENVER_version, NULL);

    xen_version(XENVER_extraversion, extra);
    /* Torpor names itself in one of these two; all else in XENVER_* it answers as the Xen that it stands in for */
    xen_version(XENVER_changeset, changeset);
    stock_xen = !strstr(extra, "orpor") && !strstr(changeset, "orpor");
    print("# %s on %ld.%ld%s (%s), GICv%u, %u vCPUs, arguments: %s\n", guest, v >> 16, v & 0xffff, extra,
          stock_xen ? "Xen" : "Torpor", platform.gic_version, platform.cpus, platform.bootargs);
}

void tap_end(void)
{
    print("done: %u ok, %u not ok\n", passed, failed);
    shutdown(SHUTDOWN_poweroff);
}

/* Small negative numbers are error codes and read as such; the rest is hexadecimal. */
static void number_print(char *buf, size_t size, uint64_t v)
{
    int64_t s = (int64_t)v;

    snprintf(buf, size, s > -4096 && s < 10000 ? "%ld" : "0x%lx", v);
}

void expect_equal(const char *name, uint64_t got, uint64_t expected)
{
    char g[24], e[24];

    if (got == expected) {
        passed++;
        print("ok %s\n", name);
        return;
    }
    failed++;
    number_print(g, sizeof(g), got);
    number_print(e, sizeof(e), expected);
    print("not ok %s: got %s expected %s\n", name, g, e);
}

void expect_or_xen(const char *name, uint64_t got, uint64_t expected, uint64_t xen, const char *why)
{
    if (stock_xen && got != expected && got == xen) {
        passed++;
        print("ok %s # stock Xen: %s\n", name, why);
    } else {
        expect_equal(name, got, expected);
    }
}

void expect_true(const char *name, bool got) { expect_equal(name, got, true); }

void skip(const char *name, const char *why)
{
    print("ok %s # skip: %s\n", name, why);
}
