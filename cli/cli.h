/* SPDX-License-Identifier: MIT
 * What the subcommands of `myelon` share: exit codes, messages, options, names of rings, numbers for people. */
#ifndef MYELON_CLI_H
#define MYELON_CLI_H

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <myelon/myelon.h>

/* How every subcommand ends. A command ended by a signal answers 128 + the signal's number. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,    /* the machine or the ring refused; the sentence says what to do */
    CLI_USAGE = 2,     /* the command line is wrong; nothing was done */
    CLI_MISMATCH = 3,  /* what was received is not what was sent */
    CLI_NOTFOUND = 4,  /* there is no such ring */
    CLI_INUSE = 5,     /* refused, because somebody alive uses it or has not read it yet */
    CLI_TIMEOUT = 6,   /* nothing moved for as long as --timeout said */
    CLI_UNFINISHED = 7 /* the file did not become whole: the sender gave up, or a receiver left or came too late */
};

struct cli_command {
    const char *name;
    const char *summary; /* one line of `myelon --help` */
    int (*run)(int argc, char **argv);
};

/* The subcommands, each in a file of its own. argv[0] is the subcommand's name. */
int cmd_cat(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_evict(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_pub(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_role(int argc, char **argv);
int cmd_sub(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_why(int argc, char **argv);

/* --- messages (message.c): one sentence a line on stderr, headed by "myelon COMMAND: " ------------------- */

/* Sets the head of the lines that follow, and the command that usage errors point to. */
void cli_set_command(const char *name);

/* Says something by the way. */
void cli_say(const char *format, ...) MYL_PRINTF(1, 2);

/* Says why the command fails; returns `code` for the caller to return. */
int cli_fail(enum cli_exit code, const char *format, ...) MYL_PRINTF(2, 3);

/* Says what is wrong with the command line and where help is; returns CLI_USAGE. */
int cli_usage(const char *format, ...) MYL_PRINTF(1, 2);

/* Says what a failed call of the library means, in the library's words; returns the exit code that fits. */
int cli_ring_error(int code);

/* Called before a message is written; the progress bar clears its line there. NULL: nothing to clear. */
void cli_before_message(void (*clear)(void));

/* --- options and operands (options.c) -------------------------------------------------------------------- */

/* The ring a command works on: a shm name, or with --file a path. */
struct cli_target {
    const char *name;
    enum myl_backend backend;
};

/* Takes the ring's name from --file (`file`, or NULL) or else from the next operand. 0, or CLI_USAGE said. */
int cli_target(struct cli_target *target, const char *file, int argc, char **argv);

/* The ring as it is typed on a command line: NAME, or "--file PATH". Valid until the next call. */
const char *cli_target_text(const struct cli_target *target);

/* The next operand, or NULL after saying that `what` is missing. */
const char *cli_operand(int argc, char **argv, const char *what);

/* Refuses operands that are left over. 0, or CLI_USAGE said. */
int cli_no_more(int argc, char **argv);
/* All of the arguments of a command that takes one ring, --file, --help and one switch of its own. 1: go on with
 * *target and *given; 0: return *code. */
int cli_one_ring(int argc, char **argv, const char *help, const char *name, char letter, struct cli_target *target,
                 int *given, int *code);

/* Says what getopt_long disliked ('?' or ':'); needs a short option string that starts with ':'. */
int cli_bad_option(int answer, char **argv);

/* Each reads the value of `option`, with all of the text used and the number within its bounds. 0, or CLI_USAGE said.
 * Sizes take K, M and G for powers of 1024; seconds may have a fraction. */
int cli_parse_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value);
int cli_parse_size(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value);
int cli_parse_seconds(const char *option, const char *text, int64_t *nanoseconds);
int cli_parse_type(const char *option, const char *text, uint64_t *type_id);

/* `max_consumers` of a ring whose producer waits for so many: 0, the default, if that has room for them. */
uint32_t cli_consumers_for(uint64_t wait);

/* --- numbers for people (format.c) ----------------------------------------------------------------------- */

struct cli_text {
    char s[32];
};

struct cli_text cli_bytes(uint64_t bytes);               /* "3.5 MiB" */
struct cli_text cli_duration(int64_t nanoseconds);       /* "312 ms", "2.41 s", "3:05" */
struct cli_text cli_rate(uint64_t bytes, int64_t nanoseconds); /* "512.3 MB/s" */
struct cli_text cli_clock(uint64_t realtime_ns);         /* "2024-05-01 12:30:05", local time */

int64_t cli_now_ns(void); /* a clock that only goes forward */

/* --- signals (stop.c) ------------------------------------------------------------------------------------ */

/* From now on SIGINT, SIGTERM and SIGHUP are noted and `wake` is called, in the handler, to end a waiting call. */
void cli_stop_on_signals(void (*wake)(void));

/* The signal that came, or 0. */
int cli_stop_signal(void);

#endif
