/* SPDX-License-Identifier: MIT
 * A descriptor closed behind a handle's back, and its number used for something else: whoever has lost it is told so.
 * Nobody alive is found dead, reaped or replaced on the word of a wrong file, and no wrong file is closed. */
/* ctest: not-under=emulator */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "process/party.h"
#include "unit/lanes.h"

enum { CAPACITY = 8 };

/* What became of it. */
enum how { CLOSED, NULLED, HOW_COUNT };

struct ring {
    enum myl_backend backend;
    char text[TEST_PATH_SIZE];
    const char *name;            /* NULL: a memfd */
    int memfd;                   /* through which everybody opens it, or -1 */
    struct stat object;
};

static void set_up_ring(struct ring *ring, enum myl_backend backend)
{
    char path[TEST_PATH_SIZE + 16];
    myl_producer_options o = producer_options(CAPACITY);
    *ring = (struct ring){.backend = o.backend = backend, .memfd = -1};
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

static struct party party_of(const struct ring *ring)
{
    struct party party = {.name = ring->name, .producer = producer_options(0), .consumer = consumer_options(NULL)};
    party.producer.backend = party.consumer.backend = ring->backend;
    party.producer.fd = party.consumer.fd = ring->memfd < 0 ? 0 : ring->memfd;
    return party;
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

/* The descriptor of the handle that this process opened last. */
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

/* The handle has been closed: whose number it was, is left alone. */
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
        test_code(MYL_ESEATLOST, call);                                                                                \
        expect_detail("close the handle");                                                                             \
    } while (0)

/* --- a consumer --------------------------------------------------------------------------------------------------- */

struct scene {
    struct ring ring;
    struct party party;
    enum how how;
    enum myl_peer_state truth;
};

static int consume_without(test_peer *parent, void *argument)
{
    const struct scene *s = argument;
    const void *event;
    myl_peer peer;
    myl_verdict *verdict;
    myl_joined joined;
    int copy;
    myl_consumer *consumer = open_consumer_with(s->ring.name, &s->party.consumer);
    take_many(consumer, 0, 2);
    int fd = lose(&s->ring, s->how);
    test_tell(parent, 1);
    test_hear_value(parent, 1);
    take_many(consumer, 2, 1); /* what is there is read all the same */
    expect_lost(myl_consumer_next(consumer, &event, MYL_SEC(15)));
    expect_lost(myl_consumer_peer(consumer, &peer));
    expect_lost(myl_consumer_why(consumer, 0, &verdict));
    expect_lost(myl_consumer_fd(consumer, &copy));
    myl_consumer_close(consumer);
    expect_untouched(fd, s->how);
    consumer = open_consumer_with(s->ring.name, &s->party.consumer); /* the way out */
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
    s.party = party_of(&s.ring);
    s.party.consumer.id = "w";
    start_producer(&producer, &s.party, 0);
    order(&producer, 3, 3);
    test_spawn(&consumer, consume_without, &s);
    test_hear_value(&consumer.peer, 1);
    if (killed)
        test_kill(&producer);
    test_tell(&consumer.peer, 1);
    test_expect_exit(&consumer, 0);
    assert_int_equal(logged(&s.ring, MYL_LOG_PRODUCER_DIED), killed && s.ring.name != NULL);
    if (!killed)
        finish(&producer, PARTY_LEAVE);
    drop_ring(&s.ring);
}

static void test_consumer(void **state)
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
    const struct party *party = argument;
    (void)parent;
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", party->name, &party->producer);
    return 0;
}

static int claim_until_told(myl_producer *producer, int64_t timeout_ns)
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
    myl_verdict *verdict;
    char id[MYL_ID_MAX + 1];
    int copy;
    set_up_ring(&ring, backend);
    struct party party = party_of(&ring);
    party.id = "w";
    party.consumer.role = &role_options;
    myl_producer *producer = open_producer(ring.name, &party.producer);
    start_consumer(&consumer, &party, 0);
    if (managed)
        test_ok(myl_producer_manage(producer, &policy));
    put_many(producer, 0, CAPACITY);
    int fd = lose(&ring, how);
    expect_lost(claim_until_told(producer, MYL_SEC(15)));
    if (managed)
        expect_lost(claim_until_told(producer, MYL_TRY)); /* who only polls is told too */
    expect_lost(myl_producer_wait_consumed(producer, 0, MYL_SEC(15)));
    expect_lost(myl_producer_wait_consumers(producer, NULL, 1, MYL_TRY));
    expect_lost(myl_producer_why(producer, 0, &verdict));
    expect_lost(myl_producer_missing(producer, 0, id));
    expect_lost(myl_producer_fd(producer, &copy));
    test_spawn(&other, try_to_produce, &party); /* it is still the one that writes */
    test_expect_exit(&other, 0);
    assert_int_equal(logged(&ring, MYL_LOG_DIED) + logged(&ring, MYL_LOG_REAPED), 0);
    myl_producer_leave(producer);
    expect_untouched(fd, how);
    order(&consumer, CAPACITY, CAPACITY); /* nothing of it was given up */
    producer = open_producer(ring.name, &party.producer);
    put_many(producer, CAPACITY, 1);
    order(&consumer, 1, CAPACITY + 1);
    finish(&consumer, PARTY_CLOSE);
    myl_producer_leave(producer);
    drop_ring(&ring);
}

static void test_producer(void **state)
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

/* The required set is not complete because a wrong file says so, nor missing. */
static void test_startup(void **state)
{
    (void)state;
    static const char *const required[] = {"w"};
    const myl_liveness_options policy = {.size = sizeof policy, .required = required, .required_count = 1};
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring;
        test_child consumer;
        void *event;
        set_up_ring(&ring, MYL_BACKEND_SHM);
        struct party party = party_of(&ring);
        party.id = "w";
        myl_producer *producer = open_producer(ring.name, &party.producer);
        start_consumer(&consumer, &party, 0);
        test_ok(myl_producer_manage(producer, &policy));
        int fd = lose(&ring, how);
        expect_lost(myl_producer_claim(producer, &event, MYL_TRY));
        expect_lost(myl_producer_claim(producer, &event, MYL_SEC(15)));
        myl_producer_leave(producer);
        expect_untouched(fd, how);
        finish(&consumer, PARTY_CLOSE);
        drop_ring(&ring);
    }
}

/* --- its number is another handle's of the same ring -------------------------------------------------------------- */

/* So that the next descriptor that is opened becomes number `fd`. */
static void fill_holes(int fd)
{
    int filler;
    do {
        filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(filler >= 0);
    } while (filler < fd);
    close(filler);
    close(fd);
}

static int share_a_number(test_peer *parent, void *argument)
{
    const struct ring *ring = argument;
    const myl_role_options expendable = {.size = sizeof expendable, .role = MYL_ROLE_EXPENDABLE};
    struct party party = party_of(ring);
    myl_peer peer;
    void *event;
    (void)parent;
    myl_producer *producer = open_producer(ring->name, &party.producer);
    int fd = find_descriptor(ring);
    fill_holes(fd);
    party.consumer.id = "w";
    party.consumer.role = &expendable;
    myl_consumer *consumer = open_consumer_with(ring->name, &party.consumer);
    assert_int_equal(find_descriptor(ring), fd);
    put_many(producer, 0, CAPACITY);
    /* Asked through its own descriptor, the consumer's seat looks free. */
    expect_lost(myl_producer_claim(producer, &event, MYL_SEC(15)));
    assert_int_equal(logged(ring, MYL_LOG_REAPED), 0);
    myl_producer_leave(producer);
    assert_int_equal(find_descriptor(ring), fd); /* it is the consumer's, and still open */
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, MYL_PEER_LEFT);
    producer = open_producer(ring->name, &party.producer);
    take_many(consumer, 0, CAPACITY);
    put_many(producer, CAPACITY, 1);
    take_many(consumer, CAPACITY, 1);
    myl_consumer_close(consumer);
    myl_producer_leave(producer);
    return 0;
}

static void test_number_of_another_handle(void **state)
{
    (void)state;
    for (enum myl_backend backend = MYL_BACKEND_SHM; backend <= LAST_BACKEND; backend++) {
        struct ring ring;
        test_child child;
        set_up_ring(&ring, backend);
        test_spawn(&child, share_a_number, &ring);
        test_expect_exit(&child, 0);
        drop_ring(&ring);
    }
}

/* --- everything closed -------------------------------------------------------------------------------------------- */

static int produce_as_a_daemon(test_peer *parent, void *argument)
{
    const struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    void *event;
    int rc;
    for (int fd = 3; fd < 256; fd++) {
        if (fd != parent->in && fd != parent->out)
            close(fd);
    }
    test_tell(parent, 1);
    test_hear_value(parent, 1);
    while ((rc = myl_producer_claim(producer, &event, MYL_SEC(15))) == MYL_OK) {
        event_fill(event, (uint64_t)(myl_producer_last(producer) + 1));
        myl_producer_publish(producer);
    }
    test_code(MYL_ESEATLOST, rc); /* "its descriptor was closed", or "another producer has taken" it */
    expect_detail("handle");
    myl_producer_leave(producer);
    producer = open_producer(party->name, &party->producer); /* nobody has it */
    myl_producer_leave(producer);
    return 0;
}

/* A mapping keeps the seat. With the portable layer the seats are files that are closed too: the successor is let in,
 * and who was there before learns of it at its next look at the gate. */
static void test_all_descriptors_closed(void **state)
{
    (void)state;
    struct ring ring;
    test_child child;
    set_up_ring(&ring, MYL_BACKEND_SHM);
    struct party party = party_of(&ring);
    test_spawn(&child, produce_as_a_daemon, &party);
    test_hear_value(&child.peer, 1);
#ifdef MYL_OS_POSIX
    myl_producer_leave(open_producer(ring.name, &party.producer));
#else
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", ring.name, &party.producer);
#endif
    test_tell(&child.peer, 1);
    test_expect_exit(&child, 0);
    drop_ring(&ring);
}

/* --- other handles ------------------------------------------------------------------------------------------------ */

static int look_at_number(test_peer *parent, void *argument)
{
    (void)parent;
    expect_untouched(*(int *)argument, NULLED);
    return 0;
}

/* What a fork child closes of its parent's handles. */
static void test_fork(void **state)
{
    (void)state;
    struct ring ring;
    test_child child;
    set_up_ring(&ring, MYL_BACKEND_SHM);
    struct party party = party_of(&ring);
    myl_producer *producer = open_producer(ring.name, &party.producer);
    int fd = lose(&ring, NULLED);
    test_spawn(&child, look_at_number, &fd);
    test_expect_exit(&child, 0);
    myl_producer_leave(producer);
    expect_untouched(fd, NULLED);
    drop_ring(&ring);
}

static void test_observer(void **state)
{
    (void)state;
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring;
        struct event event;
        uint64_t lost;
        test_child producer;
        myl_observer *observer = NULL;
        set_up_ring(&ring, MYL_BACKEND_SHM);
        struct party party = party_of(&ring);
        start_producer(&producer, &party, 0);
        test_ok(myl_observer_open(&observer, ring.name, &party.consumer));
        int fd = lose(&ring, how);
        expect_lost(myl_observer_get(observer, &event, sizeof event, &lost, MYL_SEC(15)));
        myl_observer_close(observer);
        expect_untouched(fd, how);
        finish(&producer, PARTY_LEAVE);
        drop_ring(&ring);
    }
}

static void test_lanes(void **state)
{
    (void)state;
    for (enum how how = CLOSED; how < HOW_COUNT; how++) {
        struct ring ring = {.memfd = -1};
        char path[TEST_PATH_SIZE + 16];
        myl_message message;
        myl_peer peer;
        myl_frame_producer *producer[2];
        ring.name = test_name(ring.text, "lanes");
        producer[0] = open_lane(ring.name, 2, "a");
        producer[1] = open_lane(ring.name, 2, "b");
        snprintf(path, sizeof path, "/dev/shm/%s", ring.name);
        assert_int_equal(stat(path, &ring.object), 0);
        myl_frame_consumer *consumer = open_frame_consumer(ring.name, "c");
        int fd = lose(&ring, how); /* the consumer's: it was opened last */
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
        cmocka_unit_test(test_consumer),
        cmocka_unit_test(test_producer),
        cmocka_unit_test(test_startup),
        cmocka_unit_test(test_number_of_another_handle),
        cmocka_unit_test(test_all_descriptors_closed),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_observer),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
