/* SPDX-License-Identifier: MIT
 * A handle's descriptor is closed, and its number is used for another file. The handle's calls report that. No live
 * participant is reported dead, reaped or replaced because of the wrong file, and no wrong file is closed. */
/* ctest: not-under=emulator */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "process/participant.h"
#include "unit/lanes.h"

enum { CAPACITY = 8 };

/* What happened to the descriptor. */
enum how { CLOSED, NULLED, HOW_COUNT };

struct ring {
    enum myl_backend backend;
    char text[TEST_PATH_SIZE];
    const char *name;            /* NULL: a memfd */
    int memfd;                   /* the descriptor by which all participants open it, or -1 */
    struct stat object;
};

static void set_up_ring(struct ring *ring, enum myl_backend backend)
{
    char path[TEST_PATH_SIZE + 16];
    myl_producer_options o = producer_options(CAPACITY);
    *ring = (struct ring){.backend = o.ring.backend = backend, .memfd = -1};
    if (backend == MYL_BACKEND_SHM)
        ring->name = test_name(ring->text, "lost");
    else if (backend == MYL_BACKEND_FILE)
        ring->name = test_path(ring->text, "lost");
    myl_producer *maker = open_producer(ring->name, &o);
    if (ring->name == NULL)
        test_ok(myl_producer_fd(maker, &ring->memfd));
    myl_producer_leave(maker);
    snprintf(path, sizeof path, "%s%s", backend == MYL_BACKEND_SHM ? "/dev/shm/" : "", ring->text);
    assert_int_equal(ring->name == NULL ? fstat(ring->memfd, &ring->object) : stat(path, &ring->object), 0);
}

static struct participant participant_of(const struct ring *ring)
{
    struct participant participant = {.name = ring->name,
                                      .producer = producer_options(0),
                                      .consumer = consumer_options(NULL)};
    participant.producer.ring.backend = participant.consumer.ring.backend = ring->backend;
    participant.producer.ring.use_fd = ring->memfd >= 0;
    participant.producer.ring.fd = participant.consumer.ring.fd = ring->memfd < 0 ? 0 : ring->memfd;
    return participant;
}

static void drop_ring(const struct ring *ring)
{
    if (ring->memfd >= 0)
        close(ring->memfd);
    else
        test_ok(myl_remove(ring->name, ring->backend, 0));
}

static uint32_t logged(const struct ring *ring, enum myl_log_kind kind)
{
    myl_log *log;
    uint32_t count = 0;
    if (ring->name == NULL)
        return 0;
    test_ok(myl_log_take(ring->name, ring->backend, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

/* Returns the descriptor of the handle that this process opened last. */
static int find_descriptor(const struct ring *ring)
{
    int found = -1;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat st;
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != ring->memfd && fstat(fd, &st) == 0 && st.st_dev == ring->object.st_dev &&
            st.st_ino == ring->object.st_ino && fd > found)
            found = fd;
    }
    closedir(directory);
    assert_true(found >= 0);
    return found;
}

static int lose(const struct ring *ring, enum how how)
{
    int fd = find_descriptor(ring);
    if (how == CLOSED) {
        close(fd);
        return fd;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(dup2(null, fd), fd);
    close(null);
    return fd;
}

/* After the handle's close: a file that got its number is still open. */
static void expect_untouched(int fd, enum how how)
{
    struct stat null, st;
    if (how == CLOSED)
        return;
    assert_int_equal(stat("/dev/null", &null), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_rdev, null.st_rdev);
    close(fd);
}

#define expect_lost(call)                                                                                              \
    do {                                                                                                               \
        test_code(MYL_ELOCKLOST, call);                                                                                \
        expect_detail("close the handle");                                                                             \
    } while (0)

/* --- a consumer --------------------------------------------------------------------------------------------------- */

struct scene {
    struct ring ring;
    struct participant participant;
    enum how how;
    enum myl_peer_state truth;
};

static int consume_without_descriptor(test_peer *parent, void *argument)
{
    const struct scene *s = argument;
    const void *event;
    myl_peer peer = {.size = sizeof peer};
    myl_diagnosis *diagnosis;
    myl_joined joined = {.size = sizeof joined};
    int copy;
    myl_consumer *consumer = open_consumer_with(s->ring.name, &s->participant.consumer);
    take_many(consumer, 0, 2);
    int fd = lose(&s->ring, s->how);
    test_send(parent, 1);
    test_expect_value(parent, 1);
    take_many(consumer, 2, 1); /* published events can still be read */
    expect_lost(myl_consumer_next(consumer, &event, MYL_SEC(15)));
    expect_lost(myl_consumer_peer(consumer, &peer));
    expect_lost(myl_consumer_diagnose(consumer, 0, &diagnosis));
    expect_lost(myl_consumer_fd(consumer, &copy));
    myl_consumer_close(consumer);
    expect_untouched(fd, s->how);
    consumer = open_consumer_with(s->ring.name, &s->participant.consumer); /* as the error text advises */
    test_ok(myl_consumer_joined(consumer, &joined));
    assert_int_equal(joined.start, 3);
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, s->truth);
    myl_consumer_close(consumer);
    return 0;
}

static void consumer_loses(enum myl_backend backend, enum how how, int killed)
{
    struct scene s = {.how = how, .truth = killed ? MYL_PEER_DEAD : MYL_PEER_ALIVE};
    test_child producer, consumer;
    set_up_ring(&s.ring, backend);
    s.participant = participant_of(&s.ring);
    s.participant.consumer.ring.id = "w";
    start_producer(&producer, &s.participant, 0);
    order(&producer, 3, 3);
    test_spawn(&consumer, consume_without_descriptor, &s);
    test_expect_value(&consumer.peer, 1);
    if (killed)
        test_kill(&producer);
    test_send(&consumer.peer, 1);
    test_expect_exit(&consumer, 0);
    assert_int_equal(logged(&s.ring, MYL_LOG_PRODUCER_DIED), killed && s.ring.name != NULL);
    if (!killed)
        finish(&producer, PARTICIPANT_LEAVE);
    drop_ring(&s.ring);
}

static void consumer_reports_its_lost_descriptor(void **state)
{
    (void)state;
    for (enum myl_backend backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        for (enum how how = CLOSED; how < HOW_COUNT; how++) {
            consumer_loses(backend, how, 0);
            consumer_loses(backend, how, 1);
        }
    }
}

/* --- a producer --------------------------------------------------------------------------------------------------- */

static int try_to_produce(test_peer *parent, void *argument)
{
    const struct participant *participant = argument;
    (void)parent;
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", participant->name, &participant->producer);
    return 0;
}

static int claim_until_reported(myl_producer *producer, int64_t timeout_ns)
{
    void *event;
    int rc;
    int64_t start = test_now_ns();
    do
        rc = myl_producer_claim(producer, &event, timeout_ns);
    while (rc == MYL_EAGAIN && test_now_ns() - start < MYL_SEC(15));
    return rc;
}

static void producer_loses(enum myl_backend backend, enum how how, enum myl_role role, int managed)
{
    static const char *const required[] = {"w"};
    const myl_role_options role_options = {.size = sizeof role_options, .role = role};
    const myl_liveness_options policy = {.size = sizeof policy,
                                         .required = required,
                                         .required_count = role == MYL_ROLE_REQUIRED,
                                         .check_interval_ns = MYL_MSEC(1),
                                         .progress_timeout_ns = MYL_SEC(60)};
    struct ring ring;
    test_child consumer, other;
    myl_diagnosis *diagnosis;
    char id[MYL_ID_MAX + 1];
    int copy;
    set_up_ring(&ring, backend);
    struct participant participant = participant_of(&ring);
    participant.id = "w";
    participant.consumer.ring.role = &role_options;
    myl_producer *producer = open_producer(ring.name, &participant.producer);
    start_consumer(&consumer, &participant, 0);
    if (managed)
        test_ok(myl_producer_set_liveness(producer, &policy));
    put_many(producer, 0, CAPACITY);
    int fd = lose(&ring, how);
    expect_lost(claim_until_reported(producer, MYL_SEC(15)));
    if (managed)
        expect_lost(claim_until_reported(producer, MYL_TRY)); /* a producer that only polls gets the report, too */
    expect_lost(myl_producer_wait_consumed(producer, 0, MYL_SEC(15)));
    expect_lost(myl_producer_wait_consumers(producer, NULL, 1, MYL_TRY));
    expect_lost(myl_producer_diagnose(producer, 0, &diagnosis));
    expect_lost(myl_producer_missing_consumer(producer, 0, id));
    expect_lost(myl_producer_fd(producer, &copy));
    test_spawn(&other, try_to_produce, &participant); /* it still holds the producer's lock */
    test_expect_exit(&other, 0);
    assert_int_equal(logged(&ring, MYL_LOG_DIED) + logged(&ring, MYL_LOG_REAPED), 0);
    myl_producer_leave(producer);
    expect_untouched(fd, how);
    order(&consumer, CAPACITY, CAPACITY); /* none of these events was given up */
    producer = open_producer(ring.name, &participant.producer);
    put_many(producer, CAPACITY, 1);
    order(&consumer, 1, CAPACITY + 1);
    finish(&consumer, PARTICIPANT_CLOSE);
    myl_producer_leave(producer);
    drop_ring(&ring);
}

static void producer_reports_its_lost_descriptor(void **state)
{
    (void)state;
    for (enum myl_backend backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        for (enum how how = CLOSED; how < HOW_COUNT; how++) {
            for (int managed = 0; managed <= 1; managed++) {
                producer_loses(backend, how, MYL_ROLE_REQUIRED, managed);
                producer_loses(backend, how, MYL_ROLE_EXPENDABLE, managed);
            }
        }
    }
}

/* The wrong file must not make the required set look complete or absent. */
static void startup_wait_reports_a_lost_descriptor(void **state)
{
    (void)state;
    static const char *const required[] = {"w"};
    const myl_liveness_options policy = {.size = sizeof policy, .required = required, .required_count = 1};
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring;
        test_child consumer;
        void *event;
        set_up_ring(&ring, MYL_BACKEND_SHM);
        struct participant participant = participant_of(&ring);
        participant.id = "w";
        myl_producer *producer = open_producer(ring.name, &participant.producer);
        start_consumer(&consumer, &participant, 0);
        test_ok(myl_producer_set_liveness(producer, &policy));
        int fd = lose(&ring, how);
        expect_lost(myl_producer_claim(producer, &event, MYL_TRY));
        expect_lost(myl_producer_claim(producer, &event, MYL_SEC(15)));
        myl_producer_leave(producer);
        expect_untouched(fd, how);
        finish(&consumer, PARTICIPANT_CLOSE);
        drop_ring(&ring);
    }
}

/* --- another handle of the same ring gets the number -------------------------------------------------------------- */

/* Makes `fd` the number of the next descriptor that is opened. */
static void reserve_lower_numbers(int fd)
{
    int filler;
    do {
        filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(filler >= 0);
    } while (filler < fd);
    close(filler);
    close(fd);
}

static int reuse_number_in_same_ring(test_peer *parent, void *argument)
{
    const struct ring *ring = argument;
    const myl_role_options expendable = {.size = sizeof expendable, .role = MYL_ROLE_EXPENDABLE};
    struct participant participant = participant_of(ring);
    myl_peer peer = {.size = sizeof peer};
    void *event;
    (void)parent;
    int spare = open("/dev/null", O_RDONLY | O_CLOEXEC); /* a handle opens its directory before its object */
    myl_producer *producer = open_producer(ring->name, &participant.producer);
    int fd = find_descriptor(ring);
    reserve_lower_numbers(fd);
    if (ring->name != NULL)
        close(spare);
    participant.consumer.ring.id = "w";
    participant.consumer.ring.role = &expendable;
    myl_consumer *consumer = open_consumer_with(ring->name, &participant.consumer);
    assert_int_equal(find_descriptor(ring), fd);
    put_many(producer, 0, CAPACITY);
    /* Through the consumer's own descriptor its lock looks free. */
    expect_lost(myl_producer_claim(producer, &event, MYL_SEC(15)));
    assert_int_equal(logged(ring, MYL_LOG_REAPED), 0);
    myl_producer_leave(producer);
    assert_int_equal(find_descriptor(ring), fd); /* it belongs to the consumer, and is still open */
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, MYL_PEER_LEFT);
    producer = open_producer(ring->name, &participant.producer);
    take_many(consumer, 0, CAPACITY);
    put_many(producer, CAPACITY, 1);
    take_many(consumer, CAPACITY, 1);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    return 0;
}

/* The consumer's number becomes a descriptor of the same object. Through that one the producer's lock looks free. */
static int replace_by_producers_descriptor(test_peer *parent, void *argument)
{
    const struct ring *ring = argument;
    struct participant participant = participant_of(ring);
    const void *event;
    myl_peer peer = {.size = sizeof peer};
    (void)parent;
    myl_producer *producer = open_producer(ring->name, &participant.producer);
    int producers = find_descriptor(ring);
    participant.consumer.ring.id = "w";
    myl_consumer *consumer = open_consumer_with(ring->name, &participant.consumer);
    int consumers = find_descriptor(ring);
    assert_true(consumers > producers);
    assert_int_equal(dup2(producers, consumers), consumers);
    expect_lost(myl_consumer_next(consumer, &event, MYL_SEC(15))); /* and not MYL_EPRODUCERDEAD */
    expect_lost(myl_consumer_peer(consumer, &peer));
    assert_int_equal(logged(ring, MYL_LOG_PRODUCER_DIED), 0);
    myl_consumer_close(consumer);
    put_many(producer, 0, 1);
    myl_producer_leave(producer);
    return 0;
}

static void descriptor_of_another_handle_is_detected(void **state)
{
    (void)state;
#ifdef MYL_OS_POSIX
    skip(); /* with side files it is unknown which of two descriptors of one object was opened first */
#endif
    struct ring ring;
    test_child child;
    set_up_ring(&ring, MYL_BACKEND_SHM);
    test_spawn(&child, replace_by_producers_descriptor, &ring);
    test_expect_exit(&child, 0);
    drop_ring(&ring);
}

static void number_reused_by_another_handle_is_detected(void **state)
{
    (void)state;
    for (enum myl_backend backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        struct ring ring;
        test_child child;
        set_up_ring(&ring, backend);
        test_spawn(&child, reuse_number_in_same_ring, &ring);
        test_expect_exit(&child, 0);
        drop_ring(&ring);
    }
}

/* --- all descriptors closed --------------------------------------------------------------------------------------- */

static int produce_as_a_daemon(test_peer *parent, void *argument)
{
    const struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    void *event;
    int rc;
    for (int fd = 3; fd < 256; fd++) {
        if (fd != parent->in && fd != parent->out)
            close(fd);
    }
    test_send(parent, 1);
    test_expect_value(parent, 1);
    while ((rc = myl_producer_claim(producer, &event, MYL_SEC(15))) == MYL_OK) {
        event_fill(event, (uint64_t)(myl_producer_last_published(producer) + 1));
        myl_producer_publish(producer);
    }
    test_code(MYL_ELOCKLOST, rc); /* "its descriptor was closed", or "another producer took over" */
    expect_detail("handle");
    myl_producer_leave(producer);
    producer = open_producer(participant->name, &participant->producer); /* its lock is free */
    myl_producer_leave(producer);
    return 0;
}

/* On Linux a mapping holds the participant lock. In the portable layer the locks are files, which are closed, too: the
 * successor acquires the lock, and the former producer fails at its next gate check. */
static void closing_all_descriptors_is_detected(void **state)
{
    (void)state;
    struct ring ring;
    test_child child;
    set_up_ring(&ring, MYL_BACKEND_SHM);
    struct participant participant = participant_of(&ring);
    test_spawn(&child, produce_as_a_daemon, &participant);
    test_expect_value(&child.peer, 1);
#ifdef MYL_OS_POSIX
    myl_producer_leave(open_producer(ring.name, &participant.producer));
#else
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", ring.name, &participant.producer);
#endif
    test_send(&child.peer, 1);
    test_expect_exit(&child, 0);
    drop_ring(&ring);
}

/* --- other handles ------------------------------------------------------------------------------------------------ */

static int check_number(test_peer *parent, void *argument)
{
    (void)parent;
    expect_untouched(*(int *)argument, NULLED);
    return 0;
}

/* A forked child closes the descriptors of its parent's handles. */
static void parent_keeps_its_descriptor_after_a_child_closes_it(void **state)
{
    (void)state;
    struct ring ring;
    test_child child;
    set_up_ring(&ring, MYL_BACKEND_SHM);
    struct participant participant = participant_of(&ring);
    myl_producer *producer = open_producer(ring.name, &participant.producer);
    int fd = lose(&ring, NULLED);
    test_spawn(&child, check_number, &fd);
    test_expect_exit(&child, 0);
    myl_producer_leave(producer);
    expect_untouched(fd, NULLED);
    drop_ring(&ring);
}

static void observer_reports_its_lost_descriptor(void **state)
{
    (void)state;
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring;
        struct event event;
        uint64_t lost;
        test_child producer;
        myl_observer *observer = NULL;
        set_up_ring(&ring, MYL_BACKEND_SHM);
        struct participant participant = participant_of(&ring);
        start_producer(&producer, &participant, 0);
        test_ok(myl_observer_open(&observer, ring.name, &participant.consumer));
        int fd = lose(&ring, how);
        expect_lost(myl_observer_get(observer, &event, sizeof event, &lost, MYL_SEC(15)));
        myl_observer_close(observer);
        expect_untouched(fd, how);
        finish(&producer, PARTICIPANT_LEAVE);
        drop_ring(&ring);
    }
}

static void lanes_report_their_lost_descriptors(void **state)
{
    (void)state;
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring = {.memfd = -1};
        char path[TEST_PATH_SIZE + 16];
        myl_message message;
        myl_peer peer = {.size = sizeof peer};
        myl_frame_producer *producer[2];
        ring.name = test_name(ring.text, "lanes");
        producer[0] = open_lane(ring.name, 2, "a");
        producer[1] = open_lane(ring.name, 2, "b");
        snprintf(path, sizeof path, "/dev/shm/%s", ring.name);
        assert_int_equal(stat(path, &ring.object), 0);
        myl_frame_consumer *consumer = open_frame_consumer(ring.name, "c");
        int fd = lose(&ring, how); /* the consumer's, which was opened last */
        send_text(producer[1], "all the same");
        expect_text(consumer, 1, "all the same");
        expect_lost(myl_frame_consumer_next(consumer, &message, MYL_SEC(15)));
        expect_lost(myl_frame_consumer_peer(consumer, &peer));
        test_ok(myl_frame_consumer_release(consumer));
        myl_frame_consumer_close(consumer);
        expect_untouched(fd, how);
        myl_frame_producer_close(producer[1]);
        myl_frame_producer_close(producer[0]);
        assert_false(ring_exists(ring.name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_reports_its_lost_descriptor),
        cmocka_unit_test(producer_reports_its_lost_descriptor),
        cmocka_unit_test(startup_wait_reports_a_lost_descriptor),
        cmocka_unit_test(descriptor_of_another_handle_is_detected),
        cmocka_unit_test(number_reused_by_another_handle_is_detected),
        cmocka_unit_test(closing_all_descriptors_is_detected),
        cmocka_unit_test(parent_keeps_its_descriptor_after_a_child_closes_it),
        cmocka_unit_test(observer_reports_its_lost_descriptor),
        cmocka_unit_test(lanes_report_their_lost_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
