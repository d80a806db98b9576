/* SPDX-License-Identifier: MIT
 * Program ring: the table of cases for Layer 0. */
#include "ring.h"

#define M 1000000u

/* One producer and one consumer, both spinning, each on a CPU of its own. An event has `words` words of 8 bytes. */
#define SPINNING .wait = MYL_WAIT_SPIN_HINT, .parkable = 1, .consumers = 1
#define SINGLES(words_, capacity_, events_) \
    { \
        .words = words_, .capacity = capacity_, .batch = 1, .events = events_, SPINNING \
    }
#define SPANS_OF_64(capacity_, events_) \
    { \
        .words = 7, .capacity = capacity_, .batch = 64, .events = events_, .with = RING_RUNS, SPINNING \
    }
/* 16-byte events in 1 MiB: 65536 slots in the baseline. The library packs 3 into 64 bytes, or 255 into 4096 bytes. */
#define PACKED_64 .words = 2, .capacity = 49152, .slots = 65536, .packed_cell = 64
#define PACKED_4096 .words = 2, .capacity = 65280, .slots = 65536, .packed_cell = 4096
/* Consumers that may park. */
#define BLOCKING(strategy, consumers_, spin) \
    { \
        .words = 7, .capacity = 16384, .batch = 1, .events = 4 * M, .parkable = 1, .wait = strategy, .spin_ns = spin, \
        .consumers = consumers_, .unpinned = consumers_ > 1 \
    }
#define IDLE(strategy) \
    { \
        .words = 7, .capacity = 4096, .parkable = 1, .wait = strategy, .consumers = 1 \
    }
#define TRIPS(cells, strategy) \
    { \
        .words = 6, .capacity = cells, .parkable = 1, .wait = strategy, .consumers = 1 \
    }

static const struct ring_shape event_56 = SINGLES(7, 4096, 4 * M);
static const struct ring_shape event_56_1024 = SINGLES(7, 1024, 4 * M);
static const struct ring_shape event_56_16384 = SINGLES(7, 16384, 6 * M);
static const struct ring_shape event_56_65536 = SINGLES(7, 65536, 8 * M);
static const struct ring_shape event_1k = SINGLES(127, 4096, M);
static const struct ring_shape batch_56_1024 = SPANS_OF_64(1024, 8 * M);
static const struct ring_shape batch_56_4096 = SPANS_OF_64(4096, 8 * M);
static const struct ring_shape batch_56_16384 = SPANS_OF_64(16384, 12 * M);
static const struct ring_shape batch_56_65536 = SPANS_OF_64(65536, 16 * M);
static const struct ring_shape batch_56_each = {.words = 7, .capacity = 16384, .batch = 64, .events = 12 * M, SPINNING};
static const struct ring_shape packed_1 = {PACKED_64, .batch = 1, .events = 16 * M, SPINNING};
static const struct ring_shape packed_16 = {PACKED_4096, .batch = 16, .events = 32 * M, .with = RING_RUNS, SPINNING};
static const struct ring_shape packed_batch = {PACKED_4096, .batch = 256, .events = 48 * M, .with = RING_RUNS,
                                               SPINNING};
static const struct ring_shape packed_batch_each = {PACKED_4096, .batch = 256, .events = 48 * M, SPINNING};

/* A small ring for round trips: at most one event is unread, and all cells stay in the caches. */
static const struct ring_shape trip = TRIPS(64, MYL_WAIT_SPIN_HINT);
static const struct ring_shape trip_1024 = TRIPS(1024, MYL_WAIT_SPIN_HINT);
static const struct ring_shape trip_adaptive = TRIPS(64, MYL_WAIT_ADAPTIVE);

/* A consumer that may park but does not: it spins for one second first. */
static const struct ring_shape parkable = BLOCKING(MYL_WAIT_BLOCK, 1, MYL_SEC(1));
static const struct ring_shape parking = BLOCKING(MYL_WAIT_BLOCK, 1, 0);
static const struct ring_shape fan = BLOCKING(MYL_WAIT_BLOCK, 8, 0);
static const struct ring_shape fan_adaptive = BLOCKING(MYL_WAIT_ADAPTIVE, 8, 0);
static const struct ring_shape blocking = IDLE(MYL_WAIT_BLOCK);
static const struct ring_shape adaptive = IDLE(MYL_WAIT_ADAPTIVE);

/* Cases on two CPUs with a baseline: RATE in events per second, TIMES in ns (median and 99th percentile). COLD: cases
 * without a baseline. */
#define RATE(id_, against_, how, wait_, shape_, text) \
    { \
        .summary = text, .metric = {{id_, "events/s", "higher", against_}}, .wait = wait_, .cpus = 2, .measure = how, \
        .shape = &(shape_) \
    }
#define TIMES(id_, against_, how, wait_, shape_, text) \
    { \
        .summary = text, .metric = {{id_, "ns", "lower", against_}, {id_ "_p99", "ns", "lower", against_}}, \
        .wait = wait_, .cpus = 2, .measure = how, .shape = &(shape_) \
    }
#define COLD(id_, unit_, how, wait_, shape_, text) \
    { \
        .summary = text, .metric = {{id_, unit_, "lower", NULL}}, .wait = wait_, .cpus = 1, .measure = how, \
        .shape = &(shape_) \
    }
#define CURSOR(id_, shape_, text) RATE(id_, "lmax_cursor", case_against_cursor, "spin", shape_, text)
#define IDLE_CASE(id_, wait_, shape_, text) \
    { \
        .summary = text, .metric = {{id_, "percent", "lower", NULL}}, .wait = wait_, .cpus = 1, .repeats = 3, \
        .repeats_quick = 1, .measure = case_idle, .shape = &(shape_) \
    }

static const struct bench_case cases[] = {
    TIMES("ring.rtt_48", "two_lines", case_round_trip, "spin", trip, "round trip of a 48-byte event, 64 cells"),
    TIMES("ring.rtt_48_bare", "bare_rings", case_trip_against_bare, "spin", trip,
          "the same, against a hand-written loop over the same cells"),
    TIMES("ring.rtt_48_1024", "two_lines", case_round_trip, "spin", trip_1024, "the same over 1024 cells"),
    TIMES("ring.rtt_48_adaptive", "two_lines", case_round_trip, "adaptive", trip_adaptive,
          "round trip over 64 cells, default wait strategy"),
    CURSOR("ring.oneway_56", event_56, "56 B, published one at a time, 4096 cells"),
    CURSOR("ring.oneway_56_1024", event_56_1024, "56 B, one at a time, 1024 cells"),
    CURSOR("ring.oneway_56_16384", event_56_16384, "56 B, one at a time, 16384 cells"),
    CURSOR("ring.oneway_56_deep", event_56_65536, "56 B, one at a time, 65536 cells"),
    CURSOR("ring.oneway_56_batch", batch_56_16384, "56 B, batches of 64, 16384 cells"),
    CURSOR("ring.oneway_56_batch_1024", batch_56_1024, "56 B, batches of 64, 1024 cells"),
    CURSOR("ring.oneway_56_batch_4096", batch_56_4096, "56 B, batches of 64, 4096 cells"),
    CURSOR("ring.oneway_56_batch_deep", batch_56_65536, "56 B, batches of 64, 65536 cells"),
    CURSOR("ring.oneway_56_batch_each", batch_56_each, "as oneway_56_batch, but claimed and read event by event"),
    CURSOR("ring.oneway_16", packed_1, "16 B packed in 64-byte cells, one at a time, 1 MiB"),
    CURSOR("ring.oneway_16_batch16", packed_16, "16 B packed in 4096-byte cells, batches of 16, 1 MiB"),
    CURSOR("ring.oneway_16_batch", packed_batch, "16 B packed in 4096-byte cells, batches of 256, 1 MiB"),
    CURSOR("ring.oneway_16_batch_each", packed_batch_each, "as oneway_16_batch, but event by event"),
    CURSOR("ring.oneway_1k", event_1k, "1016 B, one at a time, 4096 cells"),
    RATE("ring.bare_56", "bare_loop", case_against_bare, "spin", event_56,
         "as oneway_56, against a hand-written loop over the same cells"),
    RATE("ring.bare_56_deep", "bare_loop", case_against_bare, "spin", event_56_65536, "the same at 65536 cells"),
    RATE("ring.parkable", "spin_only", case_against_spin_only, "block", parkable,
         "56 B, 16384 cells, the consumer may park but does not"),
    RATE("ring.parking", "spin_only", case_against_spin_only, "block", parking,
         "56 B, 16384 cells, the consumer parks when it has to"),
    RATE("ring.fan8", "one_to_one", case_fan, "block", fan, "1 producer, 8 consumers that may park, sum of deliveries"),
    RATE("ring.fan8_adaptive", "one_to_one", case_fan, "adaptive", fan_adaptive, "the same, default wait strategy"),
    RATE("liveness.steady", "unmanaged", case_against_unmanaged, "spin", event_56_16384,
         "56 B, one at a time, 16384 cells, liveness policy with a required consumer"),
    RATE("liveness.steady_1024", "unmanaged", case_against_unmanaged, "spin", event_56_1024, "the same at 1024 cells"),
    TIMES("ring.wake", "bare_futex", case_wake, "block", blocking, "from publish to the wake-up of a parked consumer"),
    IDLE_CASE("ring.idle_cpu", "block", blocking, "CPU time of a consumer that waits 2 s without an event"),
    IDLE_CASE("ring.idle_cpu_adaptive", "adaptive", adaptive, "the same, default wait strategy"),
    COLD("ring.attach", "us", case_attach, "none", blocking, "a new consumer joins"),
    COLD("ring.rejoin", "us", case_rejoin, "none", blocking, "a consumer joins again after SIGKILL"),
    COLD("ring.takeover", "us", case_takeover, "none", blocking, "a producer takes over after SIGKILL"),
    COLD("ring.dead", "ms", case_dead, "block", blocking,
         "from SIGKILL of a consumer to the error in the blocked producer"),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
