/* SPDX-License-Identifier: MIT
 * A place is a name in a directory that is opened once. Later changes of the path or of the working directory do not
 * change which object is opened, checked and removed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "os/os.h"
#include "unit/rings.h"

/* Makes DIRECTORY/ring and VICTIM/ring. Then DIRECTORY becomes a link to VICTIM, and the old directory is MOVED. */
struct scene {
    char directory[TEST_PATH_SIZE], moved[TEST_PATH_SIZE], victim[TEST_PATH_SIZE];
};

static const char *in(const char *directory, char path[2 * TEST_PATH_SIZE])
{
    snprintf(path, 2 * TEST_PATH_SIZE, "%s/ring", directory);
    return path;
}

static int exists(const char *directory)
{
    char path[2 * TEST_PATH_SIZE];
    return access(in(directory, path), F_OK) == 0;
}

static void make_file(const char *directory)
{
    char path[2 * TEST_PATH_SIZE];
    int fd = open(in(directory, path), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void set_up_scene(struct scene *s)
{
    assert_int_equal(mkdir(test_path(s->directory, "directory"), 0700), 0);
    assert_int_equal(mkdir(test_path(s->victim, "victim"), 0700), 0);
    (void)test_path(s->moved, "moved");
}

static void swap(const struct scene *s)
{
    assert_int_equal(rename(s->directory, s->moved), 0);
    assert_int_equal(symlink(s->victim, s->directory), 0);
}

static void tear_down_scene(const struct scene *s)
{
    char path[2 * TEST_PATH_SIZE];
    unlink(in(s->victim, path));
    assert_int_equal(unlink(s->directory), 0);
    assert_int_equal(rmdir(s->moved), 0);
    assert_int_equal(rmdir(s->victim), 0);
}

static void replaced_directory_is_not_followed(void **state)
{
    (void)state;
    struct scene s;
    struct myl_os_place place;
    struct myl_os_object object;
    char path[2 * TEST_PATH_SIZE];
    int fd, read_only, same;
    set_up_scene(&s);
    make_file(s.directory);
    make_file(s.victim);
    assert_int_equal(myl_os_place_open(in(s.directory, path), &place), 0);
    swap(&s);
    assert_int_equal(myl_os_object_open(&place, 0, &fd, &read_only), 0);
    assert_int_equal(myl_os_object_stat(fd, &object), 0);
    assert_int_equal(myl_os_object_is_named(&place, &object, &same), 0);
    assert_int_equal(same, 1);
    assert_int_equal(myl_os_object_unlink(&place), 0);
    assert_true(exists(s.victim));
    assert_false(exists(s.moved));
    assert_int_equal(myl_os_object_is_named(&place, &object, &same), 0);
    assert_int_equal(same, 0);
    myl_os_object_close(fd);
    myl_os_place_close(&place);
    tear_down_scene(&s);
}

/* Other code closed the directory's descriptor, and its number belongs to another directory: it is not used again. */
static void place_with_a_foreign_descriptor_is_given_up(void **state)
{
    (void)state;
    struct myl_os_place place;
    char path[TEST_PATH_SIZE];
    assert_int_equal(myl_os_place_open(test_path(path, "foreign"), &place), 0);
    int own = place.directory, other = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(own >= 0 && other >= 0);
    myl_os_place_check(&place);
    assert_int_equal(place.directory, own);
    assert_int_equal(dup2(other, own), own);
    myl_os_place_check(&place);
    assert_int_equal(place.directory, -1);
    myl_os_place_close(&place);
    assert_int_equal(close(own), 0); /* not closed: it is not the library's */
    assert_int_equal(close(other), 0);
}

/* A ring that ends removes its own file, not the one that its path refers to by then. */
static void ended_ring_is_removed_from_its_directory(void **state)
{
    (void)state;
    struct scene s;
    char path[2 * TEST_PATH_SIZE];
    set_up_scene(&s);
    make_file(s.victim);
    myl_producer_options options = producer_options(8);
    options.ring.backend = MYL_BACKEND_FILE;
    myl_producer *producer = open_producer(in(s.directory, path), &options);
    swap(&s);
    assert_true(exists(s.moved));
    myl_producer_close(producer);
    assert_false(exists(s.moved));
    assert_true(exists(s.victim));
    tear_down_scene(&s);
}

static void relative_path_survives_chdir(void **state)
{
    (void)state;
    char path[TEST_PATH_SIZE], directory[TEST_PATH_SIZE];
    int start = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(directory, sizeof directory, "%s", test_path(path, "relative"));
    *strrchr(directory, '/') = '\0';
    assert_int_equal(chdir(directory), 0);
    myl_producer_options options = producer_options(8);
    options.ring.backend = MYL_BACKEND_FILE;
    myl_producer *producer = open_producer(strrchr(path, '/') + 1, &options);
    myl_consumer_options c = {.size = sizeof c, .ring = {.id = "c", .backend = MYL_BACKEND_FILE}};
    myl_consumer *consumer = open_consumer_with(strrchr(path, '/') + 1, &c);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(chdir("/"), 0);
    put_many(producer, 0, 1);
    take_many(consumer, 0, 1);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(fchdir(start), 0);
    close(start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_directory_is_not_followed),
        cmocka_unit_test(place_with_a_foreign_descriptor_is_given_up),
        cmocka_unit_test(ended_ring_is_removed_from_its_directory),
        cmocka_unit_test(relative_path_survives_chdir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
