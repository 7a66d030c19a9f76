// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/machine.h"

#include <errno.h>
#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE     "/sys/firmware/fdt"
#define TREE_MAX (2u << 20)

void *machine_tree(size_t room)
{
    FILE *file = fopen(TREE, "re");
    char *blob = malloc(TREE_MAX), *tree = malloc(TREE_MAX + room);
    size_t size = file && blob ? fread(blob, 1, TREE_MAX, file) : 0;

    if (!tree || !size || fdt_check_full(blob, size) || fdt_open_into(blob, tree, (int)(size + room))) {
        free(tree);
        tree = NULL;
        errno = EBADMSG;
    }
    free(blob);
    if (file)
        fclose(file);
    return tree;
}

static void say_cells(FILE *out, const void *property, int size)
{
    const uint8_t *byte = property;

    for (int i = 0; i < size; i++)
        fprintf(out, "%s%02x", i && i % 4 == 0 ? " " : "", byte[i]);
}

/* A node's reg, and what it is compatible with. False: it has no reg. */
static bool say_node(FILE *out, const void *tree, int node, const char *kind)
{
    int size, named;
    const void *reg = fdt_getprop(tree, node, "reg", &size);
    const char *compatible = fdt_getprop(tree, node, "compatible", &named);

    if (!reg)
        return false;
    fprintf(out, "%s ", kind);
    say_cells(out, reg, size);
    fprintf(out, " %s\n", compatible && named > 0 && !compatible[named - 1] ? compatible : "");
    return true;
}

static unsigned say_children(FILE *out, const void *tree, int parent, const char *kind)
{
    unsigned count = 0;
    int node;

    fdt_for_each_subnode(node, tree, parent) {
        int size;
        const char *type = fdt_getprop(tree, node, "device_type", &size);

        if (type && size == (int)strlen(kind) + 1 && memcmp(type, kind, (size_t)size) == 0)
            count += say_node(out, tree, node, kind);
    }
    return count;
}

char *machine_text(const void *tree)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int cpus = fdt_path_offset(tree, "/cpus");
    unsigned found;

    if (!out)
        return NULL;
    found = say_children(out, tree, 0, "memory");
    if (cpus < 0 || !say_children(out, tree, cpus, "cpu"))
        found = 0;
    if (fclose(out) || !found) {
        free(text);
        return NULL;
    }
    return text;
}
