/* SPDX-License-Identifier: MIT
 * Objects on a file system without O_TMPFILE have a temporary name until they are published. What a failed creation
 * leaves, and reads that fail or are interrupted. */
/* ctest: not-under=portable */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "os/os.h"
#include "os/temporary.h"
#include "segment/kind.h"
#include "unit/rings.h"

enum { OBJECT_BYTES = 8192, MOST_DESCRIPTORS = 256, LOCK_INDEX = 3 };

static struct {
    int tmpfile_error;       /* of each open with O_TMPFILE */
    int create_error;        /* of each other open that creates a file */
    int lock_error;
    int read_error;          /* of the next `failing_reads` reads */
    unsigned failing_reads;
    unsigned vanishing;      /* so many new names are removed before they are locked */
    unsigned created;
    int directory;           /* of the last new name */
    char name[TEST_PATH_SIZE];
} fake;

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __real_myl_os_lock_acquire(int fd, uint32_t lock_index);
int __wrap_myl_os_lock_acquire(int fd, uint32_t lock_index);
ssize_t __real_pread(int fd, void *to, size_t bytes, off_t from);
ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t from);

static int fails(int err)
{
    errno = err;
    return err != 0;
}

int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int nameless = (flags & O_TMPFILE) == O_TMPFILE, creates = (flags & O_CREAT) != 0;
    mode_t mode = nameless || creates ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    if ((nameless && fails(fake.tmpfile_error)) || (creates && fails(fake.create_error)))
        return -1;
    if (creates) {
        fake.created++;
        fake.directory = directory;
        snprintf(fake.name, sizeof fake.name, "%s", path);
    }
    return __real_openat(directory, path, flags, mode);
}

int __wrap_myl_os_lock_acquire(int fd, uint32_t lock_index)
{
    if (fake.vanishing > 0) {
        fake.vanishing--;
        assert_int_equal(unlinkat(fake.directory, fake.name, 0), 0);
    }
    return fake.lock_error != 0 ? fake.lock_error : __real_myl_os_lock_acquire(fd, lock_index);
}

ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t from)
{
    if (fake.failing_reads == 0)
        return __real_pread(fd, to, bytes, from);
    fake.failing_reads--;
    errno = fake.read_error;
    return -1;
}

/* --- a directory for one object --------------------------------------------------------------------------------- */

struct scene {
    char directory[TEST_PATH_SIZE];
    struct myl_os_place place;
    struct myl_os_object_spec spec;
    int descriptors;
};

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* How many objects are recorded under a temporary name. */
static int count_recorded(void)
{
    char name[TEST_PATH_SIZE];
    int count = 0;
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++)
        count += myl_temporary_name(fd, name, sizeof name);
    return count;
}

struct entries {
    int count, temporary;
};

static int add_entry(const char *name, void *user)
{
    struct entries *entries = user;
    int is_file = strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    entries->count += is_file;
    entries->temporary += is_file && myl_name_is_temporary(name);
    return 0;
}

static void expect_entries(const struct scene *s, int named, int temporary)
{
    struct entries entries = {0};
    assert_int_equal(myl_os_directory_each(s->directory, add_entry, &entries), 0);
    assert_int_equal(entries.temporary, temporary);
    assert_int_equal(entries.count, named + temporary);
    assert_int_equal(count_recorded(), temporary);
}

static void set_up_scene(struct scene *s)
{
    char path[TEST_PATH_SIZE + 8];
    memset(&fake, 0, sizeof fake);
    assert_int_equal(mkdir(test_path(s->directory, "objects"), 0700), 0);
    snprintf(path, sizeof path, "%s/ring", s->directory);
    assert_int_equal(myl_os_place_open(path, &s->place), 0);
    s->place.name = "ring";
    s->spec = (struct myl_os_object_spec){.backend = MYL_BACKEND_FILE,
                                          .place = &s->place,
                                          .bytes = OBJECT_BYTES,
                                          .mode = 0600,
                                          .lock_index = LOCK_INDEX};
    s->descriptors = count_descriptors();
}

static void tear_down_scene(struct scene *s)
{
    memset(&fake, 0, sizeof fake);
    assert_int_equal(count_descriptors(), s->descriptors);
    myl_os_place_close(&s->place);
    assert_int_equal(rmdir(s->directory), 0);
}

static void expect_failure(struct scene *s, int err, unsigned created)
{
    int fd = -1;
    fake.created = 0;
    assert_int_equal(myl_os_object_create(&s->spec, &fd), err);
    assert_int_equal(fd, -1);
    assert_int_equal(fake.created, created);
    expect_entries(s, 0, 0);
    assert_int_equal(count_descriptors(), s->descriptors);
}

static int create(struct scene *s, unsigned created)
{
    int fd = -1;
    fake.created = 0;
    assert_int_equal(myl_os_object_create(&s->spec, &fd), 0);
    assert_true(fd >= 0);
    assert_int_equal(fake.created, created);
    return fd;
}

/* --- the tests ---------------------------------------------------------------------------------------------------*/

static void publishing_replaces_the_temporary_name(void **state)
{
    (void)state;
    static const int unsupported[] = {EOPNOTSUPP, EISDIR};
    for (unsigned i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        struct scene s;
        set_up_scene(&s);
        fake.tmpfile_error = unsupported[i];
        int fd = create(&s, 1);
        expect_entries(&s, 0, 1);
        assert_int_equal(myl_os_object_publish(fd, &s.place), 0);
        expect_entries(&s, 1, 0);
        myl_os_object_close(fd);
        expect_entries(&s, 1, 0);
        assert_int_equal(myl_os_object_unlink(&s.place), 0);
        tear_down_scene(&s);
    }
}

static void closing_removes_the_temporary_name(void **state)
{
    (void)state;
    struct scene s;
    set_up_scene(&s);
    fake.tmpfile_error = EOPNOTSUPP;
    int fd = create(&s, 1);
    expect_entries(&s, 0, 1);
    myl_os_object_close(fd);
    expect_entries(&s, 0, 0);
    tear_down_scene(&s);
}

static void failed_creation_leaves_nothing(void **state)
{
    (void)state;
    struct scene s;
    set_up_scene(&s);
    fake.tmpfile_error = EMFILE; /* no reason to try a temporary name */
    expect_failure(&s, EMFILE, 0);
    fake.tmpfile_error = EOPNOTSUPP;
    fake.create_error = EACCES;
    expect_failure(&s, EACCES, 0);
    fake.create_error = 0;
    fake.lock_error = ENOLCK;
    expect_failure(&s, ENOLCK, 1);
    tear_down_scene(&s);
}

/* A cleanup may remove a temporary name before its creator has locked it. */
static void removed_temporary_names_are_replaced(void **state)
{
    (void)state;
    struct scene s;
    set_up_scene(&s);
    fake.tmpfile_error = EOPNOTSUPP;
    fake.vanishing = 3;
    int fd = create(&s, 4);
    expect_entries(&s, 0, 1);
    myl_os_object_close(fd);
    fake.vanishing = 1000;
    expect_failure(&s, EAGAIN, 100);
    tear_down_scene(&s);
}

static void read_repeats_only_after_a_signal(void **state)
{
    (void)state;
    static const char text[] = "0123456789";
    struct scene s;
    char bytes[sizeof text + 8];
    uint64_t got;
    set_up_scene(&s);
    fake.tmpfile_error = EOPNOTSUPP;
    int fd = create(&s, 1);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(write(fd, text, sizeof text), sizeof text);
    fake.read_error = EINTR;
    fake.failing_reads = 3;
    assert_int_equal(myl_os_object_read(fd, 0, bytes, sizeof bytes, &got), 0);
    assert_int_equal(got, sizeof text);
    assert_string_equal(bytes, text);
    assert_int_equal(fake.failing_reads, 0);
    fake.read_error = EIO;
    fake.failing_reads = 1;
    assert_int_equal(myl_os_object_read(fd, 0, bytes, sizeof bytes, &got), EIO);
    myl_os_object_close(fd);
    tear_down_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing_replaces_the_temporary_name),
        cmocka_unit_test(closing_removes_the_temporary_name),
        cmocka_unit_test(failed_creation_leaves_nothing),
        cmocka_unit_test(removed_temporary_names_are_replaced),
        cmocka_unit_test(read_repeats_only_after_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
