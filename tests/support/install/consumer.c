/* SPDX-License-Identifier: MIT
 * A minimal program of a user, compiled against an installed myelon. It passes one event through a ring. */
#include <stdio.h>
#include <string.h>

#include <myelon/myelon.h>

int main(int argc, char **argv)
{
    myl_producer_options options = {.size = sizeof options, .config = {.event_size = 8, .capacity = 64}};
    myl_producer *producer = NULL;
    myl_consumer *consumer = NULL;
    char got[8] = "";
    int code = argc < 2 ? MYL_ENAME : myl_producer_open(&producer, argv[1], &options);
    if (code == MYL_OK)
        code = myl_consumer_open(&consumer, argv[1], NULL);
    if (code == MYL_OK)
        code = myl_producer_put(producer, "through", sizeof got, MYL_SEC(5));
    if (code == MYL_OK)
        code = myl_consumer_get(consumer, got, sizeof got, MYL_SEC(5));
    if (code != MYL_OK)
        fprintf(stderr, "%s: %s\n", myl_errname(code), myl_error_detail());
    printf("%s %s\n", myl_version(), got);
    myl_producer_close(producer);
    myl_consumer_close(consumer);
    return code == MYL_OK && strcmp(got, "through") == 0 ? 0 : 1;
}
