/* SPDX-License-Identifier: MIT
 * The figures and the sentence of a diagnosis, exactly: with a stopped clock, and the participants' words set by the
 * test. */
#include <stdlib.h>

#include "frame/producer.h"
#include "os/os.h"
#include "registry/participant.h"
#include "segment/id.h"
#include "segment/table.h"
#include "unit/lanes.h"

#define NOW  MYL_SEC(5000)
#define REAL ((uint64_t)MYL_SEC(9000))

static int stalled_since; /* the clocks are stopped */

int64_t __real_myl_os_now(void);
int64_t __wrap_myl_os_now(void);
uint64_t __real_myl_os_realtime(void);
uint64_t __wrap_myl_os_realtime(void);

int64_t __wrap_myl_os_now(void)
{
    return stalled_since ? NOW : __real_myl_os_now();
}

uint64_t __wrap_myl_os_realtime(void)
{
    return stalled_since ? REAL : __real_myl_os_realtime();
}

enum { CAPACITY = 16, MOST = 4 };

/* A consumer, and the values to set in its record. */
struct actor {
    const char *id;
    enum myl_role role;
    uint64_t read;
    int64_t still_ns, waiting_ns; /* this long ago; 0: no */
    const char *busy;
    int64_t patience_ns;
    int dead, left;
};

static struct {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    struct myl_segment *segment;
    myl_consumer *consumer[MOST];
} scene;

static void join(const struct actor *actor, unsigned i)
{
    myl_role_options role = {.size = sizeof role, .role = actor->role};
    myl_consumer_options o = consumer_options(actor->id);
    o.ring.role = &role;
    scene.consumer[i] = open_consumer_with(scene.name, &o);
}

static int join_and_die(test_peer *parent, void *argument)
{
    (void)parent;
    join(argument, 0);
    _exit(0);
}

static void open_scene(const struct actor *actors, unsigned count, uint64_t published)
{
    memset(&scene, 0, sizeof scene);
    myl_producer_options o = producer_options(CAPACITY);
    scene.producer = open_producer(test_name(scene.name, "why"), &o);
    scene.segment = &scene.producer->handle.segment;
    for (unsigned i = 0; i < count; i++) {
        struct actor actor = actors[i];
        test_child child;
        if (!actor.dead) {
            join(&actor, i);
            continue;
        }
        test_spawn(&child, join_and_die, &actor);
        test_expect_exit(&child, 0);
    }
    put_many(scene.producer, 0, published);
    for (unsigned i = 0; i < count; i++) {
        const struct actor *actor = &actors[i];
        struct myl_participant *entry = myl_segment_entry(scene.segment, i);
        if (!actor->dead && actor->read > 0)
            take_many(scene.consumer[i], 0, actor->read);
        if (actor->left) {
            myl_consumer_close(scene.consumer[i]);
            scene.consumer[i] = NULL;
        }
        entry->stalled_since.v = actor->still_ns != 0 ? (uint64_t)(NOW - actor->still_ns) : 0;
        entry->waiting.v = actor->waiting_ns != 0 ? (uint64_t)(NOW - actor->waiting_ns) : 0;
        entry->died_ns.v = actor->dead > 1 ? REAL - (uint64_t)MYL_SEC(actor->dead) : 0;
        stalled_since = 1;
        if (actor->busy != NULL)
            myl_activity_set(&entry->activity, actor->busy, actor->patience_ns);
        stalled_since = 0;
    }
}

static void close_scene(void)
{
    for (unsigned i = 0; i < MOST; i++)
        myl_consumer_close(scene.consumer[i]);
    myl_producer_close(scene.producer);
    (void)!myl_remove(scene.name, MYL_BACKEND_SHM, 1);
}

static void producer_waits(int64_t since_ns, uint64_t for_cursor)
{
    struct myl_participant *own = myl_segment_producer(scene.segment);
    own->waiting.v = (uint64_t)(NOW - since_ns);
    own->waits_for.v = for_cursor;
}

static myl_diagnosis *diagnose(void)
{
    myl_diagnosis *diagnosis;
    stalled_since = 1;
    int rc = myl_diagnose(scene.name, MYL_BACKEND_SHM, 0, &diagnosis);
    stalled_since = 0;
    test_ok(rc);
    return diagnosis;
}

/* The sentence is `before`, the ring's name in quotes, and `after`. */
static void expect_sentence(const char *after)
{
    char wanted[512];
    myl_diagnosis *diagnosis = diagnose();
    snprintf(wanted, sizeof wanted, "The producer of \"%s\" %s", scene.name, after);
    if (strcmp(diagnosis->sentence, wanted) != 0)
        test_fail("the sentence is\n  %s\nexpected\n  %s", diagnosis->sentence, wanted);
    myl_diagnosis_free(diagnosis);
}

/* --- figures --------------------------------------------------------------------------------------------------------
 * */

static void times_are_differences_from_now(void **state)
{
    (void)state;
    static const int64_t ago[] = {1, 999, MYL_MSEC(40), MYL_SEC(2), NOW / 2 + 7, NOW - 1};
    for (size_t i = 0; i < sizeof ago / sizeof ago[0]; i++) {
        const struct actor actors[] = {{.id = "a", .still_ns = ago[i]},
                                       {.id = "b", .waiting_ns = ago[i], .read = 8},
                                       {.id = "d", .dead = 3, .still_ns = ago[i]}};
        open_scene(actors, 3, 8);
        producer_waits(ago[i], 7);
        myl_segment_entry(scene.segment, 2)->died_ns.v = REAL - (uint64_t)ago[i];
        myl_diagnosis *diagnosis = diagnose();
        const myl_diagnosis_participant *participant = diagnosis->participant;
        assert_int_equal(diagnosis->participants, 4);
        assert_int_equal(participant[0].waiting, 1);
        assert_int_equal(participant[0].waiting_ns, ago[i]);
        assert_int_equal(participant[0].awaited_sequence, 7);
        assert_int_equal(participant[0].condition, MYL_COND_WAITING);
        assert_int_equal(participant[0].dead_ns, 0);
        assert_int_equal(participant[1].condition, MYL_COND_STALLED);
        assert_int_equal(participant[1].stalled_ns, ago[i]);
        assert_int_equal(participant[1].waiting, 0);
        assert_int_equal(participant[1].waiting_ns, 0);
        assert_int_equal(participant[1].lag, 8);
        assert_int_equal(participant[2].condition, MYL_COND_WAITING);
        assert_int_equal(participant[2].waiting, 1);
        assert_int_equal(participant[2].waiting_ns, ago[i]);
        assert_int_equal(participant[2].awaited_sequence, 8);
        assert_int_equal(participant[2].stalled_ns, 0);
        assert_int_equal(participant[2].lag, 0);
        assert_int_equal(participant[3].condition, MYL_COND_DEAD);
        assert_int_equal(participant[3].dead_ns, ago[i]);
        myl_diagnosis_free(diagnosis);
        close_scene();
    }
}

/* A time in the future, as a damaged word may have, counts as none. */
static void future_times_count_as_none(void **state)
{
    (void)state;
    const struct actor actors[] = {{.id = "a"}};
    open_scene(actors, 1, 8);
    producer_waits(-MYL_SEC(1), 7);
    myl_segment_entry(scene.segment, 0)->stalled_since.v = (uint64_t)NOW + 1;
    myl_diagnosis *diagnosis = diagnose();
    assert_int_equal(diagnosis->participant[0].waiting, 1);
    assert_int_equal(diagnosis->participant[0].waiting_ns, 0);
    assert_int_equal(diagnosis->participant[1].stalled_ns, 0);
    assert_int_equal(diagnosis->participant[1].condition, MYL_COND_MOVING);
    myl_diagnosis_free(diagnosis);
    close_scene();
}

static void activity_has_its_remaining_time(void **state)
{
    (void)state;
    static const struct {
        int64_t patience_ns, passed_ns, left_ns;
        enum myl_condition condition;
    } cases[] = {
        {MYL_SEC(3), 0, MYL_SEC(3), MYL_COND_BUSY},
        {MYL_SEC(3), MYL_SEC(1), MYL_SEC(2), MYL_COND_BUSY},
        {MYL_SEC(3), MYL_SEC(3) - 1, 1, MYL_COND_BUSY},
        {MYL_SEC(3), MYL_SEC(3), -1, MYL_COND_STALLED}, /* 0 would mean that there is no deadline */
        {MYL_SEC(3), MYL_SEC(5), -MYL_SEC(2), MYL_COND_STALLED},
        {1, MYL_SEC(1), 1 - MYL_SEC(1), MYL_COND_STALLED},
        {0, MYL_SEC(1), 0, MYL_COND_STALLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct actor actors[] = {{.id = "a", .still_ns = MYL_MSEC(1)}};
        myl_peer peer = {.size = sizeof peer};
        open_scene(actors, 1, 8);
        struct myl_participant *who[] = {myl_segment_entry(scene.segment, 0), myl_segment_producer(scene.segment)};
        for (int k = 0; k < 2; k++) {
            stalled_since = 1;
            myl_activity_set(&who[k]->activity, "com\xc3\xa4pact\ning", cases[i].patience_ns);
            stalled_since = 0;
            who[k]->activity.since.v -= (uint64_t)cases[i].passed_ns;
            if (cases[i].patience_ns != 0)
                who[k]->activity.until.v -= (uint64_t)cases[i].passed_ns;
        }
        myl_diagnosis *diagnosis = diagnose();
        assert_string_equal(diagnosis->participant[1].activity, "com\xc3\xa4pact?ing");
        assert_int_equal(diagnosis->participant[1].activity_age_ns, cases[i].passed_ns);
        assert_int_equal(diagnosis->participant[1].activity_left_ns, cases[i].left_ns);
        assert_int_equal(diagnosis->participant[1].condition, cases[i].condition);
        myl_diagnosis_free(diagnosis);
        stalled_since = 1;
        test_ok(myl_consumer_peer(scene.consumer[0], &peer));
        stalled_since = 0;
        assert_string_equal(peer.activity, "com\xc3\xa4pact?ing");
        assert_int_equal(peer.activity_left_ns, cases[i].left_ns);
        assert_int_equal(peer.state, cases[i].left_ns > 0 ? MYL_PEER_BUSY : MYL_PEER_ALIVE);
        close_scene();
    }
}

/* --- the order of causes ------------------------------------------------------------------------------------------ */

#define DEAD     .dead = 5
#define STALLED  .still_ns = MYL_MSEC(41)
#define BUSY     .busy = "compacting", .patience_ns = MYL_SEC(3)
#define WAITING  .waiting_ns = MYL_MSEC(7)

/* Among the blocking consumers the one with the most severe condition; of two equal ones the one that lags more. */
static void most_severe_blocking_consumer_is_named(void **state)
{
    (void)state;
    static const struct {
        struct actor actors[2];
        const char *after;
    } cases[] = {
        {{{.id = "a", STALLED}, {.id = "b", .read = 16}},
         "has been waiting for 2.3 s; \"a\", lagging by 16 events, is alive and has not moved for 41 ms."},
        {{{.id = "a", .read = 16}, {.id = "b", STALLED, .read = 3}},
         "has been waiting for 2.3 s; \"b\", lagging by 13 events, is alive and has not moved for 41 ms."},
        {{{.id = "a", STALLED, .busy = "sorting"}, {.id = "b", .read = 16}},
         "has been waiting for 2.3 s; \"a\", lagging by 16 events, is alive and has not moved for 41 ms; "
         "its last notice: sorting."},
        {{{.id = "a", DEAD}, {.id = "b", STALLED}},
         "has been waiting for 2.3 s; \"a\", lagging by 16 events, is dead (found 5.0 s ago); restart it under its id, "
         "or evict it."},
        {{{.id = "a", STALLED}, {.id = "b", DEAD, .busy = "sorting"}},
         "has been waiting for 2.3 s; \"b\", lagging by 16 events, is dead (found 5.0 s ago; its last notice: "
         "sorting); restart it under its id, or evict it."},
        {{{.id = "a", BUSY}, {.id = "b", STALLED, .read = 2}},
         "has been waiting for 2.3 s; \"b\", lagging by 14 events, is alive and has not moved for 41 ms."},
        {{{.id = "a", BUSY, .read = 2}, {.id = "b", WAITING}},
         "has been waiting for 2.3 s; \"a\", lagging by 14 events, is busy for another 3.0 s: compacting."},
        {{{.id = "a", WAITING}, {.id = "b", BUSY, .read = 2}},
         "has been waiting for 2.3 s; \"b\", lagging by 14 events, is busy for another 3.0 s: compacting."},
        {{{.id = "a", WAITING}, {.id = "b", WAITING, .read = 2}},
         "has been waiting for 2.3 s; \"a\", lagging by 16 events, waits for the next event and has not released its "
         "leased events."},
        {{{.id = "a", .read = 2}, {.id = "b"}}, "has been waiting for 2.3 s; \"b\", lagging by 16 events, is moving."},
        {{{.id = "a", .read = 15, STALLED}, {.id = "b", .read = 16}},
         "has been waiting for 2.3 s; \"a\", lagging by 1 event, is alive and has not moved for 41 ms."},
        {{{.id = "a"}, {.id = "b"}}, "has been waiting for 2.3 s; \"a\", lagging by 16 events, is moving."},
        {{{.id = "a", .read = 3, STALLED}, {.id = "b", STALLED, .read = 4}},
         "has been waiting for 2.3 s; \"a\", lagging by 13 events, is alive and has not moved for 41 ms."},
        /* Not blocking: at the needed cursor, or left. */
        {{{.id = "a", .read = 5, STALLED}, {.id = "b", .read = 16}},
         "has been waiting for 2.3 s, but no consumer blocks it now."},
        {{{.id = "a", .left = 1}, {.id = "b", .left = 1}},
         "has been waiting for 2.3 s, but no consumer blocks it now."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_scene(cases[i].actors, 2, 16);
        producer_waits(MYL_MSEC(2345), cases[i].actors[0].read == 15 ? 16 : 5);
        expect_sentence(cases[i].after);
        close_scene();
    }
    open_scene(NULL, 0, 16);
    producer_waits(MYL_MSEC(2345), 5);
    expect_sentence("has been waiting for 2.3 s, but no consumer blocks it: none is registered.");
    close_scene();
}

/* A missing consumer: required and absent, or registered again. */
static void missing_consumers_are_named(void **state)
{
    (void)state;
    static const struct {
        struct actor actor;
        const char *missing, *after;
    } cases[] = {
        {{.id = "a", STALLED}, "w", "has been waiting for 2.3 s; \"w\" is required and absent; start it."},
        {{.id = "a", DEAD},
         "w",
         "has been waiting for 2.3 s; \"a\", lagging by 16 events, is dead (found 5.0 s ago); restart it under its id, "
         "or evict it."},
        {{.id = "w", .left = 1}, "w", "has been waiting for 2.3 s; \"w\" is required and absent; start it."},
        {{.id = "w", .read = 16}, "w", "has been waiting for 2.3 s, but no consumer blocks it now."},
        {{.id = "w", DEAD, .read = 16},
         "w",
         "has been waiting for 2.3 s; \"w\", lagging by 16 events, is dead (found 5.0 s ago); restart it under its id, "
         "or evict it."},
        {{.id = "a", .read = 16},
         "1 of 2 consumers",
         "has been waiting for 2.3 s; absent: 1 of 2 consumers; start the rest."},
        {{.id = "a", .read = 16},
         "\xc3\xa4\n",
         "has been waiting for 2.3 s; \"\xc3\xa4?\" is required and absent; "
         "start it."}, /* the library never writes this */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_scene(&cases[i].actor, 1, 16);
        producer_waits(MYL_MSEC(2345), cases[i].actor.dead ? 5 : 0);
        char id[MYL_ID_MAX + 1] = {0};
        strcpy(id, cases[i].missing);
        myl_id_set_words(scene.segment->control->missing, id);
        expect_sentence(cases[i].after);
        myl_diagnosis *diagnosis = diagnose();
        assert_int_equal(diagnosis->participants, strcmp(cases[i].actor.id, "w") == 0 ? 2 : 3);
        myl_diagnosis_free(diagnosis);
        close_scene();
    }
}

static void absent_consumer_ranks_between_live_and_dead(void **state)
{
    (void)state;
    static const struct actor actors[] = {{.id = "a", STALLED}, {.id = "b", BUSY}};
    open_scene(actors, 2, 16);
    producer_waits(MYL_MSEC(2345), 5);
    char id[MYL_ID_MAX + 1] = "w";
    myl_id_set_words(scene.segment->control->missing, id);
    expect_sentence("has been waiting for 2.3 s; \"w\" is required and absent; start it.");
    myl_diagnosis *diagnosis = diagnose();
    assert_int_equal(diagnosis->participants, 4);
    assert_int_equal(diagnosis->edges, 3);
    uint32_t named = 0;
    for (uint32_t i = 0; i < diagnosis->edges; i++) {
        assert_int_equal(diagnosis->edge[i].waiter, 0);
        named |= 1U << diagnosis->edge[i].awaited;
    }
    assert_int_equal(named, 1U << 1 | 1U << 2 | 1U << 3);
    assert_int_equal(diagnosis->edge[0].awaited, 3); /* the consumer in the sentence */
    assert_int_equal(diagnosis->participant[3].condition, MYL_COND_ABSENT);
    assert_int_equal(diagnosis->participant[3].role, MYL_ROLE_REQUIRED);
    myl_diagnosis_free(diagnosis);
    close_scene();
}

/* A ring of one consumer entry, which is in use: the missing consumer comes after it. */
static void missing_consumer_is_shown_beside_a_full_registry(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof scene);
    myl_producer_options o = producer_options(CAPACITY);
    o.config.max_consumers = 1;
    scene.producer = open_producer(test_name(scene.name, "full"), &o);
    scene.segment = &scene.producer->handle.segment;
    scene.consumer[0] = open_consumer(scene.name, "a");
    put_many(scene.producer, 0, CAPACITY);
    producer_waits(MYL_MSEC(2345), 5);
    char id[MYL_ID_MAX + 1] = "w";
    myl_id_set_words(scene.segment->control->missing, id);
    myl_segment_entry(scene.segment, 0)->waiting.v = (uint64_t)(NOW - 1);
    myl_diagnosis *diagnosis = diagnose();
    assert_int_equal(diagnosis->participants, 3);
    assert_string_equal(diagnosis->participant[1].id, "a");
    assert_string_equal(diagnosis->participant[2].id, "w");
    assert_int_equal(diagnosis->participant[2].condition, MYL_COND_ABSENT);
    assert_int_equal(diagnosis->edges, 3); /* the producer waits for both, and "a" for the producer */
    myl_diagnosis_free(diagnosis);
    close_scene();
}

/* --- a producer that does not wait
 * --------------------------------------------------------------------------------------- */

static void waiting_consumers_are_counted(void **state)
{
    (void)state;
    for (unsigned waiting = 0; waiting < 8; waiting++) {
        struct actor actors[3] = {{.id = "a", .read = 4}, {.id = "b", .read = 4}, {.id = "c", .read = 4}};
        unsigned count = 0;
        char text[96];
        for (unsigned i = 0; i < 3; i++) {
            actors[i].waiting_ns = (waiting >> i & 1) != 0 ? MYL_SEC(1) : 0;
            count += waiting >> i & 1;
        }
        open_scene(actors, 3, 4);
        snprintf(text, sizeof text, "is alive and does not wait; %u of 3 consumers wait for it.", count);
        expect_sentence(text);
        myl_diagnosis *diagnosis = diagnose();
        assert_int_equal(diagnosis->edges, count);
        for (uint32_t i = 0; i < diagnosis->edges; i++)
            assert_int_equal(diagnosis->edge[i].awaited, 0);
        myl_diagnosis_free(diagnosis);
        close_scene();
    }
}

static int produce_and_die(test_peer *parent, void *argument)
{
    (void)parent;
    myl_producer_options o = producer_options(CAPACITY);
    put_many(open_producer(argument, &o), 0, 4);
    _exit(0);
}

static void ended_producer_has_its_sentence(void **state)
{
    (void)state;
    static const char *const after[] = {"has closed the stream; its consumer does not wait.",
                                        "has left; the next producer continues the stream; its consumer does not wait.",
                                        "is dead; restart it to continue the stream; its consumer does not wait."};
    for (int how = 0; how < 3; how++) {
        memset(&scene, 0, sizeof scene);
        myl_producer_options o = producer_options(CAPACITY);
        test_name(scene.name, "ends");
        if (how == 2) {
            test_child child;
            test_spawn(&child, produce_and_die, scene.name);
            test_expect_exit(&child, 0);
            scene.consumer[0] = open_consumer(scene.name, "c");
        } else {
            myl_producer *producer = open_producer(scene.name, &o);
            scene.consumer[0] = open_consumer(scene.name, "c");
            put_many(producer, 0, 4);
            if (how == 0)
                myl_producer_close(producer);
            else
                myl_producer_leave(producer);
        }
        expect_sentence(after[how]);
        close_scene();
    }
}

static void unused_lane_has_its_sentence(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], wanted[256];
    myl_frame_producer *a = open_lane(test_name(name, "lane"), 3, "a");
    myl_frame_consumer *c = open_frame_consumer(name, "c");
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose_lane(name, MYL_BACKEND_SHM, 2, 0, &diagnosis));
    snprintf(wanted, sizeof wanted,
             "The producer of \"%s\" does not exist yet: lane 2 is unused; its consumer does not wait.", name);
    assert_string_equal(diagnosis->sentence, wanted);
    myl_diagnosis_free(diagnosis);
    myl_frame_consumer_close(c);
    myl_frame_producer_close(a);
}

/* Positions of frames are cells, so the sentence has bytes instead. */
static void lag_of_messages_is_in_bytes(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer = open_lane(test_name(name, "bytes"), 1, NULL);
    myl_frame_consumer *consumer = open_frame_consumer(name, "c");
    for (int i = 0; i < 5; i++)
        send_text(producer, "text");
    struct myl_segment *segment = &producer->ring.handle.segment;
    myl_segment_producer(segment)->waiting.v = (uint64_t)(NOW - MYL_MSEC(1234));
    myl_segment_producer(segment)->waits_for.v = 1;
    myl_diagnosis *diagnosis;
    stalled_since = 1;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    stalled_since = 0;
    assert_non_null(strstr(diagnosis->sentence, "has been waiting for 1.2 s; \"c\", lagging by 320 bytes, is moving."));
    myl_diagnosis_free(diagnosis);
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
}

static void durations_are_readable_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{1, "1 ns"},           {999, "999 ns"},
                 {MYL_USEC(1), "1 us"}, {MYL_MSEC(1) - 1, "999 us"},
                 {MYL_MSEC(1), "1 ms"}, {MYL_SEC(1) - 1, "999 ms"},
                 {MYL_SEC(1), "1.0 s"}, {MYL_SEC(61) + MYL_MSEC(999), "61.9 s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct actor actors[] = {{.id = "a", .still_ns = cases[i].ns}};
        char text[128];
        open_scene(actors, 1, 16);
        producer_waits(cases[i].ns, 5);
        snprintf(text, sizeof text,
                 "has been waiting for %s; \"a\", lagging by 16 events, is alive and has not moved for %s.",
                 cases[i].text, cases[i].text);
        expect_sentence(text);
        close_scene();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_differences_from_now),
        cmocka_unit_test(future_times_count_as_none),
        cmocka_unit_test(activity_has_its_remaining_time),
        cmocka_unit_test(most_severe_blocking_consumer_is_named),
        cmocka_unit_test(missing_consumers_are_named),
        cmocka_unit_test(absent_consumer_ranks_between_live_and_dead),
        cmocka_unit_test(missing_consumer_is_shown_beside_a_full_registry),
        cmocka_unit_test(waiting_consumers_are_counted),
        cmocka_unit_test(ended_producer_has_its_sentence),
        cmocka_unit_test(unused_lane_has_its_sentence),
        cmocka_unit_test(lag_of_messages_is_in_bytes),
        cmocka_unit_test(durations_are_readable_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
