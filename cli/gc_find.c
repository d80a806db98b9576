/* SPDX-License-Identifier: MIT
 * myelon gc: finds rings without a live participant, unfinished rings and damaged ones. */
#include "gc.h"
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *gc_fate_name(enum gc_fate fate)
{
    static const char *const names[] = {"remove", "removed", "unread", "young", "skipped", "failed"};
    return names[fate];
}

/* Lowers the age to that of another activity. A time in the future is ignored. */
static void note_sign(struct gc_object *object, uint64_t realtime_ns)
{
    int64_t age = cli_age(realtime_ns);
    if (age >= 0 && (object->age_ns < 0 || age < object->age_ns))
        object->age_ns = age;
}

/* Takes the age from the ring itself: its creation and its log. */
static void note_signs(struct gc_object *object)
{
    myl_log *log;
    note_sign(object, object->snapshot->info.created_ns);
    if (myl_log_take(object->entry, object->backend, &log) != MYL_OK)
        return;
    for (uint32_t i = 0; i < log->count; i++)
        note_sign(object, myl_log_entry_at(log, i)->time_ns);
    myl_log_free(log);
}

/* Returns the events that the slowest dead consumer has not acknowledged; without consumers, all unread events. */
static uint64_t not_drained_of(const myl_snapshot *ring)
{
    const myl_consumer_status *slowest = snapshot_slowest(ring);
    uint64_t not_drained = slowest != NULL ? slowest->lag : 0;
    if (ring->consumers == 0 && ring->next > ring->gate)
        not_drained = ring->next - ring->gate;
    return not_drained < ring->info.capacity ? not_drained : ring->info.capacity;
}

static const char *word_of(enum myl_object_kind kind)
{
    switch (kind) {
    case MYL_OBJECT_UNFINISHED:
        return "unfinished";
    case MYL_OBJECT_FOREIGN:
        return "foreign";
    case MYL_OBJECT_DAMAGED:
        return "damaged";
    case MYL_OBJECT_RING:
    case MYL_OBJECT_OTHER:
        break;
    }
    return "ring";
}

/* Returns -1 after reporting that no object can be read now; 0: the failure is of one object only. */
static int report_shortage(int rc)
{
    if (!cli_is_shortage(rc))
        return 0;
    (void)cli_ring_error(rc);
    return -1;
}

/* Describes a valid ring. Checks again whether a live participant uses it; returns 0 if so, and -1 as describe. */
static int check_ring(struct gc_object *object)
{
    int rc = snapshot_take(object->entry, object->backend, &object->snapshot);
    if (rc != MYL_OK)
        return report_shortage(rc); /* else removed or changed meanwhile */
    if (object->snapshot->producer_alive || object->snapshot->live_consumers > 0)
        return 0;
    object->what = snapshot_state(object->snapshot);
    object->not_drained = not_drained_of(object->snapshot);
    note_signs(object);
    return 1;
}

static void decide(const struct gc *gc, struct gc_object *object)
{
    object->fate = GC_REMOVE;
    /* An unknown age does not count as young: it would stay so until the clock reaches that time again. */
    if (object->age_ns >= 0 && object->age_ns < gc->filter.older_ns)
        object->fate = GC_YOUNG;
    else if (object->not_drained > 0 && !gc->filter.not_drained)
        object->fate = GC_NOT_DRAINED;
}

static void forget(struct gc_object *object)
{
    free(object->name);
    free(object->entry);
    myl_snapshot_free(object->snapshot);
}

static int keep(struct gc *gc, const struct gc_object *object)
{
    if (gc->count == gc->room) {
        size_t room = gc->room > 0 ? 2 * gc->room : 16;
        struct gc_object *grown = realloc(gc->object, room * sizeof *grown);
        if (grown == NULL)
            return -1;
        gc->object = grown;
        gc->room = room;
    }
    gc->object[gc->count++] = *object;
    return 0;
}

/* Returns 1 with a description if the object is stale, else 0. -1: reported; no object can be read. */
static int describe(struct gc *gc, struct gc_object *object, const struct stat *st)
{
    myl_object found = {.size = sizeof found};
    int rc = myl_examine(object->entry, object->backend, &found);
    if (rc == MYL_EPERMISSION)
        gc->hidden++;
    if (rc != MYL_OK)
        return report_shortage(rc);
    if (found.kind == MYL_OBJECT_OTHER || found.used)
        return 0;
    object->bytes = found.bytes;
    object->what = word_of(found.kind);
    object->age_ns = -1;
    if (st->st_mtime >= 0 && (uint64_t)st->st_mtime < UINT64_MAX / 1000000000)
        note_sign(object, (uint64_t)st->st_mtime * 1000000000);
    if (found.kind == MYL_OBJECT_UNFINISHED)
        snprintf(object->why, sizeof object->why, "a ring whose creator died during creation");
    else
        snprintf(object->why, sizeof object->why, "%s", found.detail);
    return found.kind == MYL_OBJECT_RING ? check_ring(object) : 1;
}

int gc_enter(const struct gc_object *object)
{
    return object->directory < 0 || fchdir(object->directory) == 0 ? 0 : errno;
}

static char *join(const char *left, const char *right)
{
    size_t bytes = strlen(left) + strlen(right) + 1;
    char *text = malloc(bytes);
    if (text != NULL)
        snprintf(text, bytes, "%s%s", left, right);
    return text;
}

/* Sets the object's names and enters its directory. Returns CLI_OK, or an exit code after reporting the cause. */
static int reach(struct gc_object *object, const char *path, int shm, const char *entry)
{
    char *in = NULL;
    if (shm && myl_check_name(entry) == MYL_OK) {
        object->backend = MYL_BACKEND_SHM;
        object->directory = -1;
        object->name = join("", entry);
        object->entry = join("", entry);
    } else {
        in = join(path, "/");
        object->name = in != NULL ? join(in, entry) : NULL;
        object->entry = join("./", entry);
    }
    free(in);
    if (object->name == NULL || object->entry == NULL)
        return cli_fail(CLI_FAILED, "out of memory for the names in %s", path);
    int err = gc_enter(object);
    return err == 0 ? CLI_OK : cli_fail(CLI_FAILED, "cannot enter directory %s: %s", path, strerror(err));
}

/* `directory` is also the working directory, unless the objects are in shared memory. Returns CLI_OK, or an exit code
 * after reporting an error that prevents examining the other objects. */
static int visit(struct gc *gc, const char *path, int directory, int shm, const char *entry)
{
    struct stat st;
    /* Does not open devices and pipes. */
    if (strncmp(entry, gc->filter.prefix, strlen(gc->filter.prefix)) != 0 ||
        fstatat(directory, entry, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return CLI_OK;
    struct gc_object object = {.backend = MYL_BACKEND_FILE, .directory = directory};
    int code = reach(&object, path, shm, entry);
    int stale = code == CLI_OK ? describe(gc, &object, &st) : 0;
    if (stale > 0) {
        decide(gc, &object);
        if (keep(gc, &object) == 0)
            return CLI_OK;
        code = cli_fail(CLI_FAILED, "out of memory for the list");
    }
    forget(&object);
    return stale < 0 ? CLI_FAILED : code;
}

static int by_name(const void *a, const void *b)
{
    const struct gc_object *left = a, *right = b;
    return strcmp(left->name, right->name);
}

int gc_find(struct gc *gc, const char *directory)
{
    const char *path = directory != NULL ? directory : myl_shm_directory();
    if (gc->directories == GC_DIRECTORIES)
        return cli_fail(CLI_FAILED, "too many --dir: gc checks at most %d directories", GC_DIRECTORIES);
    /* Opened once: the path may lead to another directory when an object is removed. */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int again = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *listed = again < 0 ? NULL : fdopendir(again);
    if (listed == NULL) {
        int err = errno;
        if (fd >= 0)
            close(fd);
        if (again >= 0)
            close(again);
        return cli_fail(CLI_FAILED, "cannot read directory %s: %s", path, strerror(err));
    }
    gc->directory[gc->directories++] = fd;
    int code = CLI_OK;
    for (struct dirent *entry; code == CLI_OK && (entry = readdir(listed)) != NULL;)
        code = visit(gc, path, fd, directory == NULL, entry->d_name);
    closedir(listed);
    return code;
}

void gc_sort(struct gc *gc)
{
    if (gc->count > 0)
        qsort(gc->object, gc->count, sizeof *gc->object, by_name);
}

void gc_free(struct gc *gc)
{
    for (size_t i = 0; i < gc->count; i++)
        forget(&gc->object[i]);
    free(gc->object);
    for (size_t i = 0; i < gc->directories; i++)
        close(gc->directory[i]);
}

void gc_last(const struct gc_object *object, char *text, size_t size)
{
    const myl_snapshot *ring = object->snapshot;
    size_t used;
    if (ring == NULL || object->fate == GC_FAILED || object->fate == GC_SKIPPED) {
        snprintf(text, size, "%s", object->why);
        return;
    }
    used = (size_t)snprintf(text, size, "producer %d", (int)ring->producer_pid);
    for (uint32_t i = 0; i < ring->consumers && used + 80 < size; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(ring, i);
        used += (size_t)snprintf(text + used, size - used, ", %s %d %s", consumer->id, (int)consumer->pid,
                                 snapshot_consumer_state(consumer));
        if (snapshot_gates(consumer) && consumer->lag > 0)
            used += (size_t)snprintf(text + used, size - used, " with %s unread",
                                     snapshot_amount(&ring->info, consumer->lag).s);
        if (used + 80 >= size && i + 1 < ring->consumers)
            snprintf(text + used, size - used, ", and %u more", (unsigned)(ring->consumers - i - 1));
    }
    if (ring->consumers == 0 && object->not_drained > 0)
        snprintf(text + used, size - used, "; no consumer ever joined");
}
