/* SPDX-License-Identifier: MIT
 * A producer's program: opens, publishes up to the world's number of events, closes; or leaves and comes back. A
 * producer that opens after a death continues the stream. */
#include "world.h"

#include "os/os.h"
#include "ring/producer.h"
#include "segment/table.h"

#include <myelon/liveness.h>

#include <string.h>

/* At most this many opens may time out while waiting for consumers. */
#define SLOW_OPENS 6U

static const char *const consumer_ids[] = {"C0", "C1", "C2", "C3"};

static void write_event(void *event, uint64_t sequence, unsigned tag, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        sim_data_store((unsigned char *)event + i * sizeof(uint64_t), oracle_word(sequence, tag, i));
}

/* Returns 1 if `id` belongs to a dead consumer that will not resume it. A restarted consumer may get another id by its
 * prefix, if the kernel has not released its predecessor's lock yet. */
static int is_abandoned(const struct world *world, const char *id)
{
    for (unsigned i = 0; i < world->roles; i++) {
        const struct role *role = &world->role[i];
        if (role->kind == ROLE_CONSUMER && strcmp(role->id, id) == 0)
            return role->gone && role->phase != PHASE_ENDED;
    }
    return sim_draw(4) == 0;
}

/* A call reported a dead consumer: finds it, and evicts it if it will not be restarted. */
void role_consumer_died(struct role *role, uint64_t since)
{
    myl_snapshot *snapshot;
    oracle_consumer_death_reported(role->session, since);
    if (myl_snapshot_take(WORLD_NAME, MYL_BACKEND_SHM, &snapshot) != MYL_OK)
        return;
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *entry = &snapshot->entry[i];
        if (entry->state == MYL_PARTICIPANT_ACTIVE && !entry->alive && is_abandoned(role->world, entry->id))
            role_evicts(role, entry->id);
    }
    myl_snapshot_free(snapshot);
}

/* Returns 1 if a consumer could still read, now or later. */
static int any_left(const struct world *world)
{
    for (unsigned i = 0; i < world->roles; i++) {
        if (world->role[i].kind == ROLE_CONSUMER && !world->role[i].gone)
            return 1;
    }
    return 0;
}

/* Checks the result of a failed claim. Returns 1 to continue, 0 if this handle is done. */
int role_claim_failed(struct role *role, int rc, uint64_t since)
{
    switch (rc) {
    case MYL_EAGAIN:
        myl_os_yield();
        return any_left(role->world);
    case MYL_EINTERRUPTED:
    case MYL_ETIMEDOUT:
        return any_left(role->world);
    case MYL_ECONSUMERDEAD:
        role_consumer_died(role, since);
        return 1;
    case MYL_ESTALLED:
        SIM_CHECK(role->world->managed || role->world->changes_policy, "answer", "%s", myl_error_detail());
        return 1;
    case MYL_ESTARTUP:
        SIM_CHECK(role->world->required > 0, "answer", "%s", myl_error_detail());
        return 1;
    case MYL_ESUPERSEDED:
        SIM_CHECK(role->session->superseding, "answer",
                  "%s gets MYL_ESUPERSEDED, but its ring was not removed by force", sim_self_name());
        return 0;
    default:
        role_unexpected("claim", rc);
    }
}

void role_change_policy(const struct role *role, myl_producer *producer)
{
    const myl_liveness_options policy = {.size = sizeof policy, .progress_timeout_ns = MYL_MSEC(1)};
    /* With a required set, the checks of the alerts rely on one policy. */
    if (!role->world->changes_policy || role->world->required > 0 || sim_draw(4) != 0)
        return;
    int drops = (int)sim_draw(3) == 0;
    sim_note(drops ? "drops its policy" : "sets a policy");
    int rc = myl_producer_set_liveness(producer, drops ? NULL : &policy);
    if (rc != MYL_OK && rc != MYL_ENOMEM)
        role_unexpected("manage", rc);
}

const struct role *role_reserved(const struct world *world)
{
    for (unsigned i = 0; i < world->roles; i++) {
        const struct role *role = &world->role[i];
        if (role->kind == ROLE_CONSUMER && role->index < world->reserved && role->reader == NULL)
            return role;
    }
    return NULL;
}

/* A reserved consumer that has never joined gates at the first event. */
static void check_reserved(const struct role *role, uint64_t end)
{
    const struct role *reserved = role_reserved(role->world);
    if (reserved != NULL)
        SIM_CHECK(end <= role->session->capacity, "gate",
                  "%s claims up to %llu, but \"%s\" is reserved and has not come", sim_self_name(),
                  (unsigned long long)end, reserved->name);
}

/* Claims `wanted` events and writes them. */
static int fill(struct role *role, myl_producer *producer, unsigned tag, unsigned wanted)
{
    struct session *s = role->session;
    uint64_t first = producer->hot.next;
    myl_span span = {.count = 1, .sequence = first};
    int64_t timeout = role_timeout(role->world->sessions == 1); /* consumers may end after one session */
    role_waits(role, first + wanted);
    role->endless = timeout == MYL_FOREVER;
    int rc = wanted == 1 && sim_draw(2) == 0 ? myl_producer_claim(producer, &span.event, timeout)
                                             : myl_producer_claim_span(producer, wanted, &span, timeout);
    role_goes_on(role, rc);
    if (rc != MYL_OK)
        return rc;
    SIM_CHECK(span.sequence == first && span.count >= 1 && span.count <= wanted, "claim",
              "asked for %u from %llu, got %llu from %llu", wanted, (unsigned long long)first,
              (unsigned long long)span.count, (unsigned long long)span.sequence);
    oracle_claimed(s, first + span.count);
    check_reserved(role, first + span.count);
    for (uint64_t i = 0; i < span.count; i++)
        write_event((unsigned char *)span.event + i * span.stride, first + i, tag, s->words);
    return MYL_OK;
}

static void publish(struct role *role, myl_producer *producer, unsigned tag)
{
    uint64_t end = producer->hot.next;
    oracle_publishes(role->session, end);
    sim_note("publishes up to %llu", (unsigned long long)end);
    if (sim_draw(4) == 0)
        producer->quiet = MYL_PARK_QUIET_CALLS - 1; /* as if no participant had slept for a long time */
    myl_producer_publish(producer);
    oracle_published(role->session, end, tag);
}

/* The required consumers, registered or absent, have read it. */
static void check_required(const struct role *role, uint64_t count)
{
    for (unsigned i = 0; i < role->session->readers; i++) {
        const struct reader *r = &role->session->reader[i];
        unsigned index = (unsigned)(r->id[1] - '0');
        SIM_CHECK(index >= role->world->required || r->high >= count, "required",
                  "%llu events are reported as consumed, but \"%s\" has read %llu", (unsigned long long)count, r->id,
                  (unsigned long long)r->high);
    }
}

static void ask_consumed(struct role *role, myl_producer *producer)
{
    uint64_t since = sim_points();
    uint64_t count = producer->hot.published;
    if (count == 0)
        return;
    if (sim_draw(2) == 0) {
        if (myl_producer_is_consumed(producer, (myl_sequence)count - 1)) {
            oracle_consumed(role->session, count, since);
            check_required(role, count);
        }
        return;
    }
    int64_t timeout = role_awaits_consumed(role, count);
    int rc = myl_producer_wait_consumed(producer, (myl_sequence)count - 1, timeout);
    role_goes_on(role, rc);
    if (rc == MYL_OK) {
        oracle_consumed(role->session, count, since);
        check_required(role, count);
    } else if (rc == MYL_ECONSUMERDEAD)
        role_consumer_died(role, since);
    else if (rc != MYL_ETIMEDOUT && rc != MYL_EINTERRUPTED &&
             !((role->world->required > 0 || role->world->changes_policy) &&
               (rc == MYL_ESTARTUP || rc == MYL_ESTALLED)))
        role_unexpected("wait_consumed", rc);
    if (rc == MYL_ESTALLED)
        myl_producer_clear_failure(producer);
}

static void set_activity(void *handle, const char *doing, int64_t patience_ns)
{
    myl_producer_set_activity(handle, doing, patience_ns);
}

static void interrupt(void *handle)
{
    myl_producer_interrupt(handle);
}

/* A claim that began at `began` reports that a consumer blocks the producer. */
static void check_stalled(const struct role *role, const myl_producer *producer, int64_t began)
{
    myl_liveness_failure failure = {.size = sizeof failure};
    if (myl_producer_liveness_failure(producer, &failure) == MYL_OK && role->world->required > 0)
        notice_checked(role->world, failure.id, began);
}

/* One step of the stream. Returns 0 if this handle is done. */
static int step(struct role *role, myl_producer *producer, unsigned tag)
{
    const struct world *world = role->world;
    uint64_t left = world->events - producer->hot.next;
    unsigned most = world->batch < left ? world->batch : (unsigned)left;
    if (left > 0) {
        uint64_t since = sim_points();
        int64_t began = sim_now();
        int rc = fill(role, producer, tag, 1 + sim_draw(most));
        if (rc == MYL_ESTALLED)
            check_stalled(role, producer, began);
        if (rc == MYL_ELEASED ||
            rc == MYL_ETOOBIG) /* too much is claimed already, or it does not fit after half a cell */
            SIM_CHECK(rc == MYL_ETOOBIG || producer->hot.next > producer->hot.published, "answer", "%s",
                      myl_error_detail());
        else if (rc != MYL_OK && !role_claim_failed(role, rc, since))
            return 0;
        if ((world->managed || world->changes_policy) &&
            (world->required == 0 || rc == MYL_ESTALLED || rc == MYL_ECONSUMERDEAD))
            myl_producer_clear_failure(producer);
    }
    role_change_policy(role, producer);
    role_set_activity(role, set_activity, producer);
    if (world->aborts && sim_draw(12) == 0)
        myl_producer_abort(producer);
    if (left == 0 || sim_draw(3) != 0)
        publish(role, producer, tag);
    if (sim_draw(16) == 0)
        ask_consumed(role, producer);
    return 1;
}

void role_producer_options(const struct role *role, myl_producer_options *o)
{
    const struct world *w = role->world;
    *o = (myl_producer_options){
        .size = sizeof *o,
        .config = {.event_size = w->frames ? 0 : w->words * (uint32_t)sizeof(uint64_t),
                   .capacity = w->frames ? 0 : w->capacity,
                   .packed_cell = w->frames ? 0 : w->packed_cell,
                   .max_consumers = w->max_consumers,
                   .spin_only = (enum myl_spin_only)w->spin_only},
        .ring = {.existing = role->existing,
                 .no_consumers = w->alone,
                 .buffer = w->buffer,
                 .wait_consumers = w->wait_consumers,
                 .wait_timeout_ns = role->opens > SLOW_OPENS ? MYL_FOREVER : w->wait_timeout_ns,
                 .wait = {.strategy = role->strategy, .spin_ns = role->spin_ns},
                 .on_death = role->on_death,
                 .liveness_ns = w->liveness_ns,
                 .reserve = w->reserved > 0 ? consumer_ids : NULL,
                 .reserve_count = w->reserved},
    };
}

/* Handles a failed open. Returns 1 to try again, 0 to end. */
int role_producer_refused(struct role *role, int rc)
{
    sim_note("open: %s", myl_error_detail());
    switch (rc) {
    case MYL_ENOTDRAINED: /* its closer died of it; a dead consumer has not read all */
        SIM_CHECK(oracle.deaths > 0, "answer", "%s", myl_error_detail());
        return 0;
    case MYL_EEXISTS:
    case MYL_EINUSE:
        return sim_draw(2) == 0;
    case MYL_EPRODUCERALIVE:
        return role->world->producers_left > 1 || oracle.deaths > 0;
    case MYL_ELANES:
        SIM_CHECK(role->world->producers > role->world->lanes || oracle.deaths > 0, "answer", "%s", myl_error_detail());
        return 1;
    case MYL_ESTARTUP:
    case MYL_EBUSY:
        return 1;
    case MYL_ECONSUMERDEAD:
        return 1;
    default:
        if (myl_errclass(rc) != MYL_CLASS_RESOURCE)
            role_unexpected("open", rc);
        oracle_open_failed();
        return 1;
    }
}

static int is_ready(const struct role *role, const myl_producer *producer)
{
    const struct myl_segment *segment = &producer->handle.segment;
    uint32_t there = 0;
    for (uint32_t i = 0; i < myl_segment_entries(segment); i++)
        there += myl_segment_entry(segment, i)->id[0].v != 0;
    return there >= role->world->wait_consumers;
}

static void end(struct role *role, myl_producer *producer, int leave)
{
    struct session *s = role->session;
    myl_producer_abort(producer); /* a claim that is not published is dropped */
    role->phase = PHASE_ENDING;
    sim_note(leave ? "leaves" : "closes");
    if (leave) {
        oracle_stops(s);
        myl_producer_leave(producer);
    } else {
        oracle_closes(s);
        myl_producer_close(producer);
        s->closed = 1;
    }
    role->phase = PHASE_ABSENT;
}

void role_wants_lock(struct role *role)
{
    int force = role->existing == MYL_EXISTING_SUPERSEDE;
    oracle_wants_lock();
    if (role->existing == MYL_EXISTING_REPLACE || force)
        oracle_removes();
    if (force)
        oracle_forces();
    role->phase = PHASE_OPENING;
    role->opens++;
}

void role_wanted_lock(struct role *role, int rc)
{
    role->phase = PHASE_ABSENT;
    if (rc == MYL_ENOTDRAINED && !role->world->faulty) /* if a removal fails the mark is cleared again */
        oracle_not_drained();
    oracle_wanted_lock();
    if (role->existing == MYL_EXISTING_SUPERSEDE)
        oracle_forced();
}

/* An alert of recovery comes once, and only after another alert. `user`: one bit per consumer. */
static void record_alert(const myl_alert *alert, void *user)
{
    unsigned *given = user, who = 1U << (alert->id[1] - '0');
    if (alert->kind == MYL_ALERT_RECOVERED)
        SIM_CHECK((*given & who) != 0, "alert", "\"%s\" is reported as recovered without an earlier alert", alert->id);
    *given = alert->kind == MYL_ALERT_RECOVERED || alert->kind == MYL_ALERT_REAPED ? *given & ~who : *given | who;
}

static void set_liveness(const struct world *world, myl_producer *producer, unsigned *given)
{
    myl_liveness_options policy = {.size = sizeof policy,
                                   .progress_timeout_ns = MYL_MSEC(1),
                                   .shutdown_grace_ns = MYL_MSEC(1)};
    if (world->required > 0) {
        policy.required = consumer_ids;
        policy.required_count = world->required;
        policy.startup_wait_ns = MYL_MSEC(1);
        policy.check_interval_ns = MYL_USEC(100);
        policy.alert = record_alert;
        policy.user = given;
    }
    int rc = myl_producer_set_liveness(producer, &policy);
    if (rc != MYL_OK && rc != MYL_ENOMEM)
        role_unexpected("manage", rc);
}

/* From an open to a close. Returns 1 to open again. */
static int run_session(struct role *role)
{
    struct world *world = role->world;
    myl_producer_options o;
    myl_producer *producer;
    role_producer_options(role, &o);
    uint64_t since = sim_points();
    role_wants_lock(role);
    int rc = myl_producer_open(&producer, WORLD_NAME, &o);
    role_wanted_lock(role, rc);
    if (rc != MYL_OK)
        return role_producer_refused(role, rc);
    myl_info info = {.size = sizeof info};
    if (myl_producer_info(producer, &info) != MYL_OK)
        role_unexpected("info", MYL_EINVAL);
    struct session *s = role->session = oracle_session(&info, world->words, world->alone, since);
    unsigned tag = oracle_produces(s, producer->hot.published);
    role->phase = PHASE_IN;
    sim_note("produces as number %u from event %llu on", tag, (unsigned long long)producer->hot.published);
    SIM_CHECK(is_ready(role, producer), "readiness", "%s may start before its %u consumers have joined",
              sim_self_name(), (unsigned)world->wait_consumers);
    unsigned given = 0;
    if (world->managed)
        set_liveness(world, producer, &given);
    int leave = 0, usable = 1;
    int fills = s < &oracle.session[world->sessions];
    role_allow_interruptions(role, interrupt, producer);
    while (usable && fills && s->committed < world->events) {
        usable = step(role, producer, tag);
        leave = usable && world->leaves_left > 0 && sim_draw(12) == 0;
        if (leave)
            break;
    }
    world->leaves_left -= leave != 0;
    role_forbid_interruptions(role);
    end(role, producer, leave || (world->never_closed && s->committed >= world->events));
    return leave || (!usable && oracle.sessions < world->sessions);
}

/* Returns 1 if a ring has been filled and closed. Later ones need not be filled. */
static int is_done(void)
{
    for (unsigned i = 0; i < oracle.sessions; i++) {
        if (oracle.session[i].closed)
            return 1;
    }
    return 0;
}

void role_produce(struct role *role)
{
    while (role->world->frames ? role_hold_frame_lock(role) : run_session(role)) {
        if (sim_draw(2) == 0)
            role->existing = MYL_EXISTING_RESUME;
        if (role->index > 0 && role->world->lanes == 0 && is_done())
            return;
        role_pause();
    }
}
