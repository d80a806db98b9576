/* SPDX-License-Identifier: MIT
 * What the subcommands of `myelon` share: exit codes, messages, options, names of rings, formatted numbers. */
#ifndef MYELON_CLI_H
#define MYELON_CLI_H

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <myelon/myelon.h>

/* Exit codes of all subcommands. A command that a signal ends returns 128 + the signal's number. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,    /* a call failed; the message has the cause and a remedy */
    CLI_USAGE = 2,     /* the command line is wrong; nothing was done */
    CLI_MISMATCH = 3,  /* the received data differ from the sent data */
    CLI_NOTFOUND = 4,  /* there is no such ring or consumer */
    CLI_INUSE = 5,     /* refused: a live participant uses the ring, or events are unread */
    CLI_TIMEOUT = 6,   /* no progress within --timeout */
    CLI_UNFINISHED = 7 /* the file or stream is incomplete: the sender gave up, or a receiver left or joined late */
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

/* --- messages (message.c): one sentence a line on stderr, prefixed with "myelon COMMAND: " ---------------- */

/* Sets the command in the prefix of messages and in the hint of usage errors. */
void cli_set_command(const char *name);

/* Prints a notice. */
void cli_notice(const char *format, ...) MYL_PRINTF(1, 2);

/* Prints why the command fails. Returns `code`. */
int cli_fail(enum cli_exit code, const char *format, ...) MYL_PRINTF(2, 3);

/* Prints what is wrong with the command line and how to get help. Returns CLI_USAGE. */
int cli_usage(const char *format, ...) MYL_PRINTF(1, 2);

/* Returns the sentence for a failed call of the library, with advice from advice.h. Valid until the next call. */
const char *cli_ring_sentence(int code);

/* Returns 1 if the call failed for want of memory or descriptors: the same call for another ring would fail, too. */
int cli_is_shortage(int code);

/* Prints that sentence. Returns the exit code that fits. */
int cli_ring_error(int code);
/* The same with other advice; NULL: none other. */
int cli_ring_error_advised(int code, const char *advice);
/* The same for the open of a reader: a ring that does not exist may come. */
int cli_open_error(int code);

/* --- standard output (print.c) ---------------------------------------------------------------------------- */

/* Prints one line. Control characters in the arguments are escaped (text.h), so the text stays one line. All text that
 * may come from other processes must be printed with this function. */
void cli_line(const char *format, ...) MYL_PRINTF(1, 2);

/* Prints text of this program, or JSON, unchanged. */
void cli_print(const char *text);

/* Writes the buffered output. Returns 0, or -1 if any of it was lost. */
int cli_flush(void);

/* Sets a function to call before each message; the progress bar clears its line in it. NULL: none. */
void cli_before_message(void (*clear)(void));

/* --- descriptions of options (help.c) -------------------------------------------------------------------- */

enum { CLI_LONG_ONLY = 256 }; /* keys from here on are no letters */

struct cli_option {
    const char *name;     /* long name without "--"; NULL: the end of the table */
    int key;              /* the letter, or CLI_LONG_ONLY and above for an option without one */
    const char *argument; /* placeholder such as "SEC"; NULL: a switch */
    const char *text;     /* for --help: imperative, with the default */
};

/* All that --help prints. In lines that begin with a space, line breaks are kept; other lines are wrapped. */
struct cli_help {
    const char *usage;                /* lines without "myelon" */
    const char *about;
    const struct cli_option *options; /* without --help, which every command has */
    const char *notes;                /* NULL: none */
    const char *exit_codes;           /* NULL: the general ones only */
};

/* Options that several commands have, for their tables. */
#define CLI_OPTION_FILE \
    { \
        "file", 'f', "PATH", "use the ring in this mapped file instead of a name in shared memory" \
    }
#define CLI_OPTION_JSON \
    { \
        "json", 'j', NULL, "print JSON" \
    }

/* Prints the help text. The man page is generated from it: tools/man1.sh. */
void cli_help(const struct cli_help *help);

/* Returns the key of the next option, 'h' for --help, -1 after the last, '?' or ':' on an error: see getopt_long. */
int cli_option(const struct cli_help *help, int argc, char **argv);

/* Prints words in lines of 80 columns, indented. */
void cli_paragraph(const char *text, int indent);

/* --- options and operands (options.c) -------------------------------------------------------------------- */

/* The ring that a command works on: a name in shared memory, or a path (--file). */
struct cli_target {
    const char *name;
    enum myl_backend backend;
};

/* Takes the ring's name from --file (`file`, or NULL) or else from the next operand. Returns 0 or CLI_USAGE. */
int cli_target(struct cli_target *target, const char *file, int argc, char **argv);

/* Returns the ring as typed on a command line: NAME, or "--file PATH". Valid until the next call. */
const char *cli_target_text(const struct cli_target *target);

/* Returns the next operand, or NULL after reporting that `what` is missing. */
const char *cli_operand(int argc, char **argv, const char *what);

/* Reports left-over operands. Returns 0 or CLI_USAGE. */
int cli_no_more(int argc, char **argv);

/* Parses the arguments of a command whose options are --file, --help and one switch, with this key. Returns 1 with
 * *target and *given set, or 0: the command ends with *code. */
int cli_one_ring(int argc, char **argv, const struct cli_help *help, int key, struct cli_target *target, int *given,
                 int *code);

/* Reports the option that getopt_long rejected ('?' or ':'). The short option string must start with ':'. */
int cli_bad_option(int answer, char **argv);

/* These parse the value of `option`. The whole text must be a number within the bounds. They return 0 or CLI_USAGE.
 * Sizes take K, M and G (powers of 1024); seconds may have a fraction. */
int cli_parse_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value);
int cli_parse_size(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value);
int cli_parse_seconds(const char *option, const char *text, int64_t *nanoseconds);
/* The same for a timeout: 0 becomes the shortest wait, since 0 would be MYL_TRY. */
int cli_parse_timeout(const char *option, const char *text, int64_t *nanoseconds);
int cli_parse_type(const char *option, const char *text, uint64_t *type_id);

/* Returns `max_consumers` for a ring whose producer waits for `wait` consumers. 0: the default is enough. */
uint32_t cli_consumers_for(uint64_t wait);

/* --- formatted numbers (format.c) ------------------------------------------------------------------------ */

struct cli_text {
    char s[32];
};

struct cli_text cli_bytes(uint64_t bytes);               /* "3.5 MiB" */
/* A count with its noun of at most 9 letters: "1 event", "2 events". */
/* A process id; "-" for 0: there is none. */
struct cli_text cli_pid(int32_t pid);
struct cli_text cli_count(uint64_t count, const char *noun);
/* Returns ns since `realtime_ns` (CLOCK_REALTIME). -1: it is in the future (clock set back, or ring damaged). */
int64_t cli_age(uint64_t realtime_ns);
/* "312 ms"; "?" for the -1 of cli_age. */
struct cli_text cli_age_text(int64_t age_ns);
struct cli_text cli_duration(int64_t nanoseconds);       /* "40 us", "312 ms", "2.41 s", "3:05" */
struct cli_text cli_rate(uint64_t bytes, int64_t nanoseconds); /* "512.3 MB/s" */
struct cli_text cli_clock(uint64_t realtime_ns);         /* "2024-05-01 12:30:05", local time */

int64_t cli_now_ns(void); /* monotonic */

/* --- writing to a ring of other processes (guard.c) ------------------------------------------------------ */

/* Calls a library function that writes to a ring of other processes. Returns its result, or CLI_CUT_SHORT if the ring
 * was truncated during the call; without this guard the command would end by SIGBUS. */
#define CLI_CUT_SHORT 1 /* not a code of the library: those are 0 or negative */
int cli_guard(int (*call)(const void *context), const void *context);

/* The same as cli_ring_error, for the result of cli_guard. */
int cli_guarded_error(int code, const char *name);

/* --- signals (stop.c) ------------------------------------------------------------------------------------ */

/* Installs handlers that record SIGINT, SIGTERM and SIGHUP. The handler calls `wake` (NULL: nothing) to end a blocking
 * call. */
void cli_stop_on_signals(void (*wake)(void));

/* Returns the signal that arrived, or 0. */
int cli_stop_signal(void);

/* Returns a descriptor for poll: readable once the signal arrived. -1 before cli_stop_on_signals. */
int cli_stop_descriptor(void);

#endif
