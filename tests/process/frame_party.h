/* SPDX-License-Identifier: MIT
 * Producers and consumers of frames as child processes that obey their parent: it tells a count, they move so many
 * messages and tell how far they are. Lengths and bytes follow from the number, see unit/frames.h. */
#ifndef MYL_TESTS_PROCESS_FRAME_PARTY_H
#define MYL_TESTS_PROCESS_FRAME_PARTY_H

#include "process/party.h"
#include "unit/frames.h"

#define FRAME_CLAIM (UINT64_MAX - 10) /* claims the longest frame, fills it with what looks like stamps; tells next */
#define FRAME_PART  (UINT64_MAX - 11) /* sends 1 MiB of zeros: tells next, then, when it is through, next again */

struct frame_party {
    const char *name;
    const char *id;
    uint64_t most;                   /* longest message */
    uint64_t first;                  /* number of the producer's first message */
    myl_frame_producer_options producer;
    myl_frame_consumer_options consumer;
};

RINGS_UNUSED static int produce_frames(test_peer *parent, void *argument)
{
    const struct frame_party *party = argument;
    myl_frame_producer *producer = open_frames(party->name, &party->producer);
    uint64_t n = party->first;
    test_tell(parent, n);
    for (;;) {
        uint64_t order = test_hear(parent);
        if (order == PARTY_CLOSE)
            break;
        if (order == PARTY_LEAVE) {
            myl_frame_producer_leave(producer);
            return 0;
        }
        if (order == FRAME_CLAIM) {
            void *data;
            size_t most = party->producer.max_frame;
            test_ok(myl_frame_producer_claim(producer, most, &data, MYL_SEC(10)));
            frame_fill(data, n, most);
        } else if (order == FRAME_PART) {
            size_t bytes = 1 << 20;
            unsigned char *message = calloc(1, bytes);
            assert_non_null(message);
            test_tell(parent, n);
            test_ok(myl_frame_producer_publish(producer, message, bytes, 0, MYL_FOREVER));
            free(message);
            n++;
        } else {
            for (uint64_t i = 0; i < order; i++, n++)
                send_frame(producer, n, frame_length(n, party->most), MYL_SEC(15));
        }
        test_tell(parent, n);
    }
    myl_frame_producer_close(producer);
    return 0;
}

RINGS_UNUSED static int consume_frames(test_peer *parent, void *argument)
{
    struct frame_party *party = argument;
    myl_frame_consumer_options options = party->consumer;
    myl_frame_consumer *consumer = NULL;
    myl_message message;
    options.size = sizeof options;
    options.ring.id = party->id;
    test_ok(myl_frame_consumer_open(&consumer, party->name, &options));
    uint64_t n = party->first;
    test_tell(parent, n);
    for (;;) {
        uint64_t order = test_hear(parent);
        if (order == PARTY_CLOSE)
            break;
        if (order == PARTY_LEASE) {
            uint64_t leased = n;
            while (myl_frame_consumer_next(consumer, &message, MYL_TRY) == MYL_OK) {
                expect_message(&message, leased, frame_length(leased, party->most));
                leased++;
            }
            test_tell(parent, leased);
            continue;
        }
        if (order == PARTY_DRAIN) {
            int code;
            while ((code = myl_frame_consumer_next(consumer, &message, MYL_SEC(15))) == MYL_OK) {
                expect_message(&message, n, frame_length(n, party->most));
                n++;
                test_ok(myl_frame_consumer_release(consumer));
            }
            test_tell(parent, (uint64_t)-code);
        } else {
            for (uint64_t i = 0; i < order; i++, n++)
                take_frame(consumer, n, frame_length(n, party->most), MYL_SEC(15));
        }
        test_tell(parent, n);
    }
    myl_frame_consumer_close(consumer);
    return 0;
}

RINGS_UNUSED static void start_frames(test_child *child, test_child_function party, struct frame_party *argument,
                                      uint64_t first)
{
    argument->first = first;
    test_spawn(child, party, argument);
    test_hear_value(&child->peer, first);
}

#endif
