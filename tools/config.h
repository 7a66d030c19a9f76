// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's configuration, as libxl has it: read from xl's own syntax, from JSON, or from a running guest.
 * Functions return 0, or -errno and have said why.
 */
#pragma once

#include <libxl.h>

/* xl's own syntax, read by xl. */
int config_from_file(libxl_ctx *ctx, const char *file, libxl_domain_config *config);
int config_from_json(libxl_ctx *ctx, const char *source, const char *json, libxl_domain_config *config);
int config_of_guest(libxl_ctx *ctx, uint32_t domid, const char *name, libxl_domain_config *config);

/* Freed by the caller; NULL: it has been said why. */
char *config_to_json(libxl_ctx *ctx, libxl_domain_config *config);

/* The guest's device that cannot be saved: "a passed-through device" and so on. NULL: none. */
const char *config_unsavable(const libxl_domain_config *config);
