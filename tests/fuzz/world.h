/* SPDX-License-Identifier: MIT
 * A ring, handles on it, and calls of every kind, in the order that an input determines, while words of the ring
 * change. */
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
    uint64_t next;               /* the event that it must get next */
    uint64_t acknowledged;
    unsigned leased;             /* number of leases; the first WORLD_LEASES of them are checked again */
    const void *lease[WORLD_LEASES];
    uint64_t sequence[WORLD_LEASES];
};

struct world {
    struct fuzz_input *input;    /* of this step */
    const struct image *image;
    char path[FUZZ_PATH];
    unsigned char *bytes;        /* the target's own mapping of the object, image->head.segment_bytes long */
    int spoiled;                 /* its header or its length was changed */
    myl_producer *producer[WORLD_PRODUCERS];
    struct world_reader reader[WORLD_CONSUMERS];
    myl_observer *observer[WORLD_OBSERVERS];
};

/* Makes the ring of image `shape` under the name "ring", without participants. */
void world_begin(struct world *world, unsigned shape);
/* Makes one call, or one change of a word, from a record. */
void world_step(struct world *world, struct fuzz_input *record);
void world_end(struct world *world);

/* Returns 1 if nothing was changed but by the library: then only correct results are accepted. */
int world_is_sound(const struct world *world);

void world_open_producer(struct world *world, struct fuzz_input *record);
void world_open_consumer(struct world *world, struct fuzz_input *record);

#endif
