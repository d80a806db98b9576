/* SPDX-License-Identifier: MIT
 * A control area that does not tell the truth: what cannot be is an error that names the value, and nobody gates or
 * writes by it. tests/fuzz tries everything; these are the cases it has found. */
#include <fcntl.h>
#include <sys/mman.h>

#include "segment/layout.h"
#include "unit/rings.h"

/* A ring, and a mapping of its control area to write into. */
struct victim {
    char name[TEST_NAME_SIZE];
    struct myl_header head;
    struct myl_control *control;
};

static void map_victim(struct victim *victim)
{
    char path[TEST_NAME_SIZE + 16];
    snprintf(path, sizeof path, "/dev/shm/%s", victim->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &victim->head, sizeof victim->head, 0), sizeof victim->head);
    victim->control = mmap(NULL, victim->head.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                           (off_t)victim->head.control_offset);
    assert_true(victim->control != MAP_FAILED);
    close(fd);
}

static void unmap_victim(struct victim *victim)
{
    munmap(victim->control, victim->head.control_bytes);
}

/* Nobody is there, and everything below the gate may be overwritten: a gate ahead is not room. */
static void test_gate_ahead_gives_no_room(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "gate"), &options);
    void *event;
    map_victim(&victim);
    put_many(producer, 0, 8);
    victim.control->gate.v = 4711;
    test_code(MYL_ECORRUPT, myl_producer_claim(producer, &event, MYL_TRY));
    expect_detail("4711");
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

static void test_gate_ahead_lets_nobody_join(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "join"), &options);
    map_victim(&victim);
    put_many(producer, 0, 3);
    victim.control->gate.v = 4711;
    expect_no_consumer(MYL_ECORRUPT, "4711", victim.name, NULL);
    victim.control->gate.v = 0;
    myl_consumer *consumer = open_consumer(victim.name, "later"); /* the failed one has left nothing that gates */
    take_many(consumer, 0, 3);
    unmap_victim(&victim);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
}

static void test_impossible_next_is_not_taken_over(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "next"), &options);
    map_victim(&victim);
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    victim.control->next.v = UINT64_MAX;
    expect_no_producer(MYL_ECORRUPT, "18446744073709551615", victim.name, &options);
    victim.control->next.v = 3;
    producer = open_producer(victim.name, &options);
    assert_int_equal(myl_producer_last(producer), 2);
    unmap_victim(&victim);
    myl_producer_close(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 1));
}

/* A prefix takes over a dead one's entry, but no id that nobody can have. */
static void test_damaged_id_is_not_taken_over(void **state)
{
    (void)state;
    struct victim victim;
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(test_name(victim.name, "id"), &options);
    map_victim(&victim);
    struct myl_entry *entry = (struct myl_entry *)(void *)(victim.control + 1);
    victim.control->entries_used.v = 1;
    entry->state.v = MYL_PARTY_ACTIVE;
    memcpy(entry->id, "w_\n!", 4);
    myl_consumer_options wish = {.size = sizeof wish, .prefix = "w"};
    myl_consumer *consumer = open_consumer_with(victim.name, &wish);
    myl_joined joined;
    test_ok(myl_consumer_joined(consumer, &joined));
    assert_string_equal(joined.id, "w_0");
    unmap_victim(&victim);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    test_ok(myl_remove(victim.name, MYL_BACKEND_SHM, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate_ahead_gives_no_room),
        cmocka_unit_test(test_gate_ahead_lets_nobody_join),
        cmocka_unit_test(test_impossible_next_is_not_taken_over),
        cmocka_unit_test(test_damaged_id_is_not_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
