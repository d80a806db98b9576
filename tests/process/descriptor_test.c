/* SPDX-License-Identifier: MIT
 * Rings without a shm name: memfds passed by inheritance and over a socket, and rings in files. */
#define _GNU_SOURCE /* memfd_create */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "process/participant.h"

#ifdef MYL_OS_POSIX
#define need_memfd() test_skip("the portable layer does not support memfds")
#else
#define need_memfd() (void)0
#endif

static myl_producer *open_memfd_producer(int fd)
{
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.use_fd = fd != 0;
    o.ring.fd = fd;
    return open_producer(NULL, &o);
}

static void memfd_is_usable_by_inheritance(void **state)
{
    (void)state;
    need_memfd();
    int fd = -1;
    int before = test_shm_entries();
    myl_producer *producer = open_memfd_producer(0);
    test_ok(myl_producer_fd(producer, &fd));
    assert_true(fd >= 0);
    assert_int_equal(test_shm_entries(), before);
    struct participant participant = {.id = "heir", .consumer = {.ring = {.backend = MYL_BACKEND_MEMFD, .fd = fd}}};
    test_child consumer;
    start_consumer(&consumer, &participant, 0);
    put_many(producer, 0, 8);
    order(&consumer, 8, 8);
    put_many(producer, 8, 4);
    test_kill(&consumer); /* the child has its own lock, though it inherited the descriptor */
    start_consumer(&consumer, &participant, 8);
    order(&consumer, 4, 12);
    myl_consumer_options same = {.size = sizeof same, .ring = {.id = "heir", .backend = MYL_BACKEND_MEMFD, .fd = fd}};
    expect_no_consumer(MYL_EDUPLICATE, "heir", NULL, &same);
    myl_producer_close(producer);
    test_send(&consumer.peer, PARTICIPANT_DRAIN);
    test_expect_value(&consumer.peer, (uint64_t)-MYL_ECLOSED);
    test_expect_value(&consumer.peer, 12);
    finish(&consumer, PARTICIPANT_CLOSE);
    close(fd);
}

static int produce_and_die(test_peer *parent, void *argument)
{
    int fd = *(int *)argument, own;
    myl_producer *producer = open_memfd_producer(0);
    put_many(producer, 0, 5);
    test_ok(myl_producer_fd(producer, &own));
    test_ok(myl_send_fd(fd, own));
    test_send(parent, 5);
    (void)test_receive(parent);
    return 0;
}

static void memfd_is_usable_over_a_socket(void **state)
{
    (void)state;
    need_memfd();
    int ends[2], fd = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    test_child child;
    test_spawn(&child, produce_and_die, &ends[1]);
    test_ok(myl_recv_fd(ends[0], &fd));
    test_expect_value(&child.peer, 5);
    myl_consumer_options c = {.size = sizeof c, .ring = {.id = "c", .backend = MYL_BACKEND_MEMFD, .fd = fd}};
    myl_consumer *consumer = open_consumer_with(NULL, &c);
    take_many(consumer, 0, 5);
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.use_fd = 1;
    o.ring.fd = fd;
    expect_no_producer(MYL_EPRODUCERALIVE, "living producer", NULL, &o);
    test_kill(&child);
    myl_producer *producer = open_memfd_producer(fd); /* the descriptor is enough for a takeover */
    assert_int_equal(myl_producer_last_published(producer), 4);
    put_many(producer, 5, 3);
    take_many(consumer, 5, 3);
    myl_producer_close(producer);
    expect_no_producer(MYL_ECLOSED, "closed", NULL, &o);
    expect_nothing(consumer, MYL_ECLOSED);
    myl_consumer_close(consumer);
    close(fd);
    close(ends[1]);
    assert_true(myl_recv_fd(ends[0], &fd) < 0); /* the other end is closed */
    close(ends[0]);
}

/* Sends `count` descriptors in one message. myl_send_fd never does that. */
static void send_several(int socket, int fd, unsigned count)
{
    enum { MOST = 4 };
    char byte = 'm';
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(MOST * sizeof(int))];
    } control = {0};
    assert_true(count <= MOST);
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = count > 0 ? control.bytes : NULL,
                             .msg_controllen = 0};
    if (count > 0) {
        /* Its type differs between C libraries. */
        message.msg_controllen = (__typeof__(message.msg_controllen))CMSG_SPACE(count * sizeof fd);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = (__typeof__(head->cmsg_len))CMSG_LEN(count * sizeof fd);
        for (unsigned i = 0; i < count; i++)
            memcpy(CMSG_DATA(head) + i * sizeof fd, &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(socket, &message, 0), 1);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void received_descriptors_do_not_leak(void **state)
{
    (void)state;
    int ends[2], fd;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    unsigned before = open_descriptors();
    static const unsigned counts[] = {0, 2, 3, 4};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "sent %u descriptors", counts[i]);
        send_several(ends[0], ends[0], counts[i]);
        test_code(MYL_ESYSTEM, myl_recv_fd(ends[1], &fd));
        expect_detail(text);
        assert_int_equal(fd, -1);
        assert_int_equal(open_descriptors(), before);
    }
    test_ok(myl_send_fd(ends[0], ends[0]));
    test_ok(myl_recv_fd(ends[1], &fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static int receive_without_room(test_peer *parent, void *argument)
{
    int fd, *ends = argument;
    struct rlimit limit, low;
    (void)parent;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    test_ok(myl_send_fd(ends[0], ends[0]));
    low = limit;
    low.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    test_code(MYL_ELIMIT, myl_recv_fd(ends[1], &fd));
    expect_detail("ulimit -n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    test_ok(myl_send_fd(ends[0], ends[0]));
    close(STDIN_FILENO); /* a daemon's standard input may be closed: a kept descriptor must not get its number */
    test_ok(myl_recv_fd(ends[1], &fd));
    assert_true(fd > STDERR_FILENO);
    return 0;
}

static void receive_at_the_descriptor_limit_fails(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    test_child child;
    test_spawn(&child, receive_without_room, ends);
    test_expect_exit(&child, 0);
    close(ends[0]);
    close(ends[1]);
}

static void memfd_size_is_sealed(void **state)
{
    (void)state;
    need_memfd();
#ifdef F_GET_SEALS
    int fd;
    struct stat st;
    myl_producer *producer = open_memfd_producer(0);
    test_ok(myl_producer_fd(producer, &fd));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    for (int change = -4096; change <= 4096; change += 8192) {
        assert_int_equal(ftruncate(fd, st.st_size + change), -1);
        assert_int_equal(errno, EPERM);
    }
    myl_producer_close(producer);
    close(fd);
#endif
}

static void expect_refused_descriptor(int fd)
{
    myl_consumer_options c = {.size = sizeof c, .ring = {.id = "c", .backend = MYL_BACKEND_MEMFD, .fd = fd}};
    myl_producer_options o = producer_options(8);
    myl_observer *observer = NULL;
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.use_fd = 1;
    o.ring.fd = fd;
    expect_no_consumer(MYL_ENOTRING, "sealed", NULL, &c);
    expect_no_producer(MYL_ENOTRING, "sealed", NULL, &o);
    c.ring.id = NULL;
    test_code(MYL_ENOTRING, myl_observer_open(&observer, NULL, &c));
}

/* The same bytes in an object without seals, which its sender could truncate. */
static void unsealed_memfd_is_refused(void **state)
{
    (void)state;
    need_memfd();
#ifdef F_ADD_SEALS
    static const int seals[] = {0, F_SEAL_GROW, F_SEAL_SHRINK};
    char block[4096], path[TEST_PATH_SIZE];
    int ring, copy[4] = {-1, -1, -1, open(test_path(path, "copy"), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    for (int i = 0; i < 3; i++)
        copy[i] = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    myl_producer *producer = open_memfd_producer(0);
    test_ok(myl_producer_fd(producer, &ring));
    for (off_t at = 0; pread(ring, block, sizeof block, at) == sizeof block; at += (off_t)sizeof block) {
        for (int i = 0; i < 4; i++)
            assert_int_equal(pwrite(copy[i], block, sizeof block, at), sizeof block);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(i == 3 || fcntl(copy[i], F_ADD_SEALS, seals[i]) == 0);
        expect_refused_descriptor(copy[i]);
    }
    assert_int_equal(fcntl(copy[1], F_ADD_SEALS, F_SEAL_SHRINK), 0);
    myl_consumer_options c = {.size = sizeof c, .ring = {.id = "c", .backend = MYL_BACKEND_MEMFD, .fd = copy[1]}};
    myl_consumer_close(open_consumer_with(NULL, &c));
    myl_producer_close(producer);
    close(ring);
    for (int i = 0; i < 4; i++)
        close(copy[i]);
    unlink(path);
#endif
}

static void memfd_gets_the_group(void **state)
{
    (void)state;
    need_memfd();
    int fd;
    struct stat st;
    if (geteuid() != 0)
        test_skip("only root can set a group that it is not a member of");
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.set_group = 1;
    o.ring.group = 12345;
    o.ring.mode = 0660;
    myl_producer *producer = open_producer(NULL, &o);
    test_ok(myl_producer_fd(producer, &fd));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_gid, 12345);
    assert_int_equal(st.st_mode & 0777, 0660);
    myl_producer_close(producer);
    close(fd);
}

static void wrong_descriptors_are_refused(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    myl_consumer_options c = {.size = sizeof c, .ring = {.backend = MYL_BACKEND_MEMFD, .fd = -3}};
    expect_no_consumer(MYL_EINVAL, "-3", NULL, &c);
    c.ring.fd = 9999;
    c.ring.attach_timeout_ns = MYL_FOREVER; /* a retry does not help: the descriptor is not open */
    expect_no_consumer(MYL_EINVAL, "descriptor 9999 is not open", NULL, &c);
    myl_consumer *consumer = NULL;
    c.ring.fd = ends[0];
    assert_true(myl_consumer_open(&consumer, NULL, &c) < 0);
    assert_null(consumer);
    assert_true(myl_send_fd(ends[1], 0) < 0); /* not a socket */
    close(ends[0]);
    close(ends[1]);
}

/* A producer that is given a descriptor takes over the ring of that descriptor. It never makes another ring. */
static void descriptor_that_is_not_open_makes_no_ring(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    o.ring.use_fd = 1;
    o.ring.fd = 9999;
    expect_no_producer(MYL_EINVAL, "descriptor 9999 is not open", NULL, &o);
    myl_frame_producer_options f = {.size = sizeof f, .ring = {.backend = MYL_BACKEND_MEMFD, .use_fd = 1, .fd = 9999}};
    myl_frame_producer *frames = NULL;
    test_code(MYL_EINVAL, myl_frame_producer_open(&frames, NULL, &f));
    assert_null(frames);
}

/* A name would have no effect with a memfd. The call fails, so that the caller does not expect others to find the ring
 * by its name. */
static void memfd_with_a_name_is_refused(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    expect_no_producer(MYL_EINVAL, "\"prices\"", "prices", &o);
    o.ring.use_fd = 1;
    o.ring.fd = 9999;
    expect_no_producer(MYL_EINVAL, "\"prices\"", "prices", &o);
    myl_consumer_options c = {.size = sizeof c, .ring = {.backend = MYL_BACKEND_MEMFD, .fd = 9999}};
    expect_no_consumer(MYL_EINVAL, "\"prices\"", "prices", &c);
    myl_observer *observer = NULL;
    test_code(MYL_EINVAL, myl_observer_open(&observer, "prices", &c));
}

#ifdef MYL_OS_POSIX
static void memfd_is_unsupported(void **state)
{
    (void)state;
    myl_producer_options o = producer_options(8);
    o.ring.backend = MYL_BACKEND_MEMFD;
    expect_no_producer(MYL_EUNSUPPORTED, strerror(ENOSYS), NULL, &o);
}
#endif

static void ring_in_a_file_is_shared(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE];
    struct stat st;
    struct participant participant = {.name = test_path(path, "ring"), .producer = producer_options(8), .id = "c"};
    participant.producer.ring.backend = MYL_BACKEND_FILE;
    participant.producer.ring.mode = 0640;
    participant.consumer.ring.backend = MYL_BACKEND_FILE;
    int before = test_shm_entries();
    test_child producer, consumer;
    start_producer(&producer, &participant, 0);
    assert_int_equal(test_shm_entries(), before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_blocks * 512 >= st.st_size); /* its blocks are reserved */
    start_consumer(&consumer, &participant, 0);
    order(&producer, 8, 8);
    order(&consumer, 5, 5);
    test_kill(&producer);
    test_kill(&consumer);
    myl_snapshot *s;
    test_ok(myl_snapshot_take(path, MYL_BACKEND_FILE, &s));
    assert_int_equal(s->next, 8);
    assert_int_equal(s->entry[0].lag, 3);
    myl_snapshot_free(s);
    start_consumer(&consumer, &participant, 5);
    start_producer(&producer, &participant, 8);
    order(&consumer, 3, 8);
    test_code(MYL_EINUSE, myl_remove(path, MYL_BACKEND_FILE, 0));
    finish(&producer, PARTICIPANT_CLOSE);
    finish(&consumer, PARTICIPANT_CLOSE);
    assert_int_equal(access(path, F_OK), -1);
    expect_no_consumer(MYL_ENOTFOUND, path, path,
                       &((myl_consumer_options){.size = sizeof(myl_consumer_options),
                                                .ring.backend = MYL_BACKEND_FILE}));
    myl_producer_options nowhere = participant.producer;
    expect_no_producer(MYL_ENOTFOUND, "/no/such/folder", "/no/such/folder/ring", &nowhere);
}

/* If standard input, output and error are closed, their numbers are free. A ring must not get one of them: a program's
 * output would be written into it. */
static void expect_standard_closed(void)
{
    for (int fd = 0; fd <= 2; fd++)
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int open_without_standard(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    (void)parent;
    for (int fd = 0; fd <= 2; fd++)
        (void)close(fd);
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    int fd = participant->producer.ring.backend == MYL_BACKEND_MEMFD ? participant->consumer.ring.fd : 0;
    if (participant->producer.ring.backend == MYL_BACKEND_MEMFD) {
        test_ok(myl_producer_fd(producer, &fd));
        assert_true(fd > 2);
    }
    myl_consumer_options c = {.size = sizeof c,
                              .ring = {.id = "c", .backend = participant->producer.ring.backend, .fd = fd}};
    myl_consumer *consumer = open_consumer_with(participant->name, &c);
    myl_observer *observer = NULL;
    c.ring.id = NULL;
    test_ok(myl_observer_open(&observer, participant->name, &c));
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

static void ring_gets_no_standard_descriptor(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    const char *const names[] = {test_name(name, "standard"), test_path(path, "standard"), NULL};
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend++) {
        struct participant participant = {.name = names[backend], .producer = producer_options(8)};
        participant.producer.ring.backend = (enum myl_backend)backend;
        test_child child;
        test_spawn(&child, open_without_standard, &participant);
        test_expect_exit(&child, 0);
    }
}

/* SIGXFSZ would end the program. */
static int open_with_size_limit(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    const struct rlimit small = {65536, 65536};
    (void)parent;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    expect_no_producer(MYL_ENOSPACE, "ulimit -f", participant->name, &participant->producer);
    return 0;
}

static void file_size_limit_is_reported(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    for (int backend = MYL_BACKEND_SHM; backend <= (int)LAST_BACKEND; backend += 2) {
        struct participant participant = {.name = backend == MYL_BACKEND_SHM ? test_name(name, "limit") : NULL,
                                          .producer = producer_options(8)};
        participant.producer.ring.backend = (enum myl_backend)backend;
        test_child child;
        test_spawn(&child, open_with_size_limit, &participant);
        test_expect_exit(&child, 0);
        assert_false(backend == MYL_BACKEND_SHM && ring_exists(name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_that_is_not_open_makes_no_ring),
        cmocka_unit_test(memfd_with_a_name_is_refused),
        cmocka_unit_test(memfd_is_usable_by_inheritance),
        cmocka_unit_test(memfd_is_usable_over_a_socket),
        cmocka_unit_test(wrong_descriptors_are_refused),
        cmocka_unit_test(received_descriptors_do_not_leak),
        cmocka_unit_test(receive_at_the_descriptor_limit_fails),
        cmocka_unit_test(memfd_size_is_sealed),
        cmocka_unit_test(unsealed_memfd_is_refused),
        cmocka_unit_test(memfd_gets_the_group),
        cmocka_unit_test(ring_in_a_file_is_shared),
        cmocka_unit_test(ring_gets_no_standard_descriptor),
        cmocka_unit_test(file_size_limit_is_reported),
#ifdef MYL_OS_POSIX
        cmocka_unit_test(memfd_is_unsupported),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
