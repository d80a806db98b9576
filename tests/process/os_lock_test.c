/* SPDX-License-Identifier: MIT
 * The participant locks of the os layer alone. In the portable layer they are files with locks: a death leaves no file
 * for ever, and a query is not taken for an owner. */
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
    struct myl_os_place place;
    assert_int_equal(myl_os_place_open(path, &place), 0);
    assert_int_equal(myl_os_object_open(&place, 0, &fd, &read_only), 0);
    myl_os_place_close(&place);
    return fd;
}

struct holder {
    const char *name;
    uint32_t lock_index;
};

static int hold(test_peer *parent, void *argument)
{
    const struct holder *holder = argument;
    test_send(parent, (uint64_t)myl_os_lock_acquire(open_object(holder->name), holder->lock_index));
    return (int)test_receive(parent);
}

/* One query for a range of locks: held if any of them is held, the first or the last, and not because of their
 * neighbours. */
static void range_is_held_if_one_lock_is(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "range"), &o);
    int fd = open_object(name), other = open_object(name);
    assert_int_equal(myl_os_any_lock_held(fd, 2, 20000), 0);
    assert_int_equal(myl_os_any_lock_held(fd, 0, 2), 1); /* the producer's */
    assert_int_equal(myl_os_lock_acquire(other, 10), 0);
    assert_int_equal(myl_os_any_lock_held(fd, 2, 20000), 1);
    assert_int_equal(myl_os_any_lock_held(fd, 10, 1), 1);
    assert_int_equal(myl_os_any_lock_held(fd, 5, 6), 1);
    assert_int_equal(myl_os_any_lock_held(fd, 5, 5), 0);
    assert_int_equal(myl_os_any_lock_held(fd, 11, 100), 0);
    assert_int_equal(myl_os_any_lock_held(other, 2, 20000), 0); /* held by this descriptor only: no other participant */
    assert_int_equal(myl_os_lock_acquire(fd, 12), 0);
    assert_int_equal(myl_os_any_lock_held(fd, 11, 100), 0);
    assert_int_equal(myl_os_any_lock_held(other, 10, 3), 1);
    myl_os_lock_release(other, 10);
    assert_int_equal(myl_os_any_lock_held(fd, 2, 20000), 0);
    assert_true(myl_os_any_lock_held(-1, 2, 5) < 0);
    myl_os_object_close(other);
    myl_os_object_close(fd);
    myl_producer_close(producer);
}

static void lock_is_free_once_its_process_is_dead(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "seats"), &o);
    struct holder holder = {.name = name, .lock_index = 7};
    test_child child;
    int fd = open_object(name), other = open_object(name);
    assert_int_equal(myl_os_lock_held(fd, 7), 0);
    test_spawn(&child, hold, &holder);
    test_expect_value(&child.peer, 0);
    assert_int_equal(myl_os_lock_held(fd, 7), 1);
    assert_int_equal(myl_os_lock_acquire(fd, 7), EAGAIN);
    test_kill(&child);
    assert_int_equal(myl_os_lock_held(fd, 7), 0);
    assert_int_equal(myl_os_lock_acquire(fd, 7), 0);
    assert_int_equal(myl_os_lock_acquire(fd, 7), 0);       /* held by this descriptor already */
    assert_int_equal(myl_os_lock_held(fd, 7), 0);          /* no other handle holds it */
    assert_int_equal(myl_os_lock_held(other, 7), 1);       /* another handle of the same process is another owner */
    assert_int_equal(myl_os_lock_acquire(other, 7), EAGAIN);
    myl_os_lock_release(fd, 7);
    assert_int_equal(myl_os_lock_acquire(other, 7), 0);
    myl_os_object_close(other);                            /* releases the locks acquired through it */
    assert_int_equal(myl_os_lock_acquire(fd, 7), 0);
    myl_os_object_close(fd);
    myl_producer_close(producer);
}

#ifdef MYL_OS_POSIX

/* Counts the side files of the object of `st`. `path` gets the path of the last one. */
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

static void no_side_file_outlives_its_ring(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    struct stat st;
    myl_producer_options o = producer_options(8);
    o.ring.mode = 0664;
    myl_producer *producer = open_producer(test_name(name, "files"), &o);
    struct holder holder = {.name = name, .lock_index = 2};
    test_child child;
    int fd = open_object(name);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(side_files(&st, path), 1); /* of the producer's lock */
    test_spawn(&child, hold, &holder);
    test_expect_value(&child.peer, 0);
    assert_int_equal(side_files(&st, path), 2);
    test_kill(&child);
    assert_int_equal(side_files(&st, path), 2);
    myl_producer_leave(producer);
    assert_int_equal(side_files(&st, path), 1); /* of the dead participant */
    struct stat side;
    assert_int_equal(stat(path, &side), 0);
    assert_int_equal(side.st_mode & 0777, 0664); /* a user who may open the ring may acquire its locks */
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
    assert_int_equal(side_files(&st, path), 0);
    close(fd);
}

static int query_and_wait(test_peer *parent, void *path)
{
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    test_send(parent, lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0);
    return test_receive(parent) != 1;
}

/* A query holds a shared lock for a moment. A process that acquires the lock waits for that instead of failing. */
static void lock_query_does_not_block_acquire(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_PATH_SIZE];
    struct stat st;
    myl_producer_options o = producer_options(8);
    myl_producer *producer = open_producer(test_name(name, "askers"), &o);
    struct holder holder = {.name = name, .lock_index = 3};
    test_child owner, asker;
    int fd = open_object(name);
    assert_int_equal(fstat(fd, &st), 0);
    myl_producer_leave(producer);
    test_spawn(&owner, hold, &holder);
    test_expect_value(&owner.peer, 0);
    test_kill(&owner);
    assert_int_equal(side_files(&st, path), 1);
    test_spawn(&asker, query_and_wait, path);
    test_expect_value(&asker.peer, 1);
    assert_int_equal(myl_os_lock_held(fd, 3), 0);
    int64_t before = test_now_ns();
    assert_int_equal(myl_os_lock_acquire(fd, 3), EAGAIN); /* it does not wait for ever */
    assert_true(test_now_ns() - before >= 900000000);
    test_send(&asker.peer, 1);
    assert_int_equal(myl_os_lock_acquire(fd, 3), 0); /* whether the query is over already or ends during the wait */
    test_expect_exit(&asker, 0);
    myl_os_object_close(fd);
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_is_held_if_one_lock_is),
        cmocka_unit_test(lock_is_free_once_its_process_is_dead),
#ifdef MYL_OS_POSIX
        cmocka_unit_test(no_side_file_outlives_its_ring),
        cmocka_unit_test(lock_query_does_not_block_acquire),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
