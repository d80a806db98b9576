/* SPDX-License-Identifier: MIT
 * myelon top: shows the rings of this machine continuously. */
#include "top.h"

#include <stdlib.h>
#include <time.h>

static const struct cli_option options[] = {
    {"interval", 'i', "SECONDS", "time between two samples (default: 1)"},
    {"once", '1', NULL, "print one page as text after two samples, and end"},
    {"width", 'w', "COLUMNS", "width of that page (default: 80)"},
    {"file", 'f', "PATH", "show the ring in this mapped file instead of names in shared memory"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "top [NAME]... [--interval SECONDS] [--once [--width COLUMNS]]\n"
             "top --file PATH [...]",
    .about = "Shows the rings, or those given, continuously: the state and rate of the producer and of "
             "each consumer, the lag of each consumer (the bar is the ring; '<' marks the one with the "
             "largest lag), and WAIT, the share of time spent in waits that are not short. Activity "
             "notices of participants are shown below their rows. Rates are messages (or events) and "
             "payload bytes a second, as the participants count them ('-': they do not; "
             "MYELON_COUNTERS). Pages of 100 columns have the number of messages so far. Takes no "
             "lock.",
    .options = options,
    .notes = "Keys: q quits; s sorts by name, rate or lag; ? shows the keys; up, down, page up and page "
             "down scroll. NO_COLOR in the environment disables colours.",
    .exit_codes = "Exit codes: 4 no such ring, 128 + n ended by signal n.",
};

static void pause_for(int64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    (void)nanosleep(&t, NULL);
}

static int print_once(struct top *top, int64_t interval_ns, int width)
{
    struct top_page page = {.width = width};
    pause_for(interval_ns);
    int code = top_scan(top);
    if (code != CLI_OK)
        return code;
    top_draw(&page, top);
    for (size_t i = 0; i < page.count; i++)
        cli_line("%s", page.line[i].text);
    code = page.failed ? cli_fail(CLI_FAILED, "out of memory for the page") : CLI_OK;
    top_page_free(&page);
    return code;
}

/* A given name must exist at the start. It may disappear and come back later. */
static int check_names(const struct top *top)
{
    for (size_t i = 0; i < top->only_count; i++) {
        myl_snapshot *snapshot;
        int rc = myl_snapshot_take(top->only[i], top->backend, &snapshot);
        if (rc != MYL_OK)
            return cli_ring_error(rc);
        myl_snapshot_free(snapshot);
    }
    return CLI_OK;
}

int cmd_top(int argc, char **argv)
{
    struct top top = {0};
    const char *file = NULL;
    int64_t interval_ns = MYL_SEC(1);
    uint64_t width = 80;
    int once = 0, code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'i') {
            code = cli_parse_seconds("--interval", optarg, &interval_ns);
            if (code == 0 && interval_ns < MYL_MSEC(10))
                code = cli_usage("--interval %s is too short; the minimum is 0.01", optarg);
        } else if (option == '1') {
            once = 1;
        } else if (option == 'w') {
            code = cli_parse_number("--width", optarg, 20, 500, &width);
        } else if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            cli_help(&help);
            return CLI_OK;
        } else {
            code = cli_bad_option(option, argv);
        }
    }
    if (code != 0)
        return code;
    top.backend = file != NULL ? MYL_BACKEND_FILE : MYL_BACKEND_SHM;
    if (file != NULL && (code = cli_no_more(argc, argv)) != 0)
        return code;
    const char **only = calloc((size_t)argc + 1, sizeof *only);
    if (only == NULL)
        return cli_fail(CLI_FAILED, "out of memory for the names");
    if (file != NULL)
        only[top.only_count++] = file;
    while (optind < argc)
        only[top.only_count++] = argv[optind++];
    top.only = only;
    code = check_names(&top);
    if (code == CLI_OK)
        code = top_scan(&top);
    if (code == CLI_OK)
        code = once ? print_once(&top, interval_ns, (int)width) : top_display(&top, interval_ns);
    top_free(&top);
    free(only);
    return code;
}
