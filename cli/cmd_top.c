/* SPDX-License-Identifier: MIT
 * myelon top: the rings of this machine, as they go. */
#include "top.h"

#include <stdlib.h>
#include <time.h>

static const char help[] =
    "usage: myelon top [NAME]... [--interval SECONDS] [--once [--width COLUMNS]]\n"
    "       myelon top --file PATH [...]\n"
    "\n"
    "Shows the rings, or those named, again and again: how many events a second are published and acknowledged,\n"
    "who is alive, how far each consumer is behind (the bar is the ring; '<' marks who gates), and which share of\n"
    "the time was spent in waits (PARKED; short waits do not count). What a party says it is doing stands with it.\n"
    "Of messages it is the bytes that they take in the ring. Takes no seat, disturbs nobody.\n"
    "\n"
    "  -i, --interval SECONDS  between two looks; 1 if not given\n"
    "  -1, --once              prints one page as text, after two looks, and ends\n"
    "  -w, --width COLUMNS     of that page; 80 if not given\n"
    "  -f, --file PATH         the ring in this mapped file instead of names in shared memory\n"
    "  -h, --help              this text\n"
    "\n"
    "Keys: q quits, up, down, page up and page down scroll.\n";

static void pause_for(int64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    (void)nanosleep(&t, NULL);
}

static int print_once(struct top *top, int64_t interval_ns, int width)
{
    struct top_page page = {.width = width};
    pause_for(interval_ns);
    int code = top_look(top);
    if (code != CLI_OK)
        return code;
    top_draw(&page, top);
    for (size_t i = 0; i < page.count; i++)
        puts(page.line[i].text);
    code = page.failed ? cli_fail(CLI_FAILED, "not enough memory for the page") : CLI_OK;
    top_page_free(&page);
    return code;
}

int cmd_top(int argc, char **argv)
{
    static const struct option options[] = {
        {"interval", required_argument, NULL, 'i'}, {"once", no_argument, NULL, '1'},
        {"width", required_argument, NULL, 'w'},    {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    struct top top = {0};
    const char *file = NULL;
    int64_t interval_ns = MYL_SEC(1);
    uint64_t width = 80;
    int once = 0, code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":i:1w:f:h", options, NULL)) != -1) {
        if (option == 'i') {
            code = cli_parse_seconds("--interval", optarg, &interval_ns);
            if (code == 0 && interval_ns < MYL_MSEC(10))
                code = cli_usage("--interval %s is less than 0.01", optarg);
        } else if (option == '1') {
            once = 1;
        } else if (option == 'w') {
            code = cli_parse_number("--width", optarg, 20, 500, &width);
        } else if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            fputs(help, stdout);
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
        return cli_fail(CLI_FAILED, "not enough memory for the names");
    if (file != NULL)
        only[top.only_count++] = file;
    while (optind < argc)
        only[top.only_count++] = argv[optind++];
    top.only = only;
    code = top_look(&top);
    if (code == CLI_OK)
        code = once ? print_once(&top, interval_ns, (int)width) : top_display(&top, interval_ns);
    top_free(&top);
    free(only);
    return code;
}
