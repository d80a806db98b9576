/* SPDX-License-Identifier: MIT
 * Creating a segment, or opening an existing one as its producer. */
#ifndef MYL_SEGMENT_CREATE_H
#define MYL_SEGMENT_CREATE_H

#include "segment/description.h"
#include "segment/segment.h"

/* How to create or open a segment as producer. */
struct myl_segment_make {
    struct myl_segment_open open;
    enum myl_existing existing;
    uint32_t mode;
    int64_t group;               /* -1: unchanged */
    int huge;
    uint32_t quorum;             /* number of consumers that the open will wait for */
    uint32_t reserved;           /* number of ids that the open will reserve */
    struct myl_header head;      /* the caller fills in the shape; sizes, session and checksum are added */
    const struct myl_description *description; /* of the messages of a new ring; NULL: none */
    const char *lane;            /* id of the lane to acquire; NULL: any */
    /* Checks that an existing ring has the requested shape, before a lane of it is acquired. */
    int (*fits)(const struct myl_segment *segment, const void *context);
    const void *context;
};
/* MYL_EINVAL if `count` is larger than `entries`: so many consumers could never join. */
int myl_check_quorum(uint32_t count, uint32_t entries);
/* The same for ids to reserve. */
int myl_check_reserved(uint32_t count, uint32_t entries);
/* Creates the segment (*created = 1) or opens it, acquires the producer lock, and maps the segment. */
int myl_segment_acquire(struct myl_segment *segment, const struct myl_segment_make *how, int *created);

#endif
