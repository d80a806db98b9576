/* SPDX-License-Identifier: MIT
 * Structures that grow: each options and result structure in the size of an earlier and of a later version. */
#include <stdlib.h>

#include "base/options.h"
#include "codec/types.h"
#include "unit/rings.h"

/* Bytes that a later version has more. */
enum { LATER = 64 };

/* The argument of a call: the structure of this library, and bytes after it. */
struct given {
    union {
        size_t size;
        myl_producer_options producer;
        myl_consumer_options consumer;
        myl_role_options role;
        myl_liveness_options liveness;
        myl_runner_options runner;
        myl_frame_producer_options frame_producer;
        myl_frame_consumer_options frame_consumer;
        myl_typed_options typed;
        unsigned char byte[sizeof(myl_frame_producer_options) + LATER];
    } u;
};

/* The rings that the calls use. */
struct world {
    char events[TEST_NAME_SIZE], frames[TEST_NAME_SIZE], typed[TEST_NAME_SIZE], fresh[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_frame_producer *frame_producer;
    myl_typed_producer *typed_producer;
};

static myl_typed_options typed_options(void)
{
    MYL_OPTIONS(myl_typed_options, options, .type = &t_s_type, .codec = myl_codec_by_name("bincode2"));
    return options;
}

static void remove_if_there(const char *name)
{
    int rc = myl_remove(name, MYL_BACKEND_SHM, 1);
    assert_true(rc == MYL_OK || rc == MYL_ENOTFOUND);
}

static int open_producer_with(struct world *world, struct given *given)
{
    myl_producer *producer;
    if (given->u.size >= sizeof(myl_producer_options))
        given->u.producer.config.event_size = 8;
    int rc = myl_producer_open(&producer, test_name(world->fresh, "fresh"), &given->u.producer);
    if (rc == MYL_OK) {
        myl_producer_close(producer);
        remove_if_there(world->fresh);
    }
    return rc;
}

static int open_consumer_in(struct world *world, struct given *given)
{
    myl_consumer *consumer;
    int rc = myl_consumer_open(&consumer, world->events, &given->u.consumer);
    if (rc == MYL_OK)
        myl_consumer_close(consumer);
    return rc;
}

static int open_observer_in(struct world *world, struct given *given)
{
    myl_observer *observer;
    int rc = myl_observer_open(&observer, world->events, &given->u.consumer);
    if (rc == MYL_OK)
        myl_observer_close(observer);
    return rc;
}

static int set_role(struct world *world, struct given *given)
{
    return myl_producer_set_role(world->producer, "c", &given->u.role);
}

static int join_with_role(struct world *world, struct given *given)
{
    MYL_OPTIONS(myl_consumer_options, options, .ring = {.id = "r", .role = &given->u.role});
    return open_consumer_in(world, &(struct given){.u.consumer = options});
}

static int set_liveness(struct world *world, struct given *given)
{
    return myl_producer_set_liveness(world->producer, &given->u.liveness);
}

static int stop_at_once(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event, (void)sequence, (void)end_of_batch, (void)user;
    return 1;
}

static int start_runner(struct world *world, struct given *given)
{
    myl_consumer *consumer = open_consumer(world->events, "run");
    myl_runner *runner;
    int rc = myl_runner_start(&runner, consumer, stop_at_once, NULL, &given->u.runner);
    if (rc == MYL_OK) {
        myl_runner_stop(runner);
        test_ok(myl_runner_join(runner, NULL, TEST_DEADLINE_NS));
    }
    myl_consumer_close(consumer);
    return rc;
}

static int open_frame_producer_with(struct world *world, struct given *given)
{
    myl_frame_producer *producer;
    int rc = myl_frame_producer_open(&producer, test_name(world->fresh, "fresh"), &given->u.frame_producer);
    if (rc == MYL_OK) {
        myl_frame_producer_close(producer);
        remove_if_there(world->fresh);
    }
    return rc;
}

static int open_frame_consumer_in(struct world *world, struct given *given)
{
    myl_frame_consumer *consumer;
    int rc = myl_frame_consumer_open(&consumer, world->frames, &given->u.frame_consumer);
    if (rc == MYL_OK)
        myl_frame_consumer_close(consumer);
    return rc;
}

static int open_frame_observer_in(struct world *world, struct given *given)
{
    myl_frame_observer *observer;
    int rc = myl_frame_observer_open(&observer, world->frames, &given->u.frame_consumer);
    if (rc == MYL_OK)
        myl_frame_observer_close(observer);
    return rc;
}

/* A ring of typed messages, with the caller's options of the layer below. */
static int open_typed_producer_with(struct world *world, struct given *given)
{
    myl_typed_options typed = typed_options();
    myl_typed_producer *producer;
    int rc = myl_typed_producer_open(&producer, test_name(world->fresh, "fresh"), &typed, &given->u.frame_producer);
    if (rc == MYL_OK) {
        myl_typed_producer_close(producer);
        remove_if_there(world->fresh);
    }
    return rc;
}

static int open_typed_consumer_in(struct world *world, struct given *given)
{
    myl_typed_options typed = typed_options();
    myl_typed_consumer *consumer;
    int rc = myl_typed_consumer_open(&consumer, world->typed, &typed, &given->u.frame_consumer);
    if (rc == MYL_OK)
        myl_typed_consumer_close(consumer);
    return rc;
}

/* Sets the members that have no default. */
static void set_typed(struct given *given)
{
    const myl_typed_options typed = typed_options();
    if (given->u.size < sizeof typed)
        return;
    given->u.typed.type = typed.type;
    given->u.typed.codec = typed.codec;
}

static int open_with_typed_options(struct world *world, struct given *given)
{
    myl_typed_producer *producer;
    set_typed(given);
    int rc = myl_typed_producer_open(&producer, test_name(world->fresh, "fresh"), &given->u.typed, NULL);
    if (rc == MYL_OK) {
        myl_typed_producer_close(producer);
        remove_if_there(world->fresh);
    }
    return rc;
}

static int join_with_typed_options(struct world *world, struct given *given)
{
    myl_typed_consumer *consumer;
    set_typed(given);
    int rc = myl_typed_consumer_open(&consumer, world->typed, &given->u.typed, NULL);
    if (rc == MYL_OK)
        myl_typed_consumer_close(consumer);
    return rc;
}

/* `last`: the last member of the first release. */
#define ROW(call, type, last) \
    { \
#type, sizeof(type), offsetof(type, last) + sizeof(((type *)0)->last), call \
    }
static const struct row {
    const char *name;
    size_t size, least;
    int (*call)(struct world *world, struct given *given);
} rows[] = {
    ROW(open_producer_with, myl_producer_options, ring.ticket),
    ROW(open_consumer_in, myl_consumer_options, ring.ticket),
    ROW(open_observer_in, myl_consumer_options, ring.ticket),
    ROW(set_role, myl_role_options, grace_ns),
    ROW(join_with_role, myl_role_options, grace_ns),
    ROW(set_liveness, myl_liveness_options, user),
    ROW(start_runner, myl_runner_options, keep_on_death),
    ROW(open_frame_producer_with, myl_frame_producer_options, ring.ticket),
    ROW(open_frame_consumer_in, myl_frame_consumer_options, ring.ticket),
    ROW(open_frame_observer_in, myl_frame_consumer_options, ring.ticket),
    ROW(open_typed_producer_with, myl_frame_producer_options, ring.ticket),
    ROW(open_typed_consumer_in, myl_frame_consumer_options, ring.ticket),
    ROW(open_with_typed_options, myl_typed_options, arena_limit),
    ROW(join_with_typed_options, myl_typed_options, arena_limit),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void begin(struct world *world)
{
    myl_producer_options events = producer_options(8);
    world->producer = open_producer(test_name(world->events, "events"), &events);
    myl_consumer_close(open_consumer(world->events, "c"));
    test_ok(myl_frame_producer_open(&world->frame_producer, test_name(world->frames, "frames"), NULL));
    myl_typed_options typed = typed_options();
    test_ok(myl_typed_producer_open(&world->typed_producer, test_name(world->typed, "typed"), &typed, NULL));
}

static void end(struct world *world)
{
    test_ok(myl_producer_set_liveness(world->producer, NULL));
    myl_producer_close(world->producer);
    myl_frame_producer_close(world->frame_producer);
    myl_typed_producer_close(world->typed_producer);
    remove_if_there(world->typed);
    remove_if_there(world->events);
    remove_if_there(world->frames);
}

/* The first byte that the caller's version does not have is not read: it would be refused as a value. */
static void sizes_of_other_versions_are_understood(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        struct given given = {.u.size = row->least};
        memset(given.u.byte + row->least, 0xff, sizeof given.u.byte - row->least);
        test_ok(row->call(&world, &given));
        given = (struct given){.u.size = row->size};
        memset(given.u.byte + row->size, 0xff, sizeof given.u.byte - row->size);
        test_ok(row->call(&world, &given));
        given = (struct given){.u.size = row->size + LATER};
        test_ok(row->call(&world, &given));
    }
    end(&world);
}

static void members_of_later_versions_must_be_zero(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        for (size_t at = 0; at < LATER; at += LATER - 1) {
            char offset[64];
            struct given given = {.u.size = row->size + LATER};
            given.u.byte[row->size + at] = 1;
            given.u.byte[row->size + LATER - 1] = 1;
            test_code(MYL_EOPTIONS, row->call(&world, &given));
            expect_detail(row->name);
            (void)snprintf(offset, sizeof offset, "offset %zu ", row->size + at);
            expect_detail(offset);
        }
    }
    end(&world);
}

static void sizes_of_no_version_are_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        const size_t wrong[] = {0, 1, sizeof(size_t), row->least - 1, MYL_OPTIONS_MOST + 1, SIZE_MAX};
        for (unsigned k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            struct given given = {.u.size = wrong[k]};
            test_code(MYL_EOPTIONS, row->call(&world, &given));
            expect_detail(row->name);
        }
    }
    end(&world);
}

/* --- the copy itself -------------------------------------------------------------------------------------------- */

/* A structure of three versions, which added `first`, `second` and `third`. */
struct versions {
    size_t size;
    uint64_t first, second, third;
};

static void members_that_an_earlier_version_lacks_are_zero(void **state)
{
    (void)state;
    const struct myl_options_type *type = MYL_OPTIONS_TYPE(struct versions, first);
    struct versions given = {.size = offsetof(struct versions, third), .first = 1, .second = 2, .third = 3};
    struct versions own = {.first = 9, .second = 9, .third = 9};
    test_ok(myl_options_take(&own, &given, type));
    assert_int_equal(own.size, sizeof own);
    assert_int_equal(own.first, 1);
    assert_int_equal(own.second, 2);
    assert_int_equal(own.third, 0);
    given.size = offsetof(struct versions, second);
    test_ok(myl_options_take(&own, &given, type));
    assert_int_equal(own.second, 0);
    given.size -= 1;
    test_code(MYL_EOPTIONS, myl_options_take(&own, &given, type));
    test_ok(myl_options_take(&own, NULL, type));
    assert_int_equal(own.first, 0);
    assert_int_equal(own.size, sizeof own);
}

/* Two layers that share the structure at their ends, as producers of events and of frames share myl_ring_options. */
struct lower_layer {
    size_t size;
    uint32_t config[4];
    struct shared {
        uint64_t first, second, third;
    } ring;
};

struct upper_layer {
    size_t size;
    uint32_t config[9];
    const char *own;
    struct shared ring;
};

static void structures_that_layers_share_grow_in_both(void **state)
{
    (void)state;
    struct lower_layer low = {.size = offsetof(struct lower_layer, ring.third), .config = {1, 2}, .ring = {3, 4, 5}};
    struct upper_layer up = {.size = offsetof(struct upper_layer, ring.second), .own = "", .ring = {3, 4, 5}};
    struct lower_layer is;
    struct upper_layer got;
    test_ok(myl_options_take(&is, &low, MYL_OPTIONS_TYPE(struct lower_layer, ring.first)));
    assert_int_equal(is.config[1], 2);
    assert_int_equal(is.ring.second, 4);
    assert_int_equal(is.ring.third, 0);
    test_ok(myl_options_take(&got, &up, MYL_OPTIONS_TYPE(struct upper_layer, ring.first)));
    assert_ptr_equal(got.own, up.own);
    assert_int_equal(got.ring.first, 3);
    assert_int_equal(got.ring.second, 0);
}

/* A member after `ring` would keep it from growing, and padding after its last member would be taken for a member. */
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

static void shared_options_end_each_structure(void **state)
{
    (void)state;
    assert_int_equal(END_OF(myl_producer_options, ring.ticket), sizeof(myl_producer_options));
    assert_int_equal(END_OF(myl_frame_producer_options, ring.ticket), sizeof(myl_frame_producer_options));
    assert_int_equal(END_OF(myl_consumer_options, ring.ticket), sizeof(myl_consumer_options));
    assert_int_equal(END_OF(myl_frame_consumer_options, ring.ticket), sizeof(myl_frame_consumer_options));
}

/* --- reserved members ------------------------------------------------------------------------------------------- */

static void reserved_members_must_be_zero(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    MYL_OPTIONS(myl_consumer_options, o, .ring.memory = {.reserved = {0, 1}});
    expect_no_consumer(MYL_EOPTIONS, "offset 4 of the reserved members of myl_memory_options", world.events, &o);
    o = (myl_consumer_options){.size = sizeof o, .ring.wait = {.reserved = {1}}};
    expect_no_consumer(MYL_EOPTIONS, "myl_wait_options", world.events, &o);
    o = (myl_consumer_options){.size = sizeof o, .reserved = {1}};
    expect_no_consumer(MYL_EOPTIONS, "of myl_consumer_options", world.events, &o);
    struct given given = {.u.frame_consumer = {.size = sizeof(myl_frame_consumer_options), .reserved = {1}}};
    test_code(MYL_EOPTIONS, open_frame_consumer_in(&world, &given));
    given = (struct given){.u.frame_producer = {.size = sizeof(myl_frame_producer_options), .reserved = {1}}};
    test_code(MYL_EOPTIONS, open_frame_producer_with(&world, &given));
    given.u.frame_producer = (myl_frame_producer_options){.size = sizeof(myl_frame_producer_options)};
    given.u.frame_producer.config.reserved[6] = 1;
    test_code(MYL_EOPTIONS, open_frame_producer_with(&world, &given));
    expect_detail("offset 24 of the reserved members of myl_frame_config");
    given.u.producer = (myl_producer_options){.size = sizeof(myl_producer_options), .config.reserved = {1}};
    test_code(MYL_EOPTIONS, open_producer_with(&world, &given));
    expect_detail("offset 0 of the reserved members of myl_ring_config");
    end(&world);
}

/* --- results ---------------------------------------------------------------------------------------------------- */

static int take_info(const struct world *world, void *to)
{
    return myl_producer_info(world->producer, to);
}

static int take_object(const struct world *world, void *to)
{
    return myl_examine(world->events, MYL_BACKEND_SHM, to);
}

static int take_participant(const struct world *world, void *to)
{
    myl_producer *second;
    MYL_OPTIONS(myl_producer_options, options, .config.event_size = sizeof(struct event));
    test_code(MYL_EPRODUCERALIVE, myl_producer_open(&second, world->events, &options));
    return myl_error_participant(to);
}

static int take_ticket(const struct world *world, void *to)
{
    char text[MYL_TICKET_MAX];
    test_ok(myl_producer_ticket(world->producer, text, sizeof text));
    return myl_ticket_parse(text, to);
}

static int take_joined(const struct world *world, void *to)
{
    myl_consumer *consumer = open_consumer(world->events, "joins");
    int rc = myl_consumer_joined(consumer, to);
    myl_consumer_close(consumer);
    return rc;
}

static int take_peer(const struct world *world, void *to)
{
    myl_consumer *consumer = open_consumer(world->events, "asks");
    int rc = myl_consumer_peer(consumer, to);
    myl_consumer_close(consumer);
    return rc;
}

static int take_failure(const struct world *world, void *to)
{
    return myl_producer_liveness_failure(world->producer, to);
}

static int take_no_event(const void *event, myl_sequence sequence, int end_of_batch, void *user)
{
    (void)event, (void)sequence, (void)end_of_batch, (void)user;
    return 1;
}

/* A refused result leaves the runner as it is. */
static int take_runner_result(const struct world *world, void *to)
{
    myl_runner *runner;
    myl_consumer *consumer = open_consumer(world->events, "runs");
    test_ok(myl_runner_start(&runner, consumer, take_no_event, NULL, NULL));
    myl_runner_stop(runner);
    int rc = myl_runner_join(runner, to, MYL_FOREVER);
    if (rc != MYL_OK)
        test_ok(myl_runner_join(runner, NULL, MYL_FOREVER));
    myl_consumer_close(consumer);
    return rc;
}

#define RESULT(call, type, last) \
    { \
#type, sizeof(type), offsetof(type, last) + sizeof(((type *)0)->last), call \
    }
static const struct {
    const char *name;
    size_t size, least;
    int (*call)(const struct world *world, void *to);
} results[] = {
    RESULT(take_info, myl_info, granted),
    RESULT(take_object, myl_object, detail),
    RESULT(take_participant, myl_failed_participant, lane),
    RESULT(take_ticket, myl_ticket, name),
    RESULT(take_joined, myl_joined, entry),
    RESULT(take_peer, myl_peer, pid),
    RESULT(take_failure, myl_liveness_failure, missing_count),
    RESULT(take_runner_result, myl_runner_result, detail),
};

/* Nothing is written after the size that the caller gave; what the library has no members for becomes 0. */
static void results_fit_the_callers_size(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (unsigned i = 0; i < sizeof results / sizeof results[0]; i++) {
        const size_t sizes[] = {results[i].least, results[i].size, results[i].size + LATER};
        for (unsigned k = 0; k < 3; k++) {
            union {
                size_t size;
                unsigned char byte[8192];
            } to;
            memset(&to, 0xff, sizeof to);
            to.size = sizes[k];
            test_ok(results[i].call(&world, &to));
            assert_int_equal(to.size, sizes[k]);
            for (size_t at = results[i].size; at < sizes[k]; at++)
                assert_int_equal(to.byte[at], 0);
            for (size_t at = sizes[k]; at < sizeof to.byte; at++)
                assert_int_equal(to.byte[at], 0xff);
        }
        const size_t wrong[] = {0, results[i].least - 1, MYL_OPTIONS_MOST + 1};
        for (unsigned k = 0; k < 3; k++) {
            size_t size = wrong[k];
            test_code(MYL_EOPTIONS, results[i].call(&world, &size));
            expect_detail(results[i].name);
            assert_int_equal(size, wrong[k]);
        }
    }
    end(&world);
}

/* An array of a later library has larger elements. A program of today finds each of them. */
static void elements_of_a_later_version_are_found(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    myl_consumer *consumer = open_consumer(world.events, "c");
    myl_snapshot *snapshot;
    myl_log *log;
    myl_diagnosis *diagnosis;
    test_ok(myl_snapshot_take(world.events, MYL_BACKEND_SHM, &snapshot));
    test_ok(myl_log_take(world.events, MYL_BACKEND_SHM, &log));
    test_ok(myl_diagnose(world.events, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(snapshot->size, sizeof *snapshot);
    assert_int_equal(log->size, sizeof *log);
    assert_int_equal(diagnosis->size, sizeof *diagnosis);
    assert_string_equal(myl_snapshot_entry(snapshot, 0)->id, "c");
    assert_string_equal(myl_log_entry_at(log, log->count - 1)->id, "c");
    assert_string_equal(myl_diagnosis_participant_at(diagnosis, 1)->id, "c");
    snapshot->entry_size += LATER;
    log->entry_size += LATER;
    diagnosis->participant_size += LATER;
    assert_ptr_equal(myl_snapshot_entry(snapshot, 2), (char *)snapshot->entry + 2 * (sizeof *snapshot->entry + LATER));
    assert_ptr_equal(myl_log_entry_at(log, 2), (char *)log->entry + 2 * (sizeof *log->entry + LATER));
    assert_ptr_equal(myl_diagnosis_participant_at(diagnosis, 2),
                     (char *)diagnosis->participant + 2 * (sizeof *diagnosis->participant + LATER));
    myl_diagnosis_free(diagnosis);
    myl_log_free(log);
    myl_snapshot_free(snapshot);
    myl_consumer_close(consumer);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_other_versions_are_understood),
        cmocka_unit_test(members_of_later_versions_must_be_zero),
        cmocka_unit_test(sizes_of_no_version_are_refused),
        cmocka_unit_test(members_that_an_earlier_version_lacks_are_zero),
        cmocka_unit_test(structures_that_layers_share_grow_in_both),
        cmocka_unit_test(shared_options_end_each_structure),
        cmocka_unit_test(reserved_members_must_be_zero),
        cmocka_unit_test(results_fit_the_callers_size),
        cmocka_unit_test(elements_of_a_later_version_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
