// SPDX-License-Identifier: Apache-2.0
/*
 * See attach.h. The other process knows the configuration by the name that an open file without one has below /proc.
 *
 * libxl keeps each domain's configuration ("libxl-json" of its userdata), and refuses a device to a domain that it
 * keeps none of. So the domain gets a preliminary one, in place of which libxl puts the one that it was given, without
 * the interfaces; they are added to that at the end.
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

#define KEPT "libxl-json"

static struct {
    int fd;                     /* of the configuration; valid while there are interfaces: */
    libxl_device_nic *nics;
    int count;
} taken;

/* --- those that can be attached early */

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

/* All of them, so that they keep their order; and all is said of them that libxl would make up, and remember. */
static bool can_be_early(const libxl_domain_config *config)
{
    for (int i = 0; i < config->num_nics; i++) {
        libxl_device_nic *nic = &config->nics[i];

        if (nic->devid < 0 || !has_address(&nic->mac) || !script_only_connects(nic->script))
            return false;
    }
    return config->num_nics > 0;
}

static int open_config(libxl_ctx *libxl, libxl_domain_config *config)
{
    char *json = config_to_json(libxl, config);
    int fd = json ? memfd_create("configuration", MFD_CLOEXEC) : -1, error = fd < 0 ? -ENOMEM : 0;

    if (!error)
        error = write_all(fd, json, strlen(json));
    free(json);
    if (!error)
        return fd;
    if (fd >= 0)
        close(fd);
    failure("the configuration cannot be passed on: %s", strerror(-error));
    return error;
}

static int set_path(const char *name, const char *format, int number)
{
    char path[64], rest[32];

    snprintf(rest, sizeof(rest), format, number);
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)getpid(), rest);
    return setenv(name, path, 1) ? -errno : 0;
}

int attach_begin(libxl_ctx *libxl, libxl_domain_config *config)
{
    int fd;

    if (!can_be_early(config))
        return 0;
    fd = open_config(libxl, config);
    if (fd < 0)
        return fd;
    if (set_path(ATTACH_PROGRAM, "exe", 0) || set_path(ATTACH_CONFIG, "fd/%d", fd)) {
        close(fd);
        failure("out of memory");
        return -ENOMEM;
    }
    taken.fd = fd;
    taken.nics = config->nics;
    taken.count = config->num_nics;
    config->nics = NULL;
    config->num_nics = 0;
    return 0;
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

/* The interfaces, to what libxl keeps. */
static int keep_interfaces(libxl_ctx *libxl, uint32_t id)
{
    libxl_domain_config kept;
    uint8_t *json = NULL;
    int size = 0, error = 0;

    if (libxl_userdata_retrieve(libxl, id, KEPT, &json, &size) || size <= 0 || json[size - 1]) {
        free(json);
        failure("libxl keeps no configuration of domain %u", id);
        return -EIO;
    }
    libxl_domain_config_init(&kept);
    error = config_from_json(libxl, "libxl", (const char *)json, &kept);
    if (!error) {
        kept.nics = taken.nics;
        kept.num_nics = taken.count;
        error = keep(libxl, id, &kept);
        kept.nics = NULL;
        kept.num_nics = 0;
    }
    libxl_domain_config_dispose(&kept);
    free(json);
    return error;
}

int attach_end(libxl_ctx *libxl, uint32_t id, libxl_domain_config *config)
{
    int error = 0;

    if (!taken.count)
        return 0;
    unsetenv(ATTACH_PROGRAM);
    unsetenv(ATTACH_CONFIG);
    close(taken.fd);
    if (id != ATTACH_NO_DOMAIN)
        error = keep_interfaces(libxl, id);
    config->nics = taken.nics;
    config->num_nics = taken.count;
    taken.nics = NULL;
    taken.count = 0;
    return error;
}

/* --- the other process */

/* The file's content with a NUL behind it, freed by the caller; or NULL. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    char *text = file && fstat(fileno(file), &status) == 0 ? calloc(1, (size_t)status.st_size + 1) : NULL;

    if (text)
        rewind(file);
    if (text && fread(text, 1, (size_t)status.st_size, file) != (size_t)status.st_size) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

/* Of the domain alone, without any device. */
static int keep_preliminary(libxl_ctx *libxl, uint32_t id, libxl_domain_config *config)
{
    libxl_domain_config bare;
    int error;

    libxl_domain_config_init(&bare);
    libxl_domain_create_info_copy(libxl, &bare.c_info, &config->c_info);
    libxl_domain_build_info_copy(libxl, &bare.b_info, &config->b_info);
    error = keep(libxl, id, &bare);
    libxl_domain_config_dispose(&bare);
    return error;
}

/* libxl gives a device some seconds, for which a busy host has other things to do while it takes in a guest. */
static int attach_one(libxl_ctx *libxl, uint32_t id, libxl_device_nic *nic)
{
    int rc = libxl_device_nic_add(libxl, id, nic, NULL);

    if (rc != ERROR_TIMEDOUT)
        return rc;
    detail("network interface %d of domain %u is attached again, for it took too long", nic->devid, id);
    libxl_device_nic_destroy(libxl, id, nic, NULL);
    return libxl_device_nic_add(libxl, id, nic, NULL);
}

static int attach(libxl_ctx *libxl, uint32_t id, libxl_domain_config *config)
{
    int rc = keep_preliminary(libxl, id, config);

    for (int i = 0; i < config->num_nics && !rc; i++) {
        rc = attach_one(libxl, id, &config->nics[i]);
        if (rc)
            failure("network interface %d cannot be attached to domain %u: libxl's error %d", config->nics[i].devid,
                    id, rc);
    }
    return rc;
}

int attach_run(int argc, char **argv)
{
    char *json = argc == 3 ? read_file(argv[2]) : NULL;
    libxl_domain_config config;
    int error;

    if (!json)
        return failure("%s: it is torpor-save-helper that starts this", ATTACH_NAME);
    if (guests_open())
        return EXIT_FAILURE;
    libxl_domain_config_init(&config);
    error = config_from_json(guests_libxl(), "torpor", json, &config);
    if (!error)
        error = attach(guests_libxl(), (uint32_t)strtoul(argv[1], NULL, 10), &config);
    libxl_domain_config_dispose(&config);
    guests_close();
    free(json);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
