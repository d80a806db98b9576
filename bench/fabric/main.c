/* SPDX-License-Identifier: MIT
 * Program fabric: the table of cases. A request to all workers, with a reply of 64 bytes from each; the time of a round
 * from the first byte written to the last reply read. */
#include "fabric.h"

#define KIB 1024u
#define SHAPE(name, bytes_, workers_) \
    static const struct fabric_shape name##_spin = {bytes_, workers_, 0}, name##_adaptive = {bytes_, workers_, 1}
SHAPE(w1_64, 64, 1);
SHAPE(w2_64, 64, 2);
SHAPE(w4_64, 64, 4);
SHAPE(w8_64, 64, 8);
SHAPE(w1_4k, 4 * KIB, 1);
SHAPE(w2_4k, 4 * KIB, 2);
SHAPE(w4_4k, 4 * KIB, 4);
SHAPE(w8_4k, 4 * KIB, 8);
SHAPE(w1_1m, KIB *KIB, 1);
SHAPE(w2_1m, KIB *KIB, 2);
SHAPE(w4_1m, KIB *KIB, 4);
SHAPE(w8_1m, KIB *KIB, 8);

#define CASE(name, wait_, text) \
    { \
        .summary = text, \
        .metric = {{"fabric." #name "_" #wait_, "ns", "lower", "best peer"}, \
                   {"fabric." #name "_" #wait_ "_p99", "ns", "lower", "best peer"}}, \
        .wait = #wait_, .cpus = 2, .measure = fabric_measure, .choose = fabric_choose, .shape = &(name##_##wait_) \
    }
#define CASES(name, text) CASE(name, spin, text), CASE(name, adaptive, text)

static const struct bench_case cases[] = {
    CASES(w1_64, "64 B to 1 worker, 64 B back"),
    CASES(w2_64, "64 B to 2 workers, 64 B back from each"),
    CASES(w4_64, "64 B to 4 workers, 64 B back from each"),
    CASES(w8_64, "64 B to 8 workers, 64 B back from each"),
    CASES(w1_4k, "4 KiB to 1 worker, 64 B back"),
    CASES(w2_4k, "4 KiB to 2 workers, 64 B back from each"),
    CASES(w4_4k, "4 KiB to 4 workers, 64 B back from each"),
    CASES(w8_4k, "4 KiB to 8 workers, 64 B back from each"),
    CASES(w1_1m, "1 MiB to 1 worker, 64 B back"),
    CASES(w2_1m, "1 MiB to 2 workers, 64 B back from each"),
    CASES(w4_1m, "1 MiB to 4 workers, 64 B back from each"),
    CASES(w8_1m, "1 MiB to 8 workers, 64 B back from each"),
};

int main(int argc, char **argv)
{
    fabric_note_missing();
    return bench_main(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
