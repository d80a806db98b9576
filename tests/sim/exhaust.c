/* SPDX-License-Identifier: MIT
 * Explores small worlds exhaustively. The base schedule is the one without preemption. All schedules that differ from
 * it in at most a given number of places are run, with a kill at every point, and with every store and load as late or
 * as old as the memory model allows, within separate bounds. The search is depth first over the choices of choice.c: it
 * runs the world again with a different last choice. If it completes, there is no violation within these bounds. */
#include "exhaust.h"
#include "sim.h"

#include "os/os.h"
#include "ring/consumer.h"
#include "ring/producer.h"

#include <myelon/frame.h>
#include <myelon/ring.h>
#include <myelon/waitset.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME "ring"
#define EVENTS 3U
#define MESSAGES 6U
#define RING ((uint64_t)64 << 10)
#define CELLS (RING / 64)
#define LONG 32640U /* with its header 511 cells: two of them fill the ring but for two cells */

/* What the participants of a run know of each other, in addition to the ring. */
static struct {
    unsigned here, expected; /* participants that are ready */
    uint64_t committed; /* surely published */
    uint64_t publishing; /* possibly published */
    uint64_t released[2]; /* by each consumer: events below it are no longer needed */
    uint64_t start[MESSAGES + 1]; /* frames: start of each message, as its producer recorded it */
} now;

static void ok(const char *call, int rc)
{
    SIM_CHECK(rc == MYL_OK, "answer", "%s: %s returns %s: %s", sim_self_name(), call, myl_errname(rc),
              myl_error_detail());
}

/* Waits until all participants are ready. */
static void wait_for_all(void)
{
    now.here++;
    sim_alone(0);
    while (now.here < now.expected)
        myl_os_yield();
}

/* The first producer starts without preemption; a successor starts while the others run. */
static int is_first(void)
{
    int first = now.here < now.expected && now.publishing == 0;
    sim_alone(first);
    return first;
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static void publish_up_to(myl_producer *producer, uint64_t end)
{
    while (producer->hot.published < end) {
        uint64_t sequence = producer->hot.published;
        void *event;
        ok("claim", myl_producer_claim(producer, &event, MYL_FOREVER));
        for (unsigned i = 0; i < 2; i++)
            SIM_CHECK(sequence < now.released[i] || sequence - now.released[i] < 2, "gate",
                      "%s may write event %" PRIu64 ", but a consumer needs %" PRIu64, sim_self_name(), sequence,
                      now.released[i]);
        sim_data_store(event, sequence * 2 + 1);
        sim_data_store((unsigned char *)event + 8, sequence * 2 + 2);
        now.publishing = now.publishing < sequence + 1 ? sequence + 1 : now.publishing;
        myl_producer_publish(producer);
        now.committed = sequence + 1;
    }
}

static void produces(void *argument)
{
    myl_producer_options o = {.size = sizeof o,
                              .config = {.event_size = 16, .capacity = 2, .max_consumers = 2},
                              .ring = {.existing = MYL_EXISTING_RESUME,
                                       .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}}};
    myl_producer *producer;
    (void)argument;
    int first = is_first();
    int rc;
    while ((rc = myl_producer_open(&producer, NAME, &o)) == MYL_EPRODUCERALIVE)
        (void)myl_os_sleep(MYL_USEC(100)); /* the kernel has not released the predecessor's lock */
    ok("open", rc);
    if (producer->hot.published == 0 && now.committed == EVENTS) {
        myl_producer_close(producer); /* the old ring was closed: its consumers read it, and this is a new one */
        return;
    }
    SIM_CHECK(producer->hot.published >= now.committed && producer->hot.published <= now.publishing, "takeover",
              "%s continues at %" PRIu64 ", though %" PRIu64 " to %" PRIu64 " events were published", sim_self_name(),
              producer->hot.published, now.committed, now.publishing);
    if (first)
        wait_for_all();
    publish_up_to(producer, EVENTS);
    myl_producer_close(producer);
}

static myl_consumer *join(const char *id)
{
    myl_consumer_options o = {.size = sizeof o,
                              .ring = {.id = id,
                                       .start = MYL_START_OLDEST,
                                       .on_death = MYL_DEATH_WAIT,
                                       .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}}};
    myl_consumer *consumer;
    ok("open", myl_consumer_open(&consumer, NAME, &o));
    return consumer;
}

static void read_to_the_end(myl_consumer *consumer, uint64_t *released)
{
    for (;;) {
        uint64_t expected = consumer->hot.next;
        const void *event;
        int rc = myl_consumer_next(consumer, &event, MYL_FOREVER);
        if (rc == MYL_ECLOSED)
            break;
        ok("next", rc);
        uint64_t first = sim_data_load(event), second = sim_data_load((const unsigned char *)event + 8);
        SIM_CHECK(expected < now.publishing, "unpublished", "%s reads event %" PRIu64, sim_self_name(), expected);
        SIM_CHECK(first == expected * 2 + 1 && second == expected * 2 + 2, "torn",
                  "%s reads %" PRIu64 ", %" PRIu64 " as event %" PRIu64, sim_self_name(), first, second, expected);
        *released = expected + 1;
        ok("release", myl_consumer_release(consumer));
    }
    SIM_CHECK(consumer->hot.next == EVENTS, "lost", "%s gets the end of the stream at %" PRIu64, sim_self_name(),
              consumer->hot.next);
    *released = UINT64_MAX;
    myl_consumer_close(consumer);
}

static void run_consumer(void *argument)
{
    (void)argument;
    sim_alone(1);
    myl_consumer *consumer = join("c");
    now.released[0] = consumer->hot.next;
    wait_for_all();
    read_to_the_end(consumer, &now.released[0]);
}

/* Joins while the others run. It gates once its open has returned. */
static void join_late(void *argument)
{
    (void)argument;
    wait_for_all();
    if (now.committed == EVENTS)
        return; /* the ring may be gone */
    myl_consumer_options o = {.size = sizeof o,
                              .ring = {.id = "late",
                                       .start = MYL_START_OLDEST,
                                       .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}}};
    myl_consumer *consumer;
    int rc = myl_consumer_open(&consumer, NAME, &o);
    if (rc == MYL_ENOTFOUND)
        return;
    ok("open", rc);
    now.released[1] = consumer->hot.next;
    read_to_the_end(consumer, &now.released[1]);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

/* Short messages between long ones, so that headers of one lap lie in the payload of the lap before. The first four
 * leave one cell. The fifth must not get it before the first is read, because the next word is the first one's
 * header. */
static uint64_t length_of(uint64_t i)
{
    static const uint64_t lengths[MESSAGES] = {LONG, 16, LONG - 64, 8, 24, LONG};
    return lengths[i];
}

static uint64_t cells_of(uint64_t i)
{
    return length_of(i) <= 48 ? 1 : 1 + (length_of(i) + 63) / 64;
}

/* Where a cell begins: the value that would be the next lap's stamp there. */
static void fill(unsigned char *at, uint64_t i, uint64_t start)
{
    for (uint64_t k = 0; k < length_of(i) / 8; k++) {
        uint64_t word = k % 8 == 0 && cells_of(i) > 1 ? start + 1 + k / 8 + CELLS + 1 : i << 32 | k;
        memcpy(at + k * 8, &word, sizeof word);
    }
}

static void send(myl_frame_producer *producer, const myl_producer *ring, uint64_t i)
{
    static unsigned char bytes[LONG];
    void *data;
    ok("claim", myl_frame_producer_claim(producer, (size_t)length_of(i), &data, MYL_FOREVER));
    SIM_CHECK(ring->hot.next + cells_of(i) + 1 <= now.released[0] + CELLS, "gate",
              "%s may write message %" PRIu64 " over the message at %" PRIu64, sim_self_name(), i, now.released[0]);
    fill(bytes, i, ring->hot.next);
    (void)sim_copy(data, bytes, (size_t)length_of(i));
    now.publishing = i + 1;
    ok("commit", myl_frame_producer_commit(producer, (size_t)length_of(i), (uint8_t)i));
    now.committed = i + 1;
    now.start[i + 1] = ring->hot.next;
}

static void produces_frames(void *argument)
{
    myl_frame_producer_options o =
        {.size = sizeof o,
         .config = {.ring_bytes = RING, .max_frame = LONG, .max_message = LONG, .max_consumers = 1},
         .ring = {.existing = MYL_EXISTING_RESUME, .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}}};
    myl_frame_producer *producer;
    (void)argument;
    int first = is_first();
    int rc;
    while ((rc = myl_frame_producer_open(&producer, NAME, &o)) == MYL_EPRODUCERALIVE)
        (void)myl_os_sleep(MYL_USEC(100));
    ok("open", rc);
    const myl_producer *ring = myl_frame_producer_ring(producer);
    if (myl_published(ring) == 0 && now.committed == MESSAGES) {
        myl_frame_producer_close(producer);
        return;
    }
    uint64_t i = now.committed;
    if (myl_published(ring) != now.start[i]) { /* the message that its producer was publishing when it died is there */
        SIM_CHECK(now.publishing > i && myl_published(ring) == now.start[i] + cells_of(i), "takeover",
                  "%s continues at %" PRIu64 ", after %" PRIu64 " messages", sim_self_name(), myl_published(ring), i);
        now.committed = ++i;
        now.start[i] = myl_published(ring);
    }
    if (first)
        wait_for_all();
    for (; i < MESSAGES; i++)
        send(producer, ring, i);
    myl_frame_producer_close(producer);
}

static void take(const myl_message *message, uint64_t i, uint64_t start)
{
    static unsigned char bytes[LONG], copy[LONG];
    SIM_CHECK(i < now.publishing && message->length == length_of(i) && message->kind == i, "torn",
              "%s gets %" PRIu64 " bytes of kind %u as message %" PRIu64, sim_self_name(), message->length,
              message->kind, i);
    fill(bytes, i, start);
    (void)sim_copy(copy, message->data, (size_t)message->length);
    SIM_CHECK(memcmp(copy, bytes, (size_t)message->length) == 0, "torn", "%s reads wrong bytes in message %" PRIu64,
              sim_self_name(), i);
}

static void consumes_frames(void *argument)
{
    myl_frame_consumer_options o = {.size = sizeof o,
                                    .ring = {.id = "c",
                                             .on_death = MYL_DEATH_WAIT,
                                             .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}}};
    myl_frame_consumer *consumer;
    (void)argument;
    sim_alone(1);
    ok("open", myl_frame_consumer_open(&consumer, NAME, &o));
    const myl_consumer *ring = myl_frame_consumer_ring(consumer);
    wait_for_all();
    for (uint64_t i = 0;; i++) {
        myl_message message;
        uint64_t start = ring->hot.next;
        int rc = myl_frame_consumer_next(consumer, &message, MYL_FOREVER);
        if (rc == MYL_ECLOSED) {
            SIM_CHECK(i == MESSAGES, "lost", "%s gets the end of the stream after %" PRIu64 " messages",
                      sim_self_name(), i);
            break;
        }
        ok("next", rc);
        take(&message, i, start);
        now.released[0] = ring->hot.next;
        ok("release", myl_frame_consumer_release(consumer));
    }
    myl_frame_consumer_close(consumer);
}

/* --- a wait set -------------------------------------------------------------------------------------------------- */

/* Two rings with a producer each, and one participant that waits for both. */
#define SETS 2U
#define SET_EVENTS 2U
static const char *const set_name[SETS] = {"ring", "ring.b"};

static void produces_for_set(unsigned ring)
{
    myl_producer_options o = {.size = sizeof o,
                              .config = {.event_size = 16, .capacity = 2, .max_consumers = 1},
                              .ring.wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}};
    myl_producer *producer;
    sim_alone(1);
    ok("open", myl_producer_open(&producer, set_name[ring], &o));
    wait_for_all();
    for (uint64_t i = 0; i < SET_EVENTS; i++) {
        void *event;
        ok("claim", myl_producer_claim(producer, &event, MYL_FOREVER));
        sim_data_store(event, i * SETS + ring);
        myl_producer_publish(producer);
    }
    myl_producer_close(producer);
}

static void produces_first(void *argument)
{
    (void)argument;
    produces_for_set(0);
}

static void produces_second(void *argument)
{
    (void)argument;
    produces_for_set(1);
}

/* Reads what there is. Returns 1 at the end of the stream. */
static int drain_ring(myl_consumer *consumer, unsigned ring)
{
    uint64_t begin = consumer->hot.next;
    for (;;) {
        uint64_t at = consumer->hot.next;
        const void *event;
        int rc = myl_consumer_next(consumer, &event, MYL_TRY);
        if (rc == MYL_EAGAIN)
            break;
        if (rc == MYL_ECLOSED) {
            SIM_CHECK(at == SET_EVENTS, "lost", "%s gets the end of ring %u at %" PRIu64, sim_self_name(), ring, at);
            return 1;
        }
        ok("next", rc);
        uint64_t word = sim_data_load(event);
        SIM_CHECK(word == at * SETS + ring, "order", "%s reads %" PRIu64 " as event %" PRIu64 " of ring %u",
                  sim_self_name(), word, at, ring);
        ok("release", myl_consumer_release(consumer));
    }
    SIM_CHECK(consumer->hot.next != begin, "readiness", "ring %u is ready, and has nothing", ring);
    return 0;
}

static void consumes_by_set(void *argument)
{
    myl_waitset_options options = {.size = sizeof options, .wait = {.strategy = MYL_WAIT_BLOCK, .spin_ns = 1}};
    myl_consumer *consumer[SETS];
    myl_waitset *set;
    unsigned open = SETS;
    (void)argument;
    sim_alone(1);
    ok("open", myl_waitset_open(&set, &options));
    for (unsigned i = 0; i < SETS; i++) {
        myl_consumer_options o = {.size = sizeof o,
                                  .ring = {.id = "c", .start = MYL_START_OLDEST, .on_death = MYL_DEATH_WAIT}};
        int rc;
        while ((rc = myl_consumer_open(&consumer[i], set_name[i], &o)) == MYL_ENOTFOUND) {
            sim_alone(0);
            myl_os_yield();
            sim_alone(1);
        }
        ok("open", rc);
        ok("add", myl_waitset_add_consumer(set, consumer[i], &consumer[i]));
    }
    wait_for_all();
    while (open > 0) {
        myl_ready ready[SETS];
        uint32_t count;
        ok("wait", myl_waitset_wait(set, ready, SETS, &count, MYL_FOREVER));
        SIM_CHECK(count > 0, "readiness", "%s waits, and nothing is ready", sim_self_name());
        for (uint32_t i = 0; i < count; i++) {
            myl_consumer **own = ready[i].user;
            if (drain_ring(ready[i].handle, (unsigned)(own - consumer)) == 0)
                continue;
            ok("remove", myl_waitset_remove(set, ready[i].handle));
            myl_consumer_close(ready[i].handle);
            open--;
        }
    }
    myl_waitset_close(set);
}

/* --- worlds ------------------------------------------------------------------------------------------------------ */

struct small {
    const char *name;
    sim_program *program[3]; /* the first one is the producer's: it may be killed */
    enum sim_memory memory;
    unsigned budget, kills, drains, old_loads;
};

static const struct small worlds[] = {
    {"publish, park, room: sc", {produces, run_consumer}, SIM_MEMORY_SC, 2, 0, 0, 0},
    {"publish, park, room: tso", {produces, run_consumer}, SIM_MEMORY_TSO, 1, 0, 1, 0},
    {"publish, park, room: weak", {produces, run_consumer}, SIM_MEMORY_WEAK, 1, 0, 0, 1},
    {"join, gate: sc", {produces, run_consumer, join_late}, SIM_MEMORY_SC, 1, 0, 0, 0},
    {"join, gate: weak", {produces, run_consumer, join_late}, SIM_MEMORY_WEAK, 1, 0, 0, 1},
    {"takeover: sc", {produces, run_consumer}, SIM_MEMORY_SC, 1, 1, 0, 0},
    {"takeover: tso", {produces, run_consumer}, SIM_MEMORY_TSO, 1, 1, 1, 0},
    {"frames: sc", {produces_frames, consumes_frames}, SIM_MEMORY_SC, 1, 0, 0, 0},
    {"frames: weak", {produces_frames, consumes_frames}, SIM_MEMORY_WEAK, 1, 0, 0, 1},
    {"wait set: sc", {produces_first, produces_second, consumes_by_set}, SIM_MEMORY_SC, 1, 0, 0, 0},
    {"wait set: tso", {produces_first, produces_second, consumes_by_set}, SIM_MEMORY_TSO, 1, 0, 1, 0},
    {"wait set: weak", {produces_first, produces_second, consumes_by_set}, SIM_MEMORY_WEAK, 1, 0, 0, 1},
    {"frames, takeover: sc", {produces_frames, consumes_frames}, SIM_MEMORY_SC, 0, 1, 0, 0},
};

static void set_up(void *argument)
{
    static const char *const names[] = {"P", "C", "J"};
    const struct small *small = argument;
    memset(&now, 0, sizeof now);
    now.released[1] = UINT64_MAX;
    for (unsigned i = 0; i < 3 && small->program[i] != NULL; i++) {
        struct sim_process_spec spec = {.name = names[i],
                                        .program = small->program[i],
                                        .restarts = i == 0 ? small->kills : 0,
                                        .mortal = i == 0};
        sim_start(&spec);
        now.expected++;
    }
}

static struct sim_conditions conditions_of(const struct small *small, unsigned budget)
{
    struct sim_conditions c = {.memory = small->memory,
                               .strategy = SIM_ENUMERATE,
                               .bounded = 1,
                               .settle_ns = SIM_NEVER_SETTLES,
                               .clock_ns = 50,
                               .patience_ns = small->kills > 0 ? MYL_MSEC(6) : MYL_MSEC(1) + MYL_USEC(600),
                               .chaos_points = 20000,
                               .calm_points = 20000,
                               .preemptions = budget != 0 ? budget : small->budget,
                               .old_loads = small->old_loads};
    c.most[SIM_KILL] = small->kills;
    c.most[SIM_DRAIN] = small->drains;
    return c;
}

/* CPU time of this process: the limit is one of work, so it does not depend on the machine's load. */
static double seconds_now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Runs the same choices again, with a trace. */
static void report(const struct small *small, const struct sim_conditions *conditions, struct sim_result *result)
{
    sim_trace_enable(SIM_TRACE_TAIL);
    sim_run(1, conditions, set_up, (void *)(uintptr_t)small, result);
    sim_trace_enable(SIM_TRACE_OFF);
    sim_trace_print_tail();
}

/* Returns 1 after a violation. */
static int explore(const struct small *small, unsigned budget, double seconds, int verbose)
{
    struct sim_conditions conditions = conditions_of(small, budget);
    struct sim_result result;
    uint64_t schedules = 0, points = 0;
    double begin = seconds_now();
    int more = 1, late = 0;
    sim_enumerate_reset();
    while (more && !late) {
        sim_run(1, &conditions, set_up, (void *)(uintptr_t)small, &result);
        schedules++;
        points += result.points;
        if (result.invariant != NULL) {
            if (verbose)
                report(small, &conditions, &result);
            printf("FAILED exhaust \"%s\" schedules=%" PRIu64 " invariant=\"%s\" %s\n", small->name, schedules,
                   result.invariant, result.detail);
            return 1;
        }
        more = sim_enumerate_next();
        late = seconds > 0 && schedules % 64 == 0 && seconds_now() - begin >= seconds;
    }
    printf("%-28s %8" PRIu64 " schedules, up to %u preemptions, %u kills, %3" PRIu64 " points each, %5.1f s: %s\n",
           small->name, schedules, conditions.preemptions, small->kills, points / schedules, seconds_now() - begin,
           more ? "not all" : "all");
    return 0;
}

unsigned exhaust_run(const char *only, unsigned budget, double seconds, int verbose)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        if (only == NULL || strstr(worlds[i].name, only) != NULL)
            failed += (unsigned)explore(&worlds[i], budget, seconds, verbose);
        (void)fflush(stdout);
    }
    return failed;
}
