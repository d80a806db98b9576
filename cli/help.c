/* SPDX-License-Identifier: MIT
 * Options of a command: --help and the table for getopt_long, from one description. */
#define _GNU_SOURCE
#include "cli.h"

#include <string.h>

#define COLUMNS      80
#define OPTIONS_MOST 24
#define HELP_LETTER  'h'

static int has_letter(const struct cli_option *option)
{
    return option->key < CLI_LONG_ONLY;
}

/* Prints the words of a line from `column` on, in lines of 80 columns, the first after `head`. Returns its end. */
static const char *print_wrapped(const char *head, int column, const char *text)
{
    while (*text != '\0' && *text != '\n') {
        int length = 0, end = 0;
        while (text[end] != '\0' && text[end] != '\n' && (length == 0 || column + end <= COLUMNS)) {
            end += (int)strcspn(text + end, " \n");
            length = length == 0 || column + end <= COLUMNS ? end : length;
            end += (int)strspn(text + end, " ");
        }
        cli_line("%-*s%.*s", column, head, length, text);
        head = "";
        text += length;
        text += strspn(text, " ");
    }
    return text;
}

void cli_paragraph(const char *text, int indent)
{
    (void)print_wrapped("", indent, text);
}

/* Prints lines: those that begin with a space unchanged, the others wrapped. */
static void print_lines(const char *text)
{
    cli_print("\n");
    while (*text != '\0') {
        if (*text == ' ') {
            int length = (int)strcspn(text, "\n");
            cli_line("%.*s", length, text);
            text += length;
        } else {
            text = print_wrapped("", 0, text);
        }
        text += *text == '\n';
    }
}

static int heading(const struct cli_option *option, char *text, size_t size)
{
    char letter[8] = "   ";
    if (has_letter(option))
        snprintf(letter, sizeof letter, "-%c,", option->key);
    return snprintf(text, size, "  %s --%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
                    option->argument != NULL ? option->argument : "");
}

/* Prints the heading of an option, and its text in a column of its own. */
static void print_option(const struct cli_option *option, int column)
{
    char head[256];
    (void)heading(option, head, sizeof head);
    (void)print_wrapped(head, column, option->text);
}

void cli_help(const struct cli_help *help)
{
    static const struct cli_option last = {"help", HELP_LETTER, NULL, "print this text"};
    char text[256];
    int column = heading(&last, text, sizeof text) + 2;
    const char *usage = help->usage, *head = "usage: ";
    for (; *usage != '\0'; usage += strspn(usage, "\n"), head = "       ") {
        cli_line("%smyelon %.*s", head, (int)strcspn(usage, "\n"), usage);
        usage += strcspn(usage, "\n");
    }
    print_lines(help->about);
    cli_print("\n");
    for (const struct cli_option *option = help->options; option->name != NULL; option++) {
        int length = heading(option, text, sizeof text) + 2;
        column = length > column ? length : column;
    }
    for (const struct cli_option *option = help->options; option->name != NULL; option++)
        print_option(option, column);
    print_option(&last, column);
    if (help->notes != NULL)
        print_lines(help->notes);
    if (help->exit_codes != NULL)
        print_lines(help->exit_codes);
}

int cli_option(const struct cli_help *help, int argc, char **argv)
{
    struct option table[OPTIONS_MOST + 2];
    char letters[2 * OPTIONS_MOST + 4], *letter = letters;
    size_t count = 0;
    *letter++ = ':';
    for (const struct cli_option *option = help->options; option->name != NULL && count < OPTIONS_MOST; option++) {
        int argument = option->argument != NULL ? required_argument : no_argument;
        table[count++] = (struct option){option->name, argument, NULL, option->key};
        if (!has_letter(option))
            continue;
        *letter++ = (char)option->key;
        if (argument == required_argument)
            *letter++ = ':';
    }
    *letter++ = HELP_LETTER;
    *letter = '\0';
    table[count++] = (struct option){"help", no_argument, NULL, HELP_LETTER};
    table[count] = (struct option){NULL, 0, NULL, 0};
    opterr = 0;
    return getopt_long(argc, argv, letters, table, NULL);
}
