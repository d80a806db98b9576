/* SPDX-License-Identifier: MIT
 * A libuv loop over two rings and a timer, which publishes. Usage: libuv */
#include <myelon/myelon.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

enum { RINGS = 2, TICKS = 50 };

static struct {
    myl_waitset *set;
    myl_producer *producer[RINGS];
    uv_timer_t timer;
    uv_poll_t poll;
    unsigned published, received;
    int failed;
} app;

static void on_timer(uv_timer_t *timer)
{
    for (int i = 0; i < RINGS; i++) {
        uint64_t number = app.published++;
        if (myl_producer_put(app.producer[i], &number, sizeof number, MYL_TRY) != MYL_OK)
            app.failed = 1;
    }
    if (app.published < TICKS * RINGS)
        return;
    for (int i = 0; i < RINGS; i++)
        myl_producer_close(app.producer[i]);
    uv_close((uv_handle_t *)timer, NULL);
}

/* Takes what is ready, until nothing is: only then the descriptor becomes unreadable. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    myl_ready ready[RINGS];
    uint32_t count;
    (void)status;
    (void)events;
    while (myl_waitset_count(app.set) > 0 && myl_waitset_wait(app.set, ready, RINGS, &count, MYL_TRY) == MYL_OK) {
        for (uint32_t i = 0; i < count; i++) {
            uint64_t number;
            int rc;
            while ((rc = myl_consumer_get(ready[i].handle, &number, sizeof number, MYL_TRY)) == MYL_OK)
                app.received++;
            if (rc != MYL_EAGAIN && myl_waitset_remove(app.set, ready[i].handle) == MYL_OK)
                myl_consumer_close(ready[i].handle); /* MYL_ECLOSED: the producer has closed, and all events are read */
        }
    }
    if (myl_waitset_count(app.set) == 0)
        uv_close((uv_handle_t *)poll, NULL);
}

int main(void)
{
    uv_loop_t loop;
    int fd = -1, rc = myl_waitset_open(&app.set, NULL);
    for (int i = 0; rc == MYL_OK && i < RINGS; i++) {
        char name[64];
        myl_consumer *consumer = NULL;
        myl_producer_options options = {.size = sizeof options,
                                        .config = {.event_size = sizeof(uint64_t), .capacity = 64}};
        (void)snprintf(name, sizeof name, "example-libuv-%d-%d", (int)getpid(), i);
        rc = myl_producer_open(&app.producer[i], name, &options);
        if (rc == MYL_OK)
            rc = myl_consumer_open(&consumer, name, NULL);
        if (rc == MYL_OK)
            rc = myl_waitset_add_consumer(app.set, consumer, NULL);
    }
    if (rc == MYL_OK)
        rc = myl_waitset_fd(app.set, &fd);
    if (rc != MYL_OK) {
        fprintf(stderr, "%s\n", myl_error_detail());
        return 1;
    }
    (void)uv_loop_init(&loop);
    (void)uv_timer_init(&loop, &app.timer);
    (void)uv_timer_start(&app.timer, on_timer, 1, 1);
    (void)uv_poll_init(&loop, &app.poll, fd);
    (void)uv_poll_start(&app.poll, UV_READABLE, on_readable);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    myl_waitset_close(app.set);
    printf("%u events published, %u received\n", app.published, app.received);
    return app.failed || app.received != TICKS * RINGS;
}
