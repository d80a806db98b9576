/* SPDX-License-Identifier: MIT
 * Rings seen from outside: snapshots, listing, removal. */
#include <sys/resource.h>

#include "unit/rings.h"

static myl_snapshot *snapshot_of(const char *name)
{
    myl_snapshot *snapshot = NULL;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_non_null(snapshot);
    return snapshot;
}

static void new_ring_has_an_empty_snapshot(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    o.config.label = "label";
    o.config.type_id = 12;
    o.config.spin_only = MYL_SPIN_ONLY_ON;
    myl_producer *producer = open_producer(test_name(name, "fresh"), &o);
    myl_snapshot *s = snapshot_of(name);
    assert_string_equal(s->info.name, name);
    assert_string_equal(s->info.label, "label");
    assert_int_equal(s->info.type_id, 12);
    assert_int_equal(s->info.capacity, 16);
    assert_int_equal(s->info.event_size, sizeof(struct event));
    assert_int_equal(s->info.parkable, 0);
    assert_true(s->info.created_ns > UINT64_C(1500000000000000000));
    assert_int_equal(s->next, 0);
    assert_int_equal(s->gate, 0);
    assert_int_equal(s->closed, 0);
    assert_int_equal(s->superseded, 0);
    assert_int_equal(s->producer_alive, 1);
    assert_int_equal(s->producer_left, 0);
    assert_int_equal(s->producer_pid, getpid());
    assert_int_equal(s->epoch, 1);
    assert_int_equal(s->consumers, 0);
    assert_int_equal(s->live_consumers, 0);
    myl_snapshot_free(s);
    myl_producer_close(producer);
}

static void snapshot_lists_participants(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    myl_producer *producer = open_producer(test_name(name, "parties"), &o);
    myl_consumer *a = open_consumer(name, "a");
    myl_consumer *b = open_consumer(name, "b");
    put_many(producer, 0, 10);
    take_many(a, 0, 10);
    take_many(b, 0, 4);
    myl_snapshot *s = snapshot_of(name);
    assert_int_equal(s->next, 10);
    assert_int_equal(s->consumers, 2);
    assert_int_equal(s->live_consumers, 2);
    assert_string_equal(s->entry[0].id, "a");
    assert_string_equal(s->entry[1].id, "b");
    assert_int_equal(s->entry[0].state, MYL_PARTICIPANT_ACTIVE);
    assert_int_equal(s->entry[0].alive, 1);
    assert_int_equal(s->entry[0].pid, getpid());
    assert_int_equal(s->entry[0].cursor, 10);
    assert_int_equal(s->entry[0].lag, 0);
    assert_int_equal(s->entry[1].cursor, 4);
    assert_int_equal(s->entry[1].lag, 6);
    assert_true(s->entry[1].start_ns > UINT64_C(1500000000000000000));
    uint32_t generation = s->entry[1].generation;
    myl_snapshot_free(s);
    myl_consumer_close(b);
    s = snapshot_of(name);
    assert_int_equal(s->consumers, 2); /* still known */
    assert_int_equal(s->live_consumers, 1);
    assert_int_equal(s->entry[1].state, MYL_PARTICIPANT_LEFT);
    assert_int_equal(s->entry[1].alive, 0);
    assert_int_equal(s->entry[1].generation, generation + 1);
    assert_int_equal(s->entry[1].cursor, 4);
    myl_snapshot_free(s);
    myl_producer_leave(producer);
    s = snapshot_of(name);
    assert_int_equal(s->producer_alive, 0);
    assert_int_equal(s->producer_left, 1);
    assert_int_equal(s->closed, 0);
    myl_snapshot_free(s);
    producer = open_producer(name, NULL);
    s = snapshot_of(name);
    assert_int_equal(s->epoch, 2);
    assert_int_equal(s->producer_left, 0);
    myl_snapshot_free(s);
    myl_producer_close(producer);
    s = snapshot_of(name);
    assert_int_equal(s->closed, 1);
    assert_int_equal(s->closed_at, 10);
    myl_snapshot_free(s);
    myl_consumer_close(a);
    assert_false(ring_exists(name));
}

struct search {
    const char *name;
    int found;
    int stop;
};

static int visit(const char *name, void *user)
{
    struct search *search = user;
    if (strcmp(name, search->name) != 0)
        return 0;
    search->found++;
    return search->stop;
}

static void list_has_every_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], foreign[TEST_NAME_SIZE], path[TEST_NAME_SIZE + 16];
    myl_producer_options o = producer_options(16);
    struct search search = {.name = test_name(name, "list")};
    assert_int_equal(myl_list(visit, &search), 0);
    assert_int_equal(search.found, 0);
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(myl_list(visit, &search), 0);
    assert_int_equal(search.found, 1);
    search.stop = 33;
    assert_int_equal(myl_list(visit, &search), 33);
    snprintf(path, sizeof path, "/dev/shm/%s", test_name(foreign, "no-ring"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("this is not a ring", file);
    fclose(file);
    search = (struct search){.name = foreign};
    assert_int_equal(myl_list(visit, &search), 0);
    assert_int_equal(search.found, 0);
    unlink(path);
    myl_producer_close(producer);
}

/* Without a free descriptor the directory cannot be read; with one it can be, but no ring. The call must fail instead
 * of listing no ring. */
static void list_fails_without_descriptors(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(16);
    struct search search = {.name = test_name(name, "limit")};
    myl_producer *producer = open_producer(name, &o);
    struct rlimit limit, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(STDIN_FILENO);
    assert_true(next >= 0);
    close(next);
    for (int available = 0; available < 2; available++) {
        low = limit;
        low.rlim_cur = (rlim_t)(next + available);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        int rc = myl_list(visit, &search);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        test_code(MYL_ELIMIT, rc);
        if (available == 0)
            expect_detail("cannot read directory");
        assert_int_equal(search.found, 0);
    }
    myl_producer_close(producer);
}

static void memfd_has_no_name(void **state)
{
    (void)state;
    myl_snapshot *s = (myl_snapshot *)(void *)&s;
    test_code(MYL_EINVAL, myl_snapshot_take("x", MYL_BACKEND_MEMFD, &s));
    assert_null(s);
    test_code(MYL_EINVAL, myl_remove("x", MYL_BACKEND_MEMFD, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_ring_has_an_empty_snapshot),
        cmocka_unit_test(snapshot_lists_participants),
        cmocka_unit_test(list_has_every_ring),
        cmocka_unit_test(list_fails_without_descriptors),
        cmocka_unit_test(memfd_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
