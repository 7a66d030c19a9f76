// SPDX-License-Identifier: Apache-2.0
/* See config.h. xl has no library for its own syntax: it is xl that reads it, and gives its result as JSON. */
#include "tools/config.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl_utils.h>

#include "tools/torpor.h"

#define MOST_JSON (1u << 20)

int config_from_json(libxl_ctx *ctx, const char *source, const char *json, libxl_domain_config *config)
{
    if (libxl_domain_config_from_json(ctx, config, json) == 0 && config->c_info.name)
        return 0;
    failure("%s has a configuration that libxl does not understand: it is damaged, or of another version", source);
    return -EINVAL;
}

/*
 * Standard output of the program, with a NUL behind it; freed by the caller. NULL with errno set. *status as
 * waitpid(2) has it.
 */
static char *output_of(char *const argv[], int *status)
{
    posix_spawn_file_actions_t actions;
    int ends[2], error;
    size_t size = 0;
    char *text = NULL;
    pid_t child;
    FILE *from;

    if (pipe2(ends, O_CLOEXEC))
        return NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    error = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    from = error ? NULL : fdopen(ends[0], "r");
    if (from) {
        text = malloc(MOST_JSON + 1);
        size = text ? fread(text, 1, MOST_JSON, from) : 0;
        fclose(from);
    } else {
        close(ends[0]);
    }
    if (!error)
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            ;
    errno = error ? error : ENOMEM;
    if (text)
        text[size] = 0;
    return text;
}

int config_from_file(libxl_ctx *ctx, const char *file, libxl_domain_config *config)
{
    char *const argv[] = { "xl", "create", "-q", "-n", (char *)file, NULL };
    int status = 0, error;
    char *json;

    if (access(file, R_OK)) {
        error = -errno;
        failure("%s cannot be read: %s", file, strerror(errno));
        return error;
    }
    json = output_of(argv, &status);
    if (!json) {
        error = -errno;
        failure("xl, which reads %s, cannot be run: %s", file, strerror(errno));
        return error;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        failure("%s is no configuration that xl understands", file);
        error = -EINVAL;
    } else {
        error = config_from_json(ctx, file, json, config);
    }
    free(json);
    return error;
}

int config_of_guest(libxl_ctx *ctx, uint32_t domid, const char *name, libxl_domain_config *config)
{
    if (libxl_retrieve_domain_configuration(ctx, domid, config, NULL) == 0)
        return 0;
    failure("libxl does not know the configuration of %s (%u)", name, domid);
    return -EIO;
}

char *config_to_json(libxl_ctx *ctx, libxl_domain_config *config)
{
    char *json = libxl_domain_config_to_json(ctx, config);

    if (!json)
        failure("the configuration cannot be written as JSON");
    return json;
}

const char *config_unsavable(const libxl_domain_config *config)
{
    const libxl_domain_build_info *b = &config->b_info;

    if (config->num_pcidevs || config->num_dtdevs || b->num_iomem || b->num_irqs)
        return "a device of the host (iomem, irqs, dtdev or pci in its configuration)";
    if (b->arch_arm.vuart)
        return "an emulated UART (vuart in its configuration)";
    return NULL;
}
