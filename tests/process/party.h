/* SPDX-License-Identifier: MIT
 * Producers and consumers as child processes. Both obey their parent: it tells a count, they move so many events and
 * tell their position back. */
#ifndef MYL_TESTS_PROCESS_PARTY_H
#define MYL_TESTS_PROCESS_PARTY_H

#include <signal.h>

#include "unit/rings.h"

/* Orders besides a number of events. */
#define PARTY_CLOSE (UINT64_MAX - 1) /* end in order: close, exit 0 */
#define PARTY_LEAVE (UINT64_MAX - 2) /* a producer leaves without ending the stream, exit 0 */
#define PARTY_LEASE (UINT64_MAX - 3) /* a consumer leases what is there and keeps it; a producer claims one */
#define PARTY_DRAIN \
    (UINT64_MAX - 4) /* a consumer reads until its stream ends; tells the code, negated, then the position */

struct party {
    const char *name;
    const char *id;
    myl_producer_options producer;
    myl_consumer_options consumer;
    uint64_t start;                  /* of a consumer, once it has joined: told to the parent first */
};

RINGS_UNUSED static int produce_on_orders(test_peer *parent, void *argument)
{
    const struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    uint64_t n = (uint64_t)(myl_producer_last(producer) + 1);
    void *event;
    test_tell(parent, n);
    for (;;) {
        uint64_t order = test_hear(parent);
        if (order == PARTY_CLOSE)
            break;
        if (order == PARTY_LEAVE) {
            myl_producer_leave(producer);
            return 0;
        }
        if (order == PARTY_LEASE) {
            test_ok(myl_producer_claim(producer, &event, MYL_SEC(10)));
        } else {
            for (uint64_t i = 0; i < order; i++)
                put(producer, n++, MYL_SEC(15));
        }
        test_tell(parent, n);
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
    struct party *party = argument;
    myl_consumer_options options = party->consumer;
    options.size = sizeof options;
    options.id = party->id;
    myl_consumer *consumer = open_consumer_with(party->name, &options);
    myl_joined joined;
    test_ok(myl_consumer_joined(consumer, &joined));
    uint64_t n = joined.start;
    const void *event;
    test_tell(parent, n);
    for (;;) {
        uint64_t order = test_hear(parent);
        if (order == PARTY_CLOSE)
            break;
        if (order == PARTY_LEASE) {
            uint64_t leased = n;
            while (myl_consumer_next(consumer, &event, MYL_TRY) == MYL_OK)
                expect_event(event, leased++);
            test_tell(parent, leased);
            continue;
        }
        if (order == PARTY_DRAIN) {
            int code;
            n = drain(consumer, n, &code);
            test_tell(parent, (uint64_t)-code);
        } else {
            take_many(consumer, n, order);
            n += order;
        }
        test_tell(parent, n);
    }
    myl_consumer_close(consumer);
    return 0;
}

RINGS_UNUSED static void start_producer(test_child *child, struct party *party, uint64_t position)
{
    test_spawn(child, produce_on_orders, party);
    test_hear_value(&child->peer, position);
}

RINGS_UNUSED static void start_consumer(test_child *child, struct party *party, uint64_t position)
{
    test_spawn(child, consume_on_orders, party);
    test_hear_value(&child->peer, position);
}

RINGS_UNUSED static void order(test_child *child, uint64_t what, uint64_t answer)
{
    test_tell(&child->peer, what);
    test_hear_value(&child->peer, answer);
}

RINGS_UNUSED static void finish(test_child *child, uint64_t how)
{
    test_tell(&child->peer, how);
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
    struct party *party = argument;
    myl_producer *producer = open_producer(party->name, &party->producer);
    test_tell(parent, 1);
    test_hear_value(parent, 1);
    for (uint64_t n = 0; n <= party->producer.capacity; n++)
        put(producer, n, MYL_SEC(15));
    test_tell(parent, 2);
    test_hear_value(parent, 2);
    myl_producer_close(producer);
    return 0;
}

RINGS_UNUSED static const myl_why_party *find_party(const myl_verdict *verdict, const char *id)
{
    for (uint32_t i = 0; i < verdict->parties; i++) {
        if (strcmp(verdict->party[i].id, id) == 0)
            return &verdict->party[i];
    }
    test_fail("no party \"%s\" in the verdict", id);
}

RINGS_UNUSED static enum myl_condition condition_of(const char *name, const char *id)
{
    myl_verdict *verdict;
    test_ok(myl_why(name, MYL_BACKEND_SHM, 0, &verdict));
    enum myl_condition condition = find_party(verdict, id)->condition;
    myl_verdict_free(verdict);
    return condition;
}

#endif
