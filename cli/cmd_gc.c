/* SPDX-License-Identifier: MIT
 * myelon gc: removes what nobody alive uses any more. Says what it would do, unless it is told to do it. */
#include "gc.h"
#include "json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: myelon gc [--yes] [--older SECONDS] [--prefix TEXT] [--unread] [--dir DIR]... [--json]\n"
    "\n"
    "Lists rings that nobody alive uses (no producer, no consumer), rings that cannot be read (damaged, or of another\n"
    "version) and the temporary names of rings whose maker died. Removes nothing, unless told so with --yes.\n"
    "A ring whose events somebody may come back for is kept: a dead consumer that has not read them all, or, if\n"
    "none ever came, the first one.\n"
    "\n"
    "  -y, --yes            removes them. Who came in between is not hurt: that ring is left alone, and named\n"
    "  -o, --older SECONDS  only those whose last sign of life (an entry of their log) is at least so old\n"
    "  -p, --prefix TEXT    only those whose name starts so\n"
    "  -u, --unread         also those that hold unread events, which are lost\n"
    "  -d, --dir DIR        looks for mapped files in this directory, not for shared memory; may be repeated\n"
    "  -j, --json           the same as JSON\n"
    "  -h, --help           this text\n"
    "\n"
    "WHAT is dead, left or closed (as in 'myelon ls'), superseded, damaged, foreign (another version) or unfinished.\n"
    "UNREAD counts events, with frames cells of 64 bytes. Exit codes: 1 if one could not be removed.\n";

static const char *fate_text(enum gc_fate fate, int yes)
{
    switch (fate) {
    case GC_REMOVE:
        return yes ? "" : "would go";
    case GC_REMOVED:
        return "removed";
    case GC_UNREAD:
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
        size_t length = strlen(gc->object[i].name);
        width = length > width ? length : width;
    }
    width = width < 24 ? width : 24; /* 80 columns; a longer name pushes the rest of its own line only */
    printf("%-*s  %-10s  %8s  %9s  %7s  %s\n", (int)width, "NAME", "WHAT", "AGE", "SIZE", "UNREAD",
           yes ? "DONE" : "GC");
    for (size_t i = 0; i < gc->count; i++) {
        const struct gc_object *object = &gc->object[i];
        char last[512];
        gc_last(object, last, sizeof last);
        printf("%-*s  %-10s  %8s  %9s  %7" PRIu64 "  %s\n    %s\n", (int)width, object->name, object->what,
               cli_duration(object->age_ns > 0 ? object->age_ns : 0).s, cli_bytes(object->bytes).s, object->unread,
               fate_text(object->fate, yes), last);
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
    size_t unread = count_of(gc, GC_UNREAD, &other);
    if (gc->count == 0)
        printf("Nothing is stale.\n");
    else if (yes)
        printf("\n%zu removed, %s.\n", gone, cli_bytes(bytes).s);
    else
        printf("\n%zu would go, %s.%s\n", gone, cli_bytes(bytes).s,
               gone > 0 ? " Nothing has been removed: --yes does it." : "");
    if (unread > 0)
        printf("%zu kept for events that nobody has read: --unread gives them up, 'myelon rm NAME' a single one.\n",
               unread);
}

/* Each by the way that refuses while anybody alive uses it. */
static int remove_all(struct gc *gc)
{
    int code = CLI_OK;
    for (size_t i = 0; i < gc->count; i++) {
        struct gc_object *object = &gc->object[i];
        if (object->fate != GC_REMOVE)
            continue;
        int rc = myl_remove(object->name, object->backend, 0);
        object->fate = rc == MYL_OK ? GC_REMOVED : GC_FAILED;
        if (rc == MYL_OK)
            continue;
        snprintf(object->why, sizeof object->why, "%s", myl_error_detail());
        if (rc == MYL_EINUSE || rc == MYL_ENOTFOUND || rc == MYL_EBUSY)
            object->fate = GC_SKIPPED;
        else
            code = CLI_FAILED;
        cli_say("%s", object->why);
    }
    return code;
}

static int find_all(struct gc *gc, const char *const *directory, size_t count)
{
    int code = count == 0 ? gc_find(gc, NULL) : CLI_OK;
    for (size_t i = 0; code == CLI_OK && i < count; i++)
        code = gc_find(gc, directory[i]);
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
        cli_say("%zu names belong to others and were not looked at", gc->hidden);
    return code;
}

int cmd_gc(int argc, char **argv)
{
    static const struct option options[] = {
        {"yes", no_argument, NULL, 'y'},          {"older", required_argument, NULL, 'o'},
        {"prefix", required_argument, NULL, 'p'}, {"unread", no_argument, NULL, 'u'},
        {"dir", required_argument, NULL, 'd'},    {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct gc gc = {.wish = {.prefix = ""}};
    const char **directory = calloc((size_t)argc + 1, sizeof *directory);
    size_t directories = 0;
    int yes = 0, json = 0, wants_help = 0, code = 0, option;
    if (directory == NULL)
        return cli_fail(CLI_FAILED, "not enough memory for the options");
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":yo:p:ud:jh", options, NULL)) != -1) {
        if (option == 'y')
            yes = 1;
        else if (option == 'o')
            code = cli_parse_seconds("--older", optarg, &gc.wish.older_ns);
        else if (option == 'p')
            gc.wish.prefix = optarg;
        else if (option == 'u')
            gc.wish.unread = 1;
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
        fputs(help, stdout);
    else if (code == 0)
        code = collect(&gc, directory, directories, yes, json);
    gc_free(&gc);
    free(directory);
    return code;
}
