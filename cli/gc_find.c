/* SPDX-License-Identifier: MIT
 * myelon gc: looks for rings that nobody alive uses, and for what is left of unfinished and damaged ones. */
#include "gc.h"
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

const char *gc_fate_name(enum gc_fate fate)
{
    static const char *const names[] = {"remove", "removed", "unread", "young", "skipped", "failed"};
    return names[fate];
}

static int64_t age_of(uint64_t realtime_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)realtime_ns;
}

/* The last thing that the ring's own log knows of; its making at least. */
static uint64_t last_sign(const struct gc_object *object)
{
    uint64_t last = object->snapshot->info.created_ns;
    myl_log *log;
    if (myl_log_take(object->name, object->backend, &log) != MYL_OK)
        return last;
    for (uint32_t i = 0; i < log->count; i++)
        last = log->entry[i].time_ns > last ? log->entry[i].time_ns : last;
    myl_log_free(log);
    return last;
}

/* What the slowest dead consumer has not acknowledged; if none ever came, what waits for the first one. */
static uint64_t unread_of(const myl_snapshot *ring)
{
    const myl_consumer_status *slowest = snapshot_slowest(ring);
    uint64_t unread = slowest != NULL ? slowest->lag : 0;
    if (ring->consumers == 0 && ring->next > ring->gate)
        unread = ring->next - ring->gate;
    return unread < ring->info.capacity ? unread : ring->info.capacity;
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

/* A sound ring: whether anybody alive is in it is asked once more, with all there is to say of it. 0: it is in use. */
static int look_at_ring(struct gc_object *object)
{
    if (myl_snapshot_take(object->name, object->backend, &object->snapshot) != MYL_OK)
        return 0; /* it went, or changed, in between */
    if (object->snapshot->producer_alive || object->snapshot->live_consumers > 0)
        return 0;
    object->what = snapshot_state(object->snapshot);
    object->unread = unread_of(object->snapshot);
    object->age_ns = age_of(last_sign(object));
    return 1;
}

static void decide(const struct gc *gc, struct gc_object *object)
{
    object->fate = GC_REMOVE;
    if (object->age_ns < gc->wish.older_ns)
        object->fate = GC_YOUNG;
    else if (object->unread > 0 && !gc->wish.unread)
        object->fate = GC_UNREAD;
}

static void forget(struct gc_object *object)
{
    free(object->name);
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

/* 1: it is stale, and described; 0: it is not. */
static int describe(struct gc *gc, struct gc_object *object, const struct stat *st)
{
    myl_object found = {.size = sizeof found};
    int rc = myl_examine(object->name, object->backend, &found);
    if (rc == MYL_EPERMISSION)
        gc->hidden++;
    if (rc != MYL_OK || found.kind == MYL_OBJECT_OTHER || found.used)
        return 0;
    object->bytes = found.bytes;
    object->what = word_of(found.kind);
    object->age_ns = age_of((uint64_t)st->st_mtime * 1000000000);
    if (found.kind == MYL_OBJECT_UNFINISHED)
        snprintf(object->why, sizeof object->why, "a ring whose maker died while it made it");
    else
        snprintf(object->why, sizeof object->why, "%s", found.detail);
    return found.kind != MYL_OBJECT_RING || look_at_ring(object);
}

static int visit(struct gc *gc, const char *directory, int shm, const char *entry)
{
    struct stat st;
    size_t bytes = strlen(directory) + strlen(entry) + 2;
    char *path = malloc(bytes);
    if (path == NULL)
        return -1;
    snprintf(path, bytes, "%s/%s", directory, entry);
    /* Devices and pipes are not even opened. */
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
        strncmp(entry, gc->wish.prefix, strlen(gc->wish.prefix)) != 0) {
        free(path);
        return 0;
    }
    struct gc_object object = {.name = path, .backend = MYL_BACKEND_FILE};
    if (shm && myl_check_name(entry) == MYL_OK) {
        memmove(path, entry, strlen(entry) + 1);
        object.backend = MYL_BACKEND_SHM;
    }
    int stale = describe(gc, &object, &st);
    if (stale)
        decide(gc, &object);
    if (stale && keep(gc, &object) == 0)
        return 0;
    forget(&object);
    return stale ? -1 : 0;
}

static int by_name(const void *a, const void *b)
{
    const struct gc_object *left = a, *right = b;
    return strcmp(left->name, right->name);
}

int gc_find(struct gc *gc, const char *directory)
{
    const char *path = directory != NULL ? directory : myl_shm_directory();
    DIR *open = opendir(path);
    if (open == NULL)
        return cli_fail(CLI_FAILED, "directory %s cannot be read: %s", path, strerror(errno));
    int bad = 0;
    for (struct dirent *entry; !bad && (entry = readdir(open)) != NULL;)
        bad = visit(gc, path, directory == NULL, entry->d_name);
    closedir(open);
    if (gc->count > 0)
        qsort(gc->object, gc->count, sizeof *gc->object, by_name);
    return bad ? cli_fail(CLI_FAILED, "not enough memory for the list") : CLI_OK;
}

void gc_free(struct gc *gc)
{
    for (size_t i = 0; i < gc->count; i++)
        forget(&gc->object[i]);
    free(gc->object);
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
        const myl_consumer_status *consumer = &ring->entry[i];
        used += (size_t)snprintf(text + used, size - used, ", %s %d %s", consumer->id, (int)consumer->pid,
                                 snapshot_consumer_state(consumer));
        if (snapshot_gates(consumer) && consumer->lag > 0)
            used += (size_t)snprintf(text + used, size - used, " with %" PRIu64 " unread", consumer->lag);
        if (used + 80 >= size && i + 1 < ring->consumers)
            snprintf(text + used, size - used, ", and %u more", (unsigned)(ring->consumers - i - 1));
    }
    if (ring->consumers == 0 && object->unread > 0)
        snprintf(text + used, size - used, "; no consumer ever came");
}
