/* SPDX-License-Identifier: MIT
 * Seats by themselves, through the seam; and what is special about the portable layer's, which are files with locks:
 * that a death leaves no file for ever, and that a question is not taken for an owner. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "os/os.h"
#include "unit/rings.h"

static void ring_path(char path[TEST_PATH_SIZE], const char *name)
{
    snprintf(path, TEST_PATH_SIZE, "%s/%s", myl_os_shm_directory(), name);
}

static int open_object(const char *name)
{
    char path[TEST_PATH_SIZE];
    int fd, read_only;
    ring_path(path, name);
    assert_int_equal(myl_os_object_open(path, 0, &fd, &read_only), 0);
    return fd;
}

struct holder {
    const char *name;
    uint32_t seat;
};

static int hold(test_peer *parent, void *argument)
{
    const struct holder *holder = argument;
    test_tell(parent, (uint64_t)myl_os_seat_take(open_object(holder->name), holder->seat));
    return (int)test_hear(parent);
}

static void test_seats_of_the_living_and_the_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "seats"), &o);
    struct holder holder = {.name = name, .seat = 7};
    test_child child;
    int fd = open_object(name), other = open_object(name);
    assert_int_equal(myl_os_seat_held(fd, 7), 0);
    test_spawn(&child, hold, &holder);
    test_hear_value(&child.peer, 0);
    assert_int_equal(myl_os_seat_held(fd, 7), 1);
    assert_int_equal(myl_os_seat_take(fd, 7), EAGAIN);
    test_kill(&child);
    assert_int_equal(myl_os_seat_held(fd, 7), 0);
    assert_int_equal(myl_os_seat_take(fd, 7), 0);
    assert_int_equal(myl_os_seat_take(fd, 7), 0);          /* ours already */
    assert_int_equal(myl_os_seat_held(fd, 7), 0);          /* by ourselves: nobody else */
    assert_int_equal(myl_os_seat_held(other, 7), 1);       /* another handle of the same process is somebody else */
    assert_int_equal(myl_os_seat_take(other, 7), EAGAIN);
    myl_os_seat_drop(fd, 7);
    assert_int_equal(myl_os_seat_take(other, 7), 0);
    myl_os_object_close(other);                            /* drops what was taken through it */
    assert_int_equal(myl_os_seat_take(fd, 7), 0);
    myl_os_object_close(fd);
    myl_producer_close(producer);
}

#ifdef MYL_OS_POSIX

/* Side files of the object behind `st`; the path of the last one. */
static int side_files(const struct stat *st, char path[TEST_PATH_SIZE])
{
    char part[64];
    int found = 0;
    snprintf(part, sizeof part, "-%llx-%llx-", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    DIR *directory = opendir(myl_os_shm_directory());
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, ".myelon-seat-", 13) != 0 || strstr(entry->d_name, part) == NULL)
            continue;
        found++;
        snprintf(path, TEST_PATH_SIZE, "%s/%s", myl_os_shm_directory(), entry->d_name);
    }
    closedir(directory);
    return found;
}

static void test_no_side_file_outlives_its_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    struct stat st;
    myl_producer_options o = producer_options(8);
    o.mode = 0664;
    myl_producer *producer = open_producer(test_name(name, "files"), &o);
    struct holder holder = {.name = name, .seat = 2};
    test_child child;
    int fd = open_object(name);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(side_files(&st, path), 1); /* the producer's seat */
    test_spawn(&child, hold, &holder);
    test_hear_value(&child.peer, 0);
    assert_int_equal(side_files(&st, path), 2);
    test_kill(&child);
    assert_int_equal(side_files(&st, path), 2);
    myl_producer_leave(producer);
    assert_int_equal(side_files(&st, path), 1); /* the dead one's */
    struct stat side;
    assert_int_equal(stat(path, &side), 0);
    assert_int_equal(side.st_mode & 0777, 0664); /* who may open the ring may sit on its seats */
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    assert_int_equal(side_files(&st, path), 0);
    close(fd);
}

static int ask_and_stay(test_peer *parent, void *path)
{
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    test_tell(parent, lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0);
    return test_hear(parent) != 1;
}

/* Who asks holds a shared lock for a moment; a taker waits for it instead of taking it for an owner. */
static void test_a_question_is_no_owner(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    struct stat st;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "askers"), &o);
    struct holder holder = {.name = name, .seat = 3};
    test_child owner, asker;
    int fd = open_object(name);
    assert_int_equal(fstat(fd, &st), 0);
    myl_producer_leave(producer);
    test_spawn(&owner, hold, &holder);
    test_hear_value(&owner.peer, 0);
    test_kill(&owner);
    assert_int_equal(side_files(&st, path), 1);
    test_spawn(&asker, ask_and_stay, path);
    test_hear_value(&asker.peer, 1);
    assert_int_equal(myl_os_seat_held(fd, 3), 0);
    int64_t before = test_now_ns();
    assert_int_equal(myl_os_seat_take(fd, 3), EAGAIN); /* it does not wait for ever */
    assert_true(test_now_ns() - before >= 900000000);
    test_tell(&asker.peer, 1);
    assert_int_equal(myl_os_seat_take(fd, 3), 0); /* whether the asker has gone by now or goes while we wait */
    test_expect_exit(&asker, 0);
    myl_os_object_close(fd);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seats_of_the_living_and_the_dead),
#ifdef MYL_OS_POSIX
        cmocka_unit_test(test_no_side_file_outlives_its_ring),
        cmocka_unit_test(test_a_question_is_no_owner),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
