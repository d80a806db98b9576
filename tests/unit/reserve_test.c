/* SPDX-License-Identifier: MIT
 * Reserved ids: they gate from the start, before their owners come. */
#include <pthread.h>
#include <sys/wait.h>

#include "unit/frames.h"
#include "unit/rings.h"

static const char *const two[] = {"a", "b"};

static myl_producer_options reserving(uint64_t capacity)
{
    myl_producer_options o = producer_options(capacity);
    o.ring.reserve = two;
    o.ring.reserve_count = 2;
    o.ring.liveness_ns = MYL_USEC(100);
    return o;
}

static myl_joined joined_of(const myl_consumer *consumer)
{
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(consumer, &joined));
    return joined;
}

static void expect_full(myl_producer *producer, const char *text)
{
    void *event;
    test_code(MYL_EAGAIN, myl_producer_claim(producer, &event, MYL_TRY));
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(3)));
    expect_detail(text);
}

static unsigned logged(const char *name, enum myl_log_kind kind)
{
    myl_log *log;
    unsigned count = 0;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

static void each_reserved_id_gets_every_event(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "every"), &o);
    put_many(producer, 0, 8);
    assert_int_equal(myl_producer_last_consumed(producer), MYL_SEQUENCE_NONE);
    expect_full(producer, "consumer \"a\" is reserved and has not come yet; start it, or evict it");
    myl_consumer *a = open_consumer(name, "a");
    assert_int_equal(joined_of(a).start, 0);
    assert_int_equal(joined_of(a).resumed, 0);
    assert_int_equal(joined_of(a).lost, 0);
    take_many(a, 0, 8);
    expect_full(producer, "consumer \"b\" is reserved");
    myl_consumer *b = open_consumer(name, "b");
    take_many(b, 0, 3);
    put_many(producer, 8, 3);
    expect_full(producer, "consumer \"b\" (process ");
    take_many(b, 3, 8);
    take_many(a, 8, 3);
    assert_int_equal(myl_producer_last_consumed(producer), 10);
    assert_int_equal(logged(name, MYL_LOG_RESERVED), 2);
    assert_int_equal(logged(name, MYL_LOG_JOINED), 2);
    assert_int_equal(logged(name, MYL_LOG_RESUMED), 0);
    assert_int_equal(logged(name, MYL_LOG_DIED), 0);
    myl_consumer_close(a);
    myl_consumer_close(b);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* Each start of an owner is that of a consumer with a known id. */
static void owner_may_start_elsewhere(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "elsewhere"), &o);
    put_many(producer, 0, 5);
    myl_consumer_options options = consumer_options("a");
    options.ring.start = MYL_START_NOW;
    myl_consumer *a = open_consumer_with(name, &options);
    assert_int_equal(joined_of(a).start, 5);
    options = consumer_options("b");
    options.ring.start = MYL_START_OLDEST;
    myl_consumer *b = open_consumer_with(name, &options);
    take_many(b, 0, 5);
    put_many(producer, 5, 8);
    take_many(a, 5, 8);
    myl_consumer_close(a);
    myl_consumer_close(b);
    myl_producer_close(producer);
}

static void an_owner_that_died_is_reported_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    o.ring.reserve_count = 1;
    myl_producer *producer = open_producer(test_name(name, "died"), &o);
    put_many(producer, 0, 8);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        myl_consumer_options options = consumer_options("a");
        myl_consumer *a;
        _exit(myl_consumer_open(&a, name, &options) == MYL_OK ? 0 : 1); /* without leaving */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    void *event;
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, TEST_DEADLINE_NS));
    myl_consumer *a = open_consumer(name, "a");
    assert_int_equal(joined_of(a).resumed, 1);
    take_many(a, 0, 8);
    myl_consumer_close(a);
    myl_producer_close(producer);
}

/* An id that has left gates again, from where it left; one that is registered stays as it is. */
static void an_id_that_has_left_gates_again(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "left"), &o);
    myl_consumer *a = open_consumer(name, "a");
    myl_consumer *b = open_consumer(name, "b");
    put_many(producer, 0, 6);
    take_many(a, 0, 4);
    take_many(b, 0, 2);
    myl_consumer_close(a);
    myl_producer_leave(producer);
    o.ring.no_consumers = MYL_NO_CONSUMERS_OVERWRITE;
    producer = open_producer(name, &o);
    put_many(producer, 6, 4);
    expect_full(producer, "consumer \"b\" (process ");
    take_many(b, 2, 8);
    put_many(producer, 10, 2);
    expect_full(producer, "consumer \"a\" is reserved");
    a = open_consumer(name, "a");
    assert_int_equal(joined_of(a).start, 4);
    assert_int_equal(joined_of(a).resumed, 1);
    assert_int_equal(joined_of(a).lost, 0);
    take_many(a, 4, 8);
    take_many(b, 10, 2);
    myl_consumer_close(a);
    myl_consumer_close(b);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void expect_consumers(const char *name, uint32_t count, uint32_t reserved)
{
    myl_snapshot *snapshot;
    uint32_t found = 0;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->consumers, count);
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        found += snapshot->entry[i].reserved != 0;
        assert_int_equal(snapshot->entry[i].reserved && snapshot->entry[i].alive, 0);
    }
    assert_int_equal(found, reserved);
    assert_int_equal(snapshot->live_consumers, count - reserved);
    myl_snapshot_free(snapshot);
}

static void a_failed_open_reserves_nothing(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const three[] = {"a", "b", "c"};
    static const char *const twice[] = {"a", "a"};
    static const char *const bad[] = {"a", "no/id"};
    int before = test_shm_entries();
    myl_producer_options o = reserving(8);
    o.config.max_consumers = 3;
    o.ring.reserve = twice;
    expect_no_producer(MYL_EINVAL, "consumer \"a\" is reserved twice", test_name(name, "failed"), &o);
    o.ring.reserve = bad;
    expect_no_producer(MYL_EID, "no/id", name, &o);
    o.ring.reserve = NULL;
    expect_no_producer(MYL_EINVAL, "reserve_count is 2, but `reserve` is NULL", name, &o);
    o.ring.reserve = two;
    o.ring.reserve_count = 0;
    expect_no_producer(MYL_EINVAL, "reserve_count is 0, but `reserve` is set", name, &o);
    o.ring.reserve_count = 1025;
    expect_no_producer(MYL_EINVAL, "reserve_count is 1025; reserve at most 1024 ids", name, &o);
    o.ring.reserve = three;
    o.ring.reserve_count = 3;
    o.config.max_consumers = 2;
    expect_no_producer(MYL_EINVAL, "cannot reserve 3 ids", name, &o);
    assert_int_equal(test_shm_entries(), before);
    /* An existing ring stays as it is. */
    myl_producer_options make = producer_options(8);
    make.config.max_consumers = 3;
    myl_producer *producer = open_producer(name, &make);
    myl_consumer *other = open_consumer(name, "other");
    put(producer, 0, MYL_TRY);
    myl_producer_leave(producer);
    o.config.max_consumers = 0;
    expect_no_producer(MYL_ETABLEFULL, "all 3 consumer entries", name, &o);
    expect_consumers(name, 1, 0);
    /* Nor is it replaced by one that cannot be made. */
    o.config.max_consumers = 2;
    for (int existing = MYL_EXISTING_REPLACE; existing <= MYL_EXISTING_SUPERSEDE; existing++) {
        o.ring.existing = (enum myl_existing)existing;
        int rc = myl_producer_open(&(myl_producer *){NULL}, name, &o);
        assert_int_equal(rc, existing == MYL_EXISTING_REPLACE ? MYL_EINUSE : MYL_EINVAL);
        expect_consumers(name, 1, 0);
    }
    o.ring.existing = MYL_EXISTING_RESUME;
    o.config.max_consumers = 0;
    o.ring.reserve_count = 2;
    o.ring.wait_consumers = 2;
    o.ring.wait_timeout_ns = MYL_MSEC(2);
    expect_no_producer(MYL_ESTARTUP, "1 of 2", name, &o); /* reserved ids are not alive */
    expect_consumers(name, 1, 0);
    o.ring.wait_consumers = 0;
    producer = open_producer(name, &o);
    expect_consumers(name, 3, 2);
    take_many(other, 0, 1);
    put_many(producer, 1, 7);
    expect_full(producer, "is reserved");
    myl_consumer_close(other);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

struct owner {
    const char *name;
    myl_consumer *consumer;
    myl_au32 came;
};

static int is_reserved(void *name)
{
    myl_snapshot *snapshot;
    if (myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot) != MYL_OK)
        return 0;
    int reserved = snapshot->consumers > 0 && snapshot->entry[0].reserved;
    myl_snapshot_free(snapshot);
    return reserved;
}

static void *take_reserved(void *argument)
{
    struct owner *owner = argument;
    char name[TEST_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s", owner->name);
    test_until(is_reserved, name, "an id is reserved");
    owner->consumer = open_consumer(name, "a");
    myl_store32_rel(&owner->came, 1);
    return NULL;
}

/* The open fails after the owner of a reserved id has come: this consumer stays. */
static void a_failed_open_keeps_the_owner_that_came(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    pthread_t thread;
    myl_producer_options make = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "came"), &make);
    myl_producer_leave(producer);
    myl_producer_options o = reserving(8);
    o.ring.wait_consumers = 2;
    o.ring.wait_timeout_ns = MYL_MSEC(100);
    struct owner owner = {.name = name};
    assert_int_equal(pthread_create(&thread, NULL, take_reserved, &owner), 0);
    do
        expect_no_producer(MYL_ESTARTUP, "of 2", name, &o);
    while (myl_load32_acq(&owner.came) == 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_consumers(name, 1, 0);
    producer = open_producer(name, &make);
    put_many(producer, 0, 8);
    expect_full(producer, "consumer \"a\" (process ");
    take_many(owner.consumer, 0, 8);
    myl_consumer_close(owner.consumer);
    myl_producer_close(producer);
}

static void joiners_by_prefix_take_reserved_ids_first(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    static const char *const ids[] = {"w_1", "w_3"};
    myl_producer_options o = reserving(8);
    o.ring.reserve = ids;
    myl_producer *producer = open_producer(test_name(name, "prefix"), &o);
    put_many(producer, 0, 4);
    static const char *const expected[] = {"w_1", "w_3", "w_0", "w_2"};
    myl_consumer *consumer[4];
    for (unsigned i = 0; i < 4; i++) {
        myl_consumer_options options = consumer_options(NULL);
        options.ring.prefix = "w";
        consumer[i] = open_consumer_with(name, &options);
        assert_string_equal(joined_of(consumer[i]).id, expected[i]);
        take_many(consumer[i], 0, 4);
    }
    for (unsigned i = 0; i < 4; i++)
        myl_consumer_close(consumer[i]);
    myl_producer_close(producer);
}

static void evicting_a_reserved_id_frees_the_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    o.ring.reserve_count = 1;
    myl_producer *producer = open_producer(test_name(name, "evict"), &o);
    put_many(producer, 0, 8);
    expect_full(producer, "is reserved");
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "a"));
    myl_consumer *late = open_consumer(name, "late");
    take_many(late, 0, 8);
    put_many(producer, 8, 8);
    assert_int_equal(logged(name, MYL_LOG_DIED), 0);
    myl_consumer_close(late);
    myl_producer_close(producer);
}

static void a_closed_ring_stays_for_reserved_ids(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "closed"), &o);
    put_many(producer, 0, 5);
    myl_producer_close(producer);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ring_exists(name));
        myl_consumer *consumer = open_consumer(name, two[i]);
        take_many(consumer, 0, 5);
        expect_nothing(consumer, MYL_ECLOSED);
        myl_consumer_close(consumer);
    }
    assert_false(ring_exists(name));
}

static void diagnosis_names_the_reserved_id(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "diagnosis"), &o);
    put_many(producer, 0, 8);
    expect_full(producer, "is reserved");
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    assert_int_equal(diagnosis->participants, 3);
    assert_int_equal(diagnosis->participant[1].condition, MYL_COND_RESERVED);
    assert_int_equal(diagnosis->participant[2].condition, MYL_COND_RESERVED);
    myl_diagnosis_free(diagnosis);
    expect_consumers(name, 2, 2);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

struct alerts {
    unsigned absent, recovered, other;
};

static void count_alert(const myl_alert *alert, void *user)
{
    struct alerts *alerts = user;
    alerts->absent += alert->kind == MYL_ALERT_ABSENT;
    alerts->recovered += alert->kind == MYL_ALERT_RECOVERED;
    alerts->other += alert->kind != MYL_ALERT_ABSENT && alert->kind != MYL_ALERT_RECOVERED;
}

static void set_policy(myl_producer *producer, struct alerts *alerts, const char *const *required, uint32_t count)
{
    myl_liveness_options policy = {.size = sizeof policy,
                                   .required = required,
                                   .required_count = count,
                                   .startup_wait_ns = MYL_AT_ONCE,
                                   .progress_timeout_ns = MYL_MSEC(2),
                                   .shutdown_grace_ns = MYL_MSEC(2),
                                   .check_interval_ns = MYL_USEC(100),
                                   .alert = count_alert,
                                   .user = alerts};
    test_ok(myl_producer_set_liveness(producer, &policy));
}

/* A reserved id that does not come is absent: an alert. */
static void policy_reports_a_reserved_id_as_absent(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct alerts alerts = {0};
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "policy"), &o);
    set_policy(producer, &alerts, NULL, 0);
    put_many(producer, 0, 8);
    void *event;
    test_code(MYL_ETIMEDOUT, myl_producer_claim(producer, &event, MYL_MSEC(30)));
    assert_int_equal(alerts.absent, 2);
    assert_int_equal(alerts.recovered + alerts.other, 0);
    myl_consumer *a = open_consumer(name, "a");
    myl_consumer *b = open_consumer(name, "b");
    take_many(a, 0, 8);
    take_many(b, 0, 8);
    put(producer, 8, TEST_DEADLINE_NS);
    assert_int_equal(alerts.recovered, 2);
    assert_int_equal(alerts.other, 0);
    myl_consumer_close(a);
    myl_consumer_close(b);
    myl_producer_close(producer);
}

/* With the role "required" the failure follows the alert. */
static void a_required_id_that_does_not_come_is_a_failure(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct alerts alerts = {0};
    myl_liveness_failure failure = {.size = sizeof failure};
    const myl_role_options required = {.size = sizeof required, .role = MYL_ROLE_REQUIRED};
    myl_producer_options o = reserving(8);
    myl_producer *producer = open_producer(test_name(name, "required"), &o);
    set_policy(producer, &alerts, NULL, 0);
    test_ok(myl_set_role(name, MYL_BACKEND_SHM, "a", &required));
    put_many(producer, 0, 8);
    void *event;
    test_code(MYL_ESTALLED, myl_producer_claim(producer, &event, TEST_DEADLINE_NS));
    test_ok(myl_producer_liveness_failure(producer, &failure));
    assert_string_equal(failure.id, "a");
    assert_false(failure.dead);
    assert_true(alerts.absent >= 1);
    assert_int_equal(alerts.other, 0);
    myl_producer_close(producer);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* A new producer of a closed ring must not end it while a reserved id has unread events. */
static void a_closed_ring_with_a_reserved_id_is_not_ended(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 2000);
    o.ring.reserve = two;
    o.ring.reserve_count = 1;
    myl_frame_producer *producer = open_frames(test_name(name, "drained"), &o);
    send_frame(producer, 0, 1000, MYL_TRY);
    myl_frame_producer_close(producer);
    test_code(MYL_ENOTDRAINED, myl_frame_producer_open(&producer, name, &o));
    expect_detail("its reserved consumer \"a\" has not read 1088 bytes; start that consumer");
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void messages_of_all_lanes_are_kept_for_reserved_ids(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_frame_producer_options o = frame_options(65536, 2000);
    o.config.lanes = 2;
    o.ring.reserve = two;
    o.ring.reserve_count = 2;
    myl_frame_producer *producer[2];
    test_name(name, "lanes");
    for (unsigned i = 0; i < 2; i++)
        producer[i] = open_frames(name, &o);
    for (unsigned i = 0; i < 2; i++) {
        send_frame(producer[i], 1000 * (i + 1), 100, MYL_TRY);
        myl_frame_producer_close(producer[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ring_exists(name));
        myl_frame_consumer *consumer = open_frame_consumer(name, two[i]);
        myl_message message;
        for (unsigned k = 0; k < 2; k++)
            test_ok(myl_frame_consumer_next(consumer, &message, TEST_DEADLINE_NS));
        test_ok(myl_frame_consumer_release(consumer));
        test_code(MYL_ECLOSED, myl_frame_consumer_next(consumer, &message, TEST_DEADLINE_NS));
        myl_frame_consumer_close(consumer);
    }
    assert_false(ring_exists(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reserved_id_gets_every_event),
        cmocka_unit_test(owner_may_start_elsewhere),
        cmocka_unit_test(an_owner_that_died_is_reported_dead),
        cmocka_unit_test(an_id_that_has_left_gates_again),
        cmocka_unit_test(a_failed_open_reserves_nothing),
        cmocka_unit_test(a_failed_open_keeps_the_owner_that_came),
        cmocka_unit_test(joiners_by_prefix_take_reserved_ids_first),
        cmocka_unit_test(evicting_a_reserved_id_frees_the_producer),
        cmocka_unit_test(a_closed_ring_stays_for_reserved_ids),
        cmocka_unit_test(diagnosis_names_the_reserved_id),
        cmocka_unit_test(policy_reports_a_reserved_id_as_absent),
        cmocka_unit_test(a_required_id_that_does_not_come_is_a_failure),
        cmocka_unit_test(a_closed_ring_with_a_reserved_id_is_not_ended),
        cmocka_unit_test(messages_of_all_lanes_are_kept_for_reserved_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
