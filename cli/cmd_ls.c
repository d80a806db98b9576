/* SPDX-License-Identifier: MIT
 * myelon ls: lists the rings of this machine. */
#include "json.h"
#include "snapshot.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"file", 'f', "PATH", "also list the ring in this mapped file; may be repeated"},
    {"json", 'j', NULL, "print JSON: an array of objects as in 'myelon inspect --json'"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "ls [--json] [--file PATH]...",
    .about = "Lists the rings in shared memory, and those in the given mapped files.",
    .options = options,
    .notes = "PRODUCER is alive, dead, left (the next producer continues) or closed (the stream has "
             "ended). CONSUMERS are live / registered. PUBLISHED is in bytes: of events, or of the room "
             "that messages take in the ring. LAG is the part of the ring that the slowest consumer has "
             "not acknowledged. A ring with lanes is one row: alive if one producer is, closed if all "
             "have ended; PUBLISHED is the sum of all lanes. Rings that cannot be read (damaged, of "
             "another version, of another user) follow with the reason; with --json they are reported on"
             " standard error.",
    .exit_codes = "Exit codes: 0 also if there is no ring; 1 if a given mapped file cannot be read.",
};

struct list {
    myl_snapshot **rings;
    size_t count, room;
    int code; /* of the first ring that could not be read */
    size_t unreadable;
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
    /* Removed since the directory was read: ignore it. */
    if (code == MYL_ENOTFOUND && backend == MYL_BACKEND_SHM)
        return 0;
    if (code != MYL_OK) {
        int exit_code = cli_ring_error(code);
        list->code = list->code != CLI_OK ? list->code : exit_code;
        return cli_is_shortage(code) ? exit_code : 0;
    }
    if (list_add(list, ring) == 0)
        return 0;
    myl_snapshot_free(ring);
    return cli_fail(CLI_FAILED, "out of memory for the list");
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

/* Names up to this length fit a row of 80 columns; a longer name gets a line of its own. */
#define NAME_WIDTH 27

/* Prints the part of the ring that the slowest consumer has not acknowledged. */
static struct cli_text lag_of(const myl_snapshot *ring)
{
    const myl_consumer_status *slowest = snapshot_slowest(ring);
    struct cli_text text = {"-"};
    if (slowest != NULL)
        snprintf(text.s, sizeof text.s, "%.0f%%", (double)slowest->lag / (double)ring->info.capacity * 100);
    return text;
}

static void print_table(const struct list *list)
{
    size_t width = sizeof "NAME" - 1;
    for (size_t i = 0; i < list->count; i++) {
        size_t length = text_columns(list->rings[i]->info.name);
        width = length > width ? length : width;
    }
    width = width < NAME_WIDTH ? width : NAME_WIDTH;
    cli_line("%-*s  %-10s  %9s  %10s  %4s  %10s", (int)width, "NAME", "PRODUCER", "CONSUMERS", "PUBLISHED", "LAG",
             "SIZE");
    for (size_t i = 0; i < list->count; i++) {
        const myl_snapshot *ring = list->rings[i];
        const char *name = ring->info.name;
        char consumers[24], padded[NAME_WIDTH * TEXT_SHOWN_MAX + 1];
        snprintf(consumers, sizeof consumers, "%" PRIu32 "/%" PRIu32, ring->live_consumers,
                 snapshot_gating_count(ring));
        if (text_columns(name) > width) {
            cli_line("%s", name);
            name = "";
        }
        text_pad(padded, sizeof padded, name, width);
        cli_line("%s  %-10s  %9s  %10s  %4s  %10s", padded, snapshot_state(ring), consumers,
                 cli_bytes(snapshot_bytes(&ring->info, ring->next)).s, lag_of(ring).s,
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
    else if (list->code == CLI_OK && list->unreadable == 0)
        cli_notice("no rings");
    return CLI_OK;
}

static void free_list(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        myl_snapshot_free(list->rings[i]);
    free(list->rings);
}

static int is_listed(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->rings[i]->info.name, name) == 0)
            return 1;
    }
    return 0;
}

/* Finds why a shm object that myl_list skipped cannot be read. Writes "" if it is not a ring, or was removed. Returns
 * CLI_OK or, after an error that prevents examining any object, an exit code. */
static int find_reason(const char *name, char *reason, size_t bytes)
{
    myl_object found = {.size = sizeof found};
    int rc = myl_examine(name, MYL_BACKEND_SHM, &found);
    reason[0] = '\0';
    if (rc == MYL_EPERMISSION)
        snprintf(reason, bytes, "no permission to read it; it may or may not be a ring");
    else if (rc == MYL_OK && (found.kind == MYL_OBJECT_DAMAGED || found.kind == MYL_OBJECT_FOREIGN))
        snprintf(reason, bytes, "%s", found.detail);
    return cli_is_shortage(rc) ? cli_ring_error(rc) : CLI_OK;
}

static int list_unreadable(struct list *list, int json)
{
    DIR *directory = opendir(myl_shm_directory());
    int code = CLI_OK;
    if (directory == NULL)
        return cli_fail(CLI_FAILED, "cannot read directory %s: %s", myl_shm_directory(), strerror(errno));
    for (struct dirent *entry; code == CLI_OK && (entry = readdir(directory)) != NULL;) {
        char reason[sizeof((myl_object *)0)->detail];
        if (entry->d_name[0] == '.' || myl_check_name(entry->d_name) != MYL_OK || is_listed(list, entry->d_name))
            continue;
        code = find_reason(entry->d_name, reason, sizeof reason);
        if (reason[0] == '\0')
            continue;
        list->unreadable++;
        if (json)
            cli_notice("%s cannot be read: %s", entry->d_name, reason);
        else
            cli_line("%s  cannot be read: %s", entry->d_name, reason);
    }
    closedir(directory);
    return code;
}

static int list_all(struct list *list, int json)
{
    if (json && json_available() != CLI_OK)
        return CLI_FAILED;
    int code = myl_list(visit, list);
    if (code != 0)
        return code < 0 ? cli_ring_error(code) : code;
    if (list->count > 0 || json)
        code = print_list(list, json);
    int failed = list_unreadable(list, json);
    code = code != CLI_OK ? code : failed;
    if (list->count == 0 && !json)
        code = code != CLI_OK ? code : print_list(list, json);
    return code != CLI_OK ? code : list->code;
}

int cmd_ls(int argc, char **argv)
{
    struct list list = {0};
    int json = 0, wants_help = 0, code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
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
        cli_help(&help);
    else if (code == 0)
        code = list_all(&list, json);
    free_list(&list);
    return code;
}
