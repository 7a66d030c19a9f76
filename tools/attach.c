// SPDX-License-Identifier: Apache-2.0
/*
 * See attach.h. The other process knows the configuration by the name that an open file without one has below /proc.
 *
 * libxl keeps each domain's configuration ("libxl-json" of its userdata), and refuses a device to a domain that it
 * keeps none of. So the domain gets a preliminary one, in place of which libxl puts the one that it was given, without
 * these devices; they are added to that at the end.
 */
#include "tools/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/config.h"
#include "tools/guests.h"
#include "tools/helper/attach.h"
#include "tools/helper/transfer.h"
#include "tools/torpor.h"

#define KEPT       "libxl-json"
#define MOST_BYTES (1u << 20)     /* of a configuration: one that torpor(1) has written */

/* The domain's configuration with those devices alone, if there are any; and the file with it, or -1. */
static struct {
    bool any;
    libxl_domain_config config;
    int fd;
} early = { .fd = -1 };

/* --- those that can be attached early: all of a kind or none, so that they keep their order */

static bool script_only_connects(const char *script)
{
    const char *slash = script ? strrchr(script, '/') : NULL, *name = slash ? slash + 1 : script;

    return !name || strcmp(name, "vif-bridge") == 0 || strcmp(name, "vif-openvswitch") == 0;
}

static bool has_address(const libxl_mac *mac)
{
    static const libxl_mac none;

    return memcmp(mac, &none, sizeof(none)) != 0;
}

/* All is said of it that libxl would make up, and remember. */
static bool nic_can_be_early(const libxl_device_nic *nic)
{
    return nic->devid >= 0 && has_address(&nic->mac) && script_only_connects(nic->script);
}

static bool is_block_device(const char *path)
{
    struct stat status;

    return path && stat(path, &status) == 0 && S_ISBLK(status.st_mode);
}

static bool disk_can_be_early(const libxl_device_disk *disk)
{
    return (disk->backend == LIBXL_DISK_BACKEND_PHY || disk->backend == LIBXL_DISK_BACKEND_UNKNOWN) &&
           disk->format == LIBXL_DISK_FORMAT_RAW && disk->specification != LIBXL_DISK_SPECIFICATION_VIRTIO &&
           !disk->script && !disk->is_cdrom && !disk->removable && !disk->backend_domid && !disk->backend_domname &&
           is_block_device(disk->pdev_path);
}

static bool nics_can_be_early(const libxl_domain_config *config)
{
    for (int i = 0; i < config->num_nics; i++)
        if (!nic_can_be_early(&config->nics[i]))
            return false;
    return config->num_nics > 0;
}

static bool disks_can_be_early(const libxl_domain_config *config)
{
    for (int i = 0; i < config->num_disks; i++)
        if (!disk_can_be_early(&config->disks[i]))
            return false;
    return config->num_disks > 0;
}

/* From one to the other, where it has none. */
static void move_devices(libxl_domain_config *to, libxl_domain_config *from, bool nics, bool disks)
{
    if (nics) {
        to->nics = from->nics;
        to->num_nics = from->num_nics;
        from->nics = NULL;
        from->num_nics = 0;
    }
    if (disks) {
        to->disks = from->disks;
        to->num_disks = from->num_disks;
        from->disks = NULL;
        from->num_disks = 0;
    }
}

static void move_early(libxl_domain_config *to, libxl_domain_config *from)
{
    move_devices(to, from, from->num_nics, from->num_disks);
}

/* --- the configuration, passed on and kept */

static int set_path(const char *name, const char *format, int number)
{
    char path[64], rest[32];

    snprintf(rest, sizeof(rest), format, number);
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)getpid(), rest);
    return setenv(name, path, 1) ? -errno : 0;
}

/* To a file, which the other process finds by the environment. */
static int pass_on(libxl_ctx *libxl)
{
    char *json = config_to_json(libxl, &early.config);
    int fd = json ? memfd_create("configuration", MFD_CLOEXEC) : -1, error = fd < 0 ? -ENOMEM : 0;

    if (!error)
        error = write_all(fd, json, strlen(json));
    if (!error)
        error = set_path(ATTACH_PROGRAM, "exe", 0);
    if (!error)
        error = set_path(ATTACH_CONFIG, "fd/%d", fd);
    free(json);
    if (!error) {
        early.fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    failure("the configuration cannot be passed on: %s", strerror(-error));
    return error;
}

static int keep(libxl_ctx *libxl, uint32_t id, libxl_domain_config *config)
{
    char *json = config_to_json(libxl, config);
    int rc = json ? libxl_userdata_store(libxl, id, KEPT, (uint8_t *)json, (int)strlen(json) + 1) : 0;

    if (rc)
        failure("the configuration of domain %u cannot be kept: libxl's error %d", id, rc);
    free(json);
    return json && !rc ? 0 : -EIO;
}

/* These devices, too. */
static int keep_early(libxl_ctx *libxl, uint32_t id)
{
    bool nics = early.config.num_nics, disks = early.config.num_disks;
    libxl_domain_config kept;
    uint8_t *json = NULL;
    int size = 0, error;

    if (libxl_userdata_retrieve(libxl, id, KEPT, &json, &size) || size <= 0 || json[size - 1]) {
        free(json);
        failure("libxl keeps no configuration of domain %u", id);
        return -EIO;
    }
    libxl_domain_config_init(&kept);
    error = config_from_json(libxl, "libxl", (const char *)json, &kept);
    if (!error) {
        move_devices(&kept, &early.config, nics, disks);
        error = keep(libxl, id, &kept);
        move_devices(&early.config, &kept, nics, disks);
    }
    libxl_domain_config_dispose(&kept);
    free(json);
    return error;
}

int attach_begin(libxl_ctx *libxl, libxl_domain_config *config)
{
    bool nics = nics_can_be_early(config), disks = disks_can_be_early(config);
    int error;

    if (!nics && !disks)
        return 0;
    libxl_domain_config_init(&early.config);
    libxl_domain_create_info_copy(libxl, &early.config.c_info, &config->c_info);
    libxl_domain_build_info_copy(libxl, &early.config.b_info, &config->b_info);
    move_devices(&early.config, config, nics, disks);
    early.any = true;
    error = pass_on(libxl);
    if (error)
        attach_forget();
    return error;
}

void attach_end(void)
{
    if (early.fd < 0)
        return;
    unsetenv(ATTACH_PROGRAM);
    unsetenv(ATTACH_CONFIG);
    close(early.fd);
    early.fd = -1;
}

void attach_forget(void)
{
    attach_end();
    if (early.any)
        libxl_domain_config_dispose(&early.config);
    early.any = false;
}

int attach_remember(libxl_ctx *libxl, uint32_t id)
{
    int error = early.any ? keep_early(libxl, id) : 0;

    attach_forget();
    return error;
}

/* --- the other process */

/* Its device of that kind with that index: added, or destroyed. libxl's error. */
typedef int device_call(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, int index);

static int nic_add(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, int index)
{
    return libxl_device_nic_add(libxl, id, &devices->nics[index], NULL);
}

static int nic_destroy(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, int index)
{
    return libxl_device_nic_destroy(libxl, id, &devices->nics[index], NULL);
}

static int disk_add(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, int index)
{
    return libxl_device_disk_add(libxl, id, &devices->disks[index], NULL);
}

static int disk_destroy(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, int index)
{
    return libxl_device_disk_destroy(libxl, id, &devices->disks[index], NULL);
}

/*
 * So many, one by one. libxl gives a device some seconds, for which a busy host has other things to do while it takes
 * in a guest; so each has a second try.
 */
static int attach_kind(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices, const char *kind, int count,
                       device_call *add, device_call *destroy)
{
    for (int i = 0; i < count; i++) {
        int rc = add(libxl, id, devices, i);

        if (rc == ERROR_TIMEDOUT) {
            detail("%s %d of domain %u came too late: once more", kind, i, id);
            destroy(libxl, id, devices, i);
            rc = add(libxl, id, devices, i);
        }
        if (rc) {
            failure("%s %d cannot be attached to domain %u: libxl's error %d", kind, i, id, rc);
            return rc;
        }
    }
    return 0;
}

static int attach_all(libxl_ctx *libxl, uint32_t id, libxl_domain_config *devices)
{
    int rc = attach_kind(libxl, id, devices, "disk", devices->num_disks, disk_add, disk_destroy);

    return rc ? rc : attach_kind(libxl, id, devices, "network interface", devices->num_nics, nic_add, nic_destroy);
}

static int attach(libxl_ctx *libxl, uint32_t id, libxl_domain_config *config)
{
    libxl_domain_config devices;
    int error;

    libxl_domain_config_init(&devices);
    move_early(&devices, config);
    error = keep(libxl, id, config);   /* the preliminary one */
    if (!error)
        error = attach_all(libxl, id, &devices);
    libxl_domain_config_dispose(&devices);
    return error;
}

int attach_run(int argc, char **argv)
{
    libxl_domain_config config;
    size_t size;
    char *json;
    int error;

    if (argc != 3 || read_file(argv[2], MOST_BYTES, &json, &size))
        return failure("%s: it is torpor-save-helper that starts this", ATTACH_NAME);
    error = guests_open();
    libxl_domain_config_init(&config);
    if (!error)
        error = config_from_json(guests_libxl(), "torpor", json, &config);
    if (!error)
        error = attach(guests_libxl(), (uint32_t)strtoul(argv[1], NULL, 10), &config);
    libxl_domain_config_dispose(&config);
    guests_close();
    free(json);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
