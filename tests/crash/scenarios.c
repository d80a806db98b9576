/* SPDX-License-Identifier: MIT
 * The scenarios: rings and behaviours that together reach every step of every protocol. */
#include "crash/kit.h"

/* --- processes wait for each other, so that every run reaches the cold steps ----------------------------------- */

struct wait {
    const struct crash_world *world;
    enum crash_role role;
    const char *step;
    uint64_t count;
};

static int step_reached(void *argument)
{
    const struct wait *wait = argument;
    return crash_count(wait->world, wait->role, wait->step) >= wait->count;
}

static void wait_for_step(const struct crash_world *world, enum crash_role role, const char *step, uint64_t count)
{
    struct wait wait = {world, role, step, count};
    test_until(step_reached, &wait, step);
}

/* Consumer 0 parks again: it sleeps, or is about to, when the next event is published. */
static void wait_until_parked(const struct crash_world *world, uint64_t n)
{
    if (n % 4 == 0)
        wait_for_step(world, CRASH_CONSUMER, "L6", crash_count(world, CRASH_CONSUMER, "L6") + 1);
}

/* The same, and its first park is long enough that it announces itself (L4). */
static void wait_until_parked_long(const struct crash_world *world, uint64_t n)
{
    if (n == 0)
        wait_for_step(world, CRASH_CONSUMER, "L4", 1);
    wait_until_parked(world, n);
}

struct room_wait {
    const struct crash_world *world;
    uint64_t parks;
};

static int producer_parked_or_done(void *argument)
{
    const struct room_wait *wait = argument;
    const struct crash_page *page = wait->world->page;
    return crash_count(wait->world, CRASH_PRODUCER, "L6") > wait->parks ||
           crash_load(&page->committed) >= crash_load(&page->target);
}

static void wait_until_producer_parked(const struct crash_world *world, uint32_t consumer, uint64_t n)
{
    struct room_wait wait = {world, crash_count(world, CRASH_PRODUCER, "L6")};
    if (consumer == 0 && n % 4 == 0)
        test_until(producer_parked_or_done, &wait, "the producer parks for room");
}

static void park_before_first(const struct crash_world *world, uint64_t n)
{
    if (n == 0)
        wait_until_parked(world, n);
}

static int all_is_published(void *argument)
{
    const struct crash_world *world = argument;
    return crash_load(&world->page->committed) >= crash_load(&world->page->target);
}

/* No consumer parks during hundreds of publishes. */
static void read_after_last_publish(const struct crash_world *world, uint32_t consumer, uint64_t n)
{
    struct crash_world copy = *world;
    (void)consumer;
    if (n > 0)
        test_until(all_is_published, &copy, "all is published");
}

/* --- rings ------------------------------------------------------------------------------------------------------ */

static void base(struct crash_world *world, uint64_t capacity, enum myl_wait_strategy strategy)
{
    *world = (struct crash_world){
        .producer = {.size = sizeof world->producer,
                     .config = {.event_size = sizeof(struct event), .capacity = capacity, .max_consumers = 4},
                     .ring = {.liveness_ns = MYL_MSEC(1), .wait.strategy = strategy}},
        .target = 60,
        .consumers = 2,
        .liveness_ns = MYL_MSEC(1),
        .batch = 3,
        .lease = 3,
    };
}

/* A small ring. Producer and consumer 0 leave and join again once, with an observer. */
static void small(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_ADAPTIVE);
    world->consumers = 3;
    world->observer = 1;
    world->leave_at = 20;
    world->producer_leave_at = 30;
}

static void packed(struct crash_world *world)
{
    base(world, 20, MYL_WAIT_BLOCK);
    world->producer.config.packed_cell = 256; /* 5 events per cell */
    world->target = 150;
    world->batch = 7;
    world->lease = 6;
    world->runs = 1;
    world->leave_at = 50;
    world->producer_leave_at = 70;
    world->on_death = MYL_DEATH_WAIT;
    world->producer.ring.on_death = MYL_DEATH_WAIT;
}

static void spinning(struct crash_world *world)
{
    base(world, 8, MYL_WAIT_SPIN_YIELD);
    world->producer.config.spin_only = MYL_SPIN_ONLY_ON;
    world->producer.config.event_size = 1024;
    world->runs = 1;
    world->observer = 1;
}

static void data_park(struct crash_world *world)
{
    base(world, 16, MYL_WAIT_BLOCK);
    world->consumers = 1;
    world->target = 24;
    world->before_publish = wait_until_parked;
}

static void long_park(struct crash_world *world)
{
    data_park(world);
    world->before_publish = wait_until_parked_long;
}

static void room_park(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_BLOCK);
    world->target = 24;
    world->lease = 4;
    world->consumers = 1;
    world->before_read = wait_until_producer_parked;
}

static void quiet(struct crash_world *world)
{
    base(world, 1024, MYL_WAIT_BLOCK);
    world->target = 700;
    world->batch = 1;
    world->lease = 64;
    world->before_publish = park_before_first;
    world->before_read = read_after_last_publish;
}

/* Each release acknowledges half of what is leased. */
static void partial(struct crash_world *world)
{
    base(world, 8, MYL_WAIT_ADAPTIVE);
    world->lease = 6;
    world->runs = 1;
    world->partial = 1;
}

static void packed_partial(struct crash_world *world)
{
    partial(world);
    world->producer.config.capacity = 20;
    world->producer.config.packed_cell = 256;
}

/* --- scenarios that begin with a death -------------------------------------------------------------------------- */

static void takeover(struct crash_world *world)
{
    base(world, 8, MYL_WAIT_ADAPTIVE);
    world->batch = 5;
}

static void packed_takeover(struct crash_world *world)
{
    packed(world);
    world->leave_at = world->producer_leave_at = 0;
}

static void resume(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_ADAPTIVE);
}

/* The dead producer is not restarted before all consumers and the observer have reported its death. */
static int until_reported(const struct crash_world *world, enum crash_role role)
{
    const struct crash_page *page = world->page;
    if (role != CRASH_PRODUCER || crash_load(&page->closing))
        return 0;
    for (uint32_t i = 0; i < world->consumers; i++) {
        if (crash_load(&page->consumer[i].reports) == 0)
            return 1;
    }
    return crash_load(&page->observer_reports) == 0;
}

static void dead_producer(struct crash_world *world)
{
    base(world, 8, MYL_WAIT_ADAPTIVE);
    world->observer = 1;
    world->held = until_reported;
}

static void superseded(struct crash_world *world)
{
    base(world, 8, MYL_WAIT_BLOCK);
    world->observer = 1;
    world->supersede = 1;
}

/* Consumer 0 dies while it joins for the second time. It is not restarted before the producer has reaped its entry. */
static int until_reaped(const struct crash_world *world, enum crash_role role)
{
    return role == CRASH_CONSUMER && world->page->lives[role] == 1 && crash_count(world, CRASH_PRODUCER, "G3r") == 0;
}

static void wait_until_joining_again(const struct crash_world *world, uint64_t n)
{
    if (n >= 12)
        wait_for_step(world, CRASH_CONSUMER, "J7", 2);
}

static void dead_joiner(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_ADAPTIVE);
    world->leave_at = 6;
    world->batch = 1;
    world->before_publish = wait_until_joining_again;
    world->held = until_reaped;
}

/* Consumer 1 is dead and blocks the ring until it is evicted. */
static int until_evicted(const struct crash_world *world, enum crash_role role)
{
    return role == CRASH_CONSUMER + 1 && !crash_load(&world->page->done[CRASH_TOOL]);
}

static int consumer_1_is_dead(const struct crash_world *world)
{
    return crash_load(&world->page->dead[CRASH_CONSUMER + 1]) && crash_load(&world->page->producer_reports) > 0;
}

static int evict(const struct crash_world *world)
{
    crash_store(&world->page->consumer[1].absent, 1);
    int rc = myl_evict(world->name, MYL_BACKEND_SHM, "c1");
    if (rc != MYL_ENOTFOUND || world->page->lives[CRASH_TOOL] == 1)
        test_ok(rc);
    return 0;
}

static void evicted(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_ADAPTIVE);
    world->held = until_evicted;
    world->tool = evict;
    world->tool_may_start = consumer_1_is_dead;
}

/* --- names: one process makes, replaces and removes rings --------------------------------------------------------- */

static void read_events(myl_consumer *consumer, uint64_t count, int then)
{
    for (uint64_t i = 0; i < count; i++) {
        const void *event;
        test_ok(myl_consumer_next(consumer, &event, MYL_TRY));
        test_ok(myl_consumer_release(consumer));
    }
    expect_nothing(consumer, then);
}

static myl_producer *reopen(const struct crash_world *world, enum myl_existing existing, int64_t last)
{
    myl_producer_options options = world->producer;
    options.ring.existing = existing;
    myl_producer *producer = open_producer(world->name, &options);
    assert_int_equal(myl_producer_last_published(producer), last);
    return producer;
}

static void names_by_opening(const struct crash_world *world)
{
    /* replaces an existing ring, too */
    myl_producer *producer = reopen(world, MYL_EXISTING_REPLACE, MYL_SEQUENCE_NONE);
    myl_consumer *consumer = open_consumer(world->name, "old");
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    producer = reopen(world, MYL_EXISTING_RESUME, 2);
    myl_producer_leave(producer);
    producer = reopen(world, MYL_EXISTING_SUPERSEDE, MYL_SEQUENCE_NONE);
    read_events(consumer, 3, MYL_ESUPERSEDED);
    myl_consumer_close(consumer);
    put_many(producer, 0, 2);
    myl_producer_close(producer); /* the ring stays: no consumer has joined yet */
    assert_true(ring_exists(world->name));
    producer = reopen(world, MYL_EXISTING_RESUME, MYL_SEQUENCE_NONE);
    consumer = open_consumer(world->name, "last");
    put_many(producer, 0, 1);
    myl_producer_close(producer);
    read_events(consumer, 1, MYL_ECLOSED);
    myl_consumer_close(consumer);
    assert_false(ring_exists(world->name)); /* the last participant removed it */
}

static void names_by_removing(const struct crash_world *world)
{
    myl_producer_options options = world->producer;
    options.ring.wait_consumers = 1;
    options.ring.wait_timeout_ns = MYL_MSEC(1);
    expect_no_producer(MYL_ESTARTUP, world->name, world->name, &options); /* the ring was created and removed again */
    assert_false(ring_exists(world->name));
    myl_producer_leave(reopen(world, MYL_EXISTING_RESUME, MYL_SEQUENCE_NONE));
    test_ok(myl_remove(world->name, MYL_BACKEND_SHM, 0));
    assert_false(ring_exists(world->name));
    myl_producer *producer = reopen(world, MYL_EXISTING_RESUME, MYL_SEQUENCE_NONE);
    myl_consumer *consumer = open_consumer(world->name, "c");
    test_ok(myl_remove(world->name, MYL_BACKEND_SHM, 1));
    assert_false(ring_exists(world->name));
    read_events(consumer, 0, MYL_ESUPERSEDED);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
}

static int make_and_remove_rings(const struct crash_world *world)
{
    names_by_opening(world);
    names_by_removing(world);
    return 0;
}

static void names(struct crash_world *world)
{
    base(world, 4, MYL_WAIT_ADAPTIVE);
    world->consumers = 0;
    world->tool = make_and_remove_rings;
}

const struct crash_scenario crash_scenarios[] = {
    {.name = "small", .configure = small},
    {.name = "packed", .configure = packed},
    {.name = "spinning", .configure = spinning},
    {.name = "data-park", .configure = data_park},
    {.name = "long-park", .configure = long_park},
    {.name = "room-park", .configure = room_park},
    {.name = "quiet", .configure = quiet},
    {.name = "partial", .configure = partial},
    {.name = "packed-part", .configure = packed_partial},
    {"takeover", takeover, CRASH_PRODUCER, "S1", 9},
    {"takeover2", packed_takeover, CRASH_PRODUCER, "S1", 9},
    {"resume", resume, CRASH_CONSUMER, "app.handle", 9},
    {"dead-prod", dead_producer, CRASH_PRODUCER, "app.write", 20},
    {"supersede", superseded, CRASH_PRODUCER, "app.write", 20},
    {"dead-join", dead_joiner, CRASH_CONSUMER, "J7", 2},
    {"evicted", evicted, CRASH_CONSUMER + 1, "app.handle", 9},
    {.name = "names", .configure = names},
};
const uint32_t crash_scenario_count = sizeof crash_scenarios / sizeof crash_scenarios[0];
