/* SPDX-License-Identifier: MIT
 * The `myelon` program: finds the subcommand and runs it. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command commands[] = {
    {"ls", "list the rings of this machine", cmd_ls},
    {"inspect", "show everything about one ring", cmd_inspect},
    {"why", "tell who waits for whom, and what is the matter with those", cmd_why},
    {"top", "show the rings of this machine as they go", cmd_top},
    {"log", "show what happened to the parties of a ring", cmd_log},
    {"role", "say what it means that a consumer stalls or dies", cmd_role},
    {"cp", "send a file through a ring to any number of receivers", cmd_cp},
    {"cat", "receive what cp sends", cmd_cat},
    {"pub", "publish the lines of standard input to any number of readers", cmd_pub},
    {"sub", "write what pub publishes to standard output", cmd_sub},
    {"rm", "remove a ring", cmd_rm},
    {"evict", "give up a dead consumer, so that it no longer holds up the others", cmd_evict},
    {"gc", "find, and remove, what nobody alive uses any more", cmd_gc},
    {"doctor", "look whether this machine is fit for rings, and say what to do", cmd_doctor},
};

static void print_help(void)
{
    puts("usage: myelon COMMAND [OPTION]...\n"
         "\n"
         "Looks at, uses and removes message rings in shared memory.\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    puts(
        "\n"
        "'myelon COMMAND --help' tells the options of a command.\n"
        "\n"
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 received is not what was sent, 4 no such ring,\n"
        "5 refused because somebody uses it, 6 timed out, 7 a file did not get to its end, 128 + n ended by signal n.");
}

/* What a command prints is its result: when it cannot be written, the command has failed. */
static int flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return code != CLI_OK ? code : cli_fail(CLI_FAILED, "standard output cannot be written");
}

/* Where standard input, output or error is closed, the next file that is opened would get its number, and what is
 * printed with it. What stands there instead cannot be read or written. */
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
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write */
    if (argc < 2)
        return cli_usage("no command given");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return flush_output(CLI_OK);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("myelon %s\n", myl_version());
        return flush_output(CLI_OK);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            cli_set_command(name);
            return flush_output(commands[i].run(argc - 1, argv + 1));
        }
    }
    return cli_usage("there is no command '%s'", name);
}
