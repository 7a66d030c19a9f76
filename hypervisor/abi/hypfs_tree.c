// SPDX-License-Identifier: Apache-2.0
/* hypfs's own entries: the build, the one CPU pool, and the limits that a domain gets unless its creator says. */
#include "abi/domctl.h"
#include "base/hypfs.h"
#include "abi/version.h"
#include "base/cmdline.h"
#include "lib/string.h"

static const uint32_t version_major = VERSION_MAJOR, version_minor = VERSION_MINOR;
static const uint32_t grant_frames = DOMCTL_GRANT_FRAMES, maptrack_frames = DOMCTL_MAPTRACK_FRAMES;

static size_t command_line_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    size_t n = strlen(cmdline_text()) + 1;

    (void)e;
    memcpy(buf, cmdline_text(), min_u64(n, size));
    return n;
}

static const struct hypfs_entry version_dir[] = {
    HYPFS_TEXT("extra", VERSION_EXTRA),
    HYPFS_NUMBER("major", version_major),
    HYPFS_NUMBER("minor", version_minor),
};

static const struct hypfs_entry compile_dir[] = {
    HYPFS_TEXT("compile_by", VERSION_COMPILE_BY),
    HYPFS_TEXT("compile_date", TORPOR_BUILD_DATE),
    HYPFS_TEXT("compile_domain", VERSION_DOMAIN),
    HYPFS_TEXT("compiler", VERSION_COMPILER),
};

static const struct hypfs_entry build_dir[] = {
    HYPFS_TEXT("changeset", TORPOR_CHANGESET),
    HYPFS_DIRECTORY("compileinfo", compile_dir),
    HYPFS_DIRECTORY("version", version_dir),
};

static const struct hypfs_entry pool_dir[] = {
    HYPFS_TEXT("sched-gran", "cpu"),
};

static const struct hypfs_entry pools_dir[] = {
    HYPFS_DIRECTORY("0", pool_dir),
};

static const struct hypfs_entry params_dir[] = {
    { .name = "command-line", .type = HYPFS_STRING, .read = command_line_read },
    HYPFS_NUMBER("gnttab_max_frames", grant_frames),
    HYPFS_NUMBER("gnttab_max_maptrack_frames", maptrack_frames),
};

static const struct hypfs_entry top[] = {
    HYPFS_DIRECTORY("buildinfo", build_dir),
    HYPFS_DIRECTORY("cpupool", pools_dir),
    HYPFS_DIRECTORY("params", params_dir),
};

void hypfs_init(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(top); i++)
        BUG_ON(hypfs_add(&top[i]));
}
