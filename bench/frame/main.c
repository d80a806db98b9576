/* SPDX-License-Identifier: MIT
 * Program frame: the table of cases for Layer 1, compared with other transports between processes. */
#include "frame.h"

#define KIB 1024u
#define MIB (1024u * KIB)

/* Capacity, the same for all peers. Streams: 1 MiB of payload, at least 8 messages (4 of 16 MiB). Round trips: 64 KiB,
 * at least 2 messages. RECORD is the size of a record: 64 bytes, and the payload rounded up to a multiple of 64. */
#define RECORD(bytes_) (64u + ((bytes_) + 63u) / 64u * 64u)
#define STREAM(bytes_, depth_, run_, quick_) \
    { \
        .bytes = bytes_, .depth = depth_, .ring_bytes = (uint64_t)(depth_)*RECORD(bytes_) + 64, .consumers = 1, \
        .run_ms = run_, .quick_ms = quick_ \
    }
#define TRIP(bytes_, depth_, run_, quick_) STREAM(bytes_, depth_, run_, quick_)

static const struct frame_shape trip_48 =
    {.bytes = 48, .depth = 1024, .ring_bytes = 64 * KIB, .consumers = 1, .run_ms = 30, .quick_ms = 8};
static const struct frame_shape trip_1k = TRIP(KIB, 64, 60, 12);
static const struct frame_shape trip_32k = TRIP(32 * KIB, 2, 100, 15);
static const struct frame_shape trip_128k = TRIP(128 * KIB, 2, 100, 15);
static const struct frame_shape trip_1m = TRIP(MIB, 2, 200, 20);
static const struct frame_shape stream_48 =
    {.bytes = 48, .depth = 16384, .ring_bytes = MIB, .consumers = 1, .run_ms = 100, .quick_ms = 12};
static const struct frame_shape stream_64 =
    {.bytes = 64, .depth = 16384, .ring_bytes = MIB, .consumers = 1, .run_ms = 100, .quick_ms = 12};
static const struct frame_shape stream_1k =
    {.bytes = KIB, .depth = 1024, .ring_bytes = MIB, .consumers = 1, .run_ms = 100, .quick_ms = 12};
static const struct frame_shape burst_64 =
    {.bytes = 64, .depth = 16384, .ring_bytes = MIB, .consumers = 1, .held_back = 1, .run_ms = 100, .quick_ms = 12};
static const struct frame_shape burst_1k =
    {.bytes = KIB, .depth = 1024, .ring_bytes = MIB, .consumers = 1, .held_back = 1, .run_ms = 100, .quick_ms = 12};
static const struct frame_shape stream_56 =
    {.bytes = 56, .depth = 16384, .ring_bytes = MIB, .consumers = 1, .run_ms = 12, .quick_ms = 6};
static const struct frame_shape counted_trip =
    {.bytes = 48, .depth = 1024, .ring_bytes = 64 * KIB, .consumers = 1, .run_ms = 8, .quick_ms = 4};
static const struct frame_shape stream_64k = STREAM(64 * KIB, 16, 100, 15);
static const struct frame_shape stream_1m = STREAM(MIB, 8, 200, 20);
static const struct frame_shape stream_16m = STREAM(16 * MIB, 4, 500, 40);
static const struct frame_shape fan =
    {.bytes = 56, .depth = 16384, .consumers = FRAME_CONSUMERS, .held_back = 1, .run_ms = 300, .quick_ms = 40};
static const struct frame_shape pending = {.bytes = 64, .ring_bytes = 4096 * RECORD(64) + 64};

#define TRIP_CASE(id_, shape_, text) \
    { \
        .summary = text, .metric = {{id_, "ns", "lower", "best peer"}}, .wait = "spin", .cpus = 2, \
        .measure = case_trip, .choose = choose_trip, .shape = &(shape_) \
    }
#define STREAM_CASE(id_, shape_, limit_, text) \
    { \
        .summary = text, .metric = {{id_, "bytes/s", "higher", "best peer"}}, .wait = "spin", .cpus = 2, \
        .measure = case_oneway, .choose = choose_oneway, .shape = &(shape_), .limit = limit_ \
    }
#define WAY_CASE(id_, how, shape_, text) \
    { \
        .summary = text, .metric = {{id_, "bytes/s", "higher", "in_place"}}, .wait = "spin", .cpus = 2, \
        .measure = how, .shape = &(shape_) \
    }
/* Small differences: many short repeats, so that both sides meet the same disturbances. */
#define COUNTER_CASE(id_, unit_, better_, how, shape_, text) \
    { \
        .summary = text, .metric = {{id_, unit_, better_, "counters off"}}, .wait = "spin", .cpus = 2, .repeats = 101, \
        .repeats_quick = 25, .measure = how, .shape = &(shape_) \
    }
#define GATHER "publishv of 16 bytes and the rest, read in place"
#define COPY "publish from the sender's memory, get into the receiver's"

static const struct bench_case cases[] = {
    TRIP_CASE("frame.rtt_48", trip_48, "round trip of a 48-byte message"),
    {.summary = "the same, against the round trip of two cache lines",
     .metric = {{"frame.rtt_48_limit", "ns", "lower", "two_lines"}},
     .wait = "spin",
     .cpus = 2,
     .measure = case_trip_limit,
     .shape = &trip_48},
    TRIP_CASE("frame.rtt_1k", trip_1k, "round trip of 1 KiB"),
    TRIP_CASE("frame.rtt_32k", trip_32k, "round trip of 32 KiB"),
    TRIP_CASE("frame.rtt_128k", trip_128k, "round trip of 128 KiB"),
    TRIP_CASE("frame.rtt_1m", trip_1m, "round trip of 1 MiB"),
    STREAM_CASE("frame.oneway_48", stream_48, "bare_loop", "48 B one way, published one at a time, 1 MiB"),
    STREAM_CASE("frame.oneway_64", stream_64, "bare_loop", "64 B one way, published one at a time, 1 MiB"),
    STREAM_CASE("frame.oneway_1k", stream_1k, "bare_loop", "1 KiB one way, published one at a time, 1 MiB"),
    STREAM_CASE("frame.burst_64", burst_64, NULL, "64 B one way, peers may delay messages to pass 32 at once"),
    STREAM_CASE("frame.burst_1k", burst_1k, NULL, "1 KiB one way, peers may delay messages to pass 32 at once"),
    STREAM_CASE("frame.oneway_64k", stream_64k, "bare_loop", "64 KiB one way, 16 messages"),
    STREAM_CASE("frame.oneway_1m", stream_1m, "bare_loop", "1 MiB one way, 8 messages"),
    STREAM_CASE("frame.oneway_16m", stream_16m, "bare_loop", "16 MiB one way, 4 messages"),
    COUNTER_CASE("frame.rtt_48_full", "ns", "lower", case_trip_full, counted_trip, "rtt_48 with counters, level full"),
    COUNTER_CASE("frame.rtt_48_lite", "ns", "lower", case_trip_lite, counted_trip, "rtt_48 with counters, level lite"),
    COUNTER_CASE("frame.oneway_56_full", "bytes/s", "higher", case_oneway_full, stream_56,
                 "56 B one way with counters, level full"),
    COUNTER_CASE("frame.oneway_56_lite", "bytes/s", "higher", case_oneway_lite, stream_56,
                 "56 B one way with counters, level lite"),
    WAY_CASE("frame.gather_64", case_gather, stream_64, "64 B: " GATHER),
    WAY_CASE("frame.gather_1k", case_gather, stream_1k, "1 KiB: " GATHER),
    WAY_CASE("frame.gather_64k", case_gather, stream_64k, "64 KiB: " GATHER),
    WAY_CASE("frame.copy_64", case_copy, stream_64, "64 B: " COPY),
    WAY_CASE("frame.copy_1k", case_copy, stream_1k, "1 KiB: " COPY),
    WAY_CASE("frame.copy_64k", case_copy, stream_64k, "64 KiB: " COPY),
    {.summary = "size of a segment that holds 4096 unread messages of 64 bytes",
     .metric = {{"frame.memory", "bytes", "lower", NULL}},
     .wait = "none",
     .cpus = 1,
     .repeats = 1,
     .repeats_quick = 1,
     .measure = case_memory,
     .shape = &pending},
    {.summary = "1 producer, 8 consumers that may park, 56 B events, sum of deliveries; lossless peers",
     .metric = {{"bench.fan8", "events/s", "higher", "best peer"}},
     .wait = "block",
     .cpus = 2,
     .measure = case_fan,
     .choose = choose_fan,
     .shape = &fan},
};

int main(int argc, char **argv)
{
    frame_note_missing();
    return bench_main(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
