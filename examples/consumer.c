/* SPDX-License-Identifier: MIT
 * Reads every tick in place, and adds up the prices. Usage: consumer [RING [ID]] */
#include <myelon/myelon.h>
#include <stdio.h>

struct tick {
    uint64_t number;
    double price;
};

int main(int argc, char **argv)
{
    myl_consumer *consumer;
    myl_consumer_options options = {.size = sizeof options,
                                    .event_size = sizeof(struct tick),
                                    .ring = {.id = argc > 2 ? argv[2] : "reader", .attach_timeout_ns = MYL_SEC(10)}};
    int rc = myl_consumer_open(&consumer, argc > 1 ? argv[1] : "ticks", &options);
    unsigned long count = 0;
    double sum = 0;
    const void *event;
    while (rc == MYL_OK && (rc = myl_consumer_next(consumer, &event, MYL_FOREVER)) == MYL_OK) {
        sum += ((const struct tick *)event)->price;
        count++;
        rc = myl_consumer_release(consumer);
    }
    printf("%lu ticks, sum %.0f; %s\n", count, sum, myl_error_detail());
    myl_consumer_close(consumer);
    return rc != MYL_ECLOSED;
}
