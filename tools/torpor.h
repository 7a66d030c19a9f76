// SPDX-License-Identifier: Apache-2.0
/*
 * Shared by the files of torpor(1): the commands, and how the program speaks. Results go to standard output;
 * everything else is one line on standard error that begins with the program's name.
 */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#define EXIT_USAGE 2   /* as xl: a command's options or arguments are wrong; all other failures are EXIT_FAILURE */

struct command {
    const char *name;
    /* argv[0] is the command's name; returns the exit status */
    int (*run)(const struct command *c, int argc, char **argv);
    const char *arguments, *summary;
    const char *help;                /* lines on its options */
};

int command_suspend(const struct command *c, int argc, char **argv);
int command_save(const struct command *c, int argc, char **argv);
int command_checkpoint(const struct command *c, int argc, char **argv);
int command_migrate(const struct command *c, int argc, char **argv);
int command_migrate_receive(const struct command *c, int argc, char **argv);
int command_restore(const struct command *c, int argc, char **argv);
int command_wake(const struct command *c, int argc, char **argv);
int command_hibernate(const struct command *c, int argc, char **argv);
int command_snapshot(const struct command *c, int argc, char **argv);
int command_dump(const struct command *c, int argc, char **argv);
int command_jump(const struct command *c, int argc, char **argv);
int command_timeline(const struct command *c, int argc, char **argv);

/*
 * The next option, as getopt_long(3), or -1. -h and --help are answered here, and a wrong option ends the program.
 * `options` ends with COMMON_OPTIONS.
 */
#define COMMON_OPTIONS { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
int next_option(const struct command *c, int argc, char **argv, const char *letters, const struct option *options);

/* Says why, with a hint at the command's help. Returns EXIT_USAGE. */
int usage_error(const struct command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what failed. Returns EXIT_FAILURE. */
int failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is being done, if -v was given. */
void detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where Xen's libraries log to: see logger.h. Never NULL. */
struct xentoollog_logger *library_logger(void);
