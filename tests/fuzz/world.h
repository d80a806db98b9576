/* SPDX-License-Identifier: MIT
 * A ring, handles on it, and calls of every kind, in the order that an input says, while words of it change. */
#ifndef MYL_TESTS_FUZZ_WORLD_H
#define MYL_TESTS_FUZZ_WORLD_H

#include "fuzz/hostile.h"
#include "fuzz/image.h"

#define WORLD_PRODUCERS 2
#define WORLD_CONSUMERS 3
#define WORLD_OBSERVERS 2
#define WORLD_LEASES    16

struct world_reader {
    myl_consumer *handle;
    uint64_t next;               /* the event it has to get next */
    uint64_t acknowledged;
    unsigned leased;             /* of them the first WORLD_LEASES are looked at again */
    const void *lease[WORLD_LEASES];
    uint64_t sequence[WORLD_LEASES];
};

struct world {
    struct fuzz_input *input;    /* of this step */
    const struct image *image;
    char path[FUZZ_PATH];
    unsigned char *bytes;        /* our own mapping of the object, image->head.segment_bytes long */
    int spoiled;                 /* its header or its length is not what the library made */
    myl_producer *producer[WORLD_PRODUCERS];
    struct world_reader reader[WORLD_CONSUMERS];
    myl_observer *observer[WORLD_OBSERVERS];
};

/* The ring of image `shape` under the name "ring", nobody there. */
void world_begin(struct world *world, unsigned shape);
/* One call, or one change of a word, as a record says. */
void world_step(struct world *world, struct fuzz_input *record);
void world_end(struct world *world);

/* Nothing was changed that the library has not written itself: then only right answers will do. */
int world_is_sound(const struct world *world);

void world_open_producer(struct world *world, struct fuzz_input *record);
void world_open_consumer(struct world *world, struct fuzz_input *record);

#endif
