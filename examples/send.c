/* SPDX-License-Identifier: MIT
 * Publishes the numbers below COUNT. Restarted after a kill, it continues. Usage: send RING COUNT */
#include <myelon/myelon.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    myl_producer *producer = NULL;
    myl_producer_options options = {.size = sizeof options,
                                    .config.event_size = sizeof(uint64_t),
                                    .ring.on_death = MYL_DEATH_WAIT};
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    int rc = myl_producer_open(&producer, argc > 1 ? argv[1] : "numbers", &options);
    uint64_t next = rc == MYL_OK ? (uint64_t)(myl_producer_last_published(producer) + 1) : 0; /* 0 in a new ring */
    for (; rc == MYL_OK && next < count; next++)
        rc = myl_producer_put(producer, &next, sizeof next, MYL_FOREVER); /* waits while the ring is full */
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_producer_close(producer);
    return rc != MYL_OK;
}
