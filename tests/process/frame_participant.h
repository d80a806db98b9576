/* SPDX-License-Identifier: MIT
 * Producers and consumers of frames as child processes. The parent sends a count; the child moves that many messages
 * and sends its position back. Lengths and bytes follow from the number, see unit/frames.h. */
#ifndef MYL_TESTS_PROCESS_FRAME_PARTICIPANT_H
#define MYL_TESTS_PROCESS_FRAME_PARTICIPANT_H

#include "process/participant.h"
#include "unit/frames.h"

/* claims the longest frame and fills it with bytes that look like stamps; sends next */
#define FRAME_CLAIM (UINT64_MAX - 10)
#define FRAME_PART  (UINT64_MAX - 11) /* sends 1 MiB of zeros: sends next before it, and again after it */

struct frame_participant {
    const char *name;
    const char *id;
    uint64_t most;                   /* longest message */
    uint64_t first;                  /* number of the producer's first message */
    myl_frame_producer_options producer;
    myl_frame_consumer_options consumer;
};

RINGS_UNUSED static int produce_frames(test_peer *parent, void *argument)
{
    const struct frame_participant *participant = argument;
    myl_frame_producer *producer = open_frames(participant->name, &participant->producer);
    uint64_t n = participant->first;
    test_send(parent, n);
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == PARTICIPANT_CLOSE)
            break;
        if (order == PARTICIPANT_LEAVE) {
            myl_frame_producer_leave(producer);
            return 0;
        }
        if (order == FRAME_CLAIM) {
            void *data;
            size_t most = participant->producer.config.max_frame;
            test_ok(myl_frame_producer_claim(producer, most, &data, MYL_SEC(10)));
            frame_fill(data, n, most);
        } else if (order == FRAME_PART) {
            size_t bytes = 1 << 20;
            unsigned char *message = calloc(1, bytes);
            assert_non_null(message);
            test_send(parent, n);
            test_ok(myl_frame_producer_publish(producer, message, bytes, 0, MYL_FOREVER));
            free(message);
            n++;
        } else {
            for (uint64_t i = 0; i < order; i++, n++)
                send_frame(producer, n, frame_length(n, participant->most), MYL_SEC(15));
        }
        test_send(parent, n);
    }
    myl_frame_producer_close(producer);
    return 0;
}

RINGS_UNUSED static int consume_frames(test_peer *parent, void *argument)
{
    struct frame_participant *participant = argument;
    myl_frame_consumer_options options = participant->consumer;
    myl_frame_consumer *consumer = NULL;
    myl_message message;
    options.size = sizeof options;
    options.ring.id = participant->id;
    test_ok(myl_frame_consumer_open(&consumer, participant->name, &options));
    uint64_t n = participant->first;
    test_send(parent, n);
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == PARTICIPANT_CLOSE)
            break;
        if (order == PARTICIPANT_LEASE) {
            uint64_t leased = n;
            while (myl_frame_consumer_next(consumer, &message, MYL_TRY) == MYL_OK) {
                expect_message(&message, leased, frame_length(leased, participant->most));
                leased++;
            }
            test_send(parent, leased);
            continue;
        }
        if (order == PARTICIPANT_DRAIN) {
            int code;
            while ((code = myl_frame_consumer_next(consumer, &message, MYL_SEC(15))) == MYL_OK) {
                expect_message(&message, n, frame_length(n, participant->most));
                n++;
                test_ok(myl_frame_consumer_release(consumer));
            }
            test_send(parent, (uint64_t)-code);
        } else {
            for (uint64_t i = 0; i < order; i++, n++)
                take_frame(consumer, n, frame_length(n, participant->most), MYL_SEC(15));
        }
        test_send(parent, n);
    }
    myl_frame_consumer_close(consumer);
    return 0;
}

RINGS_UNUSED static void start_frames(test_child *child, test_child_function participant,
                                      struct frame_participant *argument, uint64_t first)
{
    argument->first = first;
    test_spawn(child, participant, argument);
    test_expect_value(&child->peer, first);
}

#endif
