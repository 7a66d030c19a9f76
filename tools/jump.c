// SPDX-License-Identifier: Apache-2.0
/*
 * torpor jump. The kernel was loaded by kexec -p; the hypervisor is told that dom0's next suspend is the jump into
 * it, and dom0 suspends.
 *
 * Invariant: when this ends, no later suspend of the host's is a jump.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>
#include <xenhypfs.h>
#include <xen/kexec.h>

#include "tools/host.h"
#include "tools/jump.h"
#include "tools/sleeps.h"
#include "tools/torpor.h"

#define EXEC_NONE (-1)   /* docs/abi.md, kexec_op */

int jump_write_device_tree(const char *path)
{
    xenhypfs_handle *hypfs = xenhypfs_open(library_logger(), 0);
    struct xenhypfs_dirent *entry = NULL;
    void *tree = hypfs ? xenhypfs_read_raw(hypfs, "/torpor/jump/device-tree", &entry) : NULL;
    int error = tree ? 0 : errno;
    FILE *file = NULL;

    if (error)
        failure("cannot read the machine's device tree from the hypervisor: %s", strerror(error));
    else if (entry->size == 0)
        error = -failure("the hypervisor has kept no device tree: it needs crashkernel= on its command line");
    else if (!(file = fopen(path, "we")) || fwrite(tree, entry->size, 1, file) != 1)
        error = -failure("cannot write %s: %s", path, strerror(errno));
    if (file && fclose(file) && !error)
        error = -failure("cannot write %s: %s", path, strerror(errno));
    free(tree);
    free(entry);
    if (hypfs)
        xenhypfs_close(hypfs);
    return error;
}

int jump_go(xc_interface *xc)
{
    int error;

    if (xc_kexec_status(xc, KEXEC_TYPE_CRASH) <= 0)
        return -failure("no kernel to jump into is loaded: kexec -p (torpor(1), jump)");
    if (xc_kexec_exec(xc, KEXEC_TYPE_CRASH))
        return -failure("the hypervisor does not jump: %s", strerror(errno));
    error = host_suspend();
    (void)xc_kexec_exec(xc, EXEC_NONE);
    return error;
}

int command_jump(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "device-tree", required_argument, NULL, 'd' },
        COMMON_OPTIONS
    };
    const char *tree = NULL;
    xc_interface *xc;
    int status;

    while (next_option(c, argc, argv, ":hd:", long_options) >= 0)
        tree = optarg;
    if (optind != argc)
        return usage_error(c, "a jump takes no arguments");
    if (tree)
        return jump_write_device_tree(tree) ? EXIT_FAILURE : EXIT_SUCCESS;
    if (host_check())
        return EXIT_FAILURE;
    xc = xc_interface_open(library_logger(), library_logger(), 0);
    if (!xc)
        return failure("the hypervisor cannot be reached (%s): is this dom0, and are you root?", strerror(errno));
    status = jump_go(xc) ? EXIT_FAILURE : EXIT_SUCCESS;
    if (status == EXIT_SUCCESS)
        sleeps_print_outcome();
    xc_interface_close(xc);
    return status;
}
