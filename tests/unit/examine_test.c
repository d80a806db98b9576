/* SPDX-License-Identifier: MIT
 * Objects that are not intact rings: damaged, of another version, unfinished. They are classified, and removed if none
 * of their locks is held. Files that are no rings are never touched. */
#include <fcntl.h>
#include <sys/stat.h>

#include "os/os.h"
#include "segment/header.h"
#include "segment/kind.h"
#include "segment/segment.h"
#include "unit/rings.h"

static void path_of(char path[TEST_NAME_SIZE + 16], const char *name)
{
    snprintf(path, TEST_NAME_SIZE + 16, "/dev/shm/%s", name);
}

static int open_path(const char *name, int flags)
{
    char path[TEST_NAME_SIZE + 16];
    path_of(path, name);
    return open(path, O_RDWR | O_CLOEXEC | flags, 0600);
}

static myl_object examine(const char *name)
{
    myl_object object = {.size = sizeof object};
    test_ok(myl_examine(name, MYL_BACKEND_SHM, &object));
    return object;
}

/* Makes a ring whose producer has left, and reads its header. */
static void leave_ring(const char *name, struct myl_header *head)
{
    myl_producer_options options = producer_options(8);
    myl_producer *producer = open_producer(name, &options);
    put_many(producer, 0, 3);
    myl_producer_leave(producer);
    int fd = open_path(name, 0);
    assert_int_equal(pread(fd, head, sizeof *head, 0), sizeof *head);
    close(fd);
}

static void write_header(const char *name, struct myl_header *head, int seal)
{
    if (seal)
        myl_header_seal(head);
    int fd = open_path(name, 0);
    assert_int_equal(pwrite(fd, head, sizeof *head, 0), sizeof *head);
    close(fd);
}

static void expect_kind(const char *name, enum myl_object_kind kind, int reason)
{
    myl_object object = examine(name);
    assert_int_equal(object.kind, kind);
    test_code(reason, object.reason);
    assert_int_equal(object.used, 0);
    assert_true((object.detail[0] != '\0') == (reason != MYL_OK));
}

static void damaged_rings_are_removed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE];
    struct myl_header head;
    static const struct {
        enum myl_object_kind kind;
        int reason;
    } wants[] = {
        {MYL_OBJECT_DAMAGED, MYL_ECORRUPT},   {MYL_OBJECT_FOREIGN, MYL_EVERSION},
        {MYL_OBJECT_FOREIGN, MYL_EBYTEORDER}, {MYL_OBJECT_FOREIGN, MYL_EBYTEORDER},
        {MYL_OBJECT_DAMAGED, MYL_ETRUNCATED}, {MYL_OBJECT_DAMAGED, MYL_ENOTRING},
    };
    for (unsigned i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        leave_ring(test_name(name, "damaged"), &head);
        assert_int_equal(examine(name).kind, MYL_OBJECT_RING);
        head.cells ^= i == 0;
        head.layout_version += i == 1;
        head.byte_order = i == 2 ? 0x04030201 : head.byte_order;
        head.magic = i == 3 ? __builtin_bswap64(head.magic) : head.magic;
        write_header(name, &head, i > 0);
        int fd = open_path(name, 0);
        if (i >= 4)
            assert_int_equal(ftruncate(fd, i == 4 ? 4096 : 100), 0); /* shorter than a header */
        close(fd);
        expect_kind(name, wants[i].kind, wants[i].reason);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, (int)i % 2));
        assert_false(ring_exists(name));
    }
}

/* A participant lock is a lock on the object, whatever the header contains. */
static void used_rings_stay(void **state)
{
    (void)state;
    static const uint32_t locks[] = {MYL_LOCK_PRODUCER, MYL_LOCK_ENTRY_0, MYL_LOCK_ENTRY_0 + MYL_CONSUMERS_MAX - 1};
    char name[TEST_NAME_SIZE];
    struct myl_header head;
    leave_ring(test_name(name, "used"), &head);
    head.layout_version = 4711;
    write_header(name, &head, 1);
    for (unsigned i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        int fd = open_path(name, 0);
        assert_int_equal(myl_os_lock_acquire(fd, locks[i]), 0);
        assert_int_equal(examine(name).used, 1);
        test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 0));
        expect_detail("a live process");
        /* force does not help: the participant cannot be notified */
        test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 1));
        assert_true(ring_exists(name));
        myl_os_lock_release(fd, locks[i]);
        close(fd);
    }
    test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
}

static void other_files_stay(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], path[TEST_NAME_SIZE + 16];
    int fd = open_path(test_name(name, "theirs"), O_CREAT | O_EXCL);
    path_of(path, name);
    assert_int_equal(write(fd, "some text, not a ring", 21), 21);
    expect_kind(name, MYL_OBJECT_OTHER, MYL_ENOTRING);
    assert_int_equal(ftruncate(fd, 4096), 0);
    /* empty, but with such a name */
    assert_int_equal(pwrite(fd, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21, 0), 21);
    expect_kind(name, MYL_OBJECT_OTHER, MYL_ENOTRING);
    test_code(MYL_ENOTRING, myl_remove(name, MYL_BACKEND_SHM, 1));
    assert_true(ring_exists(name));
    close(fd);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    myl_object object = {.size = sizeof object};
    assert_true(myl_examine(name, MYL_BACKEND_SHM, &object) != MYL_OK || object.kind == MYL_OBJECT_OTHER);
    rmdir(path);
    test_code(MYL_ENOTFOUND, myl_examine(name, MYL_BACKEND_SHM, &object));
    object.size = 1;
    test_code(MYL_EOPTIONS, myl_examine(name, MYL_BACKEND_SHM, &object));
    test_code(MYL_EINVAL, myl_examine(NULL, MYL_BACKEND_MEMFD, &(myl_object){.size = sizeof object}));
}

static void temporary_names_are_recognised(void **state)
{
    (void)state;
    static const char *const are[] = {"ring.tmp-1-0123456789abcdef", "/dev/shm/a.tmp-4711-ffffffffffffffff",
                                      "x.tmp-2-0.tmp-1-0123456789abcdef", ".myelon-aB3xyz", "/tmp/.myelon-000000"};
    static const char *const are_not[] = {"ring",
                                          "ring.tmp-1-0123456789abcde",
                                          "ring.tmp-1-0123456789abcdeg",
                                          "ring.tmp--0123456789abcdef",
                                          ".tmp-1-0123456789abcdef",
                                          "ringtmp-1-0123456789abcdef",
                                          "ring.tmp_1-0123456789abcdef",
                                          "ring_tmp-1-0123456789abcdef",
                                          "ring.tmp-x1-0123456789abcdef",
                                          ".myelon-",
                                          ".myelon-seat-0-1-2-3",
                                          "/x.tmp-1-0123456789abcdef/ring",
                                          "0123456789abcdef",
                                          "-0123456789abcdef",
                                          ""};
    for (unsigned i = 0; i < sizeof are / sizeof are[0]; i++)
        assert_true(myl_name_is_temporary(are[i]));
    for (unsigned i = 0; i < sizeof are_not / sizeof are_not[0]; i++) {
        if (myl_name_is_temporary(are_not[i]))
            test_fail("\"%s\" is not recognised as a temporary name", are_not[i]);
    }
}

static int count_name(const char *name, void *user)
{
    *(int *)user += strstr(name, ".tmp-") != NULL;
    return 0;
}

/* A process that is killed while it creates a ring leaves this: reserved, with or without a header, no lock held. */
static void unfinished_rings_are_removed(void **state)
{
    (void)state;
    char name[TEST_NAME_SIZE], base[TEST_NAME_SIZE];
    struct myl_header head;
    leave_ring(test_name(base, "base"), &head);
    test_ok(myl_remove(base, MYL_BACKEND_SHM, 0));
    snprintf(name, sizeof name, "%.60s.tmp-77-0123456789abcdef", base);
    for (unsigned i = 0; i < 3; i++) {
        int fd = open_path(name, O_CREAT | O_EXCL);
        if (i > 0)
            assert_int_equal(ftruncate(fd, (off_t)head.segment_bytes), 0);
        if (i == 2)
            assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
        expect_kind(name, MYL_OBJECT_UNFINISHED, i == 2 ? MYL_OK : MYL_ENOTRING);
        int listed = 0;
        assert_int_equal(myl_list(count_name, &listed), 0);
        assert_int_equal(listed, 0);
        assert_int_equal(myl_os_lock_acquire(fd, MYL_LOCK_PRODUCER), 0); /* its creator is alive */
        assert_int_equal(examine(name).used, 1);
        test_code(MYL_EINUSE, myl_remove(name, MYL_BACKEND_SHM, 1));
        myl_os_lock_release(fd, MYL_LOCK_PRODUCER);
        test_ok(myl_remove(name, MYL_BACKEND_SHM, 0));
        assert_false(ring_exists(name));
        close(fd);
    }
    int fd = open_path(name, O_CREAT | O_EXCL);
    assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10); /* a file of another kind with such a name */
    expect_kind(name, MYL_OBJECT_OTHER, MYL_ENOTRING);
    test_code(MYL_ENOTRING, myl_remove(name, MYL_BACKEND_SHM, 1));
    close(fd);
    char path[TEST_NAME_SIZE + 16];
    path_of(path, name);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_rings_are_removed),
        cmocka_unit_test(used_rings_stay),
        cmocka_unit_test(other_files_stay),
        cmocka_unit_test(temporary_names_are_recognised),
        cmocka_unit_test(unfinished_rings_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
