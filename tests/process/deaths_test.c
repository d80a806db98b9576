/* SPDX-License-Identifier: MIT
 * Several are dead or gone at the same time: each death is told, nobody is called back who is not, a producer that only
 * polls learns of it too, and what a joiner left that died half way can be given up. */
#include "process/party.h"

#include "ring/producer.h"

enum { CAPACITY = 8, CONSUMERS_MOST = 3 };

struct heard {
    uint32_t count[MYL_ALERT_REAPED + 1];
    char last[MYL_ID_MAX + 1];
};

static void hear(const myl_alert *alert, void *user)
{
    struct heard *heard = user;
    heard->count[alert->kind]++;
    memcpy(heard->last, alert->id, sizeof heard->last);
}

struct setting {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    struct party party[CONSUMERS_MOST];
    test_child child[CONSUMERS_MOST];
    struct heard heard;
};

/* A full ring with these consumers, who have read nothing of it. */
static void begin(struct setting *s, const char *what, const char *const ids[], int count, const myl_role_options *role)
{
    memset(s, 0, sizeof *s);
    myl_producer_options o = producer_options(CAPACITY);
    s->producer = open_producer(test_name(s->name, what), &o);
    for (int i = 0; i < count; i++) {
        s->party[i] = (struct party){.name = s->name, .id = ids[i], .consumer.role = role};
        start_consumer(&s->child[i], &s->party[i], 0);
    }
}

/* Times that nobody comes to: what is told is told because somebody is dead. */
static void manage(struct setting *s, const char *const required[], uint32_t count, int64_t progress_ns)
{
    myl_liveness_options o = {
        .size = sizeof o,
        .required = required,
        .required_count = count,
        .progress_timeout_ns = progress_ns,
        .shutdown_grace_ns = MYL_SEC(60),
        .check_interval_ns = MYL_MSEC(1),
        .alert = hear,
        .user = &s->heard,
    };
    test_ok(myl_producer_manage(s->producer, &o));
}

static int claim(const struct setting *s, int64_t timeout_ns)
{
    void *event;
    return myl_producer_claim(s->producer, &event, timeout_ns);
}

static void expect_death_of(const struct setting *s, const char *id)
{
    myl_trouble trouble;
    test_code(MYL_ECONSUMERDEAD, claim(s, MYL_SEC(15)));
    myl_producer_trouble(s->producer, &trouble);
    assert_true(trouble.dead && !trouble.final);
    assert_string_equal(trouble.id, id);
}

static uint32_t logged(const struct setting *s, enum myl_log_kind kind)
{
    myl_log *log;
    uint32_t count = 0;
    test_ok(myl_log_take(s->name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

static void test_two_at_once(void **state)
{
    (void)state;
    static const char *const both[] = {"a", "b"};
    struct setting s;
    begin(&s, "two", both, 2, NULL);
    manage(&s, both, 2, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    test_kill(&s.child[1]);
    expect_death_of(&s, "a");
    expect_death_of(&s, "b");
    assert_int_equal(s.heard.count[MYL_ALERT_DIED], 2);
    test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(50))); /* told, both */
    myl_producer_close(s.producer);
    test_ok(myl_remove(s.name, MYL_BACKEND_SHM, 0));
}

/* A plain one's death is told by every call, which must not keep from hearing of the required one's. */
static void test_plain_hides_no_required(void **state)
{
    (void)state;
    static const char *const both[] = {"plain", "required"};
    struct setting s;
    begin(&s, "plain", both, 2, NULL);
    manage(&s, both + 1, 1, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    test_kill(&s.child[1]);
    expect_death_of(&s, "required");
    expect_death_of(&s, "plain");
    expect_death_of(&s, "plain");
    myl_producer_close(s.producer);
    test_ok(myl_remove(s.name, MYL_BACKEND_SHM, 0));
}

/* Given up by hand; whoever gets its place has not recovered from anything. */
static void test_a_place_is_not_its_former_owner(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    struct setting s;
    begin(&s, "place", one, 1, &role);
    manage(&s, NULL, 0, MYL_SEC(60));
    put_many(s.producer, 0, CAPACITY);
    test_kill(&s.child[0]);
    while (s.heard.count[MYL_ALERT_DIED] == 0)
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10)));
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    myl_consumer *fresh = open_consumer(s.name, "fresh");
    take_many(fresh, 0, CAPACITY);
    put_many(s.producer, CAPACITY, 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 0);
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 0);
    take_many(fresh, CAPACITY, 1);
    myl_producer_close(s.producer);
    myl_consumer_close(fresh);
    assert_false(ring_exists(s.name));
}

/* It died, was given up, was missed, and came back: once. */
static void test_back_once(void **state)
{
    (void)state;
    static const char *const both[] = {"keeps", "w"};
    struct setting s;
    begin(&s, "once", both, 2, NULL);
    manage(&s, both + 1, 1, MYL_MSEC(1));
    put_many(s.producer, 0, CAPACITY);
    order(&s.child[0], CAPACITY, CAPACITY);
    test_kill(&s.child[1]);
    expect_death_of(&s, "w");
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    while (s.heard.count[MYL_ALERT_ABSENT] == 0)
        test_code(MYL_ETIMEDOUT, claim(&s, MYL_MSEC(10)));
    start_consumer(&s.child[1], &s.party[1], 0); /* given up, and missed: the gate has not moved meanwhile */
    order(&s.child[1], CAPACITY, CAPACITY);
    put_many(s.producer, CAPACITY, 1);
    assert_int_equal(s.heard.count[MYL_ALERT_RECOVERED], 1);
    assert_string_equal(s.heard.last, "w");
    assert_int_equal(logged(&s, MYL_LOG_RECOVERED), 1);
    order(&s.child[0], 1, CAPACITY + 1);
    order(&s.child[1], 1, CAPACITY + 1);
    myl_producer_close(s.producer);
    finish(&s.child[0], PARTY_CLOSE);
    finish(&s.child[1], PARTY_CLOSE);
    assert_false(ring_exists(s.name));
}

static int try_until_told(const struct setting *s)
{
    int64_t end = test_now_ns() + MYL_SEC(15);
    int rc;
    do
        rc = claim(s, MYL_TRY);
    while (rc == MYL_EAGAIN && test_now_ns() < end);
    return rc;
}

/* Without a policy, and never in a call that waits. */
static void test_who_polls_is_told(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    struct setting s;
    begin(&s, "polls", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_kill(&s.child[0]);
    test_code(MYL_ECONSUMERDEAD, try_until_told(&s));
    expect_detail("\"w\"");
    test_ok(myl_set_role(s.name, MYL_BACKEND_SHM, "w", &role));
    myl_consumer *keeps = open_consumer(s.name, "keeps"); /* somebody gates on */
    take_many(keeps, 0, CAPACITY);
    test_ok(try_until_told(&s));
    assert_int_equal(logged(&s, MYL_LOG_REAPED), 1);
    myl_producer_close(s.producer);
    myl_consumer_close(keeps);
    assert_false(ring_exists(s.name));
}

/* J7 of protocol 3: the seat is free, the state is JOINING, the cursor gates. */
static void leave_half_joined(struct setting *s)
{
    struct myl_entry *entry = myl_segment_entry(&s->producer->handle.segment, 0);
    assert_int_equal(myl_load32_acq(&entry->state), MYL_PARTY_ACTIVE);
    myl_store32_rel(&entry->state, MYL_PARTY_JOINING);
}

static void test_a_dead_joiner_is_given_up(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    struct setting s;
    begin(&s, "joiner", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    myl_consumer *keeps = open_consumer(s.name, "keeps");
    take_many(keeps, 0, CAPACITY);
    test_kill(&s.child[0]);
    leave_half_joined(&s);
    test_code(MYL_EAGAIN, claim(&s, MYL_TRY));
    test_ok(myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    test_ok(claim(&s, MYL_TRY));
    test_code(MYL_ENOTFOUND, myl_evict(s.name, MYL_BACKEND_SHM, "w"));
    myl_producer_abort(s.producer);
    myl_producer_close(s.producer);
    myl_consumer_close(keeps);
    assert_false(ring_exists(s.name));
}

/* The same, and the producer goes on by itself, though it only polls. */
static void test_a_dead_joiner_is_passed(void **state)
{
    (void)state;
    static const char *const one[] = {"w"};
    struct setting s;
    begin(&s, "passed", one, 1, NULL);
    put_many(s.producer, 0, CAPACITY);
    myl_consumer *keeps = open_consumer(s.name, "keeps");
    take_many(keeps, 0, CAPACITY);
    test_kill(&s.child[0]);
    leave_half_joined(&s);
    test_ok(try_until_told(&s));
    myl_producer_abort(s.producer);
    myl_producer_close(s.producer);
    myl_consumer_close(keeps);
    assert_false(ring_exists(s.name));
}

/* What a required consumer had read when it went counts, and nothing beyond. */
static void test_what_the_away_had_read(void **state)
{
    (void)state;
    static const char *const both[] = {"keeps", "w"};
    struct setting s;
    begin(&s, "away", both, 2, NULL);
    manage(&s, both + 1, 1, MYL_SEC(60));
    put_many(s.producer, 0, 5);
    order(&s.child[0], 5, 5);
    order(&s.child[1], 3, 3);
    finish(&s.child[1], PARTY_CLOSE);
    assert_int_equal(myl_producer_gating(s.producer), 2);
    assert_int_equal(myl_producer_is_consumed(s.producer, 2), 1);
    assert_int_equal(myl_producer_is_consumed(s.producer, 3), 0);
    test_ok(myl_producer_wait_consumed(s.producer, 2, MYL_TRY));
    test_code(MYL_EAGAIN, myl_producer_wait_consumed(s.producer, 3, MYL_TRY));
    start_consumer(&s.child[1], &s.party[1], 3);
    order(&s.child[1], 2, 5);
    test_ok(myl_producer_wait_consumed(s.producer, 4, MYL_TRY));
    assert_int_equal(myl_producer_gating(s.producer), 4);
    myl_producer_close(s.producer);
    finish(&s.child[0], PARTY_CLOSE);
    finish(&s.child[1], PARTY_CLOSE);
    assert_false(ring_exists(s.name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_plain_hides_no_required),
        cmocka_unit_test(test_a_place_is_not_its_former_owner),
        cmocka_unit_test(test_back_once),
        cmocka_unit_test(test_who_polls_is_told),
        cmocka_unit_test(test_a_dead_joiner_is_given_up),
        cmocka_unit_test(test_a_dead_joiner_is_passed),
        cmocka_unit_test(test_what_the_away_had_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
