/* SPDX-License-Identifier: MIT
 * Calls of the system that fail where no test can make the system fail: room, creation, locks. The sentence names the
 * ring and the cause, and the ring is as it was before. tests/fault checks the codes for every call. */
#include <fcntl.h>

#include "os/os.h"
#include "segment/layout.h"
#include "unit/lanes.h"

#define PLENTY (UINT64_C(1) << 60)
enum { LOST = -1 }; /* instead of an error: other code of the process closes the descriptor before the call */

static struct {
    int rooms;               /* the room is simulated: room[0] at the first call, room[1] at later ones */
    struct myl_os_room room[2];
    int room_error[2];
    unsigned asked;
    int create_error;
    int registry_error;      /* of acquiring the registry lock */
    void (*at_registry)(void); /* called once, before the registry lock is acquired */
    int query_error;         /* of querying several locks */
} fake;

int __real_myl_os_room(const struct myl_os_place *place, struct myl_os_room *room);
int __wrap_myl_os_room(const struct myl_os_place *place, struct myl_os_room *room);
int __real_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
int __wrap_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd);
int __real_myl_os_lock_acquire(int fd, uint32_t lock_index);
int __wrap_myl_os_lock_acquire(int fd, uint32_t lock_index);
int __real_myl_os_any_lock_held(int fd, uint32_t first, uint32_t count);
int __wrap_myl_os_any_lock_held(int fd, uint32_t first, uint32_t count);

int __wrap_myl_os_room(const struct myl_os_place *place, struct myl_os_room *room)
{
    if (!fake.rooms)
        return __real_myl_os_room(place, room);
    unsigned which = fake.asked++ > 0;
    *room = fake.room[which];
    return fake.room_error[which];
}

int __wrap_myl_os_object_create(const struct myl_os_object_spec *spec, int *fd)
{
    return fake.create_error != 0 ? fake.create_error : __real_myl_os_object_create(spec, fd);
}

/* The number of the descriptor belongs to another file from now on. */
static int lose(int fd)
{
    int other = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(dup2(other, fd), fd);
    close(other);
    return EBADF;
}

int __wrap_myl_os_lock_acquire(int fd, uint32_t lock_index)
{
    if (lock_index != MYL_LOCK_REGISTRY)
        return __real_myl_os_lock_acquire(fd, lock_index);
    void (*first)(void) = fake.at_registry;
    fake.at_registry = NULL;
    if (first != NULL)
        first();
    if (fake.registry_error == LOST)
        return lose(fd);
    return fake.registry_error != 0 ? fake.registry_error : __real_myl_os_lock_acquire(fd, lock_index);
}

int __wrap_myl_os_any_lock_held(int fd, uint32_t first, uint32_t count)
{
    if (fake.query_error == LOST)
        return -lose(fd);
    return fake.query_error != 0 ? -fake.query_error : __real_myl_os_any_lock_held(fd, first, count);
}

static void all_calls_work(void)
{
    memset(&fake, 0, sizeof fake);
}

/* --- room --------------------------------------------------------------------------------------------------------*/

static uint64_t bytes_of(const char *name, const myl_producer_options *o)
{
    all_calls_work();
    myl_info info = {.size = sizeof info};
    myl_producer *producer = open_producer(name, o);
    test_ok(myl_producer_info(producer, &info));
    myl_producer_close(producer);
    assert_false(ring_exists(name));
    return info.segment_bytes;
}

static void room_is(enum myl_os_scarce scarce, uint64_t bytes)
{
    all_calls_work();
    fake.rooms = 1;
    fake.room[0] = (struct myl_os_room){.bytes = bytes, .scarce = scarce, .where = "/the/group"};
}

/* The kernel needs memory to manage the pages, too. */
static void ring_needs_exactly_its_room(void **state)
{
    (void)state;
    static const struct {
        enum myl_os_scarce scarce;
        const char *text;
    } cases[] = {{MYL_OS_SCARCE_SPACE, " KiB free; lower its capacity, or make room"},
                 {MYL_OS_SCARCE_MEMORY, "of memory, this machine has "},
                 {MYL_OS_SCARCE_GROUP, "of memory, memory group /the/group has "}};
    char name[TEST_NAME_SIZE], needs[TEST_NAME_SIZE + 64], has[64];
    myl_producer_options o = producer_options(4096);
    uint64_t bytes = bytes_of(test_name(name, "room"), &o);
    snprintf(needs, sizeof needs, "ring \"%s\" needs %llu KiB", name, (unsigned long long)bytes >> 10);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t needed = bytes + (cases[i].scarce == MYL_OS_SCARCE_SPACE ? 0 : bytes / 256);
        room_is(cases[i].scarce, needed);
        myl_producer_close(open_producer(name, &o));
        room_is(cases[i].scarce, needed - 1);
        expect_no_producer(MYL_ENOSPACE, needs, name, &o);
        expect_detail(cases[i].text);
        snprintf(has, sizeof has, "has %llu KiB", (unsigned long long)(needed - 1) >> 10);
        expect_detail(has);
    }
    room_is(MYL_OS_SCARCE_INODES, 0);
    expect_no_producer(MYL_ENOSPACE, "needs an inode", name, &o);
    room_is(MYL_OS_SCARCE_SPACE, UINT64_MAX); /* no known limit */
    myl_producer_close(open_producer(name, &o));
    all_calls_work();
}

static void unknown_room_is_an_error(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], text[TEST_NAME_SIZE + 64];
    myl_producer_options o = producer_options(8);
    snprintf(text, sizeof text, "the free space for ring \"%s\" cannot be determined", test_name(name, "unknown"));
    room_is(MYL_OS_SCARCE_SPACE, PLENTY);
    fake.room_error[0] = EIO;
    expect_no_producer(MYL_ESYSTEM, text, name, &o);
    all_calls_work();
    assert_false(ring_exists(name));
}

/* Other processes took the room between the check and the reservation: the sentence has what is left now. */
static void failed_reservation_names_what_is_left(void **state)
{
    (void)state;
    static const struct {
        struct myl_os_room left;
        int error;
        const char *text;
    } cases[] = {{{.bytes = 12 << 10, .scarce = MYL_OS_SCARCE_SPACE}, 0, " has 12 KiB free; lower"},
                 {{.bytes = 12 << 10, .scarce = MYL_OS_SCARCE_MEMORY}, 0, "this machine has 12 KiB available"},
                 {{.bytes = UINT64_MAX, .scarce = MYL_OS_SCARCE_SPACE}, 0, " has 0 KiB free; lower"},
                 {{.bytes = 12 << 10, .scarce = MYL_OS_SCARCE_SPACE}, EIO, " has 0 KiB free; lower"}};
    static const int errors[] = {ENOSPC, ENOMEM};
    char name[TEST_NAME_SIZE], needs[TEST_NAME_SIZE + 64];
    myl_producer_options o = producer_options(4096);
    uint64_t bytes = bytes_of(test_name(name, "left"), &o);
    snprintf(needs, sizeof needs, "ring \"%s\" needs %llu KiB", name, (unsigned long long)bytes >> 10);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0] * 2; i++) {
        room_is(MYL_OS_SCARCE_SPACE, PLENTY);
        fake.room[1] = cases[i / 2].left;
        fake.room_error[1] = cases[i / 2].error;
        fake.create_error = errors[i % 2];
        expect_no_producer(MYL_ENOSPACE, needs, name, &o);
        expect_detail(cases[i / 2].text);
    }
    all_calls_work();
    assert_false(ring_exists(name));
}

static void memfd_without_memory_says_how_much_it_needs(void **state)
{
    (void)state;
    if (LAST_BACKEND != MYL_BACKEND_MEMFD)
        test_skip("the portable layer does not support memfds");
    char name[TEST_NAME_SIZE], needs[64];
    myl_producer_options o = producer_options(4096);
    uint64_t bytes = bytes_of(test_name(name, "memfd"), &o);
    snprintf(needs, sizeof needs, "the ring needs %llu KiB of memory, more than", (unsigned long long)bytes >> 10);
    o.ring.backend = MYL_BACKEND_MEMFD;
    room_is(MYL_OS_SCARCE_MEMORY, PLENTY);
    fake.create_error = ENOMEM;
    expect_no_producer(MYL_ENOSPACE, needs, NULL, &o);
    all_calls_work();
}

/* --- locks -------------------------------------------------------------------------------------------------------*/

/* A ring whose producer and consumer "c" have left. */
static void leave_ring(char name[TEST_NAME_SIZE], const char *what)
{
    all_calls_work();
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, what), &o);
    myl_consumer_close(open_consumer(name, "c"));
    myl_producer_leave(producer);
}

/* For every error of a call that concerns locks: the call must fail with the code and the sentence, and work later. */
static const struct {
    int error, code;
    const char *text; /* instead of the call's own sentence */
} failures[] = {{EIO, MYL_ESYSTEM, NULL},
                {ENOLCK, MYL_ELIMIT, NULL},
                {EBADF, MYL_ESYSTEM, NULL}, /* though the descriptor is the ring's */
                {LOST, MYL_ELOCKLOST, "was closed by other code of this process"}};
enum { FAILURES = sizeof failures / sizeof failures[0] };

static void removal_needs_to_know_who_is_alive(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], text[TEST_NAME_SIZE + 64];
    leave_ring(name, "query");
    snprintf(text, sizeof text, "the participant locks of ring \"%s\" cannot be queried", name);
    for (unsigned i = 0; i < FAILURES; i++) {
        fake.query_error = failures[i].error;
        test_code(failures[i].code, myl_remove(name, MYL_BACKEND_SHM, i % 2 != 0));
        expect_detail(failures[i].text != NULL ? failures[i].text : text);
        all_calls_work();
        assert_true(ring_exists(name));
    }
    myl_producer_options o = producer_options(8);
    myl_producer_close(open_producer(name, &o)); /* it was not superseded */
}

static void examination_needs_to_know_whether_locks_are_held(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], text[TEST_NAME_SIZE + 64];
    myl_object object = {.size = sizeof object};
    leave_ring(name, "examined");
    snprintf(text, sizeof text, "the participant locks of ring \"%s\" cannot be queried", name);
    fake.query_error = EIO;
    test_code(MYL_ESYSTEM, myl_examine(name, MYL_BACKEND_SHM, &object));
    expect_detail(text);
    all_calls_work();
    test_ok(myl_examine(name, MYL_BACKEND_SHM, &object));
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void eviction_needs_the_registry_lock(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], text[TEST_NAME_SIZE + 64];
    leave_ring(name, "registry");
    snprintf(text, sizeof text, "the registry lock of ring \"%s\" cannot be acquired", name);
    for (unsigned i = 0; i < FAILURES; i++) {
        fake.registry_error = failures[i].error;
        test_code(failures[i].code, myl_evict(name, MYL_BACKEND_SHM, "c"));
        expect_detail(failures[i].text != NULL ? failures[i].text : text);
        all_calls_work();
    }
    test_ok(myl_evict(name, MYL_BACKEND_SHM, "c"));
    test_code(MYL_ENOTFOUND, myl_evict(name, MYL_BACKEND_SHM, "c"));
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

/* --- a creation that is taken back ------------------------------------------------------------------------------ */

static unsigned logged(const char *name, enum myl_log_kind kind)
{
    unsigned count = 0;
    myl_log *log;
    test_ok(myl_log_take(name, MYL_BACKEND_SHM, &log));
    for (uint32_t i = 0; i < log->count; i++)
        count += log->entry[i].kind == kind;
    myl_log_free(log);
    return count;
}

/* The ring stays, since its name may not be removed without the registry lock. Its producer has left, not died. */
static void ring_that_cannot_be_withdrawn_has_no_dead_producer(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_peer peer = {.size = sizeof peer};
    myl_producer_options o = producer_options(8);
    o.ring.wait_consumers = 1;
    o.ring.wait_timeout_ns = 1;
    all_calls_work();
    fake.registry_error = ENOLCK;
    expect_no_producer(MYL_ESTARTUP, "0 of 1 consumers", test_name(name, "withdrawn"), &o);
    all_calls_work();
    assert_true(ring_exists(name));
    myl_consumer *consumer = open_consumer(name, "c");
    test_ok(myl_consumer_peer(consumer, &peer));
    assert_int_equal(peer.state, MYL_PEER_LEFT);
    myl_producer *producer = open_producer(name, &o);
    assert_int_equal(logged(name, MYL_LOG_PRODUCER_DIED), 0);
    put_many(producer, 0, 3);
    take_many(consumer, 0, 3);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
}

static struct {
    char name[TEST_NAME_SIZE];
    myl_frame_producer *producer;
} other;

static void open_other_lane(void)
{
    other.producer = open_lane(other.name, 2, "other");
}

/* The ring stays, since another lane has a producer by now. The first lane has ended, and its producer has not died. */
static void lane_that_cannot_be_withdrawn_has_no_dead_producer(void **state)
{
    (void)state;
    myl_snapshot *snapshot;
    myl_frame_producer *none;
    myl_frame_producer_options o = lane_options(2, "first");
    o.ring.wait_consumers = 1;
    o.ring.wait_timeout_ns = 1;
    (void)test_name(other.name, "lanes");
    all_calls_work();
    fake.at_registry = open_other_lane;
    test_code(MYL_ESTARTUP, myl_frame_producer_open(&none, other.name, &o));
    expect_detail("0 of 1 consumers");
    assert_int_equal(lane_of(other.producer), 1);
    test_ok(myl_snapshot_take_lane(other.name, MYL_BACKEND_SHM, 0, &snapshot));
    assert_int_equal(snapshot->closed, 1);
    assert_int_equal(snapshot->superseded, 0);
    assert_int_equal(snapshot->next, 0);
    myl_snapshot_free(snapshot);
    myl_frame_consumer *reader = open_frame_consumer(other.name, "c");
    myl_frame_producer *again = open_lane(other.name, 2, "first");
    assert_int_equal(lane_of(again), 0);
    assert_int_equal(logged(other.name, MYL_LOG_PRODUCER_DIED), 0);
    send_text(again, "from the first lane");
    expect_text(reader, 0, "from the first lane");
    myl_frame_producer_close(again);
    myl_frame_producer_close(other.producer);
    myl_frame_consumer_close(reader);
    assert_false(ring_exists(other.name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_needs_exactly_its_room),
        cmocka_unit_test(unknown_room_is_an_error),
        cmocka_unit_test(failed_reservation_names_what_is_left),
        cmocka_unit_test(memfd_without_memory_says_how_much_it_needs),
        cmocka_unit_test(removal_needs_to_know_who_is_alive),
        cmocka_unit_test(examination_needs_to_know_whether_locks_are_held),
        cmocka_unit_test(eviction_needs_the_registry_lock),
        cmocka_unit_test(ring_that_cannot_be_withdrawn_has_no_dead_producer),
        cmocka_unit_test(lane_that_cannot_be_withdrawn_has_no_dead_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
