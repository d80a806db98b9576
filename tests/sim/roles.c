/* SPDX-License-Identifier: MIT
 * Shared by all roles, and the small roles: evicting, removing, reading a ring from outside. */
#include "world.h"

#include "os/os.h"

#include <stdio.h>
#include <string.h>

int role_all_is_over(const struct role *role)
{
    return role->world->producers_left == 0;
}

void role_unexpected(const char *call, int rc)
{
    sim_violation("answer", "%s: %s returns %s: %s", sim_self_name(), call, myl_errname(rc), myl_error_detail());
}

void role_pause(void)
{
    (void)myl_os_sleep(MYL_USEC(20) + (int64_t)sim_draw(300000));
}

void role_waits(struct role *role, uint64_t what)
{
    role_calls(role);
    role->waits_for = what;
    role->waiting = 1;
    role->endless = 0;
    role->stuck_since = 0;
}

static int reader_reads(const struct world *world)
{
    for (unsigned i = 0; i < world->roles; i++) {
        if (world->role[i].kind == ROLE_CONSUMER && world->role[i].phase == PHASE_IN)
            return 1;
    }
    return 0;
}

int64_t role_awaits_consumed(struct role *role, uint64_t count)
{
    role_calls(role);
    /* Not for ever: all consumers may have left. Not with a spinning strategy: simulated time passes in sleeps. */
    int is_long =
        sim_draw(3) == 0 && role->strategy == MYL_WAIT_BLOCK && !role->world->spin_only && reader_reads(role->world);
    role->consumed = is_long ? count : 0;
    return is_long ? MYL_MSEC(1500) : MYL_USEC(1) + (int64_t)sim_draw(300000);
}

void role_goes_on(struct role *role, int rc)
{
    role->waiting = 0;
    role->consumed = 0;
    role_has_called(role, rc);
}

int64_t role_timeout(int may_wait_forever)
{
    unsigned draw = sim_draw(8);
    if (draw < 2)
        return MYL_TRY;
    return draw < 4 || !may_wait_forever ? MYL_USEC(1) + (int64_t)sim_draw(500000) : MYL_FOREVER;
}

void role_claim_over(struct role *role)
{
    if (role->claims)
        oracle_claim_over(role->claim);
    role->claims = 0;
}

void role_evicts(struct role *role, const char *name)
{
    char id[MYL_ID_MAX + 1];
    uint64_t since = sim_points();
    (void)snprintf(id, sizeof id, "%s", name);
    role->claim = oracle_claims(id, NULL, MYL_START_RESUME, 1);
    role->claims = 1;
    int rc = myl_evict(WORLD_NAME, MYL_BACKEND_SHM, id);
    role_claim_over(role);
    sim_note("evict \"%s\": %s", id, myl_errname(rc));
    if (rc == MYL_OK)
        oracle_evicted(id, since);
    else if (rc == MYL_ECORRUPT || myl_errclass(rc) == MYL_CLASS_USAGE)
        role_unexpected("evict", rc);
}

/* --- the small roles ---------------------------------------------------------------------------------------------- */

void role_evict(struct role *role)
{
    for (unsigned tries = 0; tries < 4 && !role_all_is_over(role); tries++) {
        const struct role *victim = &role->world->role[sim_draw(role->world->roles)];
        role_pause();
        if (victim->kind == ROLE_CONSUMER && victim->id[0] != '\0')
            role_evicts(role, victim->id);
    }
}

void role_remove(struct role *role)
{
    role_pause();
    oracle_removes();
    oracle_begins_removal();
    if (role->force)
        oracle_forces();
    int rc = myl_remove(WORLD_NAME, MYL_BACKEND_SHM, role->force);
    oracle_ends_removal();
    if (role->force)
        oracle_forced();
    sim_note("remove%s: %s", role->force ? " by force" : "", myl_errname(rc));
    if (rc == MYL_ECORRUPT || myl_errclass(rc) == MYL_CLASS_USAGE)
        role_unexpected("remove", rc);
}

static int visit(const char *name, void *user)
{
    unsigned *found = user;
    ++*found;
    SIM_CHECK(strcmp(name, WORLD_NAME) == 0, "names", "a ring \"%s\" is listed that no process has made", name);
    return 0;
}

/* A snapshot lies between the state before the call and the state after it. */
static void check_snapshot(const myl_snapshot *snapshot, uint64_t committed_before)
{
    if (oracle.sessions != 1)
        return;
    const struct session *s = &oracle.session[0];
    SIM_CHECK(snapshot->next >= committed_before || s->takeovers > 0, "snapshot",
              "it has %llu events, %llu were published", (unsigned long long)snapshot->next,
              (unsigned long long)committed_before);
    SIM_CHECK(snapshot->next <= s->publishing, "snapshot", "it has %llu events, but at most %llu are possible",
              (unsigned long long)snapshot->next, (unsigned long long)s->publishing);
    for (uint32_t i = 0; i < snapshot->consumers; i++)
        SIM_CHECK(snapshot->entry[i].cursor <= s->publishing, "snapshot", "consumer \"%s\" is at %llu in it",
                  snapshot->entry[i].id, (unsigned long long)snapshot->entry[i].cursor);
}

void role_check_ring(struct role *role)
{
    for (unsigned checks = 0; checks < role->checks && !role_all_is_over(role); checks++) {
        myl_snapshot *snapshot;
        unsigned found = 0;
        role_pause();
        int64_t began = sim_now();
        uint64_t before = oracle.sessions == 1 ? oracle.session[0].committed : 0;
        int rc = myl_snapshot_take(WORLD_NAME, MYL_BACKEND_SHM, &snapshot);
        if (rc == MYL_OK) {
            check_snapshot(snapshot, before);
            notices_seen(snapshot, began);
            myl_snapshot_free(snapshot);
        } else if (rc == MYL_ECORRUPT || rc == MYL_ENOTRING) {
            role_unexpected("snapshot", rc);
        }
        (void)myl_list(visit, &found);
        SIM_CHECK(found <= 1, "names", "one name is listed %u times", found);
    }
}

/* --- life and death ------------------------------------------------------------------------------------------------
 * */

void role_main(void *argument)
{
    struct role *role = argument;
    role->phase = PHASE_ABSENT;
    role->waiting = 0;
    role->consumed = 0;
    switch (role->kind) {
    case ROLE_PRODUCER:
        role_produce(role);
        break;
    case ROLE_CONSUMER:
        role_consume(role);
        break;
    case ROLE_OBSERVER:
        role_observe(role);
        break;
    case ROLE_EVICTOR:
        role_evict(role);
        break;
    case ROLE_REMOVER:
        role_remove(role);
        break;
    case ROLE_ONLOOKER:
        role_check_ring(role);
        break;
    }
    role->gone = 1;
    role->phase = PHASE_ENDED;
    role->world->producers_left -= role->kind == ROLE_PRODUCER;
    SIM_CHECK(sim_own_descriptors() == 0, "leak", "%s ends with %u open descriptors", sim_self_name(),
              sim_own_descriptors());
    SIM_CHECK(sim_own_allocations() == 0, "leak", "%s ends with %u allocations", sim_self_name(),
              sim_own_allocations());
}

static void reader_died(const struct role *role, struct session *session, struct reader *reader)
{
    reader->high = frames_bound(session, reader);
    reader->acking = ACKS_NOTHING;
    oracle_releases(session, reader, reader->high);
    oracle_reader_died(reader, role->duty.role == MYL_ROLE_EXPENDABLE);
}

void role_killed(void *argument)
{
    struct role *role = argument;
    role->waiting = 0;
    role->consumed = 0;
    role->interruptions = (struct interruptions){0};
    role->activity = (struct activity){0};
    role->set = NULL;
    role_claim_over(role);
    role->gone = role->lives == 0;
    role->lives -= role->lives > 0;
    if (role->phase == PHASE_ENDED)
        return; /* it was about to return */
    if (role->kind == ROLE_PRODUCER) {
        if (role->phase >= PHASE_IN)
            oracle_producer_died(role->session);
        if (role->phase >= PHASE_IN && role->world->frames)
            frames_producer_died(role->session);
        if (role->phase == PHASE_OPENING)
            oracle_open_died();
        oracle.deaths++;
        role->world->producers_left -= role->gone != 0;
    }
    if (role->kind == ROLE_CONSUMER && role->phase == PHASE_OPENING)
        oracle_join_died(role->id[0] != '\0' ? role->id : NULL, role->prefix);
    if (role->kind == ROLE_CONSUMER && role->phase >= PHASE_IN) {
        reader_died(role, role->session, role->reader);
        for (unsigned i = 1; i < role->world->lanes; i++)
            reader_died(role, role->participant[i].session, role->participant[i].reader);
    }
    role->phase = PHASE_ABSENT;
    role->participants = 0;
}
