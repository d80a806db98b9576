/* SPDX-License-Identifier: MIT
 * Publishes a million ticks. Start it before or after its consumer. Usage: producer [RING] */
#include <myelon/myelon.h>
#include <stdio.h>

struct tick {
    uint64_t number;
    double price;
};

int main(int argc, char **argv)
{
    myl_producer *producer;
    myl_producer_options options = {.size = sizeof options,
                                    .config.event_size = sizeof(struct tick),
                                    .ring.wait_consumers = 1};
    int rc = myl_producer_open(&producer, argc > 1 ? argv[1] : "ticks", &options);
    for (uint64_t i = 0; rc == MYL_OK && i < 1000000; i++) {
        void *event;
        rc = myl_producer_claim(producer, &event, MYL_FOREVER);
        if (rc == MYL_OK) {
            *(struct tick *)event = (struct tick){.number = i, .price = (double)(i % 100)};
            myl_producer_publish(producer);
        }
    }
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_producer_close(producer);
    return rc != MYL_OK;
}
