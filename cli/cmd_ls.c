/* SPDX-License-Identifier: MIT
 * myelon ls: the rings of this machine. */
#include "json.h"
#include "snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: myelon ls [--json] [--file PATH]...\n"
    "\n"
    "Lists the rings in shared memory, and those in mapped files that are named.\n"
    "\n"
    "  -f, --file PATH  also the ring in this mapped file; may be repeated\n"
    "  -j, --json       an array of objects, each as 'myelon inspect --json' prints it\n"
    "  -h, --help       this text\n"
    "\n"
    "PRODUCER is alive, dead, left (in order; the next one goes on) or closed (the stream has ended).\n"
    "A ring for several producers is one row: alive if one of them is, closed if all are; PUBLISHED is added up.\n"
    "CONSUMERS are those alive of those registered. PUBLISHED and LAG, what the slowest has not acknowledged, count\n"
    "events; of a ring of messages, as cp and pub make them, they say what room those take in the ring.\n"
    "Exit codes: 0 also when there is none; 1 if a ring could not be read.\n";

struct list {
    myl_snapshot **rings;
    size_t count, room;
    int code; /* of the first ring that could not be read */
};

static int list_add(struct list *list, myl_snapshot *ring)
{
    if (list->count == list->room) {
        size_t room = list->room != 0 ? 2 * list->room : 16;
        myl_snapshot **rings = realloc(list->rings, room * sizeof *rings);
        if (rings == NULL)
            return -1;
        list->rings = rings;
        list->room = room;
    }
    list->rings[list->count++] = ring;
    return 0;
}

static int list_take(struct list *list, const char *name, enum myl_backend backend)
{
    myl_snapshot *ring;
    int code = snapshot_take(name, backend, &ring);
    /* Gone since the directory was read: as if it had never been there. */
    if (code == MYL_ENOTFOUND && backend == MYL_BACKEND_SHM)
        return 0;
    if (code != MYL_OK) {
        int exit_code = cli_ring_error(code);
        list->code = list->code != CLI_OK ? list->code : exit_code;
        return 0;
    }
    if (list_add(list, ring) == 0)
        return 0;
    myl_snapshot_free(ring);
    return cli_fail(CLI_FAILED, "not enough memory for the list");
}

static int visit(const char *name, void *user)
{
    return list_take(user, name, MYL_BACKEND_SHM);
}

static int by_name(const void *a, const void *b)
{
    const myl_snapshot *const *left = a, *const *right = b;
    return strcmp((*left)->info.name, (*right)->info.name);
}

/* A number of events, or the bytes of so many cells. */
static struct cli_text amount(const myl_snapshot *ring, uint64_t count)
{
    struct cli_text text;
    if (ring->info.kind == MYL_RING_OF_FRAMES)
        return cli_bytes(count * ring->info.cell_size);
    snprintf(text.s, sizeof text.s, "%" PRIu64, count);
    return text;
}

static void print_table(const struct list *list)
{
    size_t width = sizeof "NAME" - 1;
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(list->rings[i]->info.name);
        width = length > width ? length : width;
    }
    printf("%-*s  %-10s  %9s  %14s  %10s  %10s\n", (int)width, "NAME", "PRODUCER", "CONSUMERS", "PUBLISHED", "LAG",
           "SIZE");
    for (size_t i = 0; i < list->count; i++) {
        const myl_snapshot *ring = list->rings[i];
        const myl_consumer_status *slowest = snapshot_slowest(ring);
        char consumers[24];
        snprintf(consumers, sizeof consumers, "%" PRIu32 "/%" PRIu32, ring->live_consumers,
                 snapshot_gating_count(ring));
        printf("%-*s  %-10s  %9s  %14s  %10s  %10s\n", (int)width, ring->info.name, snapshot_state(ring), consumers,
               amount(ring, ring->next).s, amount(ring, slowest != NULL ? slowest->lag : 0).s,
               cli_bytes(ring->info.segment_bytes).s);
    }
}

static int print_list(const struct list *list, int json)
{
    if (list->count > 0)
        qsort(list->rings, list->count, sizeof *list->rings, by_name);
    if (json)
        return json_print_rings(list->rings, list->count);
    if (list->count > 0)
        print_table(list);
    else if (list->code == CLI_OK)
        cli_say("there is no ring");
    return CLI_OK;
}

static void free_list(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        myl_snapshot_free(list->rings[i]);
    free(list->rings);
}

static int list_all(struct list *list, int json)
{
    if (json && json_available() != CLI_OK)
        return CLI_FAILED;
    int code = myl_list(visit, list);
    if (code != 0)
        return code < 0 ? cli_ring_error(code) : code;
    code = print_list(list, json);
    return code != CLI_OK ? code : list->code;
}

int cmd_ls(int argc, char **argv)
{
    static const struct option options[] = {
        {"file", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct list list = {0};
    int json = 0, wants_help = 0, code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":f:jh", options, NULL)) != -1) {
        if (option == 'f')
            code = list_take(&list, optarg, MYL_BACKEND_FILE);
        else if (option == 'j')
            json = 1;
        else if (option == 'h')
            wants_help = 1;
        else
            code = cli_bad_option(option, argv);
    }
    if (code == 0)
        code = cli_no_more(argc, argv);
    if (code == 0 && wants_help)
        fputs(help, stdout);
    else if (code == 0)
        code = list_all(&list, json);
    free_list(&list);
    return code;
}
