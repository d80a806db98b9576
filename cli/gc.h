/* SPDX-License-Identifier: MIT
 * What `myelon gc` has found: objects that nobody alive uses, and what is to become of each. */
#ifndef MYELON_CLI_GC_H
#define MYELON_CLI_GC_H

#include "cli.h"

/* What is asked for. */
struct gc_wish {
    const char *prefix;      /* of names; "": all */
    int64_t older_ns;        /* at least so old */
    int unread;              /* also with events that somebody dead has not read */
};

enum gc_fate {
    GC_REMOVE,               /* stale: would be removed, or will be */
    GC_REMOVED,
    GC_UNREAD,               /* kept: it holds events that somebody may come back for */
    GC_YOUNG,                /* kept: not as old as asked for */
    GC_SKIPPED,              /* somebody came in between: it is left alone */
    GC_FAILED,               /* it could not be removed; `why` says why */
};

struct gc_object {
    char *name;              /* as the library takes it: a shm name, or a path */
    enum myl_backend backend;
    enum gc_fate fate;
    const char *what;        /* one word: "dead", "left", "closed", "superseded", "damaged", "foreign", "unfinished" */
    int64_t age_ns;          /* since the last sign of life; less than 0: it lies in the future */
    uint64_t bytes;
    uint64_t unread;         /* events (frames: cells) that would be lost */
    myl_snapshot *snapshot;  /* its parties; NULL if it cannot be read */
    char why[256];           /* why it cannot be read, or removed */
};

struct gc {
    struct gc_wish wish;
    struct gc_object *object;
    size_t count, room;
    size_t hidden;           /* objects of others that we may not look at */
};

/* Looks through a directory: NULL is that of the shm names. CLI_OK or an exit code, said. */
int gc_find(struct gc *gc, const char *directory);
void gc_free(struct gc *gc);

/* What it held and who had to do with it: "producer 71 dead; a 72 dead, 12 unread", or why it cannot be read. */
void gc_last(const struct gc_object *object, char *text, size_t size);

/* One word. */
const char *gc_fate_name(enum gc_fate fate);

#endif
