/* SPDX-License-Identifier: MIT
 * Parses options and operands strictly. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *cli_operand(int argc, char **argv, const char *what)
{
    if (optind < argc && *argv[optind] != '\0')
        return argv[optind++];
    cli_usage("%s is %s", what, optind < argc ? "empty" : "missing");
    return NULL;
}

int cli_no_more(int argc, char **argv)
{
    return optind < argc ? cli_usage("too many arguments: '%s'", argv[optind]) : 0;
}

int cli_target(struct cli_target *target, const char *file, int argc, char **argv)
{
    if (file != NULL) {
        *target = (struct cli_target){.name = file, .backend = MYL_BACKEND_FILE};
        return *file != '\0' ? 0 : cli_usage("the path after --file is empty");
    }
    const char *name = cli_operand(argc, argv, "the ring's name");
    if (name == NULL)
        return CLI_USAGE;
    if (strchr(name, '/') != NULL)
        return cli_usage("ring name '%s' contains a slash; for a ring in a mapped file pass --file %s", name, name);
    *target = (struct cli_target){.name = name, .backend = MYL_BACKEND_SHM};
    int code = myl_check_name(name);
    return code == MYL_OK ? 0 : cli_ring_error(code);
}

const char *cli_target_text(const struct cli_target *target)
{
    static char text[4200];
    if (target->backend != MYL_BACKEND_FILE)
        return target->name;
    snprintf(text, sizeof text, "--file %s", target->name);
    return text;
}

int cli_bad_option(int answer, char **argv)
{
    const char *option = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, '\0'};
    /* For a long option, optopt is 0 or a value outside the printable range. */
    if (strncmp(option, "--", 2) != 0 && optopt < CLI_LONG_ONLY && isprint(optopt))
        option = letter;
    return answer == ':' ? cli_usage("option '%s' needs a value", option)
                         : cli_usage("option '%s' is unknown or ambiguous, or takes no value", option);
}

static int read_number(const char *text, uint64_t *value, const char **rest)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *value = number;
    *rest = end;
    return errno == 0 ? 0 : -1;
}

static int check_bounds(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t value)
{
    if (value >= least && value <= most)
        return 0;
    return cli_usage("%s %s is out of range: %llu to %llu", option, text, (unsigned long long)least,
                     (unsigned long long)most);
}

int cli_parse_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    const char *rest;
    if (read_number(text, value, &rest) != 0 || *rest != '\0')
        return cli_usage("%s needs a whole number, not '%s'", option, text);
    return check_bounds(option, text, least, most, *value);
}

int cli_parse_size(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    static const char units[] = "kmg";
    const char *rest;
    unsigned shift = 0;
    if (read_number(text, value, &rest) != 0)
        return cli_usage("%s needs a size like 65536, 64K or 1M, not '%s'", option, text);
    const char *unit = *rest != '\0' ? strchr(units, tolower((unsigned char)*rest)) : NULL;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        rest++;
    }
    if (*rest != '\0' || *value > UINT64_MAX >> shift)
        return cli_usage("%s needs a size like 65536, 64K or 1M, not '%s'", option, text);
    *value <<= shift;
    return check_bounds(option, text, least, most, *value);
}

int cli_parse_seconds(const char *option, const char *text, int64_t *nanoseconds)
{
    char *end;
    double seconds = strtod(text, &end);
    /* The first character is checked because strtod accepts blanks, signs, "inf" and "nan". */
    if ((!isdigit((unsigned char)*text) && *text != '.') || end == text || *end != '\0' || seconds > 1e9)
        return cli_usage("%s needs seconds like 5 or 0.5, not '%s'", option, text);
    *nanoseconds = (int64_t)(seconds * 1e9);
    if (*nanoseconds == 0 && seconds > 0)
        *nanoseconds = 1; /* 0 has another meaning */
    return 0;
}

int cli_parse_timeout(const char *option, const char *text, int64_t *nanoseconds)
{
    int code = cli_parse_seconds(option, text, nanoseconds);
    if (code == 0 && *nanoseconds == 0)
        *nanoseconds = 1;
    return code;
}

int cli_parse_type(const char *option, const char *text, uint64_t *type_id)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)*text) || number == 0 || errno != 0 || *end != '\0')
        return cli_usage("%s needs a number other than 0, like 7 or 0x1f, not '%s'", option, text);
    *type_id = number;
    return 0;
}

int cli_one_ring(int argc, char **argv, const struct cli_help *help, int key, struct cli_target *target, int *given,
                 int *code)
{
    const char *file = NULL;
    int option;
    *given = *code = 0;
    while (*code == 0 && (option = cli_option(help, argc, argv)) != -1) {
        if (option == 'h') {
            cli_help(help);
            return 0;
        }
        if (option == key)
            *given = 1;
        else if (option == 'f')
            file = optarg;
        else
            *code = cli_bad_option(option, argv);
    }
    if (*code == 0)
        *code = cli_target(target, file, argc, argv);
    if (*code == 0)
        *code = cli_no_more(argc, argv);
    return *code == 0;
}

uint32_t cli_consumers_for(uint64_t wait)
{
    return wait > 64 ? (uint32_t)wait : 0;
}
