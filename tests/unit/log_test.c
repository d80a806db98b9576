/* SPDX-License-Identifier: MIT
 * The event log: its records over a ring's life, a full log, and a writer that died within a record; and the activity
 * notices. */
#include "registry/participant.h"
#include "rings.h"

#include "ring/producer.h"
#include "segment/table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static myl_log *take_log(const char *name)
{
    myl_log *log = NULL;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    return log;
}

/* The kinds of all records: "created joined ...". */
static const char *kinds(const char *name)
{
    static char text[1024];
    size_t used = 0;
    myl_log *log = take_log(name);
    text[0] = '\0';
    for (uint32_t i = 0; i < log->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", i > 0 ? " " : "",
                                 myl_log_kind_name(log->entry[i].kind), log->entry[i].id[0] != '\0' ? ":" : "",
                                 log->entry[i].id);
    myl_log_free(log);
    return text;
}

static void log_records_ring_and_participants(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "life"), &o);
    myl_consumer *a = open_consumer(name, "a");
    put_many(producer, 0, 5);
    take_many(a, 0, 3);
    myl_consumer_close(a);
    a = open_consumer(name, "a");
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_ALERT};
    test_ok(myl_set_role(name, MYL_BACKEND_SHM, "a", &role));
    assert_string_equal(kinds(name), "created joined:a left:a resumed:a role:a");
    myl_log *log = take_log(name);
    assert_int_equal(log->written, 5);
    assert_int_equal(log->torn, 0);
    for (uint32_t i = 0; i < log->count; i++) {
        assert_int_equal(log->entry[i].number, i);
        assert_int_equal(log->entry[i].pid, getpid());
        assert_int_equal(log->entry[i].by, getpid());
        assert_true(log->entry[i].time_ns > UINT64_C(1500000000) * 1000000000);
        assert_true(i == 0 || log->entry[i].time_ns >= log->entry[i - 1].time_ns);
    }
    assert_int_equal(log->entry[2].sequence, 3);
    assert_int_equal(log->entry[3].sequence, 3);
    assert_int_equal(log->entry[4].sequence, 3);
    assert_int_equal(log->entry[4].value, MYL_ROLE_ALERT);
    myl_log_free(log);
    myl_producer_leave(producer);
    producer = open_producer(name, &o);
    myl_producer_close(producer);
    assert_string_equal(kinds(name), "created joined:a left:a resumed:a role:a producer-left taken-over closed");
    myl_consumer_close(a);
    assert_false(ring_exists(name));
}

static void only_the_last_records_are_kept(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "many"), &o);
    for (uint32_t i = 0; i < MYL_LOG_RECORDS; i++)
        myl_consumer_close(open_consumer(name, "again"));
    myl_log *log = take_log(name);
    assert_int_equal(log->written, 1 + 2 * MYL_LOG_RECORDS);
    assert_int_equal(log->count, MYL_LOG_RECORDS);
    assert_int_equal(log->torn, 0);
    assert_int_equal(log->entry[0].number, 1 + MYL_LOG_RECORDS);
    assert_int_equal(log->entry[0].kind, MYL_LOG_RESUMED);
    myl_log_free(log);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* Maps the control area for writing, to damage it. */
static struct myl_control *map_control(const char *name, struct myl_log_record **records, size_t *bytes)
{
    char path[TEST_NAME_SIZE + 16];
    struct myl_header head;
    snprintf(path, sizeof path, "/dev/shm/%s", name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &head, sizeof head), sizeof head);
    *bytes = head.data_offset - head.control_offset;
    void *at = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)head.control_offset);
    assert_ptr_not_equal(at, MAP_FAILED);
    close(fd);
    struct myl_control *control = at;
    *records = (struct myl_log_record *)(void *)((unsigned char *)at + myl_log_begin(&head));
    return control;
}

static void torn_records_are_left_out(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct myl_log_record *record;
    size_t bytes;
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 4;
    myl_producer *producer = open_producer(test_name(name, "torn"), &o);
    myl_consumer *a = open_consumer(name, "a");
    myl_consumer *b = open_consumer(name, "b");
    assert_string_equal(kinds(name), "created joined:a joined:b");
    struct myl_control *control = map_control(name, &record, &bytes);

    record[1].number.v |= MYL_LOG_WRITING; /* its writer died within the record */
    assert_string_equal(kinds(name), "created joined:b");
    record[1].number.v &= ~MYL_LOG_WRITING;
    record[2].sequence.v += 1; /* a mix of two records */
    assert_string_equal(kinds(name), "created joined:a");
    record[2].sequence.v -= 1;
    control->log_next.v += 1; /* its writer took the ticket and died before it claimed the record */
    assert_string_equal(kinds(name), "created joined:a joined:b");
    myl_consumer_close(b);
    assert_string_equal(kinds(name), "created joined:a joined:b left:b");
    myl_log *log = take_log(name);
    assert_int_equal(log->torn, 1);
    assert_int_equal(log->entry[3].number, 4);
    myl_log_free(log);

    /* Impossible numbers. */
    uint64_t was = control->log_next.v;
    for (unsigned i = 0; i < 3; i++) {
        control->log_next.v = i == 0 ? UINT64_MAX : i == 1 ? MYL_LOG_WRITING : 7;
        log = take_log(name);
        assert_true(log->count <= MYL_LOG_RECORDS && log->count + log->torn <= MYL_LOG_RECORDS);
        myl_log_free(log);
    }
    control->log_next.v = was;
    munmap(control, bytes);
    myl_consumer_close(a);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* A writer that slept for a whole round of the log does not overwrite newer records. */
static void late_log_writer_overwrites_nothing(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct myl_log_record *record;
    size_t bytes;
    myl_producer_options o = producer_options(8);
    o.config.max_consumers = 4;
    myl_producer *producer = open_producer(test_name(name, "late"), &o);
    struct myl_control *control = map_control(name, &record, &bytes);
    control->log_next.v = 3 + MYL_LOG_RECORDS;
    record[4].number.v = 5 + MYL_LOG_RECORDS; /* newer than number 4, which is written again */
    control->log_next.v = 4;
    myl_consumer_close(open_consumer(name, "a")); /* numbers 4 and 5 */
    assert_int_equal(record[4].number.v, 5 + MYL_LOG_RECORDS);
    assert_int_equal(record[5].number.v, 6);
    munmap(control, bytes);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static void activity_notice_is_copied_and_checked(void **state)
{
    (void)state;
    struct myl_activity doing = {0};
    struct myl_activity_notice notice;
    assert_false(myl_activity_get(&doing, &notice));
    myl_activity_set(&doing, "compiling", MYL_SEC(5));
    assert_true(myl_activity_get(&doing, &notice));
    assert_string_equal(notice.text, "compiling");
    assert_int_equal(notice.until - notice.since, MYL_SEC(5));
    myl_activity_set(&doing, "a text that is longer than there is room for, by far", 0);
    assert_true(myl_activity_get(&doing, &notice));
    assert_int_equal(strlen(notice.text), MYL_ACTIVITY_MAX);
    assert_int_equal(notice.until, 0);
    doing.version.v |= 1; /* a writer died within it */
    assert_false(myl_activity_get(&doing, &notice));
    myl_activity_set(&doing, "back", MYL_FOREVER);
    assert_true(myl_activity_get(&doing, &notice));
    assert_string_equal(notice.text, "back");
    /* An impossible value is limited. */
    doing.until.v = UINT64_MAX / 4;
    doing.since.v = UINT64_MAX / 8;
    doing.text[0].v = UINT64_C(0x1b1b1b1b1b1b1b1b);
    assert_true(myl_activity_get(&doing, &notice));
    assert_true(notice.since <= myl_os_now() && notice.until - notice.since <= MYL_ACTIVITY_MOST_NS);
    assert_memory_equal(notice.text, "????????", 8);
    myl_activity_clear(&doing);
    assert_false(myl_activity_get(&doing, &notice));
}

static void roles_are_logged_and_kept(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "roles"), &o);
    myl_role_options role = {.size = sizeof role, .role = MYL_ROLE_EXPENDABLE};
    myl_consumer_options co = consumer_options("x");
    co.ring.role = &role;
    myl_consumer *x = open_consumer_with(name, &co);
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->entry[0].role, MYL_ROLE_EXPENDABLE);
    myl_snapshot_free(snapshot);
    myl_consumer_close(x);
    x = open_consumer(name, "x"); /* a known id keeps its role */
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->entry[0].role, MYL_ROLE_EXPENDABLE);
    myl_snapshot_free(snapshot);
    test_code(MYL_ENOTFOUND, myl_producer_set_role(producer, "y", &role));
    role.role = (enum myl_role)9;
    test_code(MYL_EINVAL, myl_producer_set_role(producer, "x", &role));
    role.role = MYL_ROLE_REQUIRED;
    role.grace_ns = -7;
    test_code(MYL_EINVAL, myl_producer_set_role(producer, "x", &role));
    role.grace_ns = MYL_AT_ONCE;
    test_ok(myl_producer_set_role(producer, "x", &role));
    for (int i = MYL_ROLE_PLAIN; i <= MYL_ROLE_EXPENDABLE; i++) {
        enum myl_role parsed;
        test_ok(myl_role_parse(myl_role_name((enum myl_role)i), &parsed));
        assert_int_equal(parsed, i);
    }
    enum myl_role parsed;
    test_code(MYL_EINVAL, myl_role_parse("king", &parsed));
    myl_consumer_close(x);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

static int join_and_die(test_peer *parent, void *name)
{
    (void)parent;
    (void)open_consumer(name, "c");
    _exit(0);
}

static const char *joins_before_logging; /* ring that "c" joins again before the death is logged */
static myl_consumer *successor;

void __real_myl_log_consumer_death(const struct myl_segment *segment, uint32_t index, uint32_t generation);
void __wrap_myl_log_consumer_death(const struct myl_segment *segment, uint32_t index, uint32_t generation);

void __wrap_myl_log_consumer_death(const struct myl_segment *segment, uint32_t index, uint32_t generation)
{
    const char *name = joins_before_logging;
    joins_before_logging = NULL;
    if (name != NULL)
        successor = open_consumer(name, "c");
    __real_myl_log_consumer_death(segment, index, generation);
}

/* The producer finds a dead consumer. Before it logs the death, the consumer's successor logs it and takes the
 * entry. */
static void successor_is_not_logged_as_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    void *event;
    test_child child;
    myl_snapshot *snapshot;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "successor"), &o);
    test_spawn(&child, join_and_die, name);
    test_expect_exit(&child, 0);
    put_many(producer, 0, 8);
    joins_before_logging = name;
    test_code(MYL_ECONSUMERDEAD, myl_producer_claim(producer, &event, MYL_SEC(100)));
    assert_non_null(successor);
    assert_string_equal(kinds(name), "created joined:c died:c resumed:c");
    test_ok(myl_snapshot_take(name, MYL_BACKEND_SHM, &snapshot));
    assert_int_equal(snapshot->entry[0].alive, 1);
    assert_true(snapshot->entry[0].died_ns == 0);
    myl_snapshot_free(snapshot);
    take_many(successor, 0, 8);
    myl_consumer_close(successor);
    myl_producer_close(producer);
    assert_false(ring_exists(name));
}

/* Also if the process that detected the earlier death is late. */
static void each_generation_dies_at_most_once(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "generations"), &o);
    myl_consumer_close(open_consumer(name, "c"));
    myl_consumer *consumer = open_consumer(name, "c");
    const struct myl_segment *segment = &producer->handle.segment;
    uint32_t generation = myl_load32_acq(&myl_segment_entry(segment, 0)->generation);
    const uint32_t detected[] = {generation - 1, generation, generation, generation - 1, generation};
    for (unsigned i = 0; i < sizeof detected / sizeof detected[0]; i++)
        myl_log_consumer_death(segment, 0, detected[i]);
    assert_string_equal(kinds(name), "created joined:c left:c resumed:c died:c died:c");
    myl_consumer_close(consumer);
    myl_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_records_ring_and_participants),
        cmocka_unit_test(only_the_last_records_are_kept),
        cmocka_unit_test(torn_records_are_left_out),
        cmocka_unit_test(late_log_writer_overwrites_nothing),
        cmocka_unit_test(activity_notice_is_copied_and_checked),
        cmocka_unit_test(roles_are_logged_and_kept),
        cmocka_unit_test(successor_is_not_logged_as_dead),
        cmocka_unit_test(each_generation_dies_at_most_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
