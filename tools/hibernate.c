// SPDX-License-Identifier: Apache-2.0
/*
 * torpor hibernate and torpor snapshot (docs/hibernation.md): dom0 claims a partition, loads a kernel with the
 * keeper into its window by stock kexec, and the host jumps there. When this program goes on, the sector with the claim
 * tells what became of it: a snapshot; a hibernation, and power was off since; or still the claim.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenhypfs.h>
#include <xen/kexec.h>

#include "tools/host.h"
#include "tools/jump.h"
#include "tools/keeper/image.h"
#include "tools/torpor.h"

#define PARTITION "/dev/disk/by-partlabel/torpor"
#define MIB       (UINT64_C(1) << 20)

struct request {
    const char *partition, *kernel, *keeper, *append;
    bool off, check, compress;
    xc_interface *xc;
    int file;                  /* the partition, past the page cache */
    uint64_t size, needed;     /* bytes: the partition's, and the most that an image can take now */
    uint8_t id[IMAGE_ID];
};

/* --- The partition */

/* The sector with the header, on a page of its own. */
static int header_read(int file, void *page) { return pread(file, page, IMAGE_PAGE, 0) == IMAGE_PAGE ? 0 : -EIO; }

static bool is_zero(const char *page)
{
    return !page[0] && memcmp(page, page + 1, IMAGE_PAGE - 1) == 0;
}

/* Not a file system's, nor anything else's: a user's slip of the hand costs nothing. */
static int partition_check(struct request *r)
{
    char *page = aligned_alloc(IMAGE_PAGE, IMAGE_PAGE);
    int error = 0;

    r->file = open(r->partition, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
    if (r->file < 0)
        error = -failure("%s cannot be used: %s", r->partition,
                         errno == EBUSY ? "it is in use (mounted?)" : strerror(errno));
    else if (!page || ioctl(r->file, BLKGETSIZE64, &r->size) || header_read(r->file, page))
        error = -failure("%s cannot be read, or is no partition or disk: %s", r->partition, strerror(errno));
    else if (!is_zero(page) && !image_is_ours((struct image_header *)page))
        error = -failure("%s has something else on it; if it is not needed any more: wipefs -a %s", r->partition,
                         r->partition);
    free(page);
    return error;
}

static int claim(struct request *r)
{
    struct image_header *h = aligned_alloc(IMAGE_PAGE, IMAGE_PAGE);
    int error = h && getrandom(r->id, sizeof(r->id), 0) == sizeof(r->id) ? 0 : -ENOMEM;

    if (!error) {
        memset(h, 0, IMAGE_PAGE);
        image_claim(h, r->id);
        if (pwrite(r->file, h, IMAGE_PAGE, 0) != IMAGE_PAGE || fdatasync(r->file))
            error = -errno;
    }
    if (error)
        failure("%s cannot be written: %s", r->partition, strerror(-error));
    free(h);
    return error;
}

/* What became of the claim. */
static int outcome(struct request *r)
{
    struct image_header *h = aligned_alloc(IMAGE_PAGE, IMAGE_PAGE);
    enum image_state state = h && !header_read(r->file, h) && memcmp(h->id, r->id, IMAGE_ID) == 0 ? image_state(h)
                                                                                                   : IMAGE_CLAIMED;
    uint64_t size = state == IMAGE_CLAIMED ? 0 : h->stored_size / MIB;

    free(h);
    if (state == (r->off ? IMAGE_USED : IMAGE_SNAPSHOT)) {
        printf(r->off ? "the host was saved to %s (%llu MiB), powered off, and goes on\n"
                      : "the host was saved to %s (%llu MiB), and goes on\n", r->partition, (unsigned long long)size);
        return 0;
    }
    return -failure("nothing was saved to %s: the other kernel's lines on the console say why", r->partition);
}

/* --- The kernel that saves */

static int hypfs_text(const char *path, char *text, size_t size)
{
    xenhypfs_handle *hypfs = xenhypfs_open(library_logger(), 0);
    char *value = hypfs ? xenhypfs_read(hypfs, path) : NULL;
    int error = value && strlen(value) < size ? 0 : -ENOENT;

    if (!error)
        strcpy(text, value);
    free(value);
    if (hypfs)
        xenhypfs_close(hypfs);
    return error;
}

/* Where dom0's kernel keeps what crash(8) wants to know: "ADDRESS SIZE", hexadecimal. Optional. */
static void vmcoreinfo(char *words, size_t size)
{
    FILE *file = fopen("/sys/kernel/vmcoreinfo", "re");
    unsigned long long at, length;

    *words = 0;
    if (file && fscanf(file, "%llx %llx", &at, &length) == 2)
        snprintf(words, size, "keeper.vmcoreinfo=%llx,%llx", at, length);
    if (file)
        fclose(file);
}

static int command_line(const struct request *r, char *line, size_t size)
{
    char back[32], handover[32], info[64], id[2 * IMAGE_ID + 1];

    if (hypfs_text("/torpor/jump/back-entry", back, sizeof(back)) ||
        hypfs_text("/torpor/jump/handover", handover, sizeof(handover)))
        return -failure("this hypervisor cannot be saved: it has no /torpor/jump/handover");
    vmcoreinfo(info, sizeof(info));
    for (unsigned i = 0; i < IMAGE_ID; i++)
        sprintf(id + 2 * i, "%02x", r->id[i]);
    snprintf(line, size, "--append=" IMAGE_KERNEL_WORDS " keeper=%s keeper.id=%s keeper.handover=%s %s "
             "kexec_jump_back_entry=%s%s %s", r->off ? "hibernate" : "snapshot", id, handover, info, back,
             r->compress ? " keeper.compress=zstd" : "", r->append);
    return 0;
}

static int run(char *const *arguments)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        execvp(arguments[0], arguments);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int kernel_load(const struct request *r)
{
    char tree[] = "/tmp/torpor-tree-XXXXXX", line[1024], dtb[64], initrd[256];
    char *arguments[] = { "kexec", "-i", "-p", dtb, initrd, line, (char *)r->kernel, NULL };
    int file = mkstemp(tree), error;

    if (file < 0)
        return -failure("no temporary file: %s", strerror(errno));
    close(file);
    snprintf(dtb, sizeof(dtb), "--dtb=%s", tree);
    snprintf(initrd, sizeof(initrd), "--initrd=%s", r->keeper);
    error = jump_write_device_tree(tree);
    if (!error)
        error = command_line(r, line, sizeof(line));
    if (!error && run(arguments))
        error = -failure("kexec could not load %s with %s (package kexec-tools)", r->kernel, r->keeper);
    unlink(tree);
    return error;
}

/* --- The jump, on the CPU that firmware starts: the host goes on there, whichever dom0's first vCPU was on */

static int jump_from_first_cpu(struct request *r)
{
    xc_cpumap_t old = xc_cpumap_alloc(r->xc), first = xc_cpumap_alloc(r->xc);
    int error = old && first ? 0 : -ENOMEM;

    if (!error && xc_vcpu_getaffinity(r->xc, 0, 0, old, NULL, XEN_VCPUAFFINITY_HARD))
        error = -errno;
    if (!error) {
        first[0] = 1;
        if (xc_vcpu_setaffinity(r->xc, 0, 0, first, NULL, XEN_VCPUAFFINITY_HARD))
            error = -errno;
    }
    if (error) {
        failure("dom0's first vCPU cannot be put on the first CPU: %s", strerror(-error));
    } else {
        error = jump_go(r->xc);
        if (xc_vcpu_setaffinity(r->xc, 0, 0, old, NULL, XEN_VCPUAFFINITY_HARD))
            failure("dom0's first vCPU stays on the first CPU: %s", strerror(errno));
    }
    free(old);
    free(first);
    return error;
}

/* --- The command */

static int request_check(struct request *r)
{
    xc_physinfo_t info = { 0 };
    uint64_t window = 0, start = 0;
    int error = host_check();

    if (error)
        return error;
    if (xc_physinfo(r->xc, &info) || xc_kexec_get_range(r->xc, KEXEC_RANGE_MA_CRASH, 0, &window, &start))
        return -failure("the hypervisor does not answer: %s", strerror(errno));
    if (!window)
        return -failure("there is no room for the kernel that saves: crashkernel=128M belongs on the hypervisor's "
                        "command line");
    if (access(r->kernel, R_OK) || access(r->keeper, R_OK))
        return -failure("%s and %s have to be there (-k, -i): %s", r->kernel, r->keeper, strerror(errno));
    error = partition_check(r);
    if (error)
        return error;
    r->needed = (info.total_pages - info.free_pages) * XC_PAGE_SIZE - window;
    r->needed += r->needed / 64 + 4 * MIB;   /* tables: at worst a program header for every other page */
    if (r->needed > r->size)
        return -failure("%s is too small: it has %llu MiB, and the host's memory in use may need %llu", r->partition,
                        (unsigned long long)(r->size / MIB), (unsigned long long)(r->needed / MIB));
    return 0;
}

/* The keeper looks into disks and partitions alone for whether they went on without the image (docs/hibernation.md). */
static void warn_of_mapped_disks(void)
{
    glob_t found;

    if (glob("/sys/class/block/dm-*", 0, NULL, &found) == 0 || glob("/sys/class/block/md[0-9]*", 0, NULL, &found) == 0)
        fprintf(stderr, "torpor: whether file systems in %s change is not seen when an image is to be resumed: if the "
                "host ever boots as usual past an image, give it up by keeper=boot\n",
                strrchr(found.gl_pathv[0], '/') + 1);
    globfree(&found);
}

static int request_do(struct request *r)
{
    int error = claim(r);

    if (!error)
        error = kernel_load(r);
    sync();
    if (!error)
        error = jump_from_first_cpu(r);
    return error ? error : outcome(r);
}

static int request_run(struct request *r)
{
    int error;

    r->xc = xc_interface_open(library_logger(), library_logger(), 0);
    if (!r->xc)
        return -failure("the hypervisor cannot be reached (%s): is this dom0, and are you root?", strerror(errno));
    error = request_check(r);
    if (!error && r->off)
        warn_of_mapped_disks();
    if (!error && r->check)
        printf("the host can be saved to %s: it has %llu MiB, of which an image now takes %llu at most\n", r->partition,
               (unsigned long long)(r->size / MIB), (unsigned long long)(r->needed / MIB));
    else if (!error)
        error = request_do(r);
    if (r->file >= 0)
        close(r->file);
    xc_interface_close(r->xc);
    return error;
}

struct defaults {
    char kernel[sizeof(struct utsname)], keeper[sizeof(struct utsname)];
};

/* The keeper has modules, which fit one kernel. */
static void defaults_find(struct defaults *d)
{
    struct utsname u;

    uname(&u);
    snprintf(d->kernel, sizeof(d->kernel), "/boot/vmlinuz-%s", u.release);
    snprintf(d->keeper, sizeof(d->keeper), "/usr/lib/torpor/keeper-%s.gz", u.release);
}

static int command_save_host(const struct command *c, int argc, char **argv, bool off)
{
    static const struct option long_options[] = {
        { "to", required_argument, NULL, 't' },
        { "kernel", required_argument, NULL, 'k' },
        { "keeper", required_argument, NULL, 'i' },
        { "append", required_argument, NULL, 'a' },
        { "compress", no_argument, NULL, 'z' },
        { "check", no_argument, NULL, 'c' },
        COMMON_OPTIONS
    };
    struct defaults d;
    struct request r = { .partition = PARTITION, .kernel = d.kernel, .keeper = d.keeper, .append = "", .off = off,
                         .file = -1 };
    int option;

    defaults_find(&d);
    while ((option = next_option(c, argc, argv, ":ht:k:i:a:z", long_options)) >= 0) {
        switch (option) {
        case 't': r.partition = optarg; break;
        case 'k': r.kernel = optarg; break;
        case 'i': r.keeper = optarg; break;
        case 'a': r.append = optarg; break;
        case 'z': r.compress = true; break;
        default: r.check = true; break;
        }
    }
    if (optind != argc)
        return usage_error(c, "no arguments are taken");
    return request_run(&r) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_hibernate(const struct command *c, int argc, char **argv) { return command_save_host(c, argc, argv, true); }
int command_snapshot(const struct command *c, int argc, char **argv) { return command_save_host(c, argc, argv, false); }
