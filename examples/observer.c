/* SPDX-License-Identifier: MIT
 * Reads without gating the producer, and prints exactly how many events it lost. Usage: observer [RING] */
#include <myelon/myelon.h>
#include <inttypes.h>
#include <stdio.h>

struct tick {
    uint64_t number;
    double price;
};

int main(int argc, char **argv)
{
    myl_observer *observer;
    myl_consumer_options options = {.size = sizeof options,
                                    .event_size = sizeof(struct tick),
                                    .ring = {.start = MYL_START_OLDEST, .attach_timeout_ns = MYL_SEC(10)}};
    if (myl_observer_open(&observer, argc > 1 ? argv[1] : "ticks", &options) != MYL_OK) {
        fprintf(stderr, "%s\n", myl_error_detail());
        return 1;
    }
    myl_sequence before = myl_observer_last_read(observer);
    printf("observing after event %" PRId64 "\n", before);
    fflush(stdout);

    struct tick tick;
    uint64_t seen = 0, missed = 0, lost;
    int wrong = 0, rc;
    while ((rc = myl_observer_get(observer, &tick, sizeof tick, &lost, MYL_SEC(20))) == MYL_OK) {
        seen++;
        missed += lost;
        wrong |= tick.number != (uint64_t)myl_observer_last_read(observer); /* detects a torn or misplaced copy */
    }
    myl_sequence last = myl_observer_last_read(observer);
    printf("up to event %" PRId64 ": saw %" PRIu64 ", missed %" PRIu64 "; %s\n", last, seen, missed,
           myl_error_detail());
    wrong |= seen + missed != (uint64_t)(last - before);
    myl_observer_close(observer);
    return rc != MYL_ECLOSED || wrong;
}
