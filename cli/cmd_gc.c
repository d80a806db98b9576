/* SPDX-License-Identifier: MIT
 * myelon gc: lists, and with --yes removes, rings without a live participant and remains of dead creators. */
#include "gc.h"
#include "json.h"
#include "snapshot.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {"yes", 'y', NULL, "remove them; skip a ring that a participant opens meanwhile"},
    {"older", 'o', "SECONDS", "only those whose last activity (log entry or file change) is at least that old"},
    {"prefix", 'p', "TEXT", "only those whose name starts with TEXT"},
    {"unread", 'u', NULL, "also those with unread events, which are lost"},
    {"dir", 'd', "DIR", "check the mapped files in DIR instead of shared memory; may be repeated"},
    CLI_OPTION_JSON,
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "gc [--yes] [--older SECONDS] [--prefix TEXT] [--unread] [--dir DIR]... [--json]",
    .about = "Lists rings without a live participant, rings that cannot be read (damaged, or of another "
             "version), and temporary names of rings whose creator died. Removes them only with --yes. "
             "Keeps a ring with unread events: those of a dead consumer, or, if no consumer ever joined,"
             " of the first one.",
    .options = options,
    .notes = "WHAT is dead, left or closed (as in 'myelon ls'), superseded, damaged, foreign (another "
             "version) or unfinished. UNREAD is in bytes: of events, or of the room that messages take.",
    .exit_codes = "Exit codes: 1 if one could not be removed.",
};

static const char *fate_text(enum gc_fate fate, int yes)
{
    switch (fate) {
    case GC_REMOVE:
        return yes ? "" : "to remove";
    case GC_REMOVED:
        return "removed";
    case GC_NOT_DRAINED:
        return "kept: unread";
    case GC_YOUNG:
        return "kept: young";
    case GC_SKIPPED:
        return "skipped";
    case GC_FAILED:
        break;
    }
    return "FAILED";
}

static void print_table(const struct gc *gc, int yes)
{
    size_t width = sizeof "NAME" - 1;
    for (size_t i = 0; i < gc->count; i++) {
        size_t length = text_columns(gc->object[i].name);
        width = length > width ? length : width;
    }
    width = width < 24 ? width : 24; /* the table fits 80 columns; a longer name shifts only its own line */
    cli_line("%-*s  %-10s  %8s  %9s  %9s  %s", (int)width, "NAME", "WHAT", "AGE", "SIZE", "UNREAD",
             yes ? "DONE" : "GC");
    for (size_t i = 0; i < gc->count; i++) {
        const struct gc_object *object = &gc->object[i];
        char last[512], name[(MYL_TICKET_NAME_MAX + 1) * TEXT_SHOWN_MAX / 4];
        gc_last(object, last, sizeof last);
        text_pad(name, sizeof name, object->name, width);
        cli_line("%s  %-10s  %8s  %9s  %9s  %s", name, object->what, cli_age_text(object->age_ns).s,
                 cli_bytes(object->bytes).s,
                 object->snapshot != NULL ? cli_bytes(snapshot_bytes(&object->snapshot->info, object->not_drained)).s
                                          : "-",
                 fate_text(object->fate, yes));
        cli_line("    %s", last);
    }
}

static size_t count_of(const struct gc *gc, enum gc_fate fate, uint64_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    for (size_t i = 0; i < gc->count; i++) {
        if (gc->object[i].fate == fate) {
            count++;
            *bytes += gc->object[i].bytes;
        }
    }
    return count;
}

static void print_sum(const struct gc *gc, int yes)
{
    uint64_t bytes, other;
    size_t gone = count_of(gc, yes ? GC_REMOVED : GC_REMOVE, &bytes);
    size_t not_drained = count_of(gc, GC_NOT_DRAINED, &other);
    if (gc->count > 0)
        cli_print("\n");
    if (gc->count == 0)
        cli_line("Nothing is stale.");
    else if (yes)
        cli_line("%zu removed, %s.", gone, cli_bytes(bytes).s);
    else
        cli_line("%zu would be removed, %s.%s", gone, cli_bytes(bytes).s,
                 gone > 0 ? " Nothing has been removed; pass --yes to remove them." : "");
    if (not_drained > 0)
        cli_line("%zu kept for unread events: --unread removes them too, 'myelon rm NAME' a single one.", not_drained);
}

static int remove_object(const void *context)
{
    const struct gc_object *object = context;
    return myl_remove(object->entry, object->backend, 0);
}

/* Removes each with a call that refuses while a live participant uses the ring. */
static int remove_all(struct gc *gc)
{
    int code = CLI_OK;
    for (size_t i = 0; i < gc->count; i++) {
        struct gc_object *object = &gc->object[i];
        if (object->fate != GC_REMOVE)
            continue;
        int err = gc_enter(object);
        if (err != 0)
            return cli_fail(CLI_FAILED, "cannot enter the directory of %s: %s", object->name, strerror(err));
        int rc = cli_guard(remove_object, object);
        object->fate = rc == MYL_OK ? GC_REMOVED : GC_FAILED;
        if (rc == MYL_OK)
            continue;
        snprintf(object->why, sizeof object->why, "%s",
                 rc == CLI_CUT_SHORT ? "its owner truncated it during the removal" : cli_ring_sentence(rc));
        if (rc == MYL_EINUSE || rc == MYL_ENOTFOUND || rc == MYL_EBUSY)
            object->fate = GC_SKIPPED;
        else
            code = CLI_FAILED;
        if (object->directory >= 0)
            cli_notice("%s: %s", object->name, object->why);
        else
            cli_notice("%s", object->why);
    }
    return code;
}

/* Finds objects in all directories. Each directory is entered, so the working directory is restored in between. */
static int find_all(struct gc *gc, const char *const *directory, size_t count)
{
    int code = count == 0 ? gc_find(gc, NULL) : CLI_OK;
    int start = count == 0 ? -1 : open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; code == CLI_OK && i < count; i++) {
        if (i > 0 && (start < 0 || fchdir(start) != 0))
            code = cli_fail(CLI_FAILED, "cannot open the working directory: %s", strerror(errno));
        else
            code = gc_find(gc, directory[i]);
    }
    if (start >= 0)
        close(start);
    gc_sort(gc);
    return code;
}

static int collect(struct gc *gc, const char *const *directory, size_t count, int yes, int json)
{
    int code = json ? json_available() : CLI_OK;
    if (code == CLI_OK)
        code = find_all(gc, directory, count);
    if (code != CLI_OK)
        return code;
    if (yes)
        code = remove_all(gc);
    if (json) {
        int printed = json_print_gc(gc);
        return code != CLI_OK ? code : printed;
    }
    if (gc->count > 0)
        print_table(gc, yes);
    print_sum(gc, yes);
    if (gc->hidden > 0)
        cli_notice("skipped %s of other users", cli_count(gc->hidden, "name").s);
    return code;
}

int cmd_gc(int argc, char **argv)
{
    struct gc gc = {.filter = {.prefix = ""}};
    const char **directory = calloc((size_t)argc + 1, sizeof *directory);
    size_t directories = 0;
    int yes = 0, json = 0, wants_help = 0, code = 0, option;
    if (directory == NULL)
        return cli_fail(CLI_FAILED, "out of memory for the options");
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'y')
            yes = 1;
        else if (option == 'o')
            code = cli_parse_seconds("--older", optarg, &gc.filter.older_ns);
        else if (option == 'p')
            gc.filter.prefix = optarg;
        else if (option == 'u')
            gc.filter.not_drained = 1;
        else if (option == 'd' && *optarg != '\0')
            directory[directories++] = optarg;
        else if (option == 'd')
            code = cli_usage("the path after --dir is empty");
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
        code = collect(&gc, directory, directories, yes, json);
    gc_free(&gc);
    free(directory);
    return code;
}
