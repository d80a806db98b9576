/* SPDX-License-Identifier: MIT
 * A diagnosis takes two samples. The changes between them are made by myl_os_sleep, which the diagnosis calls in
 * between; why_watch_test.c does the same for waits. */
#include <fcntl.h>
#include <sys/mman.h>

#include "os/os.h"
#include "segment/layout.h"
#include "unit/rings.h"

static void (*between)(void *context);
static void *between_context;

int __wrap_myl_os_sleep(int64_t ns);
int __wrap_myl_os_sleep(int64_t ns)
{
    (void)ns;
    void (*once)(void *context) = between;
    between = NULL;
    if (once != NULL)
        once(between_context);
    return 0;
}

struct scene {
    char name[TEST_NAME_SIZE];
    myl_producer *producer;
    myl_consumer *consumer;
    struct myl_control *control;
    struct myl_participant *own, *entry; /* of the producer and of the consumer */
    uint64_t control_bytes;
    int consumer_moves;
    int64_t passes_ns;           /* between the samples */
};

static void set_up(struct scene *scene)
{
    struct myl_header head;
    char path[TEST_NAME_SIZE + 16];
    myl_producer_options o = producer_options(8);
    *scene = (struct scene){0};
    scene->producer = open_producer(test_name(scene->name, "watch"), &o);
    scene->consumer = open_consumer(scene->name, "c");
    snprintf(path, sizeof path, "/dev/shm/%s", scene->name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &head, sizeof head, 0), sizeof head);
    scene->control_bytes = head.control_bytes;
    scene->control = mmap(NULL, head.control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)head.control_offset);
    assert_true(scene->control != MAP_FAILED);
    scene->own = (struct myl_participant *)(void *)(scene->control + 1);
    scene->entry = scene->own + 1;
    close(fd);
}

static void tear_down(struct scene *scene)
{
    munmap(scene->control, scene->control_bytes);
    myl_consumer_close(scene->consumer);
    myl_producer_close(scene->producer);
}

/* Between the samples both waits end, and those that have to move do so. */
static void waits_are_over(void *context)
{
    struct scene *scene = context;
    scene->own->waiting.v = 0;
    scene->entry->waiting.v = 0;
    if (scene->consumer_moves)
        take_many(scene->consumer, 0, 1);
    for (int64_t until = myl_os_now() + scene->passes_ns; myl_os_now() < until;)
        myl_os_yield();
}

static myl_diagnosis *watched(struct scene *scene, int64_t watch_ns)
{
    myl_diagnosis *diagnosis;
    between = waits_are_over;
    between_context = scene;
    test_ok(myl_diagnose(scene->name, MYL_BACKEND_SHM, watch_ns, &diagnosis));
    between = NULL;
    assert_int_equal(diagnosis->participants, 2);
    return diagnosis;
}

static void single_sample_reports_no_finished_wait(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    scene.own->waiting.v = 0;
    myl_diagnosis *diagnosis = watched(&scene, 0);
    assert_int_equal(diagnosis->participant[0].waiting, 0);
    assert_int_equal(diagnosis->participant[0].condition, MYL_COND_MOVING);
    myl_diagnosis_free(diagnosis);
    tear_down(&scene);
}

/* Unread events and the same cursor twice: stalled. No unread events, or another cursor: not stalled. */
static void consumer_that_did_not_move_between_samples_is_stalled(void **state)
{
    (void)state;
    static const struct {
        int unread, moves;
        enum myl_condition condition;
    } cases[] = {{2, 0, MYL_COND_STALLED}, {2, 1, MYL_COND_MOVING}, {0, 0, MYL_COND_MOVING}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        set_up(&scene);
        put_many(scene.producer, 0, (uint64_t)cases[i].unread);
        scene.consumer_moves = cases[i].moves;
        myl_diagnosis *diagnosis = watched(&scene, 1);
        assert_int_equal(diagnosis->participant[1].condition, cases[i].condition);
        assert_int_equal(diagnosis->participant[1].lag, cases[i].unread - cases[i].moves);
        assert_int_equal(diagnosis->participant[1].stalled_ns > 0, cases[i].condition == MYL_COND_STALLED);
        myl_diagnosis_free(diagnosis);
        tear_down(&scene);
    }
}

/* A consumer with the same cursor in both samples has been stalled at least for the time in between: not "0 ms". */
static void stalled_for_as_long_as_it_was_watched(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    put_many(scene.producer, 0, 2);
    scene.passes_ns = MYL_MSEC(2);
    myl_diagnosis *diagnosis = watched(&scene, 1);
    assert_int_equal(diagnosis->participant[1].condition, MYL_COND_STALLED);
    assert_true(diagnosis->participant[1].stalled_ns >= scene.passes_ns);
    myl_diagnosis_free(diagnosis);
    tear_down(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_sample_reports_no_finished_wait),
        cmocka_unit_test(consumer_that_did_not_move_between_samples_is_stalled),
        cmocka_unit_test(stalled_for_as_long_as_it_was_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
