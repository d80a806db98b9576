/* SPDX-License-Identifier: MIT
 * The profiles. Each draws a world from the seed: the ring's shape, its participants, possible events. The
 * probabilities differ from seed to seed (swarm testing): rare events that hide each other get separate seeds. */
#include "profiles.h"

#include <stddef.h>
#include <string.h>

/* --- conditions --------------------------------------------------------------------------------------------------- */

static void draw_events(struct sim_conditions *c, unsigned traits)
{
    for (unsigned i = 0; i < SIM_EVENTS; i++)
        c->most[i] = UINT32_MAX;
    c->rate[SIM_DRAIN] = (unsigned)DICE_OF(20000, 3000, 300);
    c->rate[SIM_TICK] = (unsigned)DICE_OF(0, 100, 1000);
    c->rate[SIM_SPURIOUS] = (unsigned)DICE_OF(0, 0, 200);
    c->rate[SIM_REAP] = (unsigned)DICE_OF(8000, 1000, 200);
    c->rate[SIM_START] = (unsigned)DICE_OF(6000, 600);
    if (traits & KILLS) {
        c->rate[SIM_KILL] = (unsigned)DICE_OF(20, 60, 200, 600);
        c->most[SIM_KILL] = 1 + dice(6);
    }
    if (traits & STOPS) {
        c->rate[SIM_STOP] = (unsigned)DICE_OF(60, 300, 1000);
        c->most[SIM_STOP] = 1 + dice(8);
        c->rate[SIM_CONTINUE] = (unsigned)DICE_OF(20, 200, 1000);
    }
}

/* How late a wake may be under the drawn conditions. */
static void set_activity(struct sim_conditions *c, unsigned traits)
{
    /* A consumer may die between its cursor store and the wake that follows it. The producer then sleeps for at most
     * liveness_ns. */
    c->patience_ns = (traits & KILLS) ? MYL_MSEC(5) + MYL_USEC(600) : MYL_MSEC(1) + MYL_USEC(600);
    /* After that wait no wake is late if stores cannot pass each other. */
    if (traits == NOTHING && c->memory != SIM_MEMORY_WEAK && c->settle_ns == 1500)
        c->patience_ns = MYL_USEC(600);
}

static void draw_conditions(struct world *w, unsigned traits)
{
    struct sim_conditions *c = &w->conditions;
    c->memory = (enum sim_memory)DICE_OF(SIM_MEMORY_SC, SIM_MEMORY_TSO, SIM_MEMORY_TSO, SIM_MEMORY_TSO, SIM_MEMORY_WEAK,
                                         SIM_MEMORY_WEAK, SIM_MEMORY_WEAK, SIM_MEMORY_WEAK);
    c->strategy = dice(3) == 0 ? SIM_PRIORITY : SIM_WALK;
    c->stick = (unsigned)DICE_OF(0, SIM_ALWAYS / 2, SIM_ALWAYS - SIM_ALWAYS / 10, SIM_ALWAYS - SIM_ALWAYS / 100);
    c->stale = (unsigned)DICE_OF(SIM_ALWAYS / 2, SIM_ALWAYS / 8, SIM_ALWAYS / 50);
    c->clock_ns = DICE_OF(50, 500, 20000);
    c->chaos_points = (unsigned)DICE_OF(800, 2000, 4000, 8000);
    c->calm_points = 400000;
    c->calm_ns = MYL_SEC(2); /* forty liveness checks of the rarest kind: a polling producer uses up all points */
    c->falls = dice(8);
    draw_events(c, traits);
    if (traits & FAULTS) {
        c->fault[SIM_FAULT_MEMORY] = (unsigned)DICE_OF(0, 2000);
        c->fault[SIM_FAULT_REGISTER] = (unsigned)DICE_OF(0, SIM_ALWAYS / 2, SIM_ALWAYS - 1);
        c->fault[SIM_FAULT_BARRIER] = (unsigned)DICE_OF(0, SIM_ALWAYS / 2, SIM_ALWAYS - 1);
        c->fault[SIM_FAULT_SYSTEM] = (unsigned)DICE_OF(0, 400, 4000);
    }
    /* The first park of a wait relies on stores being visible within 2 us. Otherwise that park is short, and the next
     * one has a barrier before it. Without a barrier, a millisecond must do. */
    c->settle_ns = (traits & FAULTS) ? DICE_OF(1500, 100000) : DICE_OF(1500, 100000, SIM_NEVER_SETTLES);
    set_activity(c, traits);
    w->faulty = (traits & FAULTS) != 0;
    w->calm_end = (traits & (KILLS | FAULTS)) == 0;
}

static void draw_ring(struct world *w)
{
    w->capacity = (uint32_t)DICE_OF(2, 4, 4, 8, 16);
    w->words = 1 + dice(4);
    w->max_consumers = 8;
    w->events = 6 + dice(30);
    w->batch = 1 + dice(4);
    w->sessions = 1;
    w->aborts = dice(4) == 0;
    w->changes_policy = dice(4) == 0;
    if (dice(5) == 0) {
        w->packed_cell = 64;
        w->words = 1 + dice(3);
        w->capacity = (uint32_t)DICE_OF(6, 12, 28);
    }
}

struct role *profile_mortal(struct world *w, enum role_kind kind, unsigned lives)
{
    struct role *role = world_add(w, kind);
    role->lives = lives;
    return role;
}

void profile_consumers(struct world *w, unsigned count, unsigned lives)
{
    for (unsigned i = 0; i < count; i++) {
        struct role *role = profile_mortal(w, ROLE_CONSUMER, lives);
        role->start = (enum myl_start)DICE_OF(MYL_START_RESUME, MYL_START_RESUME, MYL_START_OLDEST, MYL_START_NOW);
        role->quota = 1 + dice(w->events);
    }
}

void profile_usual(struct world *w, unsigned traits)
{
    draw_ring(w);
    draw_conditions(w, traits);
    (void)profile_mortal(w, ROLE_PRODUCER, (traits & KILLS) ? 2 : 0);
    profile_consumers(w, 1 + dice(3), (traits & KILLS) ? 1 + dice(2) : 0);
}

/* Like draw_usual, but all consumers resume: each must get every event. */
void profile_all_resume(struct world *w)
{
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].start = MYL_START_RESUME;
}

/* --- profiles ------------------------------------------------------------------------------------------------------
 * */

static void plain(struct world *w)
{
    profile_usual(w, NOTHING);
}

static void tiny(struct world *w)
{
    profile_usual(w, NOTHING);
    w->packed_cell = 0;
    w->capacity = 2;
    w->batch = 1 + dice(2);
    w->conditions.settle_ns = 1500;
}

static void packed(struct world *w)
{
    profile_usual(w, dice(2) == 0 ? KILLS : NOTHING);
    w->packed_cell = 64;
    w->words = 1 + dice(3);
    w->capacity = (uint32_t)DICE_OF(6, 12, 28);
    w->batch = 1 + dice(6);
}

static void park(struct world *w)
{
    profile_usual(w, NOTHING);
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].strategy = MYL_WAIT_BLOCK;
}

/* A ring that is repeatedly full, and a consumer that releases it in small steps. */
static void room(struct world *w)
{
    profile_usual(w, NOTHING);
    w->packed_cell = 0;
    w->capacity = (uint32_t)DICE_OF(8, 16, 32);
    w->words = 1;
    w->batch = 1 + dice(8);
    w->events = 40 + dice(60);
    w->conditions.chaos_points = 20000;
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].strategy = MYL_WAIT_BLOCK;
}

/* New consumers join all the time and read old events. */
static void strangers(struct world *w)
{
    profile_usual(w, NOTHING);
    w->conditions.memory = SIM_MEMORY_WEAK;
    w->conditions.stale = SIM_ALWAYS / 2;
    w->conditions.settle_ns = SIM_NEVER_SETTLES;
    set_activity(&w->conditions, NOTHING);
    w->events = 30 + dice(30);
    for (unsigned i = 2; i < w->roles; i++) {
        w->role[i].start = MYL_START_OLDEST;
        w->role[i].naming = NAME_IDS;
        w->role[i].rejoins = 4;
        w->role[i].quota = 1 + dice(3);
    }
}

/* Consumers die within batches whose producer has published only up to their stamp. */
static void mid_batch(struct world *w)
{
    profile_usual(w, KILLS);
    profile_all_resume(w);
    w->packed_cell = 0;
    w->capacity = (uint32_t)DICE_OF(8, 16);
    w->batch = 6;
    w->conditions.memory = SIM_MEMORY_WEAK;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(600, 2000);
    w->conditions.most[SIM_KILL] = 8;
    w->conditions.rate[SIM_REAP] = 20000;
    w->role[0].lives = 0;
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].lives = 4;
}

/* Consumers that the producer waits for leave repeatedly. */
static void leavers(struct world *w)
{
    profile_usual(w, NOTHING);
    w->packed_cell = 0;
    w->capacity = 2;
    w->batch = 1;
    w->events = 40;
    profile_consumers(w, 1, 0);
    for (unsigned i = 0; i < w->roles; i++) {
        w->role[i].strategy = MYL_WAIT_BLOCK;
        w->role[i].rejoins = i > 1 ? 8 : 0;
        w->role[i].quota = 1;
    }
}

/* Producers leave, and consumers keep polling. */
static void handover(struct world *w)
{
    profile_usual(w, NOTHING);
    w->leaves = 8;
    w->events = 30;
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].liveness_ns = MYL_USEC(100);
}

/* Consumers to whose death the producer's policy reacts. */
static void duties(struct world *w)
{
    profile_usual(w, KILLS);
    profile_all_resume(w);
    w->managed = (int)dice(2);
    w->liveness_ns = MYL_USEC(100);
    w->role[0].lives = 0;
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].lives = 4;
        w->role[i].duty.size = sizeof w->role[i].duty;
        w->role[i].duty.role = (enum myl_role)DICE_OF(MYL_ROLE_PLAIN, MYL_ROLE_REQUIRED, MYL_ROLE_ALERT,
                                                      MYL_ROLE_EXPENDABLE, MYL_ROLE_EXPENDABLE);
    }
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(300, 1000);
    w->conditions.most[SIM_KILL] = 8;
}

/* Required consumers leave, die, and come back. They lose nothing, and an alert of recovery comes only after one of
 * absence or death. */
void profile_required(struct world *w)
{
    profile_usual(w, dice(2) == 0 ? KILLS : NOTHING);
    profile_consumers(w, 1, 0);
    profile_all_resume(w);
    w->managed = 1;
    w->required = 1 + dice(2);
    w->leaves = dice(3);
    w->liveness_ns = MYL_USEC(100);
    for (unsigned i = 1; i < w->roles; i++) {
        struct role *role = &w->role[i];
        role->lives = role->lives > 0 ? 4 : 0;
        role->rejoins = dice(6);
        role->quota = 1 + dice(4);
        role->stays = role->index < w->required || dice(2) == 0;
    }
}

void profile_all_block(struct world *w)
{
    for (unsigned i = 0; i < w->roles; i++) {
        w->role[i].strategy = MYL_WAIT_BLOCK;
        w->role[i].liveness_ns = MYL_MSEC(50);
    }
}

/* Full after every publish: a missed wake is not repaired by the next event. */
static void brink(struct world *w)
{
    draw_ring(w);
    draw_conditions(w, NOTHING);
    w->packed_cell = 0;
    w->words = 1;
    w->capacity = w->batch = 2;
    w->events = 40;
    w->conditions.memory = SIM_MEMORY_TSO;
    (void)world_add(w, ROLE_PRODUCER);
    profile_consumers(w, 1, 0);
    profile_all_resume(w);
    profile_all_block(w);
}

/* The same, with a producer that dies. */
static void mute(struct world *w)
{
    brink(w);
    draw_conditions(w, KILLS);
    w->conditions.memory = (enum sim_memory)DICE_OF(SIM_MEMORY_SC, SIM_MEMORY_TSO);
    /* no consumer dies before the wake that follows its cursor store */
    w->conditions.patience_ns = MYL_MSEC(1) + MYL_USEC(600);
    w->conditions.rate[SIM_KILL] = 2000;
    w->conditions.most[SIM_KILL] = 10;
    w->role[0].lives = 10;
}

/* More consumers than entries: a joiner reuses the entry of a consumer that left, and may die of it. */
static void recycle(struct world *w)
{
    profile_usual(w, KILLS);
    profile_all_resume(w);
    w->packed_cell = 0;
    w->capacity = 16;
    w->events = 60;
    w->max_consumers = 3;
    profile_consumers(w, 3, 0);
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(200, 600);
    w->conditions.most[SIM_KILL] = 10;
    w->role[0].lives = w->role[1].lives = 0;
    for (unsigned i = 2; i < w->roles; i++) {
        w->role[i].start = MYL_START_RESUME;
        w->role[i].lives = 3;
        w->role[i].rejoins = 4;
        w->role[i].quota = 1 + dice(3);
        w->role[i].stays = 0;
    }
}

static void churn(struct world *w)
{
    profile_usual(w, NOTHING);
    w->max_consumers = 2 + dice(4);
    w->events = 20 + dice(40);
    for (unsigned i = 0; i < w->roles; i++) {
        struct role *role = &w->role[i];
        role->rejoins = dice(4);
        role->quota = 1 + dice(6);
        role->stays = i == 1 || dice(2) == 0; /* one stays, otherwise the producer might wait for ever */
        role->naming = (enum naming)DICE_OF(NAME_ID, NAME_IDS, NAME_PREFIX, NAME_AUTO);
        role->delay_ns = (int64_t)dice(200000);
    }
}

static void takeover(struct world *w)
{
    profile_usual(w, KILLS);
    w->leaves = dice(3);
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].lives = 0;
    w->role[0].lives = 3;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(100, 400, 2000);
}

/* Consumers with reserved ids come at any time, also after the end of the stream. They get every event. */
static void reserved(struct world *w)
{
    unsigned kills = dice(2);
    profile_usual(w, kills ? KILLS : NOTHING);
    profile_consumers(w, 1, 0);
    profile_all_resume(w);
    w->changes_policy = 0;
    w->reserved = 1 + dice(2);
    w->leaves = dice(3);
    if (!kills && dice(2) == 0) { /* opens fail, and give the ids back */
        w->wait_consumers = 1 + dice(2);
        w->wait_timeout_ns = DICE_OF(MYL_USEC(5), MYL_USEC(50), MYL_MSEC(1));
    }
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].lives = w->role[i].lives > 0 ? 4 : 0;
        w->role[i].stays = 1;
        w->role[i].delay_ns = (int64_t)dice(2) * (int64_t)dice(400000);
    }
}

static void kills(struct world *w)
{
    profile_usual(w, KILLS);
    profile_all_resume(w);
    if (dice(3) == 0)
        (void)world_add(w, ROLE_OBSERVER);
}

static void kill_churn(struct world *w)
{
    churn(w);
    draw_conditions(w, KILLS | (dice(3) == 0 ? STOPS : 0));
    for (unsigned i = 0; i < w->roles; i++)
        w->role[i].lives = 2;
}

static void stops(struct world *w)
{
    profile_usual(w, STOPS);
    if (dice(2) == 0)
        (void)world_add(w, ROLE_ONLOOKER);
}

static void observers(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    w->alone = (enum myl_no_consumer_policy)DICE_OF(MYL_NO_CONSUMERS_BLOCK, MYL_NO_CONSUMERS_OVERWRITE);
    w->events = 15 + dice(30);
    for (unsigned i = 0; i < 1 + dice(2); i++) {
        struct role *role = world_add(w, ROLE_OBSERVER);
        role->start = (enum myl_start)DICE_OF(MYL_START_OLDEST, MYL_START_NOW);
    }
}

static void only_observers(struct world *w)
{
    draw_ring(w);
    draw_conditions(w, NOTHING);
    w->alone = MYL_NO_CONSUMERS_OVERWRITE;
    w->events = 20 + dice(40);
    (void)world_add(w, ROLE_PRODUCER);
    (void)world_add(w, ROLE_OBSERVER);
    (void)world_add(w, ROLE_OBSERVER);
}

static void closing(struct world *w)
{
    profile_usual(w, NOTHING);
    w->events = dice(6);
    w->role[0].delay_ns = (int64_t)dice(2) * 300000;
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].delay_ns = (int64_t)dice(2) * (int64_t)dice(200000);
}

static void overwrite(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    w->alone = MYL_NO_CONSUMERS_OVERWRITE;
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].rejoins = dice(3);
        w->role[i].quota = 1 + dice(6);
        w->role[i].stays = (int)dice(2);
        w->role[i].delay_ns = (int64_t)dice(2) * (int64_t)dice(100000);
    }
}

static void buffered(struct world *w)
{
    profile_usual(w, dice(3) == 0 ? KILLS : NOTHING);
    w->alone = MYL_NO_CONSUMERS_BUFFER;
    w->buffer = w->packed_cell != 0 ? w->capacity : 1 + dice(w->capacity);
    w->batch = 1;
    profile_all_resume(w);
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].delay_ns = (int64_t)dice(2) * (int64_t)dice(200000);
}

static void evictions(struct world *w)
{
    profile_usual(w, KILLS);
    (void)world_add(w, ROLE_EVICTOR);
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].expendable = w->role[i].kind == ROLE_CONSUMER && i != 1;
        w->role[i].lives = dice(2) + (i == 1);
    }
}

static void bereft_of_producers(struct world *w)
{
    profile_usual(w, KILLS);
    w->role[0].expendable = 1;
    w->role[0].lives = dice(3);
    w->leaves = dice(3);
    w->never_closed = (int)dice(2);
    for (unsigned i = 1; i < w->roles; i++) {
        w->role[i].lives = 0;
        w->role[i].liveness_ns = DICE_OF(0, MYL_USEC(100), MYL_USEC(100), MYL_MSEC(50));
        w->role[i].on_death = (enum myl_on_death)DICE_OF(MYL_DEATH_REPORT, MYL_DEATH_REPORT, MYL_DEATH_WAIT);
    }
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(200, 1000, 4000);
}

static void faults(struct world *w)
{
    profile_usual(w, FAULTS | (dice(2) == 0 ? KILLS : NOTHING));
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].rejoins = dice(3);
}

/* No producer can register for the barrier, so each publish needs its own fence. */
static void unregistered(struct world *w)
{
    brink(w);
    w->faulty = 1;
    w->conditions.fault[SIM_FAULT_REGISTER] = SIM_ALWAYS - 1;
}

static void names(struct world *w)
{
    profile_usual(w, (dice(2) == 0 ? KILLS : 0) | (dice(3) == 0 ? FAULTS : 0));
    w->calm_end = 0;
    w->sessions = 2 + dice(2);
    w->events = 1 + dice(8);
    w->leaves = dice(4);
    for (unsigned i = 0; i < 1 + dice(2); i++) {
        struct role *rival = profile_mortal(w, ROLE_PRODUCER, dice(2));
        rival->existing = (enum myl_existing)DICE_OF(MYL_EXISTING_RESUME, MYL_EXISTING_FAIL, MYL_EXISTING_REPLACE,
                                                     MYL_EXISTING_SUPERSEDE);
        rival->delay_ns = (int64_t)dice(200000);
    }
    for (unsigned i = 0; i < dice(3); i++) {
        struct role *remover = world_add(w, ROLE_REMOVER);
        remover->force = (int)dice(2);
        remover->delay_ns = (int64_t)dice(200000);
    }
    if (dice(3) == 0)
        (void)world_add(w, ROLE_ONLOOKER);
}

/* Sessions are marked as superseded by a process that dies before their name is removed; dead consumers have unread
 * events. */
static void marked(struct world *w)
{
    profile_usual(w, KILLS);
    w->calm_end = 0;
    w->sessions = 2;
    w->events = 1 + dice(3);
    w->leaves = 0;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(300, 1000);
    struct role *rival = profile_mortal(w, ROLE_PRODUCER, 2);
    rival->existing = (enum myl_existing)DICE_OF(MYL_EXISTING_REPLACE, MYL_EXISTING_SUPERSEDE);
    rival->delay_ns = (int64_t)dice(100000);
    struct role *heir = profile_mortal(w, ROLE_PRODUCER, 1);
    heir->delay_ns = (int64_t)dice(200000);
}

static void rivals(struct world *w)
{
    profile_usual(w, KILLS);
    w->leaves = dice(4);
    (void)profile_mortal(w, ROLE_PRODUCER, 2);
    (void)profile_mortal(w, ROLE_PRODUCER, 1);
}

static void everything(struct world *w)
{
    profile_usual(w, KILLS | (dice(2) == 0 ? STOPS : 0) | (dice(2) == 0 ? FAULTS : 0));
    w->alone = (enum myl_no_consumer_policy)DICE_OF(MYL_NO_CONSUMERS_BLOCK, MYL_NO_CONSUMERS_OVERWRITE);
    w->leaves = dice(3);
    for (unsigned i = 2; i < w->roles; i++) {
        w->role[i].rejoins = dice(3);
        w->role[i].quota = 1 + dice(8);
        w->role[i].naming = (enum naming)DICE_OF(NAME_ID, NAME_IDS, NAME_PREFIX, NAME_AUTO);
    }
    (void)world_add(w, ROLE_OBSERVER);
    (void)world_add(w, ROLE_ONLOOKER);
    if (dice(2) == 0)
        (void)world_add(w, ROLE_EVICTOR);
    if (dice(2) == 0)
        (void)profile_mortal(w, ROLE_PRODUCER, 1);
}

/* --- the failure classes of the predecessor system (reference 8.2) ----------------------------------------------- */

static void consumers_come_late(struct world *w, unsigned traits, unsigned consumers)
{
    draw_ring(w);
    draw_conditions(w, traits);
    (void)profile_mortal(w, ROLE_PRODUCER, (traits & KILLS) ? 2 : 0);
    profile_consumers(w, consumers, (traits & KILLS) ? 2 : 0);
    profile_all_resume(w);
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].delay_ns = MYL_USEC(50) + (int64_t)dice(400000);
}

static void producer_before_consumers(struct world *w)
{
    consumers_come_late(w, NOTHING, 1);
}

static void late_consumer_attach(struct world *w)
{
    consumers_come_late(w, NOTHING, 2);
    w->role[1].delay_ns = 0;
    w->role[2].start = (enum myl_start)DICE_OF(MYL_START_RESUME, MYL_START_OLDEST, MYL_START_NOW);
}

static void create_attach_churn(struct world *w)
{
    names(w);
    for (unsigned i = 0; i < w->roles; i++) {
        w->role[i].rejoins = w->role[i].kind == ROLE_CONSUMER ? 1 + dice(3) : 0;
        w->role[i].quota = 1 + dice(3);
    }
}

static void producer_crash_and_restart(struct world *w)
{
    consumers_come_late(w, KILLS, 1);
    w->role[0].lives = 4;
    w->role[1].lives = 0;
    w->role[1].delay_ns = 0;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(300, 2000);
}

static void consumer_crash_and_restart(struct world *w)
{
    consumers_come_late(w, KILLS, 2);
    w->role[0].lives = 0;
    w->role[1].lives = w->role[2].lives = 3;
    w->role[1].delay_ns = 0;
    w->conditions.rate[SIM_KILL] = (unsigned)DICE_OF(300, 2000);
}

static void discovery_visibility_lag(struct world *w)
{
    draw_ring(w);
    draw_conditions(w, NOTHING);
    struct role *producer = world_add(w, ROLE_PRODUCER);
    producer->delay_ns = MYL_USEC(100) + (int64_t)dice(3000000);
    profile_consumers(w, 3, 0);
    for (unsigned i = 1; i < w->roles; i++)
        w->role[i].naming = (enum naming)DICE_OF(NAME_ID, NAME_PREFIX, NAME_AUTO);
    profile_all_resume(w);
}

static void readiness_gate_violation(struct world *w)
{
    consumers_come_late(w, dice(2) == 0 ? KILLS : NOTHING, 2);
    w->wait_consumers = 1 + dice(2);
    w->wait_timeout_ns = DICE_OF(MYL_USEC(50), MYL_MSEC(1), MYL_FOREVER);
    w->calm_end = 0;
    w->role[0].lives = 0;
}

const struct profile profiles[] = {
    {"plain", "one producer, some consumers, no failures", plain},
    {"tiny", "two cells: all participants wait all the time", tiny},
    {"packed", "several events in a cell, with and without deaths", packed},
    {"park", "all participants park whenever they can", park},
    {"brink", "a ring that every publish fills", brink},
    {"mute", "the same, with a producer that dies", mute},
    {"recycle", "more consumers than entries", recycle},
    {"leavers", "the producer waits for consumers that leave", leavers},
    {"handover", "producers leave, and consumers keep polling", handover},
    {"reserved", "the producer reserves the ids of consumers that come late", reserved},
    {"duties", "consumers with roles, and a producer with a policy", duties},
    {"required", "required consumers leave, die and come back", profile_required},
    {"interrupt", "threads and signal handlers interrupt every call at any moment", profile_interrupted},
    {"interrupt-asleep", "the same, with all participants parked whenever possible", profile_interrupted_asleep},
    {"notices", "all participants set activity notices, and die within", profile_activities},
    {"patience", "required consumers set an activity deadline, and stop", profile_activity},
    {"sets", "consumers wait through wait sets", profile_sets},
    {"room", "a ring that is repeatedly full", room},
    {"strangers", "new consumers join all the time, and read old events", strangers},
    {"mid-batch", "consumers die within batches", mid_batch},
    {"churn", "consumers join, leave, come back, by id, by prefix and without", churn},
    {"takeover", "the producer dies or leaves repeatedly", takeover},
    {"kill", "any process dies anywhere and is restarted", kills},
    {"kill-churn", "churn, with deaths and stops", kill_churn},
    {"stop", "any process is stopped for a while", stops},
    {"observers", "observers with consumers", observers},
    {"only-observers", "a producer that overwrites, and observers", only_observers},
    {"close", "streams that end soon after their start", closing},
    {"free-run", "consumers join a producer that overwrites without consumers", overwrite},
    {"buffer", "a producer that buffers some events without consumers", buffered},
    {"evict", "consumers that die for good, and evictions of dead and living consumers", evictions},
    {"orphans", "a producer that dies for good, or leaves and never closes", bereft_of_producers},
    {"faults", "allocations, descriptors, locks, barriers fail at random or always", faults},
    {"unregistered", "no producer can register for the barrier; the ring is always full", unregistered},
    {"names", "several producers replace, supersede and remove each other's rings", names},
    {"marked", "sessions whose successors die before they remove them", marked},
    {"rivals", "several producers open one ring", rivals},
    {"everything", "all of these together", everything},
    {"producer-before-consumers", "failure class: the producer starts before its consumers", producer_before_consumers},
    {"late-consumer-attach", "failure class: a consumer joins a running stream", late_consumer_attach},
    {"create-attach-churn", "failure class: rings are created and attached all the time", create_attach_churn},
    {"producer-crash-and-restart", "failure class", producer_crash_and_restart},
    {"consumer-crash-and-restart", "failure class", consumer_crash_and_restart},
    {"discovery-visibility-lag", "failure class: consumers wait for a ring that appears late, by id, prefix or without",
     discovery_visibility_lag},
    {"readiness-gate-violation", "failure class: the producer must not start before its consumers have joined",
     readiness_gate_violation},
    {"frames", "messages of all sizes, no failures", profile_frames},
    {"frames-tiny", "rings that two or three messages fill", profile_frames_tiny},
    {"frames-policy", "a policy is set, changed and dropped between claim and commit", profile_frames_policy},
    {"frames-kill", "messages, and any process dies anywhere and is restarted", profile_frames_kill},
    {"frames-fragments", "messages longer than one piece, and longer than the ring", profile_frames_fragments},
    {"frames-takeover", "the producer of messages dies or leaves repeatedly", profile_frames_takeover},
    {"frames-numbered", "the same, and every message has its number", profile_frames_numbered},
    {"frames-observers", "messages, with observers and with or without consumers", profile_frames_observers},
    {"frames-churn", "consumers of messages join and leave, and start within messages", profile_frames_churn},
    {"frames-everything", "all of these together, for messages", profile_frames_everything},
    {"frames-lanes", "several producers in lanes, which end and are reused; consumers of all lanes",
     profile_frames_lanes},
    {"frames-interrupt", "messages, with or without lanes, and every call is interrupted at any moment",
     profile_frames_interrupt},
    {"frames-notices", "messages, with or without lanes, and all participants set activity notices",
     profile_frames_notices},
    {"frames-lanes-park", "lanes, and all participants park whenever they can", profile_frames_lanes_park},
    {"frames-lanes-return", "lanes, with consumers that leave or die, and come back", profile_frames_lanes_return},
    {"frames-lanes-kill", "the same, and any process dies or is stopped, and is restarted", profile_frames_lanes_kill},
};
const unsigned profiles_count = sizeof profiles / sizeof profiles[0];

const struct profile *profile_find(const char *name)
{
    for (unsigned i = 0; i < profiles_count; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}
