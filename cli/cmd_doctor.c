/* SPDX-License-Identifier: MIT
 * myelon doctor: is this machine, or container, fit for rings? Each finding with its remedy. Changes nothing. */
#include "doctor.h"
#include "json.h"

#include <stdarg.h>
#include <string.h>

enum { WIDTH = 80, INDENT = 9 };

static const char help[] =
    "usage: myelon doctor [--needs SIZE] [--spinners N] [--json]\n"
    "\n"
    "Looks whether this machine, or container, is fit for rings: shared memory, limits, huge pages, processors and\n"
    "control groups, clock, and the calls of the kernel that rings need, which are tried. What is not good is\n"
    "explained, with what to do. Changes nothing, and leaves nothing behind.\n"
    "\n"
    "  -n, --needs SIZE   of the ring that is planned, in bytes, or like 64M\n"
    "  -s, --spinners N   so many parties will wait by spinning; if not given, those of rings that never park\n"
    "  -j, --json         the same as JSON\n"
    "      --root DIR     reads /proc and /sys below DIR: a copy from another machine\n"
    "  -h, --help         this text\n"
    "\n"
    "Verdicts: ok; note (good to know); warning (rings work, and worse than they could); problem (rings fail).\n"
    "Exit codes: 1 if there is a problem.\n";

const char *doctor_verdict_name(enum doctor_verdict verdict)
{
    static const char *const names[] = {"ok", "note", "warning", "problem"};
    return names[verdict];
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

void doctor_judge(struct doctor_finding *finding, enum doctor_verdict verdict, const char *means, ...)
{
    va_list arguments;
    finding->verdict = verdict;
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

/* Words, in lines of at most WIDTH, all of them indented. */
static void print_wrapped(const char *text)
{
    int column = 0;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > WIDTH) {
            putchar('\n');
            column = 0;
        }
        if (column == 0)
            column = printf("%*s%.*s", INDENT, "", length, text);
        else
            column += printf(" %.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    if (column > 0)
        putchar('\n');
}

static void print_finding(const struct doctor_finding *finding)
{
    printf("%-8s %-16s  %s\n", doctor_verdict_name(finding->verdict), finding->subject, finding->found);
    print_wrapped(finding->means);
    /* In one piece, to be copied. */
    if (finding->remedy[0] != '\0')
        printf("%*sdo: %s\n", INDENT, "", finding->remedy);
}

static int print_findings(const struct doctor *doctor)
{
    size_t count[4] = {0};
    for (size_t i = 0; i < doctor->count; i++) {
        print_finding(&doctor->finding[i]);
        count[doctor->finding[i].verdict]++;
    }
    printf("\n%zu note%s, %zu warning%s, %zu problem%s: rings %s here.\n", count[DOCTOR_NOTE],
           count[DOCTOR_NOTE] == 1 ? "" : "s", count[DOCTOR_WARNING], count[DOCTOR_WARNING] == 1 ? "" : "s",
           count[DOCTOR_PROBLEM], count[DOCTOR_PROBLEM] == 1 ? "" : "s",
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
        code = doctor->finding[i].verdict == DOCTOR_PROBLEM ? CLI_FAILED : CLI_OK;
    return code;
}

int cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        {"needs", required_argument, NULL, 'n'}, {"spinners", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},        {"root", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    struct doctor doctor = {.root = ""};
    int json = 0, wants_help = 0, code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":n:s:jh", options, NULL)) != -1) {
        if (option == 'n') {
            code = cli_parse_size("--needs", optarg, 1, UINT64_C(1) << 46, &doctor.needs);
        } else if (option == 's') {
            code = cli_parse_number("--spinners", optarg, 0, 1000000, &doctor.spinners);
            doctor.spinners_said = 1;
        } else if (option == 'j') {
            json = 1;
        } else if (option == 'r' && *optarg != '\0') {
            doctor.root = optarg;
        } else if (option == 'r') {
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
        fputs(help, stdout);
    else if (code == 0)
        code = examine(&doctor, json);
    return code;
}
