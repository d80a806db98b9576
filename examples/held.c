/* SPDX-License-Identifier: MIT
 * Requests that are answered in another order than they arrive: each message is held until its answer is ready, and
 * released alone. Then a poll with actions. Both ends are in one program, to be short. Usage: held [RING] */
#include <myelon/myelon.h>
#include <stdio.h>

#define REQUESTS 3

static int send_requests(myl_frame_producer *producer, int from)
{
    int rc = MYL_OK;
    for (int i = from; rc == MYL_OK && i < from + REQUESTS; i++)
        rc = myl_frame_producer_publish(producer, &i, sizeof i, 1, MYL_FOREVER);
    return rc;
}

static int number_of(const myl_message *message)
{
    return *(const int *)message->data; /* data is aligned to 16 bytes at least */
}

/* The last request is ready first. Messages released early are acknowledged with the oldest one. */
static int answer_backwards(myl_frame_consumer *consumer)
{
    myl_message request[REQUESTS];
    int rc = MYL_OK;
    for (int i = 0; rc == MYL_OK && i < REQUESTS; i++)
        rc = myl_frame_consumer_next(consumer, &request[i], MYL_FOREVER);
    for (int i = REQUESTS; rc == MYL_OK && i-- > 0;) {
        printf("answers %d\n", number_of(&request[i]));
        rc = myl_frame_consumer_release_message(consumer, &request[i]);
    }
    return rc;
}

/* Each answered request is acknowledged before the next one, so a crash repeats at most one. The last one is not ready:
 * it is given back, and a later poll gets it again. */
static enum myl_action answer(const myl_message *message, void *user)
{
    const int *not_ready = user;
    if (number_of(message) == *not_ready)
        return MYL_ACTION_ABORT;
    printf("answers %d\n", number_of(message));
    return MYL_ACTION_COMMIT;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "held";
    myl_frame_producer *producer = NULL;
    myl_frame_consumer *consumer = NULL;
    uint64_t handled = 0;
    int not_ready = 2 * REQUESTS - 1;
    int rc = myl_frame_producer_open(&producer, name, NULL);
    if (rc == MYL_OK)
        rc = myl_frame_consumer_open(&consumer, name, NULL);
    if (rc == MYL_OK)
        rc = send_requests(producer, 0);
    if (rc == MYL_OK)
        rc = answer_backwards(consumer);
    if (rc == MYL_OK)
        rc = send_requests(producer, REQUESTS);
    for (int polls = 0; rc == MYL_OK && polls < 2; polls++) {
        rc = myl_frame_consumer_poll(consumer, 0, answer, &not_ready, &handled, MYL_FOREVER);
        printf("%d answered\n", (int)handled);
        not_ready = -1;
    }
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_frame_consumer_close(consumer);
    myl_frame_producer_close(producer);
    return rc != MYL_OK;
}
