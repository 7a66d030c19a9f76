// SPDX-License-Identifier: Apache-2.0
/*
 * torpor(1): the operations that xl lacks on Arm. It has xl's habits, so that users of one know the other: commands,
 * options before domains, domains by name or number, -v, and the exit statuses.
 */
#include "tools/torpor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/attach.h"
#include "tools/helper/attach.h"
#include "tools/logger.h"

static const struct command commands[] = {
    { "suspend", command_suspend, "--all [-f] [-t S] | --host | [-t S] DOMAIN...", "Suspend the host, or guests alone",
      "-a, --all        ask every running guest to suspend itself, then suspend the host\n"
      "-t, --timeout S  wait S seconds for the guests (default: 60)\n"
      "-f, --force      suspend the host even if a guest does not suspend itself; it is frozen\n"
      "    --host       suspend the host without asking any guest: all are frozen\n" },
    { "save", command_save, "[-cpz] [--json] DOMAIN FILE [CONFIG]", "Save a guest's state to a file",
      "-c, --checkpoint   the guest goes on afterwards\n"
      "-p, --pause        the guest stays, paused\n"
      "-z, --compress     compress its memory\n"
      "    --json         lines for programs on standard output\n"
      "CONFIG             an xl configuration to keep in the file in place of the guest's own\n" },
    { "restore", command_restore, "[-cdeFpVA] [--json] [CONFIG] FILE", "Restore a guest from a file",
      "-p                 leave it paused\n"
      "-c                 connect to its console\n"
      "-e                 do not wait in the background for its end\n"
      "-F                 wait for its end in the foreground\n"
      "-d                 print its configuration\n"
      "    --json         lines for programs on standard output\n"
      "-V, --vncviewer    connect to its VNC display; -A, --vncviewer-autopass: with its password\n"
      "CONFIG             an xl configuration in place of the one in the file: to give it another name, say\n" },
    { "checkpoint", command_checkpoint, "[-z] [--json] [--every TIME [--count N]] DOMAIN FILE [CONFIG]",
      "Save a guest's state to a file while it runs; again into the same file what has changed",
      "--every TIME   again after 500ms, 5s, 2m, until told to end or the guest has ended\n"
      "--count N      N times\n"
      "-z, --compress compress its memory\n"
      "--json         lines for programs on standard output\n"
      "CONFIG         an xl configuration to keep in the file in place of the guest's own\n" },
    { "migrate", command_migrate,
      "[-s COMMAND] [-C CONFIG] [-eFpz] [--max-downtime MS] [--no-throttle] [--json] DOMAIN HOST",
      "Move a guest to another host while it runs",
      "-s COMMAND    reach the host by this instead of ssh; empty: HOST is a command that runs migrate-receive\n"
      "-C CONFIG     an xl configuration in place of the guest's own\n"
      "-e, -F        nobody waits there for its end in the background\n"
      "-p            leave it paused there\n"
      "-z, --compress       compress its memory\n"
      "--max-downtime MS    stand still for so many milliseconds at most, if that can be (default: 200)\n"
      "--no-throttle        never slow it down; it may stand still for longer then\n"
      "--json               lines for programs on standard output\n"
      "    --debug   have the other host print its configuration\n"
      "    --live    always\n" },
    { "migrate-receive", command_migrate_receive, "[-dep]", "Take a guest from torpor migrate, on standard input",
      "-d            print its configuration\n"
      "-e            do not wait for its end in the background\n"
      "-p            leave it paused\n" },
    { "wake", command_wake, "DOMAIN...", "Let suspended guests go on", "" },
    { "jump", command_jump, "[-d FILE]", "Go to the kernel that kexec -p has loaded, until it comes back",
      "All guests are frozen meanwhile.\n"
      "-d, --device-tree FILE   only write the machine's device tree to FILE, for kexec --dtb\n" },
    { "hibernate", command_hibernate, "[--check] [-z] [-t PARTITION] [-k KERNEL] [-i KEEPER] [-a WORDS]",
      "Save the whole host, guests running, to a partition, and power off",
      "    --check           only say whether that could be done\n"
      "-t, --to PARTITION    a partition or disk of its own (default: /dev/disk/by-partlabel/torpor)\n"
      "-k, --kernel FILE     the kernel that saves (default: dom0's, /boot/vmlinuz-RELEASE)\n"
      "-i, --keeper FILE     its ramdisk (default: /usr/lib/torpor/keeper-RELEASE.gz)\n"
      "-a, --append WORDS    more for its command line\n"
      "-z, --compress        what is saved, by zstd\n" },
    { "snapshot", command_snapshot, "[--check] [-z] [-t PARTITION] [-k KERNEL] [-i KEEPER] [-a WORDS]",
      "The same, but go on",
      "    --check           only say whether that could be done\n"
      "-t, --to PARTITION    a partition or disk of its own (default: /dev/disk/by-partlabel/torpor)\n"
      "-k, --kernel FILE     the kernel that saves (default: dom0's, /boot/vmlinuz-RELEASE)\n"
      "-i, --keeper FILE     its ramdisk (default: /usr/lib/torpor/keeper-RELEASE.gz)\n"
      "-a, --append WORDS    more for its command line\n"
      "-z, --compress        what is saved, by zstd\n" },
    { "dump", command_dump, "[-t PARTITION] FILE", "Copy what was saved on a partition to a file, for debuggers",
      "-t, --to PARTITION    which (default: /dev/disk/by-partlabel/torpor)\n" },
    { "timeline", command_timeline, "[-o | -d DOMAIN] [--json | --svg FILE] [N | -], or -l [-d DOMAIN]",
      "Show what the last sleeps, saves, restores and migrations consisted of",
      "-o, --operation  what was last done to a guest, instead of the host's last sleep\n"
      "-d, --domain D   what was last done to the guest of that name\n"
      "-l, --list       a line on each that is remembered, the last first\n"
      "--json           as JSON\n"
      "--svg FILE       as a picture, written to FILE\n"
      "N                which one: 0 is the last (the default), 1 the one before it, and so on (sleeps: to 7)\n"
      "-                a record, or a line of the journal, on standard input\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool verbose;

/* One write, so that lines stay whole where others write to the same place. */
static void speak(const char *format, va_list arguments)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, arguments);
    fprintf(stderr, "torpor: %s\n", text);
}

int failure(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    speak(format, arguments);
    va_end(arguments);
    return EXIT_FAILURE;
}

void detail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (verbose)
        speak(format, arguments);
    va_end(arguments);
}

int usage_error(const struct command *c, const char *format, ...)
{
    char why[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    fprintf(stderr, "torpor %s: %s (torpor %s -h)\n", c->name, why, c->name);
    return EXIT_USAGE;
}

static void help(FILE *out)
{
    fputs("usage: torpor [-v] COMMAND [ARGUMENT...]\n\n", out);
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-15s %s\n", commands[i].name, commands[i].summary);
    fputs("\ntorpor COMMAND -h tells more on a command, torpor(1) everything.\n", out);
}

static void command_help(const struct command *c)
{
    printf("usage: torpor [-v] %s %s\n\n%s.\n", c->name, c->arguments, c->summary);
    if (*c->help)
        printf("\n%s", c->help);
}

int next_option(const struct command *c, int argc, char **argv, const char *letters, const struct option *options)
{
    int option = getopt_long(argc, argv, letters, options, NULL);

    if (option == 'h') {
        command_help(c);
        exit(EXIT_SUCCESS);
    }
    if (option == '?' || option == ':') {
        const char *what = option == ':' ? "needs a value" : "is not known, or not used like that";

        /* getopt leaves a long option in argv, and names a letter only in optopt */
        if (strncmp(argv[optind - 1], "--", 2) == 0)
            exit(usage_error(c, "option %s %s", argv[optind - 1], what));
        exit(usage_error(c, "option -%c %s", optopt, what));
    }
    return option;
}

static const struct command *find_command(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int command_run(int argc, char **argv)
{
    const struct command *c = find_command(argv[0]);

    if (strcmp(argv[0], "help") == 0 && argc == 1) {
        help(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[0], "help") == 0 && (c = find_command(argv[1]))) {
        command_help(c);
        return EXIT_SUCCESS;
    }
    if (!c)
        return failure("command %s is not known; torpor -h lists them all",
                       argv[argc > 1 && strcmp(argv[0], "help") == 0]);
    optind = 0;   /* getopt(3): begins anew, and no longer stops at the first that is no option */
    return c->run(c, argc, argv);
}

int main(int argc, char **argv)
{
    int option;

    if (argc && strcmp(argv[0], ATTACH_NAME) == 0)
        return attach_run(argc, argv);
    opterr = 0;
    while ((option = getopt(argc, argv, "+:vh")) >= 0) {
        switch (option) {
        case 'v':
            verbose = true;
            logger_set_verbose(true);
            break;
        case 'h':
            help(stdout);
            return EXIT_SUCCESS;
        default:
            return failure("option -%c is not known; torpor -h tells which there are", optopt);
        }
    }
    if (optind == argc) {
        help(stderr);
        return EXIT_FAILURE;
    }
    return command_run(argc - optind, argv + optind);
}
