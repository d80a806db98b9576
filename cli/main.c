/* SPDX-License-Identifier: MIT
 * The `myelon` program: finds the subcommand and runs it. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include "text.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command commands[] = {
    {"ls", "list the rings of this machine", cmd_ls},
    {"inspect", "show one ring: shape, producer, consumers, lag", cmd_inspect},
    {"why", "explain why a ring makes no progress", cmd_why},
    {"top", "show the rings of this machine continuously", cmd_top},
    {"log", "show the event log of a ring", cmd_log},
    {"role", "set what a consumer's stall or death means to the producer", cmd_role},
    {"cp", "send a file through a ring to any number of receivers", cmd_cp},
    {"cat", "receive what cp sends", cmd_cat},
    {"pub", "publish the lines of standard input to any number of readers", cmd_pub},
    {"sub", "write what pub publishes to standard output", cmd_sub},
    {"rm", "remove a ring", cmd_rm},
    {"evict", "remove the entry of a dead consumer, which blocks the producer", cmd_evict},
    {"gc", "find and remove rings without a live participant", cmd_gc},
    {"doctor", "check whether this machine can run rings, with remedies", cmd_doctor},
};

static void print_help(void)
{
    cli_print("usage: myelon COMMAND [OPTION]...\n"
              "\n"
              "Inspects, uses and removes message rings in shared memory.\n"
              "\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        cli_line("  %-9s %s", commands[i].name, commands[i].summary);
    cli_print("\n'myelon COMMAND --help' lists the options of a command.\n\n");
    cli_paragraph(
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 received data differ from sent data, 4 no such "
        "ring or consumer, 5 refused: the ring is in use, 6 timed out, 7 the file or stream is incomplete, 128 + "
        "n ended by signal n.",
        0);
}

/* The output of a command is its result: if it cannot be written, the command has failed. */
static int flush_output(int code)
{
    if (cli_flush() == 0)
        return code;
    return code != CLI_OK ? code : cli_fail(CLI_FAILED, "cannot write standard output");
}

/* Opens /dev/null for each closed standard stream. Otherwise the next opened file gets its number, and the output goes
 * into that file. The replacement is opened so that neither reading nor writing works. */
static void occupy_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

int main(int argc, char **argv)
{
    occupy_standard();
    text_show_utf8(setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    (void)signal(SIGXFSZ, SIG_IGN); /* write returns EFBIG instead */
    if (argc < 2)
        return cli_usage("no command given");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return flush_output(CLI_OK);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        cli_line("myelon %s", myl_version());
        return flush_output(CLI_OK);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            cli_set_command(name);
            return flush_output(commands[i].run(argc - 1, argv + 1));
        }
    }
    return cli_usage("unknown command '%s'", name);
}
