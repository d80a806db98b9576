/* SPDX-License-Identifier: MIT
 * A producer of frames dies by SIGKILL at every step of its protocol, at several places of the stream, and comes back.
 * Its reader gets every message once, in order and whole, but for those that died between fragments: of these it is
 * told. */
/* ctest: timeout=120 */
#include "crash/kit.h"

#include <signal.h>

#include "unit/frames.h"

enum { MESSAGES = 60, MAX_FRAME = 5888 };

/* Messages of one record of all shapes; some in several fragments; now and then one that is longer than the ring. */
static uint64_t length_of(uint64_t number)
{
    return number % 11 == 10 ? 100000 : number % 5 == 4 ? 20000 + number : frame_length(number, MAX_FRAME);
}

static int produce(const struct crash_world *world)
{
    myl_frame_producer_options o = frame_options(65536, MAX_FRAME);
    o.numbers = MYL_FRAMES_NUMBERED;
    o.ring.on_death = MYL_DEATH_WAIT;
    myl_frame_producer *producer = open_frames(world->name, &o);
    for (uint64_t n = myl_frame_producer_messages(producer); n < MESSAGES; n++) {
        if (n % 3 == 0) {
            void *data;
            test_ok(myl_frame_producer_claim(producer, MAX_FRAME, &data, MYL_SEC(10)));
            frame_fill(data, n, MAX_FRAME);
            myl_frame_producer_abort(producer);
        }
        assert_int_equal(n, myl_frame_producer_messages(producer));
        send_frame(producer, n, length_of(n), MYL_SEC(10));
    }
    test_ok(myl_frame_producer_wait_consumed(producer, MYL_SEC(10)));
    myl_frame_producer_close(producer);
    return 0;
}

/* One ring, from the first life to the end of the stream. */
struct stream {
    struct crash_world world;
    test_child producer;
    int deaths, aborted;
    uint64_t expected;
};

static void revive_if_dead(struct stream *stream)
{
    if (stream->producer.ended || !test_wait_child(&stream->producer, 0))
        return;
    if (WIFSIGNALED(stream->producer.status)) {
        test_expect_signal(&stream->producer, SIGKILL);
        stream->deaths++;
        crash_start(&stream->world, CRASH_TOOL, &stream->producer);
    }
}

static int read_one(struct stream *stream, myl_frame_consumer *consumer)
{
    myl_message message;
    int rc = myl_frame_consumer_next(consumer, &message, MYL_MSEC(1));
    if (rc == MYL_EABORTED) {
        stream->aborted++;
        stream->expected++;
    } else if (rc == MYL_OK) {
        assert_int_equal(message.number, stream->expected);
        expect_message(&message, stream->expected, length_of(stream->expected));
        stream->expected++;
        test_ok(myl_frame_consumer_release(consumer));
    }
    return rc;
}

/* How often its producer died. */
static int run_stream(const struct crash_plan *plan)
{
    struct stream stream = {.world = {.tool = produce}};
    test_name(stream.world.name, "frames");
    stream.world.page = crash_new_page();
    stream.world.page->plan[CRASH_TOOL][0] = *plan;
    stream.world.page->plan[CRASH_TOOL][1] = (struct crash_plan){plan->step, 2, SIGKILL};
    myl_frame_producer_options o = frame_options(65536, MAX_FRAME);
    o.numbers = MYL_FRAMES_NUMBERED;
    myl_frame_producer_leave(open_frames(stream.world.name, &o));
    myl_frame_consumer *consumer = open_frame_consumer(stream.world.name, "c");
    crash_start(&stream.world, CRASH_TOOL, &stream.producer);
    int rc;
    do {
        rc = read_one(&stream, consumer);
        revive_if_dead(&stream);
    } while (rc == MYL_OK || rc == MYL_ETIMEDOUT || rc == MYL_EABORTED || rc == MYL_EPRODUCERDEAD ||
             rc == MYL_EUNSEATED);
    test_code(MYL_ECLOSED, rc);
    assert_int_equal(stream.expected, MESSAGES);
    assert_true(stream.aborted <= stream.deaths);
    assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
    test_expect_exit(&stream.producer, 0);
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(stream.world.name));
    return stream.deaths;
}

static void test_every_step(void **state)
{
    (void)state;
    uint32_t steps = 0;
    for (uint32_t step = 0; step < crash_find_steps(); step++) {
        if (crash_step_name(step)[0] != 'F')
            continue;
        int deaths = 0;
        for (uint32_t occurrence = 1; occurrence <= 12; occurrence += 1 + occurrence / 4)
            deaths += run_stream(&(struct crash_plan){step, occurrence, SIGKILL});
        print_message("%s: died there %d times, and all was well\n", crash_step_name(step), deaths);
        assert_true(deaths >= 2); /* more, but how often F1 is come to is up to the reader */
        steps++;
    }
    assert_true(steps >= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
