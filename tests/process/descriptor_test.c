/* SPDX-License-Identifier: MIT
 * Rings without a shm name: memfds handed over by inheritance and over a socket, and rings in files. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "process/party.h"

#ifdef MYL_OS_POSIX
#define need_memfd() test_skip("the portable layer has no memfds")
#else
#define need_memfd() (void)0
#endif

static myl_producer *open_memfd_producer(int fd)
{
    myl_producer_options o = producer_options(8);
    o.backend = MYL_BACKEND_MEMFD;
    o.fd = fd;
    return open_producer(NULL, &o);
}

static void test_memfd_by_inheritance(void **state)
{
    (void)state;
    need_memfd();
    int fd = -1;
    int before = test_shm_entries();
    myl_producer *producer = open_memfd_producer(0);
    test_ok(myl_producer_fd(producer, &fd));
    assert_true(fd >= 0);
    assert_int_equal(test_shm_entries(), before);
    struct party party = {.id = "heir", .consumer = {.backend = MYL_BACKEND_MEMFD, .fd = fd}};
    test_child consumer;
    start_consumer(&consumer, &party, 0);
    put_many(producer, 0, 8);
    order(&consumer, 8, 8);
    put_many(producer, 8, 4);
    test_kill(&consumer); /* its seat is its own, though the descriptor was inherited */
    start_consumer(&consumer, &party, 8);
    order(&consumer, 4, 12);
    myl_consumer_options same = {.size = sizeof same, .id = "heir", .backend = MYL_BACKEND_MEMFD, .fd = fd};
    expect_no_consumer(MYL_EDUPLICATE, "heir", NULL, &same);
    myl_producer_close(producer);
    test_tell(&consumer.peer, PARTY_DRAIN);
    test_hear_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_hear_value(&consumer.peer, 12);
    finish(&consumer, PARTY_CLOSE);
    close(fd);
}

static int produce_and_die(test_peer *parent, void *argument)
{
    int fd = *(int *)argument, own;
    myl_producer *producer = open_memfd_producer(0);
    put_many(producer, 0, 5);
    test_ok(myl_producer_fd(producer, &own));
    test_ok(myl_send_fd(fd, own));
    test_tell(parent, 5);
    (void)test_hear(parent);
    return 0;
}

static void test_memfd_over_a_socket(void **state)
{
    (void)state;
    need_memfd();
    int ends[2], fd = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    test_child child;
    test_spawn(&child, produce_and_die, &ends[1]);
    test_ok(myl_recv_fd(ends[0], &fd));
    test_hear_value(&child.peer, 5);
    myl_consumer_options c = {.size = sizeof c, .id = "c", .backend = MYL_BACKEND_MEMFD, .fd = fd};
    myl_consumer *consumer = open_consumer_with(NULL, &c);
    take_many(consumer, 0, 5);
    myl_producer_options o = producer_options(8);
    o.backend = MYL_BACKEND_MEMFD;
    o.fd = fd;
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", NULL, &o);
    test_kill(&child);
    myl_producer *producer = open_memfd_producer(fd); /* the descriptor is the way to take over */
    assert_int_equal(myl_producer_last(producer), 4);
    put_many(producer, 5, 3);
    take_many(consumer, 5, 3);
    myl_producer_close(producer);
    expect_no_producer(MYL_ECLOSED, "closed", NULL, &o);
    expect_nothing(consumer, MYL_ECLOSED);
    myl_consumer_close(consumer);
    close(fd);
    close(ends[1]);
    assert_true(myl_recv_fd(ends[0], &fd) < 0); /* the other side has gone */
    close(ends[0]);
}

static void test_wrong_descriptors(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    myl_consumer_options c = {.size = sizeof c, .backend = MYL_BACKEND_MEMFD, .fd = -3};
    expect_no_consumer(MYL_EINVAL, "-3", NULL, &c);
    c.fd = 9999;
    myl_consumer *consumer = NULL;
    assert_true(myl_consumer_open(&consumer, NULL, &c) < 0);
    expect_detail("9999");
    c.fd = ends[0];
    assert_true(myl_consumer_open(&consumer, NULL, &c) < 0);
    assert_null(consumer);
    assert_true(myl_send_fd(ends[1], 0) < 0); /* not a socket */
    close(ends[0]);
    close(ends[1]);
}

#ifdef MYL_OS_POSIX
static void test_memfd_is_unsupported(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(8);
    o.backend = MYL_BACKEND_MEMFD;
    expect_no_producer(MYL_EUNSUPPORTED, strerror(ENOSYS), NULL, &o);
}
#endif

static void test_file(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE];
    struct stat st;
    struct party party = {.name = test_path(path, "ring"), .producer = producer_options(8), .id = "c"};
    party.producer.backend = MYL_BACKEND_FILE;
    party.producer.mode = 0640;
    party.consumer.backend = MYL_BACKEND_FILE;
    int before = test_shm_entries();
    test_child producer, consumer;
    start_producer(&producer, &party, 0);
    assert_int_equal(test_shm_entries(), before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_blocks * 512 >= st.st_size); /* reserved for real */
    start_consumer(&consumer, &party, 0);
    order(&producer, 8, 8);
    order(&consumer, 5, 5);
    test_kill(&producer);
    test_kill(&consumer);
    myl_snapshot *s;
    test_ok(myl_snapshot_take(path, MYL_BACKEND_FILE, &s));
    assert_int_equal(s->next, 8);
    assert_int_equal(s->entry[0].lag, 3);
    myl_snapshot_free(s);
    start_consumer(&consumer, &party, 5);
    start_producer(&producer, &party, 8);
    order(&consumer, 3, 8);
    test_code(MYL_EINUSE, myl_remove(path, MYL_BACKEND_FILE, 0));
    finish(&producer, PARTY_CLOSE);
    finish(&consumer, PARTY_CLOSE);
    assert_int_equal(access(path, F_OK), -1);
    expect_no_consumer(MYL_ENOTFOUND, path, path,
                       &((myl_consumer_options){.size = sizeof(myl_consumer_options), .backend = MYL_BACKEND_FILE}));
    myl_producer_options nowhere = party.producer;
    expect_no_producer(MYL_ENOTFOUND, "/no/such/folder", "/no/such/folder/ring", &nowhere);
}

/* Where standard input, output and error are closed, their numbers are free; what a program prints must not come into
 * a ring. */
static void expect_standard_closed(void)
{
    for (int fd = 0; fd <= 2; fd++)
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int open_without_standard(test_peer *parent, void *argument)
{
    struct party *party = argument;
    (void)parent;
    for (int fd = 0; fd <= 2; fd++)
        (void)close(fd);
    myl_producer *producer = open_producer(party->name, &party->producer);
    int fd = party->producer.backend == MYL_BACKEND_MEMFD ? party->consumer.fd : 0;
    if (party->producer.backend == MYL_BACKEND_MEMFD) {
        test_ok(myl_producer_fd(producer, &fd));
        assert_true(fd > 2);
    }
    myl_consumer_options c = {.size = sizeof c, .id = "c", .backend = party->producer.backend, .fd = fd};
    myl_consumer *consumer = open_consumer_with(party->name, &c);
    myl_observer *observer = NULL;
    c.id = NULL;
    test_ok(myl_observer_open(&observer, party->name, &c));
    expect_standard_closed();
    put_many(producer, 0, 3);
    take_many(consumer, 0, 3);
    myl_observer_close(observer);
    myl_consumer_close(consumer);
    myl_producer_close(producer);
    if (fd != 0)
        (void)close(fd);
    expect_standard_closed();
    return 0;
}

static void test_standard_descriptors_are_left_alone(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    const char *const names[] = {test_name(name, "standard"), test_path(path, "standard"), NULL};
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend++) {
        struct party party = {.name = names[backend], .producer = producer_options(8)};
        party.producer.backend = (enum myl_backend)backend;
        test_child child;
        test_spawn(&child, open_without_standard, &party);
        test_expect_exit(&child, 0);
    }
}

/* SIGXFSZ would end the program. */
static int open_in_a_small_world(test_peer *parent, void *argument)
{
    struct party *party = argument;
    const struct rlimit small = {65536, 65536};
    (void)parent;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_no_producer(MYL_ENOSPACE, "ulimit -f", party->name, &party->producer);
    return 0;
}

static void test_files_may_not_be_so_large(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend += 2) {
        struct party party = {.name = backend == MYL_BACKEND_SHM ? test_name(name, "limit") : NULL,
                              .producer = producer_options(8)};
        party.producer.backend = (enum myl_backend)backend;
        test_child child;
        test_spawn(&child, open_in_a_small_world, &party);
        test_expect_exit(&child, 0);
        assert_false(backend == MYL_BACKEND_SHM && ring_exists(name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memfd_by_inheritance),
        cmocka_unit_test(test_memfd_over_a_socket),
        cmocka_unit_test(test_wrong_descriptors),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_standard_descriptors_are_left_alone),
        cmocka_unit_test(test_files_may_not_be_so_large),
#ifdef MYL_OS_POSIX
        cmocka_unit_test(test_memfd_is_unsupported),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
