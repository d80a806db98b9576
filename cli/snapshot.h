/* SPDX-License-Identifier: MIT
 * Functions on ring snapshots that several commands use. */
#ifndef MYELON_CLI_SNAPSHOT_H
#define MYELON_CLI_SNAPSHOT_H

#include "cli.h"

/* 1: messages and payload bytes of a participant with this level are known. */
int snapshot_counts(const myl_info *info, enum myl_counters_level level);
/* Returns "superseded", "closed", or the producer's state: "alive", "left" or "dead". */
const char *snapshot_state(const myl_snapshot *snapshot);

/* The same as myl_snapshot_take, but merges the lanes of a ring: positions are sums, a consumer's lag is the largest.
 * The producer is alive if one of them is; the stream is closed if each lane that was used is. */
int snapshot_take(const char *name, enum myl_backend backend, myl_snapshot **snapshot);

/* Returns 1 if this entry gates: joining or active, dead or alive. */
int snapshot_gates(const myl_consumer_status *consumer);

/* The number of gating entries, and the gating entry with the largest lag or NULL. */
uint32_t snapshot_gating_count(const myl_snapshot *snapshot);
const myl_consumer_status *snapshot_slowest(const myl_snapshot *snapshot);

/* Returns a consumer's state: "joining", "active", "dead" or "reserved" (and gating), "left", "free". */
const char *snapshot_consumer_state(const myl_consumer_status *consumer);

/* Returns the unit of a ring's positions for a column title: "EVENTS" or "CELLS" (of 64 bytes). */
const char *snapshot_unit(const myl_info *info);

/* Converts a number of these units to bytes, and to text for a sentence: "12 events", "3.5 MiB". */
uint64_t snapshot_bytes(const myl_info *info, uint64_t count);
struct cli_text snapshot_amount(const myl_info *info, uint64_t count);

/* Returns the consumer that explains the producer's wait. NULL: the producer waits for none. */
const myl_diagnosis_participant *snapshot_blamed(const myl_diagnosis *diagnosis);

/* Lists live participants: "its producer (process 71), consumer a (process 72)". Empty: none. */
void snapshot_living(const myl_snapshot *snapshot, char *text, size_t size);

#endif
