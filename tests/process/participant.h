/* SPDX-License-Identifier: MIT
 * Producers and consumers as child processes. The parent sends a count; the child moves that many events and sends its
 * position back. */
#ifndef MYL_TESTS_PROCESS_PARTICIPANT_H
#define MYL_TESTS_PROCESS_PARTICIPANT_H

#include <signal.h>

#include "unit/rings.h"

/* Orders besides a number of events. */
#define PARTICIPANT_CLOSE (UINT64_MAX - 1) /* closes the handle, exit 0 */
#define PARTICIPANT_LEAVE (UINT64_MAX - 2) /* a producer leaves without ending the stream, exit 0 */
/* a consumer leases all published events and keeps them; a producer claims one */
#define PARTICIPANT_LEASE (UINT64_MAX - 3)
#define PARTICIPANT_DRAIN \
    (UINT64_MAX - 4) /* a consumer reads until its stream ends; sends the code, negated, then the position */

struct participant {
    const char *name;
    const char *id;
    myl_producer_options producer;
    myl_consumer_options consumer;
    uint64_t start;                  /* first event of a consumer, sent to the parent once it has joined */
};

RINGS_UNUSED static int produce_on_orders(test_peer *parent, void *argument)
{
    const struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    uint64_t n = (uint64_t)(myl_producer_last_published(producer) + 1);
    void *event;
    test_send(parent, n);
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == PARTICIPANT_CLOSE)
            break;
        if (order == PARTICIPANT_LEAVE) {
            myl_producer_leave(producer);
            return 0;
        }
        if (order == PARTICIPANT_LEASE) {
            test_ok(myl_producer_claim(producer, &event, MYL_SEC(10)));
        } else {
            for (uint64_t i = 0; i < order; i++)
                put(producer, n++, MYL_SEC(15));
        }
        test_send(parent, n);
    }
    myl_producer_close(producer);
    return 0;
}

RINGS_UNUSED static uint64_t drain(myl_consumer *consumer, uint64_t n, int *code)
{
    const void *event;
    while ((*code = myl_consumer_next(consumer, &event, MYL_SEC(15))) == MYL_OK) {
        expect_event(event, n);
        n++;
        test_ok(myl_consumer_release(consumer));
    }
    return n;
}

RINGS_UNUSED static int consume_on_orders(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_consumer_options options = participant->consumer;
    options.size = sizeof options;
    options.ring.id = participant->id;
    myl_consumer *consumer = open_consumer_with(participant->name, &options);
    myl_joined joined = {.size = sizeof joined};
    test_ok(myl_consumer_joined(consumer, &joined));
    uint64_t n = joined.start;
    const void *event;
    test_send(parent, n);
    for (;;) {
        uint64_t order = test_receive(parent);
        if (order == PARTICIPANT_CLOSE)
            break;
        if (order == PARTICIPANT_LEASE) {
            uint64_t leased = n;
            while (myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK)
                expect_event(event, leased++);
            test_send(parent, leased);
            continue;
        }
        if (order == PARTICIPANT_DRAIN) {
            int code;
            n = drain(consumer, n, &code);
            test_send(parent, (uint64_t)-code);
        } else {
            take_many(consumer, n, order);
            n += order;
        }
        test_send(parent, n);
    }
    myl_consumer_close(consumer);
    return 0;
}

RINGS_UNUSED static void start_producer(test_child *child, struct participant *participant, uint64_t position)
{
    test_spawn(child, produce_on_orders, participant);
    test_expect_value(&child->peer, position);
}

RINGS_UNUSED static void start_consumer(test_child *child, struct participant *participant, uint64_t position)
{
    test_spawn(child, consume_on_orders, participant);
    test_expect_value(&child->peer, position);
}

RINGS_UNUSED static void order(test_child *child, uint64_t what, uint64_t answer)
{
    test_send(&child->peer, what);
    test_expect_value(&child->peer, answer);
}

RINGS_UNUSED static void finish(test_child *child, uint64_t how)
{
    test_send(&child->peer, how);
    test_expect_exit(child, 0);
}

RINGS_UNUSED static int producer_waits(void *argument)
{
    myl_snapshot *snapshot;
    test_ok(myl_snapshot_take(argument, MYL_BACKEND_SHM, &snapshot));
    int waits = snapshot->producer_waiting_ns >= 0;
    myl_snapshot_free(snapshot);
    return waits;
}

/* Publishes one event more than there is room for. */
RINGS_UNUSED static int fill_and_wait(test_peer *parent, void *argument)
{
    struct participant *participant = argument;
    myl_producer *producer = open_producer(participant->name, &participant->producer);
    test_send(parent, 1);
    test_expect_value(parent, 1);
    for (uint64_t n = 0; n <= participant->producer.config.capacity; n++)
        put(producer, n, MYL_SEC(15));
    test_send(parent, 2);
    test_expect_value(parent, 2);
    myl_producer_close(producer);
    return 0;
}

RINGS_UNUSED static const myl_diagnosis_participant *find_participant(const myl_diagnosis *diagnosis, const char *id)
{
    for (uint32_t i = 0; i < diagnosis->participants; i++) {
        if (strcmp(diagnosis->participant[i].id, id) == 0)
            return &diagnosis->participant[i];
    }
    test_fail("no participant \"%s\" in the diagnosis", id);
}

RINGS_UNUSED static enum myl_condition condition_of(const char *name, const char *id)
{
    myl_diagnosis *diagnosis;
    test_ok(myl_diagnose(name, MYL_BACKEND_SHM, 0, &diagnosis));
    enum myl_condition condition = find_participant(diagnosis, id)->condition;
    myl_diagnosis_free(diagnosis);
    return condition;
}

#endif
