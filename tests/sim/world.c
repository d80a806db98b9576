/* SPDX-License-Identifier: MIT
 * Runs a world: from a seed and a profile to the result. */
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
        abort(); /* a profile requests too many */
    for (unsigned i = 0; i < w->roles; i++)
        role->index += w->role[i].kind == kind;
    w->roles++;
    role->world = w;
    role->kind = kind;
    role->stays = 1;
    role->spin_ns = 1;
    role->checks = 5;
    role->liveness_ns = DICE_OF(0, MYL_MSEC(50)); /* rare enough that it does not compensate for a lost wake */
    role->strategy = (enum myl_wait_strategy)DICE_OF(MYL_WAIT_ADAPTIVE, MYL_WAIT_BLOCK, MYL_WAIT_BLOCK, MYL_WAIT_BLOCK,
                                                     MYL_WAIT_SPIN_YIELD, MYL_WAIT_SLEEP, MYL_WAIT_SPIN_HINT);
    (void)snprintf(role->name, sizeof role->name, "%c%u", letters[kind], role->index);
    return role;
}

/* A consumer of all lanes: a message in one of them, or the end of all. */
static int is_due_in_lanes(const struct role *role, char *why, size_t bytes)
{
    unsigned open = 0, ended = 0;
    for (unsigned i = 0; i < role->participants; i++) {
        const struct session *s = role->participant[i].session;
        uint64_t at = role->participant[i].ring->hot.next;
        if ((s->producing || s->closed) && s->committed > at) {
            (void)snprintf(why, bytes, "%s could continue at %llu of lane %u", role->name, (unsigned long long)at, i);
            return 1;
        }
        open += s->takeovers > 0 && !s->closed;
        ended += s->closed != 0;
    }
    (void)snprintf(why, bytes, "%s could get the end of all lanes", role->name);
    return open == 0 && ended > 0 && !oracle.dead_unknown && oracle.wanting == 0;
}

/* The same for frames, where one call may read or write several records: its handle has the position. */
static int is_due_for_frames(const struct role *role, char *why, size_t bytes)
{
    const struct session *s = role->session;
    int due = 0;
    uint64_t at = role->kind == ROLE_PRODUCER ? role->writing->hot.next : role->waits_for;
    if (role->participants > 1)
        return is_due_in_lanes(role, why, bytes);
    if (role->kind == ROLE_PRODUCER) /* a claim has its length as an argument; for a publish the oracle has it */
        due = oracle_has_room(s, at + (role->waits_for != 0 ? role->waits_for : frames_need(s)), at);
    else if (role->participants > 0)
        at = role->participant[0].ring->hot.next, due = (s->producing || s->closed) && oracle_has_event(s, at);
    if (due)
        (void)snprintf(why, bytes, "%s could continue at %llu", role->name, (unsigned long long)at);
    return due;
}

/* All participants sleep: could this one continue? Only what is certain counts. */
static int is_due(const void *argument, char *why, size_t bytes)
{
    const struct role *role = argument;
    const struct session *s = role->session;
    if (!role->waiting || s == NULL || role->phase != PHASE_IN)
        return 0;
    if (role->interruptions.certain) {
        (void)snprintf(why, bytes, "%s was interrupted", role->name);
        return 1;
    }
    if (world.frames)
        return is_due_for_frames(role, why, bytes);
    int producer = role->kind == ROLE_PRODUCER;
    int due = producer ? role_reserved(&world) == NULL && oracle_has_room(s, role->waits_for, s->committed)
                       : (s->producing || s->closed) && oracle_has_event(s, role->waits_for);
    if (due)
        (void)snprintf(why, bytes, "%s could have %s %llu", role->name, producer ? "room up to" : "event",
                       (unsigned long long)role->waits_for);
    return due;
}

/* --- two participants wait for each other ------------------------------------------------------------------------ */

/* Longer than the longest interval between two liveness checks of a wait. */
#define STUCK_NS MYL_SEC(1)

/* End of the events or cells that the producer's call needs room for; 0: it does not wait, or has a time-out. */
static uint64_t wants_up_to(const struct role *role)
{
    if (role->kind != ROLE_PRODUCER || role->phase != PHASE_IN || !role->waiting || !role->endless)
        return 0;
    if (!world.frames)
        return role->waits_for;
    uint64_t need = role->waits_for != 0 ? role->waits_for : frames_need(role->session);
    return need == 0 ? 0 : role->writing->hot.next + need;
}

/* Returns the producer that waits for leases of this reader in this lane, while the reader has nothing to read. */
static const struct role *waits_for_leases(const struct session *s, const struct reader *r, uint64_t next)
{
    for (unsigned i = 0; i < world.roles && next > r->high && next >= s->publishing; i++) {
        const struct role *other = &world.role[i];
        if (other->session != s)
            continue;
        if (wants_up_to(other) > r->high / s->per_cell * s->per_cell + s->capacity || other->consumed > r->high)
            return other;
    }
    return NULL;
}

static const struct role *stuck_with(const struct role *role)
{
    const struct role *other = NULL;
    if (role->kind != ROLE_CONSUMER || role->phase != PHASE_IN || !role->waiting || !role->endless)
        return NULL;
    if (!world.frames)
        return waits_for_leases(role->session, role->reader, role->waits_for);
    for (unsigned i = 0; i < role->participants && other == NULL; i++)
        other = waits_for_leases(role->participant[i].session, role->participant[i].reader,
                                 role->participant[i].ring->hot.next);
    return other;
}

/* Invariant: no two living participants wait for each other for ever. */
static int is_stuck(char *why, size_t bytes)
{
    for (unsigned i = 0; i < world.roles; i++) {
        struct role *role = &world.role[i];
        const struct role *other = stuck_with(role);
        if (other == NULL)
            role->stuck_since = 0;
        else if (role->stuck_since == 0)
            role->stuck_since = sim_now();
        else if (sim_now() - role->stuck_since > STUCK_NS) {
            (void)snprintf(why, bytes, "%s waits for leases of %s, and %s for the next event, for a second",
                           other->name, role->name, role->name);
            return 1;
        }
    }
    return 0;
}

static void set_up(void *argument)
{
    (void)argument;
    sim_when_all_sleep(is_due);
    sim_when_stuck(is_stuck);
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
            .thread = role->by_thread ? run_interrupting_thread : NULL,
            .on_signal = role->by_signal ? role_interrupt : NULL,
        };
        sim_start(&spec);
    }
}

/* Without kills, force and faults nothing may be left. */
static void check_end(struct sim_result *result)
{
    if (result->invariant != NULL || !world.calm_end || sim_names() == 0)
        return;
    for (unsigned i = 0; i < oracle.sessions; i++) {
        const struct session *s = &oracle.session[i];
        if ((s->lanes == 1 || s->takeovers > 0) && (!s->closed || s->readers == 0))
            return; /* the ring waits for its next producer, or for its first consumer */
    }
    result->invariant = "left behind";
    (void)snprintf(result->detail, sizeof result->detail,
                   "the stream is over and all participants have ended, but its name still exists");
}

void world_run(const struct profile *profile, uint64_t seed, struct sim_result *result)
{
    memset(&world, 0, sizeof world);
    dice_state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    oracle_begin();
    notices_begin();
    profile->draw(&world);
    frames_begin(&world.shape);
    for (unsigned i = 0; i < world.roles; i++)
        world.producers_left += world.role[i].kind == ROLE_PRODUCER;
    world.producers = world.producers_left;
    world.leaves_left = world.leaves;
    sim_run(seed, &world.conditions, set_up, NULL, result);
    check_end(result);
}
