/* SPDX-License-Identifier: MIT
 * The driver: command line, interleaving, repeats. */
#include "driver.h"

#include "clock.h"
#include "participant.h"
#include "repeat.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

struct command {
    int quick, json, list, summary;
    const char *only; /* ids separated by commas; NULL: all */
    const char *raw;
};

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--quick] [--json] [--only ID[,ID...]] [--raw FILE] [--list] [--about]\n"
            "  --quick  fewer and shorter repeats, under 45 s in all\n"
            "  --json   one JSON object per line on stdout; the table goes to stderr\n"
            "  --only   measure these ids only; ID* selects all ids that begin with ID\n"
            "  --raw    write every sample to FILE, one JSON object per line\n"
            "  --list   list the ids, one per line\n"
            "  --about  list the ids with unit, baseline and description\n",
            program);
    return 2;
}

static int parse(int argc, char **argv, struct command *command)
{
    memset(command, 0, sizeof *command);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--quick") == 0)
            command->quick = 1;
        else if (strcmp(word, "--json") == 0)
            command->json = 1;
        else if (strcmp(word, "--list") == 0)
            command->list = 1;
        else if (strcmp(word, "--about") == 0)
            command->summary = 1;
        else if (strcmp(word, "--only") == 0 && i + 1 < argc)
            command->only = argv[++i];
        else if (strcmp(word, "--raw") == 0 && i + 1 < argc)
            command->raw = argv[++i];
        else
            return -1;
    }
    return 0;
}

static int matches(const char *pattern, size_t length, const char *id)
{
    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(pattern, id, length - 1) == 0;
    return strlen(id) == length && strncmp(pattern, id, length) == 0;
}

static int wanted(const struct command *command, const char *id)
{
    if (id == NULL)
        return 0;
    if (command->only == NULL)
        return 1;
    for (const char *word = command->only;;) {
        size_t length = strcspn(word, ",");
        if (matches(word, length, id))
            return 1;
        if (word[length] == 0)
            return 0;
        word += length + 1;
    }
}

/* Refuses --only if one of its ids matches no case: otherwise a misspelt id would measure nothing and succeed. */
static int check_only(const struct command *command, const struct bench_case *cases, int count)
{
    for (const char *word = command->only; word != NULL;) {
        size_t length = strcspn(word, ",");
        int known = 0;
        for (int i = 0; i < count * BENCH_METRICS; i++) {
            const char *id = cases[i / BENCH_METRICS].metric[i % BENCH_METRICS].id;
            known |= id != NULL && matches(word, length, id);
        }
        if (!known) {
            fprintf(stderr, "there is no benchmark \"%.*s\"; --about lists all benchmarks\n", (int)length, word);
            return -1;
        }
        word = word[length] == 0 ? NULL : word + length + 1;
    }
    return 0;
}

static void list(const struct bench_case *cases, int count, int summary)
{
    for (int i = 0; i < count; i++) {
        for (int m = 0; m < BENCH_METRICS; m++) {
            const struct bench_metric *metric = &cases[i].metric[m];
            if (metric->id != NULL && summary)
                printf("%-26s %-9s %-12s %s\n", metric->id, metric->unit, metric->against ? metric->against : "-",
                       cases[i].summary);
            else if (metric->id != NULL)
                puts(metric->id);
        }
    }
}

static int run_case(const struct bench_case *one, const struct command *command, const struct bench_context *context,
                    const struct bench_report *report)
{
    static struct bench_pairs pairs;
    enum bench_outcome outcome = BENCH_SKIPPED;
    if (context->machine->cpus < one->cpus)
        bench_explain("this case needs %d CPUs, but this process may use only %d", one->cpus, context->machine->cpus);
    else
        outcome = bench_repeat(one, context, &pairs);
    for (int m = 0; m < BENCH_METRICS; m++) {
        if (!wanted(command, one->metric[m].id))
            continue;
        if (outcome == BENCH_DONE)
            bench_report_metric(report, one, m, &pairs);
        else
            bench_report_none(report, &one->metric[m], outcome == BENCH_SKIPPED ? "skipped" : "failed",
                              bench_explanation());
    }
    return outcome == BENCH_FAILED ? 1 : 0;
}

int bench_main(int argc, char **argv, const struct bench_case *cases, int count)
{
    struct command command;
    if (parse(argc, argv, &command) != 0)
        return usage(argv[0]);
    if (command.list || command.summary) {
        list(cases, count, command.summary);
        return 0;
    }
    if (check_only(&command, cases, count) != 0)
        return 2;
    FILE *raw = NULL;
    if (command.raw != NULL && (raw = fopen(command.raw, "we")) == NULL) {
        perror(command.raw);
        return 2;
    }

    struct bench_machine machine;
    bench_machine_read(&machine);
    (void)bench_ns_per_tick(); /* calibrate before the first fork, so that all participants use the same value */
    struct bench_context context = {&machine, command.quick, NULL};
    struct bench_report report = {command.json ? stderr : stdout, command.json ? stdout : NULL, raw, &machine};
    bench_report_begin(&report);
    int failed = 0;
    for (int i = 0; i < count; i++) {
        int any = 0;
        for (int m = 0; m < BENCH_METRICS; m++)
            any |= wanted(&command, cases[i].metric[m].id);
        if (any)
            failed |= run_case(&cases[i], &command, &context, &report);
    }
    if (raw != NULL)
        fclose(raw);
    return failed;
}
