/* SPDX-License-Identifier: MIT
 * What is done while calls fail: one library call each, between a state before it and one after. */
#ifndef MYL_TESTS_FAULT_SCENARIO_H
#define MYL_TESTS_FAULT_SCENARIO_H

#include "unit/rings.h"

struct world {
    char name[TEST_NAME_SIZE];
    char path[TEST_PATH_SIZE]; /* of a ring in a file */
    enum myl_backend backend;
    myl_producer *producer;
    myl_consumer *consumer;
    myl_frame_producer *frames;
    myl_frame_consumer *reader;
    int fd;                  /* a memfd's */
    /* what act() makes */
    void *made;
    int made_fd;
};

struct scenario {
    const char *name;
    void (*set_up)(struct world *world);
    int (*act)(struct world *world);
    void (*undo)(struct world *world);      /* of a successful act() */
    void (*tear_down)(struct world *world); /* nothing is left behind */
    /* What the call may survive, besides what every call may: names, separated by spaces. */
    const char *bears;
    int removes_first;       /* the old ring goes before the new one is made: a failure may leave none */
    int void_call;           /* act() has no result: it must leave nothing, whatever failed */
};

/* What it is opened by. */
const char *where(const struct world *world);

extern const struct scenario scenarios[];
extern const size_t scenario_count;
extern const struct scenario frame_scenarios[];
extern const size_t frame_scenario_count;

#endif
