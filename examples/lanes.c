/* SPDX-License-Identifier: MIT
 * Two producers in one ring, each in its own lane, and a consumer of both. All are in one program here, to keep it
 * short; in practice each is a process. Usage: lanes [RING] */
#include <myelon/myelon.h>
#include <stdio.h>
#include <string.h>

static int publish_text(myl_frame_producer *producer, const char *text)
{
    return myl_frame_producer_publish(producer, text, strlen(text), 0, MYL_FOREVER);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "lanes";
    myl_frame_producer_options options = {.size = sizeof options, .config.lanes = 2, .lane = "north"};
    myl_frame_producer *north = NULL, *south = NULL;
    myl_frame_consumer *reader = NULL;
    myl_message message = {0};
    /* the first open creates the ring; each gets its own lane */
    int rc = myl_frame_producer_open(&north, name, &options);
    options.lane = "south";
    if (rc == MYL_OK)
        rc = myl_frame_producer_open(&south, name, &options);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_open(&reader, name, NULL);
    if (rc == MYL_OK)
        rc = publish_text(north, "cold");
    if (rc == MYL_OK)
        rc = publish_text(south, "warm");
    if (rc == MYL_OK)
        rc = publish_text(north, "colder");
    myl_frame_producer_close(north); /* ends its lane; the stream ends with the last lane */
    myl_frame_producer_close(south);
    while (rc == MYL_OK && (rc = myl_frame_consumer_next(reader, &message, MYL_FOREVER)) == MYL_OK) {
        char lane[MYL_ID_MAX + 1] = "";
        rc = myl_frame_consumer_lane(reader, message.lane, lane);
        printf("%s: %.*s\n", lane, (int)message.length, (const char *)message.data);
        if (rc == MYL_OK)
            rc = myl_frame_consumer_release(reader);
    }
    if (rc != MYL_ECLOSED)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_frame_consumer_close(reader);
    return rc != MYL_ECLOSED;
}
