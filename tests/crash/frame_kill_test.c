/* SPDX-License-Identifier: MIT
 * A producer of frames dies by SIGKILL at every step of its protocol, at several positions of the stream, and resumes:
 * in a ring with one producer, and in a lane next to others. Its consumer gets every message once, in order and
 * complete. Only a message that is longer than the ring can be cut off by a death. The consumer then gets
 * MYL_EABORTED. */
#include "crash/kit.h"

#include <signal.h>

#include "unit/frames.h"

enum { MESSAGES = 60, MAX_FRAME = 5888, LANES = 3, RING_BYTES = 65536 };

/* Messages of one record, of all shapes. Some have several fragments, a few are longer than the ring. */
static uint64_t length_of(uint64_t number)
{
    return number % 11 == 10 ? 100000 : number % 5 == 4 ? 20000 + number : frame_length(number, MAX_FRAME);
}

static myl_frame_producer *open_lane(const char *name, uint32_t lanes, const char *lane)
{
    myl_frame_producer_options o = frame_options(RING_BYTES, MAX_FRAME);
    o.config.numbers = MYL_FRAMES_NUMBERED;
    o.ring.on_death = MYL_DEATH_WAIT;
    o.config.lanes = lanes;
    o.lane = lane;
    return open_frames(name, &o);
}

static int produce_into(myl_frame_producer *producer)
{
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

static int produce(const struct crash_world *world)
{
    return produce_into(open_lane(world->name, 0, NULL));
}

static int produce_in_lane(const struct crash_world *world)
{
    return produce_into(open_lane(world->name, LANES, "mortal"));
}

/* One ring, from the producer's first start to the end of the stream. */
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
        assert_true(length_of(stream->expected) > RING_BYTES);
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

/* Returns how often its producer died. */
static int run_stream(const struct crash_plan *plan, int in_lane)
{
    struct stream stream = {.world = {.tool = in_lane ? produce_in_lane : produce}};
    test_name(stream.world.name, "frames");
    stream.world.page = crash_new_page();
    stream.world.page->plan[CRASH_TOOL][0] = *plan;
    stream.world.page->plan[CRASH_TOOL][1] = (struct crash_plan){plan->step, 2, SIGKILL};
    if (in_lane) /* another lane exists and has ended, so the lane under test decides about the ring's end */
        myl_frame_producer_leave(open_lane(stream.world.name, LANES, "mortal"));
    myl_frame_producer *other = open_lane(stream.world.name, in_lane ? LANES : 0, in_lane ? "other" : NULL);
    if (in_lane)
        myl_frame_producer_close(other);
    else
        myl_frame_producer_leave(other);
    myl_frame_consumer *consumer = open_frame_consumer(stream.world.name, "c");
    crash_start(&stream.world, CRASH_TOOL, &stream.producer);
    int rc;
    do {
        rc = read_one(&stream, consumer);
        revive_if_dead(&stream);
    } while (rc == MYL_OK || rc == MYL_ETIMEDOUT || rc == MYL_EABORTED || rc == MYL_EPRODUCERDEAD ||
             rc == MYL_EPRODUCERLEFT);
    test_code(MYL_ECLOSED, rc);
    assert_int_equal(stream.expected, MESSAGES);
    assert_true(stream.aborted <= stream.deaths);
    assert_int_equal(myl_frame_consumer_skipped(consumer), 0);
    test_expect_exit(&stream.producer, 0);
    myl_frame_consumer_close(consumer);
    assert_false(ring_exists(stream.world.name));
    return stream.deaths;
}

/* Returns how often the producer died at this step, over streams that reach it at several positions. */
static int run_streams(uint32_t step, int in_lane)
{
    int deaths = 0;
    for (uint32_t occurrence = 1; occurrence <= 12; occurrence += 1 + occurrence / 4)
        deaths += run_stream(&(struct crash_plan){step, occurrence, SIGKILL}, in_lane);
    print_message("%s: died there %d times; all checks passed\n", crash_step_name(step), deaths);
    return deaths;
}

static void producer_dies_at_every_step(void **state)
{
    uint32_t steps = 0;
    for (uint32_t step = 0; step < crash_find_steps(); step++) {
        if (crash_step_name(step)[0] != 'F')
            continue;
        /* at least two: how often F1 is reached depends on the consumer */
        assert_true(run_streams(step, *state != NULL) >= 2);
        steps++;
    }
    assert_true(steps >= 7);
}

/* The steps of joining a lane, each reached once per producer. */
static void producer_dies_while_it_joins_a_lane(void **state)
{
    static const char *const steps[] = {"C4", "T1", "T2", "T3", "T4"};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        assert_true(run_streams(crash_step(steps[i]), 1) >= 1);
}

int main(void)
{
    static int in_lane = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(producer_dies_at_every_step),
        {"test_every_step_in_a_lane", producer_dies_at_every_step, NULL, NULL, &in_lane},
        cmocka_unit_test(producer_dies_while_it_joins_a_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
