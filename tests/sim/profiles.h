/* SPDX-License-Identifier: MIT
 * What profiles are made of. */
#ifndef MYL_SIM_PROFILES_H
#define MYL_SIM_PROFILES_H

#include "world.h"

enum trait { NOTHING = 0, KILLS = 1, STOPS = 2, FAULTS = 4 };

/* A ring, conditions, a producer and one to three consumers. */
void profile_usual(struct world *w, unsigned traits);
struct role *profile_mortal(struct world *w, enum role_kind kind, unsigned lives);
void profile_consumers(struct world *w, unsigned count, unsigned lives);
/* Nobody loses its place by choice: all must see every event. */
void profile_all_resume(struct world *w);

/* --- profiles_frames.c --- */
void profile_frames(struct world *w);
void profile_frames_kill(struct world *w);
void profile_frames_fragments(struct world *w);
void profile_frames_takeover(struct world *w);
void profile_frames_observers(struct world *w);
void profile_frames_numbered(struct world *w);
void profile_frames_tiny(struct world *w);
void profile_frames_churn(struct world *w);
void profile_frames_everything(struct world *w);
void profile_frames_lanes(struct world *w);
void profile_frames_lanes_kill(struct world *w);

#endif
