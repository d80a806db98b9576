/* SPDX-License-Identifier: MIT
 * Building blocks of profiles. */
#ifndef MYL_SIM_PROFILES_H
#define MYL_SIM_PROFILES_H

#include "world.h"

enum trait { NOTHING = 0, KILLS = 1, STOPS = 2, FAULTS = 4 };

/* Draws a ring, conditions, a producer and one to three consumers. */
void profile_usual(struct world *w, unsigned traits);
struct role *profile_mortal(struct world *w, enum role_kind kind, unsigned lives);
void profile_consumers(struct world *w, unsigned count, unsigned lives);
/* All consumers resume: each must get every event. */
void profile_all_resume(struct world *w);

void profile_all_block(struct world *w);
void profile_required(struct world *w);

/* --- profiles_waits.c --- */
/* Every role is interrupted at any moment: by a second thread, by signals, or both. */
void profile_interrupt(struct world *w);
/* All participants set activity notices, and two observers read them. */
void profile_notices(struct world *w);
void profile_interrupted(struct world *w);
void profile_interrupted_asleep(struct world *w);
void profile_activities(struct world *w);
void profile_activity(struct world *w);
void profile_sets(struct world *w);

/* --- profiles_frames.c --- */
void profile_frames_interrupt(struct world *w);
void profile_frames_notices(struct world *w);
void profile_frames_lanes_park(struct world *w);
void profile_frames_lanes_return(struct world *w);
void profile_frames(struct world *w);
void profile_frames_kill(struct world *w);
void profile_frames_fragments(struct world *w);
void profile_frames_takeover(struct world *w);
void profile_frames_observers(struct world *w);
void profile_frames_numbered(struct world *w);
void profile_frames_tiny(struct world *w);
void profile_frames_policy(struct world *w);
void profile_frames_churn(struct world *w);
void profile_frames_everything(struct world *w);
void profile_frames_lanes(struct world *w);
void profile_frames_lanes_kill(struct world *w);

#endif
