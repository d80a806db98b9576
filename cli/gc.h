/* SPDX-License-Identifier: MIT
 * The objects that `myelon gc` found, and what happens to each. */
#ifndef MYELON_CLI_GC_H
#define MYELON_CLI_GC_H

#include "cli.h"

/* What the user asks for. */
struct gc_filter {
    const char *prefix;      /* only names that start with it; "": all */
    int64_t older_ns;        /* minimum age */
    int not_drained;         /* also rings with unread events */
};

enum { GC_DIRECTORIES = 64 };

enum gc_fate {
    GC_REMOVE,               /* stale: to be removed */
    GC_REMOVED,
    GC_NOT_DRAINED,          /* kept: a consumer may come back for its unread events */
    GC_YOUNG,                /* kept: younger than the minimum age */
    GC_SKIPPED,              /* kept: a participant opened it meanwhile */
    GC_FAILED,               /* the removal failed; `why` has the reason */
};

struct gc_object {
    char *name;              /* for output: a shm name, or a path */
    char *entry;             /* for the library, with `directory` as working directory */
    int directory;           /* a descriptor; -1: a shm name */
    enum myl_backend backend;
    enum gc_fate fate;
    const char *what;        /* one word: "dead", "left", "closed", "superseded", "damaged", "foreign", "unfinished" */
    int64_t age_ns;          /* since the last activity; -1: unknown, all times are in the future */
    uint64_t bytes;
    uint64_t not_drained;    /* events (frames: cells) that a removal loses */
    myl_snapshot *snapshot;  /* its participants; NULL if it cannot be read */
    char why[256];           /* why it cannot be read, or removed */
};

struct gc {
    struct gc_filter filter;
    struct gc_object *object;
    size_t count, room;
    int directory[GC_DIRECTORIES]; /* open until gc_free */
    size_t directories;
    size_t hidden;           /* objects of other users that cannot be read */
};

/* Checks a directory; NULL: that of the shm names. Returns CLI_OK, or an exit code after reporting the cause. */
int gc_find(struct gc *gc, const char *directory);
/* Sorts by name, after the last gc_find. */
void gc_sort(struct gc *gc);
void gc_free(struct gc *gc);
/* Changes to the object's directory. Call it before the library is called with `entry`. Returns 0 or errno. */
int gc_enter(const struct gc_object *object);

/* Writes the last participants: "producer 71 dead; a 72 dead, 12 unread", or why the object cannot be read. */
void gc_last(const struct gc_object *object, char *text, size_t size);

/* Returns the JSON word of a fate. */
const char *gc_fate_name(enum gc_fate fate);

#endif
