/* SPDX-License-Identifier: MIT
 * Prints every number. Restarted after a kill, it continues after the last released number. Usage: receive RING [ID] */
#include <inttypes.h>
#include <myelon/myelon.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    myl_consumer *consumer = NULL;
    myl_consumer_options options = {.size = sizeof options,
                                    .ring = {.id = argc > 2 ? argv[2] : "receiver",
                                             .attach_timeout_ns = MYL_SEC(60),
                                             .on_death = MYL_DEATH_WAIT}};
    int rc = myl_consumer_open(&consumer, argc > 1 ? argv[1] : "numbers", &options);
    const void *event;
    while (rc == MYL_OK && (rc = myl_consumer_next(consumer, &event, MYL_FOREVER)) == MYL_OK) {
        printf("%" PRIu64 "\n", *(const uint64_t *)event); /* in place: no copy */
        fflush(stdout);
        rc = myl_consumer_release(consumer); /* the event is handled; without the release it would be delivered again */
    }
    if (rc != MYL_ECLOSED) /* the producer has closed, and all events are read */
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_consumer_close(consumer);
    return rc != MYL_ECLOSED;
}
