/* SPDX-License-Identifier: MIT
 * The worlds of frames. */
#include "profiles.h"

#define MYL_SECTION ((uint64_t)64 << 10) /* the smallest ring of frames */

static void draw_frames(struct world *w, unsigned traits, unsigned sizes)
{
    profile_usual(w, traits);
    w->frames = 1;
    w->words = w->packed_cell = w->capacity = 0;
    w->ring_bytes = MYL_SECTION;
    w->sizes = sizes;
    w->events = 4 + dice(16);
    w->shape.numbers =
        (enum myl_frame_numbers)DICE_OF(MYL_FRAMES_BARE, MYL_FRAMES_BARE, MYL_FRAMES_NUMBERED, MYL_FRAMES_TIMED);
    w->shape.header = w->shape.numbers == MYL_FRAMES_BARE ? 16 : 32;
    w->shape.max_frame = (uint64_t)DICE_OF(1000, 4096, 8192, 8200, 16384, 21760, 32640, MYL_SECTION - 128);
    w->shape.max_message = w->shape.max_frame * (1 + dice(6));
    if (w->shape.max_message > FRAMES_BYTES)
        w->shape.max_message = FRAMES_BYTES;
    if ((sizes & SIZE_BIG) != 0 && w->shape.max_message <= w->ring_bytes) {
        w->shape.max_frame = (uint64_t)DICE_OF(16384, 16448, 32640);
        w->shape.max_message = w->ring_bytes + w->shape.max_frame * (1 + dice(2));
    }
    w->conditions.chaos_points = (unsigned)DICE_OF(2000, 6000, 12000);
}

static unsigned any_sizes(void)
{
    return 1 + dice(15);
}

void profile_frames(struct world *w)
{
    draw_frames(w, NOTHING, any_sizes());
}

void profile_frames_kill(struct world *w)
{
    draw_frames(w, KILLS, any_sizes());
    profile_all_resume(w);
    if (dice(3) == 0)
        (void)world_add(w, ROLE_OBSERVER);
}

/* Messages in fragments, in rings that hold them and in rings that do not; their producer aborts some. */
void profile_frames_fragments(struct world *w)
{
    draw_frames(w, dice(2) == 0 ? KILLS : NOTHING,
                (unsigned)DICE_OF(SIZE_BIG, SIZE_FRAGMENTS, SIZE_BIG | SIZE_SHORT, SIZE_BIG | SIZE_FRAGMENTS));
    w->events = 4 + dice(6);
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].rejoins = dice(3);
}

void profile_frames_takeover(struct world *w)
{
    draw_frames(w, KILLS, any_sizes());
    w->leaves = dice(3);
    w->role[0].lives = 5;
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].lives = 0;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(400, 2000, 4000);
    w->conditions.most[SIM_KILL] = 6;
}

void profile_frames_observers(struct world *w)
{
    draw_frames(w, dice(3) == 0 ? KILLS : NOTHING, any_sizes());
    w->alone = (enum myl_no_consumer_policy)DICE_OF(MYL_NO_CONSUMERS_BLOCK, MYL_NO_CONSUMERS_OVERWRITE,
                                                    MYL_NO_CONSUMERS_OVERWRITE);
    if (w->alone == MYL_NO_CONSUMERS_OVERWRITE && dice(2) == 0)
        w->roles = 1;
    for (unsigned i = 0; i < 1 + dice(2); i++) {
        struct role *role = world_add(w, ROLE_OBSERVER);
        role->start = (enum myl_start)DICE_OF(MYL_START_OLDEST, MYL_START_NOW);
    }
}

void profile_frames_numbered(struct world *w)
{
    profile_frames_takeover(w);
    w->shape.numbers = (enum myl_frame_numbers)DICE_OF(MYL_FRAMES_NUMBERED, MYL_FRAMES_TIMED);
    w->shape.header = 32;
    if (dice(2) == 0)
        (void)world_add(w, ROLE_OBSERVER);
}

/* Two or three messages fill the ring: all participants wait all the time, and every lap overwrites the one before. */
void profile_frames_tiny(struct world *w)
{
    draw_frames(w, dice(3) == 0 ? KILLS : NOTHING, SIZE_ONE_PIECE | (dice(2) == 0 ? SIZE_SHORT : 0));
    w->shape.max_frame = (uint64_t)DICE_OF(16384, 21696, 32640, MYL_SECTION - 128);
    w->shape.max_message = w->shape.max_frame;
    w->events = 10 + dice(20);
    w->aborts = (int)dice(2);
    profile_all_resume(w);
}

/* The liveness policy changes between claim and commit, for short messages in rings that are nearly full. */
void profile_frames_policy(struct world *w)
{
    draw_frames(w, NOTHING, SIZE_ONE_PIECE | SIZE_SHORT);
    w->shape.max_frame = MYL_SECTION - 128;
    w->shape.max_message = w->shape.max_frame;
    w->events = 20 + dice(20);
    w->changes_policy = 1;
    profile_all_resume(w);
}

/* Consumers join and leave, and start anywhere, also within messages. */
void profile_frames_churn(struct world *w)
{
    draw_frames(w, dice(2) == 0 ? KILLS : NOTHING, any_sizes());
    w->max_consumers = 4;
    profile_consumers(w, 1, 0);
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].rejoins = 1 + dice(4);
        w->role[i].quota = 1 + dice(5);
        w->role[i].stays = i == 1;
        w->role[i].naming = (enum naming)DICE_OF(NAME_ID, NAME_ID, NAME_IDS, NAME_PREFIX);
        w->role[i].delay_ns = (int64_t)dice(200000);
    }
}

void profile_frames_everything(struct world *w)
{
    draw_frames(w, KILLS | (dice(2) == 0 ? STOPS : 0) | (dice(2) == 0 ? FAULTS : 0), any_sizes());
    w->managed = (int)dice(2);
    w->leaves = dice(3);
    (void)world_add(w, ROLE_OBSERVER);
    (void)world_add(w, ROLE_ONLOOKER);
    if (dice(2) == 0)
        (void)profile_mortal(w, ROLE_PRODUCER, 1);
}

/* Two to four lanes, each with a ring that a few messages fill, and one producer more or less than lanes. */
static void draw_lanes(struct world *w, unsigned traits)
{
    draw_frames(w, traits,
                (unsigned)DICE_OF(SIZE_SHORT, SIZE_ONE_PIECE, SIZE_ONE_PIECE | SIZE_SHORT,
                                  SIZE_ONE_PIECE | SIZE_FRAGMENTS, 15));
    w->lanes = (unsigned)DICE_OF(2, 2, 2, 2, 3, 3, 4);
    int brief = dice(4) == 0; /* lanes that end and are reused repeatedly */
    w->events = brief ? 1 : 2 + dice(5);
    w->leaves = dice(3);
    w->conditions.chaos_points = (unsigned)DICE_OF(1000, 3000, 6000);
    for (unsigned i = 0, more = 1 + dice(w->lanes); i < more; i++)
        (void)profile_mortal(w, ROLE_PRODUCER, w->role[0].lives);
    for (unsigned i = 0; i < w->roles; i++) {
        struct role *role = &w->role[i];
        if (role->kind == ROLE_PRODUCER)
            role->naming = (enum naming)DICE_OF(NAME_ID, NAME_ID, NAME_AUTO);
        role->rejoins = role->kind == ROLE_PRODUCER ? dice(brief ? 5 : 2) : 0;
        if (role->kind == ROLE_CONSUMER)
            role->liveness_ns = DICE_OF(0, MYL_MSEC(50), MYL_MSEC(50), MYL_USEC(200));
        role->delay_ns = (int64_t)dice(2) * (int64_t)dice(300000);
    }
}

void profile_frames_lanes(struct world *w)
{
    draw_lanes(w, NOTHING);
}

void profile_frames_lanes_kill(struct world *w)
{
    draw_lanes(w, KILLS | (dice(4) == 0 ? STOPS : 0));
    profile_all_resume(w);
}

void profile_frames_interrupt(struct world *w)
{
    unsigned traits = dice(3) == 0 ? KILLS : NOTHING;
    if (dice(2) == 0) {
        draw_lanes(w, traits);
    } else {
        draw_frames(w, traits, any_sizes());
        if (dice(3) == 0)
            (void)world_add(w, ROLE_OBSERVER);
    }
    profile_interrupt(w);
}

void profile_frames_notices(struct world *w)
{
    unsigned traits = dice(3) == 0 ? KILLS : NOTHING;
    if (dice(2) == 0)
        draw_lanes(w, traits);
    else
        draw_frames(w, traits, any_sizes());
    profile_notices(w);
}

/* A missed wake of one lane is not repaired by the next: small rings, long parks. */
void profile_frames_lanes_park(struct world *w)
{
    draw_lanes(w, NOTHING);
    w->sizes = SIZE_ONE_PIECE | (dice(2) == 0 ? SIZE_SHORT : 0);
    w->shape.max_frame = (uint64_t)DICE_OF(16384, 32640, MYL_SECTION - 128);
    w->shape.max_message = w->shape.max_frame;
    for (unsigned i = 0; i < w->roles; i++) {
        w->role[i].strategy = MYL_WAIT_BLOCK;
        w->role[i].liveness_ns = MYL_MSEC(50);
    }
}

/* Consumers come back to lanes whose producers died, left or ended meanwhile. */
void profile_frames_lanes_return(struct world *w)
{
    draw_lanes(w, KILLS);
    profile_all_resume(w);
    w->events = 3 + dice(6);
    for (unsigned i = 0; i < w->roles; i++) {
        struct role *role = &w->role[i];
        role->lives = 2;
        if (role->kind != ROLE_CONSUMER)
            continue;
        role->rejoins = 1 + dice(4);
        role->quota = 1 + dice(4);
    }
}
