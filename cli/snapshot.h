/* SPDX-License-Identifier: MIT
 * What several commands tell about a ring's snapshot. */
#ifndef MYELON_CLI_SNAPSHOT_H
#define MYELON_CLI_SNAPSHOT_H

#include "cli.h"

/* One word: "superseded", "closed", or how the producer is: "alive", "left" (in order), "dead". */
const char *snapshot_state(const myl_snapshot *snapshot);

/* As myl_snapshot_take; of a ring with lanes one view of all: published is the sum, a consumer's lag the largest, the
 * producer alive if one of them is, the stream closed if each lane that was used is. */
int snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot);

/* 1 if this entry holds the producer back: joining or active, dead or alive. */
int snapshot_gates(const myl_consumer_status *consumer);

/* Entries that gate, entries that remember one who left, and the gating entry furthest behind (NULL: nobody gates). */
uint32_t snapshot_gating_count(const myl_snapshot *snapshot);
uint32_t snapshot_left_count(const myl_snapshot *snapshot);
const myl_consumer_status *snapshot_slowest(const myl_snapshot *snapshot);

/* One word for a consumer: "joining", "active", "dead" (and gating), "left", "free". */
const char *snapshot_consumer_state(const myl_consumer_status *consumer);

/* Who is alive in a ring, for a sentence: "its producer (process 71), consumer a (process 72)". Empty: nobody. */
void snapshot_living(const myl_snapshot *snapshot, char *text, size_t size);

#endif
