// SPDX-License-Identifier: Apache-2.0
/* Device trees as QEMU makes them, and changes of them, for tests of their readers. One program includes it once. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/printk.h"
#include "boot/bootinfo.h"
#include "lib/devicetree.h"
#include "boot/dom0/dom0_dt.h"
#include "lib/errno.h"

#define DTB_DIR    "build/unit/dtb"
#define KERNEL_AT  0x4c000000u
#define RAMDISK_AT 0x5c000000u

static char printed[4096];   /* the output since the last reset */
static uint8_t *tree;        /* the tree under test, DT_MAX_SIZE bytes */

/* Nobody opens one here. */
int pl011_open(struct uart *u, const struct uart_place *at) { return (void)u, (void)at, -EINVAL; }
int sbsa_uart_open(struct uart *u, const struct uart_place *at) { return pl011_open(u, at); }
int cadence_open(struct uart *u, const struct uart_place *at) { return pl011_open(u, at); }
int ns16550_open(struct uart *u, const struct uart_place *at) { return pl011_open(u, at); }
int dw_uart_open(struct uart *u, const struct uart_place *at) { return pl011_open(u, at); }
int semihosting_open(struct uart *u, const struct uart_place *at) { return pl011_open(u, at); }

void printk(const char *fmt, ...)
{
    size_t n = strlen(printed);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(printed + n, sizeof(printed) - n, fmt, ap);
    va_end(ap);
}

/* --- Making trees --- */

static inline void load(const char *machine)
{
    char path[200], command[600];
    FILE *f;

    snprintf(path, sizeof(path), DTB_DIR "/%s.dtb", machine);
    if (access(path, R_OK)) {
        snprintf(command, sizeof(command),
                 "mkdir -p " DTB_DIR " && qemu-system-aarch64 -nographic -net none -cpu cortex-a57 -smp 4 -m 2G "
                 "-machine virt,virtualization=on,%s,dumpdtb=%s >/dev/null 2>&1", machine, path);
        assert_int_equal(system(command), 0);
    }
    f = fopen(path, "rb");
    assert_non_null(f);
    memset(tree, 0xa5, DT_MAX_SIZE);
    assert_true(fread(tree, 1, DT_MAX_SIZE, f) > 0);
    fclose(f);
    assert_int_equal(fdt_open_into(tree, tree, DT_MAX_SIZE), 0);
}

static inline int node(const char *path)
{
    int offset = fdt_path_offset(tree, path);

    assert_true(offset >= 0);
    return offset;
}

static inline int add_node(const char *parent, const char *name)
{
    int offset = fdt_add_subnode(tree, node(parent), name);

    assert_true(offset >= 0);
    return offset;
}

/* As QEMU's guest-loader does it. */
static inline void add_module(const char *name, const char *kind, uint64_t at, uint64_t size, const char *bootargs)
{
    int offset = add_node("/chosen", name);
    char compatible[64] = "multiboot,module";
    size_t n = strlen(compatible) + 1;
    fdt64_t reg[2] = { cpu_to_fdt64(at), cpu_to_fdt64(size) };

    strcpy(compatible + n, kind);
    fdt_setprop(tree, offset, "compatible", compatible, (int)(kind[0] ? n + strlen(kind) + 1 : n));
    fdt_setprop(tree, offset, "reg", reg, sizeof(reg));
    if (bootargs)
        fdt_setprop_string(tree, offset, "bootargs", bootargs);
}

static inline void add_modules(void)
{
    add_module("module@0x5c000000", "multiboot,ramdisk", RAMDISK_AT, 0x199eb1, NULL);
    add_module("module@0x4c000000", "multiboot,kernel", KERNEL_AT, 0x1f6dfc0, "console=hvc0");
    fdt_setprop_string(tree, node("/chosen"), "bootargs", "dom0_mem=768M");
}

static inline void load_whole(const char *machine)
{
    load(machine);
    add_modules();
}

/* The tree of a machine with a GICv3, and nothing printed. */
static inline int begin_with_a_tree(void)
{
    printed[0] = 0;
    load_whole("gic-version=3");
    return 0;
}

static inline int group_setup(void **state)
{
    (void)state;
    tree = aligned_alloc(16, DT_MAX_SIZE);
    return tree ? 0 : -1;
}

static inline int group_teardown(void **state)
{
    (void)state;
    free(tree);
    return 0;
}

static inline void add_reserved(const char *name, uint64_t at, uint64_t size, bool no_map)
{
    fdt64_t reg[2] = { cpu_to_fdt64(at), cpu_to_fdt64(size) };
    int offset;

    if (fdt_path_offset(tree, "/reserved-memory") < 0) {
        offset = add_node("/", "reserved-memory");
        fdt_setprop_u32(tree, offset, "#address-cells", 2);
        fdt_setprop_u32(tree, offset, "#size-cells", 2);
        fdt_setprop(tree, offset, "ranges", "", 0);
    }
    offset = add_node("/reserved-memory", name);
    fdt_setprop(tree, offset, "reg", reg, sizeof(reg));
    if (no_map)
        fdt_setprop(tree, offset, "no-map", "", 0);
}
