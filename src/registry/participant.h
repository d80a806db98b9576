/* SPDX-License-Identifier: MIT
 * Words of a participant record, for tools and for the liveness policy: identity, waits, counters, death, activity
 * notice. Producers and consumers have the same record. */
#ifndef MYL_REGISTRY_PARTICIPANT_H
#define MYL_REGISTRY_PARTICIPANT_H

#include "segment/segment.h"

#include <stdbool.h>

/* Initialises the record of a participant that opens: its identity, not waiting, not dead. */
void myl_participant_open(struct myl_participant *participant);
/* The same for an entry that is reserved, and has no owner yet. `unclaimed`: MYL_UNCLAIMED_*. */
void myl_participant_reserve(struct myl_participant *entry, uint32_t unclaimed);
/* Only of an ACTIVE entry: 0, or MYL_UNCLAIMED_* if it is reserved. */
uint32_t myl_participant_unclaimed(const struct myl_participant *entry);
bool myl_participant_is_reserved(const struct myl_participant *entry);
void myl_participant_identity(const struct myl_participant *participant, struct myl_os_identity *who);
/* Sets what the participant counts: MYL_COUNTERS_OFF, _LITE or _FULL. */
void myl_participant_set_level(struct myl_participant *participant, enum myl_counters_level level);
/* Adds to a counter, if the participant counts it. Only the participant itself may call this, on slow paths. Not for
 * MESSAGES and BYTES, which the hot calls count. */
void myl_participant_count(struct myl_participant *participant, enum myl_counter counter, uint64_t by);
/* Raises a gauge to `value`, if it is lower. */
void myl_participant_raise(struct myl_participant *participant, enum myl_counter gauge, uint64_t value);
/* Clears the counters of an entry whose new owner has another id, and sets FIRST. */
void myl_participant_forget(struct myl_participant *participant, uint64_t first);
/* Announce a wait that began at `since` (CLOCK_MONOTONIC), and end it, adding its length to the counters. */
void myl_participant_begin_wait(struct myl_participant *participant, int64_t since);
void myl_participant_end_wait(struct myl_participant *participant, int64_t waited_ns);
/* Log a death that the kernel reported. Only the first call for each death has an effect. `generation`: of the entry
 * when its owner was found dead. The entry may have a successor by now, which is not reported as dead. */
void myl_log_consumer_death(const struct myl_segment *segment, uint32_t index, uint32_t generation);
void myl_log_producer_death(const struct myl_segment *segment, uint32_t epoch);
/* Set and withdraw an activity notice. `duration_ns`: time to its deadline; 0: no deadline. */
void myl_activity_set(struct myl_activity *activity, const char *text, int64_t duration_ns);
void myl_activity_clear(struct myl_activity *activity);
/* A checked copy of an activity notice. `since` is not in the future. `until`, the deadline, is 0 or at most
 * MYL_ACTIVITY_MOST_NS after `since`. */
struct myl_activity_notice {
    char text[MYL_ACTIVITY_MAX + 1];
    int64_t since, until;
};
/* Returns false if there is no notice, or if it is being written. */
bool myl_activity_get(const struct myl_activity *activity, struct myl_activity_notice *notice);
#define MYL_ACTIVITY_MOST_NS ((int64_t)86400 * 1000000000)

#endif
