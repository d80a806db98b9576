/* SPDX-License-Identifier: MIT
 * bench-ring: the figures of Layer 0. The table of its cases. */
#include "ring.h"

#define M 1000000u
#define RATE(name, baseline) {{.id = name, .unit = "events/s", .better = "higher", .against = baseline}}
#define TIMES(name, baseline)                                                                                          \
    {{.id = name, .unit = "ns", .better = "lower", .against = baseline},                                               \
     {.id = name "_p99", .unit = "ns", .better = "lower", .against = baseline}}
#define ONE(name, what) {{.id = name, .unit = what, .better = "lower"}}

/* One producer, one consumer, both spinning, each on a CPU of its own. */
#define SPINNING .wait = MYL_WAIT_SPIN_HINT, .consumers = 1, .parkable = 1

static const struct ring_shape event_56 = {.words = 7, .capacity = 4096, .batch = 1, .events = 4 * M, SPINNING};
static const struct ring_shape event_56_shallow = {.words = 7, .capacity = 1024, .batch = 1, .events = 4 * M, SPINNING};
static const struct ring_shape event_56_mid = {.words = 7, .capacity = 16384, .batch = 1, .events = 6 * M, SPINNING};
static const struct ring_shape event_56_deep = {.words = 7, .capacity = 65536, .batch = 1, .events = 8 * M, SPINNING};
static const struct ring_shape batch_56_shallow = {
    .words = 7, .capacity = 1024, .batch = 64, .events = 8 * M, .with = RING_RUNS, SPINNING};
static const struct ring_shape batch_56_4096 = {
    .words = 7, .capacity = 4096, .batch = 64, .events = 8 * M, .with = RING_RUNS, SPINNING};
static const struct ring_shape batch_56 = {
    .words = 7, .capacity = 16384, .batch = 64, .events = 12 * M, .with = RING_RUNS, SPINNING};
static const struct ring_shape batch_56_deep = {
    .words = 7, .capacity = 65536, .batch = 64, .events = 16 * M, .with = RING_RUNS, SPINNING};
static const struct ring_shape batch_56_single = {.words = 7, .capacity = 16384, .batch = 64, .events = 12 * M, SPINNING};
static const struct ring_shape event_1k = {.words = 127, .capacity = 4096, .batch = 1, .events = M, SPINNING};

/* 1 MiB of 16-byte slots; ours in cells of 64 bytes (3 events) for single publishes, of 256 (15 events) for batches. */
static const struct ring_shape packed_1 = {
    .words = 2, .capacity = 65536, .batch = 1, .events = 16 * M, .packed_cell = 64, SPINNING};
static const struct ring_shape packed_16 = {
    .words = 2, .capacity = 65536, .batch = 16, .events = 32 * M, .packed_cell = 256, .with = RING_RUNS, SPINNING};
static const struct ring_shape packed_256 = {
    .words = 2, .capacity = 65536, .batch = 256, .events = 48 * M, .packed_cell = 256, .with = RING_RUNS, SPINNING};
static const struct ring_shape packed_256_single = {
    .words = 2, .capacity = 65536, .batch = 256, .events = 48 * M, .packed_cell = 256, SPINNING};

static const struct ring_shape event_48 = {
    .words = 6, .capacity = 1024, .wait = MYL_WAIT_SPIN_HINT, .consumers = 1, .parkable = 1};
static const struct ring_shape event_48_adaptive = {
    .words = 6, .capacity = 1024, .wait = MYL_WAIT_ADAPTIVE, .consumers = 1, .parkable = 1};

/* Consumers that would park, and do not: they would have to wait for a second first. */
static const struct ring_shape parkable = {.words = 7, .capacity = 16384, .batch = 1, .events = 6 * M, .parkable = 1,
                                           .wait = MYL_WAIT_BLOCK, .spin_ns = MYL_SEC(1), .consumers = 1};
/* The same, as it comes. */
static const struct ring_shape parking = {.words = 7, .capacity = 16384, .batch = 1, .events = 6 * M, .parkable = 1,
                                          .wait = MYL_WAIT_BLOCK, .consumers = 1};
static const struct ring_shape fan8 = {.words = 7, .capacity = 16384, .batch = 1, .events = 4 * M, .parkable = 1,
                                       .wait = MYL_WAIT_BLOCK, .consumers = 8, .unpinned = 1};
static const struct ring_shape fan8_adaptive = {.words = 7, .capacity = 16384, .batch = 1, .events = 4 * M,
                                                .parkable = 1, .wait = MYL_WAIT_ADAPTIVE, .consumers = 8, .unpinned = 1};
static const struct ring_shape blocking = {
    .words = 7, .capacity = 4096, .wait = MYL_WAIT_BLOCK, .consumers = 1, .parkable = 1};
static const struct ring_shape adaptive = {
    .words = 7, .capacity = 4096, .wait = MYL_WAIT_ADAPTIVE, .consumers = 1, .parkable = 1};

#define CURSOR_CASE(name, text, which)                                                                                 \
    {.about = text, .metric = RATE(name, "lmax_cursor"), .wait = "spin", .cpus = 2, .measure = case_against_cursor,    \
     .shape = &(which)}

static const struct bench_case cases[] = {
    {.about = "round trip of a 48-byte event, median and 99th percentile", .metric = TIMES("ring.rtt_48", "two_lines"),
     .wait = "spin", .cpus = 2, .measure = case_round_trip, .shape = &event_48},
    {.about = "the same with the default wait strategy", .metric = TIMES("ring.rtt_48_adaptive", "two_lines"),
     .wait = "adaptive", .cpus = 2, .measure = case_round_trip, .shape = &event_48_adaptive},
    CURSOR_CASE("ring.oneway_56", "56 B, published one at a time, 4096 cells", event_56),
    CURSOR_CASE("ring.oneway_56_shallow", "56 B, one at a time, 1024 cells", event_56_shallow),
    CURSOR_CASE("ring.oneway_56_mid", "56 B, one at a time, 16384 cells", event_56_mid),
    CURSOR_CASE("ring.oneway_56_deep", "56 B, one at a time, 65536 cells", event_56_deep),
    CURSOR_CASE("ring.oneway_56_batch_1024", "56 B, batches of 64, 1024 cells", batch_56_shallow),
    CURSOR_CASE("ring.oneway_56_batch_4096", "56 B, batches of 64, 4096 cells", batch_56_4096),
    CURSOR_CASE("ring.oneway_56_batch", "56 B, batches of 64, 16384 cells", batch_56),
    CURSOR_CASE("ring.oneway_56_batch_deep", "56 B, batches of 64, 65536 cells", batch_56_deep),
    CURSOR_CASE("ring.oneway_56_batch_each", "as oneway_56_batch, but claimed and read event by event", batch_56_single),
    CURSOR_CASE("ring.oneway_16", "16 B packed in 64-byte cells, one at a time, 1 MiB", packed_1),
    CURSOR_CASE("ring.oneway_16_batch16", "16 B packed in 256-byte cells, batches of 16, 1 MiB", packed_16),
    CURSOR_CASE("ring.oneway_16_batch", "16 B packed in 256-byte cells, batches of 256, 1 MiB", packed_256),
    CURSOR_CASE("ring.oneway_16_batch_each", "as oneway_16_batch, but event by event", packed_256_single),
    CURSOR_CASE("ring.oneway_1k", "1016 B, one at a time, 4096 cells", event_1k),
    {.about = "as ring.oneway_56, against a hand-written loop over the same cells",
     .metric = RATE("ring.bare_56", "bare_loop"), .wait = "spin", .cpus = 2, .measure = case_against_bare,
     .shape = &event_56},
    {.about = "the same at 65536 cells", .metric = RATE("ring.bare_56_deep", "bare_loop"), .wait = "spin", .cpus = 2,
     .measure = case_against_bare, .shape = &event_56_deep},
    {.about = "56 B, 16384 cells, consumer may park and does not", .metric = RATE("ring.parkable", "spin_only"),
     .wait = "block", .cpus = 2, .measure = case_against_spin_only, .shape = &parkable},
    {.about = "56 B, 16384 cells, consumer parks when it has to", .metric = RATE("ring.parking", "spin_only"),
     .wait = "block", .cpus = 2, .measure = case_against_spin_only, .shape = &parking},
    {.about = "1 producer, 8 consumers that may park, all deliveries", .metric = RATE("ring.fan8", "one_to_one"),
     .wait = "block", .cpus = 2, .measure = case_fan, .shape = &fan8},
    {.about = "the same with the default wait strategy", .metric = RATE("ring.fan8_adaptive", "one_to_one"),
     .wait = "adaptive", .cpus = 2, .measure = case_fan, .shape = &fan8_adaptive},
    {.about = "from publish to a consumer woken from its sleep", .metric = TIMES("ring.wake", "bare_futex"),
     .wait = "block", .cpus = 2, .measure = case_wake, .shape = &blocking},
    {.about = "CPU of a consumer waiting 2 s for nothing", .metric = ONE("ring.idle_cpu", "percent"), .wait = "block",
     .cpus = 1, .repeats = 3, .repeats_quick = 1, .measure = case_idle, .shape = &blocking},
    {.about = "the same with the default wait strategy", .metric = ONE("ring.idle_cpu_adaptive", "percent"),
     .wait = "adaptive", .cpus = 1, .repeats = 3, .repeats_quick = 1, .measure = case_idle, .shape = &adaptive},
    {.about = "a new consumer joins", .metric = ONE("ring.attach", "us"), .wait = "none", .cpus = 1,
     .measure = case_attach, .shape = &blocking},
    {.about = "a consumer joins again after SIGKILL", .metric = ONE("ring.rejoin", "us"), .wait = "none", .cpus = 1,
     .measure = case_rejoin, .shape = &blocking},
    {.about = "a producer takes over after SIGKILL", .metric = ONE("ring.takeover", "us"), .wait = "none", .cpus = 1,
     .measure = case_takeover, .shape = &blocking},
    {.about = "from SIGKILL of a consumer to the blocked producer's verdict", .metric = ONE("ring.dead", "ms"),
     .wait = "block", .cpus = 1, .measure = case_dead, .shape = &blocking},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
