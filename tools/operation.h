// SPDX-License-Identifier: Apache-2.0
/*
 * Long operations of libxl that SIGINT, SIGTERM and SIGHUP take back instead of ending the program in the middle of
 * them: libxl ends the operation with ERROR_ABORTED, and the caller undoes the rest.
 *
 *     operation_begin(ctx);
 *     rc = libxl_domain_suspend(ctx, id, fd, flags, NULL);
 *     operation_end();
 */
#pragma once

#include <stdbool.h>

#include <libxl.h>

/*
 * From here on the signals do not end the program. Once, before libxl is opened. 0, or -errno and has said what
 * failed.
 */
int operations_start(void);
/* They end it again, as in a program that was just started. For a child. */
void operations_forget(void);

/* Requests to libxl in between are taken back by a signal. */
void operation_begin(libxl_ctx *ctx);
void operation_end(void);

/* A signal has come. */
bool operation_interrupted(void);
