/* SPDX-License-Identifier: MIT
 * Makes a ring with arbitrary texts: odd_ring NAME LABEL ACTIVITY. Its producer has left and its consumer "odd" has
 * died. Both have set ACTIVITY. The ring is renamed to NAME at the end, so the library need not accept NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelon/myelon.h>

static int failed(const char *what)
{
    fprintf(stderr, "odd_ring: %s: %s\n", what, myl_error_detail());
    return 1;
}

int main(int argc, char **argv)
{
    char made[64], from[4200], to[4200];
    myl_producer *producer;
    myl_consumer *consumer;
    if (argc != 4)
        return failed("usage: odd_ring NAME LABEL ACTIVITY");
    (void)snprintf(made, sizeof made, "myl-test-%s-odd-%d", getenv("MYL_TEST_TAG"), (int)getpid());
    const myl_producer_options options = {.size = sizeof options, .event_size = 8, .capacity = 64, .label = argv[2]};
    const myl_consumer_options reader = {.size = sizeof reader, .id = "odd"};
    if (myl_producer_open(&producer, made, &options) != MYL_OK)
        return failed("the producer");
    if (myl_consumer_open(&consumer, made, &reader) != MYL_OK)
        return failed("the consumer");
    myl_producer_set_activity(producer, argv[3], 0);
    myl_consumer_set_activity(consumer, argv[3], 0);
    myl_producer_leave(producer);
    (void)snprintf(from, sizeof from, "%s/%s", myl_shm_directory(), made);
    (void)snprintf(to, sizeof to, "%s/%s", myl_shm_directory(), argv[1]);
    return rename(from, to) == 0 ? 0 : failed("rename");
}
