// SPDX-License-Identifier: Apache-2.0
/*
 * The helper's conversation with libxl, which started it: messages on standard output, replies on standard input (libxl
 * 4.17, the comment in tools/libs/light/libxl_save_helper.c, and the list of messages in libxl_save_msgs_gen.pl).
 *
 * libxl that does not listen any more is the end of the program: nobody would hear of anything else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <xentoollog.h>

/* Where Xen's libraries log to: libxl. */
struct xentoollog_logger *libxl_logger(void);

/* One line, at that level; it reaches people as libxl's caller wills. */
void libxl_log(xentoollog_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void libxl_progress(const char *what, uint64_t done, uint64_t total);

/* Has the guest suspended. false: libxl could not. That it answers true does not say that the guest is suspended. */
bool libxl_suspend(void);
/* The parts that restoring needs and the image lacks: none on Arm. */
int libxl_static_data_done(void);
void libxl_restore_results(uint64_t store_gfn, uint64_t console_gfn);
/* The last message: 0 or -errno. */
void libxl_complete(int error);
