/* SPDX-License-Identifier: MIT
 * The operations that run with faults: one library call each, with a set-up before it and a tear-down after it. */
#ifndef MYL_TESTS_FAULT_SCENARIO_H
#define MYL_TESTS_FAULT_SCENARIO_H

#include "unit/rings.h"

struct world {
    char name[TEST_NAME_SIZE];
    char path[TEST_PATH_SIZE]; /* path of a ring in a file */
    enum myl_backend backend;
    myl_producer *producer;
    myl_consumer *consumer;
    myl_frame_producer *frames;
    myl_frame_consumer *reader;
    int fd;                  /* descriptor of a memfd */
    /* results of act() */
    void *made;
    int made_fd;
};

struct scenario {
    const char *name;
    void (*set_up)(struct world *world);
    int (*act)(struct world *world);
    void (*undo)(struct world *world);      /* after a successful act() */
    void (*tear_down)(struct world *world); /* must leave nothing */
    /* Faults that the call tolerates, besides those of every call: names, separated by spaces. */
    const char *tolerates;
    int removes_first;       /* the old ring is removed before the new one is made: a failure may leave none */
    int void_call;           /* act() has no result: after any fault it must leave nothing */
};

/* Name or path by which the ring is opened. */
const char *where(const struct world *world);

extern const struct scenario scenarios[];
extern const size_t scenario_count;
extern const struct scenario frame_scenarios[];
extern const size_t frame_scenario_count;

#endif
