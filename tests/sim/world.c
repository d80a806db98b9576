/* SPDX-License-Identifier: MIT
 * Running a world: from a seed and a profile to a verdict. */
#include "world.h"

#include "ring/consumer.h"
#include "ring/producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t dice_state;
static struct world world;

/* splitmix64, by Steele, Lea and Flood. */
unsigned dice(unsigned n)
{
    dice_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (unsigned)(((z >> 32) * n) >> 32);
}

struct role *world_add(struct world *w, enum role_kind kind)
{
    static const char letters[] = {'P', 'C', 'O', 'E', 'R', 'L'};
    struct role *role = &w->role[w->roles];
    if (w->roles == WORLD_ROLES)
        abort(); /* a profile of ours asks for too many */
    for (unsigned i = 0; i < w->roles; i++)
        role->index += w->role[i].kind == kind;
    w->roles++;
    role->world = w;
    role->kind = kind;
    role->stays = 1;
    role->spin_ns = 1;
    role->liveness_ns = DICE_OF(0, MYL_MSEC(50)); /* rare enough that it does not make up for a lost wake-up */
    role->strategy = (enum myl_wait_strategy)DICE_OF(MYL_WAIT_ADAPTIVE, MYL_WAIT_BLOCK, MYL_WAIT_BLOCK, MYL_WAIT_BLOCK,
                                                     MYL_WAIT_SPIN_YIELD, MYL_WAIT_SLEEP, MYL_WAIT_SPIN_HINT);
    (void)snprintf(role->name, sizeof role->name, "%c%u", letters[kind], role->index);
    return role;
}

/* A consumer of all lanes: something in one of them, or the end of all. */
static int is_due_in_lanes(const struct role *role, char *why, size_t bytes)
{
    unsigned open = 0, ended = 0;
    for (unsigned i = 0; i < role->parties; i++) {
        const struct session *s = role->party[i].session;
        uint64_t at = role->party[i].ring->hot.next;
        if ((s->producing || s->closed) && s->committed > at) {
            (void)snprintf(why, bytes, "%s could go on at %llu of lane %u", role->name, (unsigned long long)at, i);
            return 1;
        }
        open += s->takeovers > 0 && !s->closed;
        ended += s->closed != 0;
    }
    (void)snprintf(why, bytes, "%s could be told that all lanes have ended", role->name);
    return open == 0 && ended > 0 && !oracle.dead_unknown && oracle.wanting == 0;
}

/* The same for frames, where one call may read or write several records: its handle says how far it is. */
static int is_due_for_frames(const struct role *role, char *why, size_t bytes)
{
    const struct session *s = role->session;
    int due = 0;
    uint64_t at = role->kind == ROLE_PRODUCER ? role->writing->hot.next : role->waits_for;
    if (role->parties > 1)
        return is_due_in_lanes(role, why, bytes);
    if (role->kind == ROLE_PRODUCER) /* a claim says what it needs, a message has it written down */
        due = oracle_has_room(s, at + (role->waits_for != 0 ? role->waits_for : frames_need(s)), at);
    else if (role->parties > 0)
        at = role->party[0].ring->hot.next, due = (s->producing || s->closed) && oracle_has_event(s, at);
    if (due)
        (void)snprintf(why, bytes, "%s could go on at %llu", role->name, (unsigned long long)at);
    return due;
}

/* Everybody sleeps: should this one be awake? Only what is certain counts. */
static int is_due(const void *argument, char *why, size_t bytes)
{
    const struct role *role = argument;
    const struct session *s = role->session;
    if (!role->waiting || s == NULL || role->phase != PHASE_IN)
        return 0;
    if (world.frames)
        return is_due_for_frames(role, why, bytes);
    int due = role->kind == ROLE_PRODUCER ? oracle_has_room(s, role->waits_for, s->committed)
                                          : (s->producing || s->closed) && oracle_has_event(s, role->waits_for);
    if (due)
        (void)snprintf(why, bytes, "%s could have %s %llu", role->name,
                       role->kind == ROLE_PRODUCER ? "room up to" : "event", (unsigned long long)role->waits_for);
    return due;
}

static void set_up(void *argument)
{
    (void)argument;
    sim_when_all_sleep(is_due);
    for (unsigned i = 0; i < world.roles; i++) {
        struct role *role = &world.role[i];
        struct sim_process_spec spec = {
            .name = role->name,
            .program = role_main,
            .argument = role,
            .restarts = role->lives,
            .mortal = 1,
            .expendable = role->expendable,
            .delay_ns = role->delay_ns,
            .on_kill = role_killed,
        };
        sim_start(&spec);
    }
}

/* When nobody was killed, forced or refused anything, nothing may be left. */
static void check_end(struct sim_result *result)
{
    if (result->invariant != NULL || !world.calm_end || sim_names() == 0)
        return;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        const struct session *s = &oracle.session[i];
        if ((s->lanes == 1 || s->takeovers > 0) && (!s->closed || s->readers == 0))
            return; /* it waits for its next producer, or for its first consumer */
    }
    result->invariant = "left behind";
    (void)snprintf(result->detail, sizeof result->detail,
                   "the stream is over and everybody is gone, but its name is still there");
}

void world_run(const struct profile *profile, uint64_t seed, struct sim_result *result)
{
    memset(&world, 0, sizeof world);
    dice_state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    oracle_begin();
    profile->draw(&world);
    frames_begin(&world.shape);
    for (unsigned i = 0; i < world.roles; i++)
        world.producers_left += world.role[i].kind == ROLE_PRODUCER;
    world.producers = world.producers_left;
    world.leaves_left = world.leaves;
    sim_run(seed, &world.conditions, set_up, NULL, result);
    check_end(result);
}
