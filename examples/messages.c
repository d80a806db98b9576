/* SPDX-License-Identifier: MIT
 * Messages of any size, written and read in place. Producer and consumer are in one program here, to keep it short.
 * Usage: messages [RING] */
#include <myelon/myelon.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "messages";
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    myl_message message = {0};
    void *text;
    int rc = myl_frame_producer_open(&producer, name, NULL);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_open(&consumer, name, NULL);
    if (rc == MYL_OK)
        rc = myl_frame_producer_claim(producer, 1000, &text, MYL_FOREVER); /* maximum length */
    if (rc == MYL_OK)
        /* actual length */
        rc = myl_frame_producer_commit(producer, (size_t)snprintf(text, 1000, "hello, %s", name), 1);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_next(consumer, &message, MYL_FOREVER);
    if (rc == MYL_OK)
        printf("%.*s, kind %u\n", (int)message.length, (const char *)message.data, message.kind);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_release(consumer);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
    return rc != MYL_OK;
}
