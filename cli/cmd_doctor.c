/* SPDX-License-Identifier: MIT
 * myelon doctor: checks whether this machine, or container, can run rings. Each finding has a remedy. */
#include "doctor.h"
#include "json.h"

#include <stdarg.h>
#include <string.h>

enum { INDENT = 9 };

enum { OPTION_ROOT = CLI_LONG_ONLY };

static const struct cli_option options[] = {
    {"needs", 'n', "SIZE", "bytes of the planned ring, such as 64M"},
    {"spinners", 's', "N", "participants that will wait by spinning (default: those of rings that never park)"},
    CLI_OPTION_JSON,
    {"root", OPTION_ROOT, "DIR", "read /proc and /sys below DIR: a copy from another machine"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "doctor [--needs SIZE] [--spinners N] [--json]",
    .about = "Checks whether this machine, or container, can run rings: shared memory, limits, huge "
             "pages, processors, control groups, clock, and the system calls that rings need. Each "
             "finding that is not ok has an explanation and a remedy. Changes nothing and leaves no "
             "files.",
    .options = options,
    .notes = "Levels: ok; note (for information); warning (rings work, with lower performance); problem "
             "(rings fail).",
    .exit_codes = "Exit codes: 1 if there is a problem.",
};

const char *doctor_level_name(enum doctor_level level)
{
    static const char *const names[] = {"ok", "note", "warning", "problem"};
    return names[level];
}

struct doctor_finding *doctor_add(struct doctor *doctor, const char *subject, const char *found, ...)
{
    size_t last = sizeof doctor->finding / sizeof doctor->finding[0] - 1;
    struct doctor_finding *finding = &doctor->finding[doctor->count < last ? doctor->count++ : last];
    va_list arguments;
    memset(finding, 0, sizeof *finding);
    finding->subject = subject;
    va_start(arguments, found);
    vsnprintf(finding->found, sizeof finding->found, found, arguments);
    va_end(arguments);
    return finding;
}

void doctor_judge(struct doctor_finding *finding, enum doctor_level level, const char *means, ...)
{
    va_list arguments;
    finding->level = level;
    va_start(arguments, means);
    vsnprintf(finding->means, sizeof finding->means, means, arguments);
    va_end(arguments);
}

void doctor_remedy(struct doctor_finding *finding, const char *remedy, ...)
{
    va_list arguments;
    va_start(arguments, remedy);
    vsnprintf(finding->remedy, sizeof finding->remedy, remedy, arguments);
    va_end(arguments);
}

static void print_finding(const struct doctor_finding *finding)
{
    cli_line("%-8s %-16s  %s", doctor_level_name(finding->level), finding->subject, finding->found);
    cli_paragraph(finding->means, INDENT);
    /* On one line, so that it can be copied. */
    if (finding->remedy[0] != '\0')
        cli_line("%*sdo: %s", INDENT, "", finding->remedy);
}

static int print_findings(const struct doctor *doctor)
{
    size_t count[4] = {0};
    for (size_t i = 0; i < doctor->count; i++) {
        print_finding(&doctor->finding[i]);
        count[doctor->finding[i].level]++;
    }
    cli_print("\n");
    cli_line("%s, %s, %s: rings %s here.", cli_count(count[DOCTOR_NOTE], "note").s,
             cli_count(count[DOCTOR_WARNING], "warning").s, cli_count(count[DOCTOR_PROBLEM], "problem").s,
             count[DOCTOR_PROBLEM] > 0 ? "will fail" : "work");
    return CLI_OK;
}

static int examine(struct doctor *doctor, int json)
{
    int code = json ? json_available() : CLI_OK;
    if (code != CLI_OK)
        return code;
    doctor_memory(doctor);
    doctor_limits(doctor);
    doctor_pages(doctor);
    doctor_processors(doctor);
    doctor_kernel(doctor);
    code = json ? json_print_doctor(doctor) : print_findings(doctor);
    for (size_t i = 0; code == CLI_OK && i < doctor->count; i++)
        code = doctor->finding[i].level == DOCTOR_PROBLEM ? CLI_FAILED : CLI_OK;
    return code;
}

int cmd_doctor(int argc, char **argv)
{
    struct doctor doctor = {.root = ""};
    int json = 0, wants_help = 0, code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'n') {
            code = cli_parse_size("--needs", optarg, 1, UINT64_C(1) << 46, &doctor.needs);
        } else if (option == 's') {
            code = cli_parse_number("--spinners", optarg, 0, 1000000, &doctor.spinners);
            doctor.spinners_known = 1;
        } else if (option == 'j') {
            json = 1;
        } else if (option == OPTION_ROOT && *optarg != '\0') {
            doctor.root = optarg;
        } else if (option == OPTION_ROOT) {
            code = cli_usage("the directory after --root is empty");
        } else if (option == 'h') {
            wants_help = 1;
        } else {
            code = cli_bad_option(option, argv);
        }
    }
    if (code == 0)
        code = cli_no_more(argc, argv);
    if (code == 0 && wants_help)
        cli_help(&help);
    else if (code == 0)
        code = examine(&doctor, json);
    return code;
}
