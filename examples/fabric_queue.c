/* SPDX-License-Identifier: MIT
 * A work queue: each job goes to the worker with the fewest jobs. One worker is killed in the middle; its jobs go to
 * the others, and no job is lost. Usage: fabric_queue [LABEL] */
#include <inttypes.h>
#include <myelon/myelon.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS = 300 };

static int be_worker(myl_fabric_config config, uint32_t rank)
{
    myl_worker *worker = NULL;
    myl_work work;
    uint64_t number;
    config.rank = rank;
    int rc = myl_worker_open(&worker, &config, NULL);
    while (rc == MYL_OK && (rc = myl_worker_next(worker, &work, MYL_SEC(60))) == MYL_OK) {
        if (work.kind != MYL_WORK_REQUEST)
            continue;
        memcpy(&number, work.data, sizeof number);
        number *= number;
        rc = myl_worker_reply(worker, &work, &number, sizeof number, 0, MYL_REPLY_FINAL, MYL_SEC(60));
        if (rc == MYL_OK)
            rc = myl_worker_release(worker, &work);
    }
    myl_worker_close(worker);
    return rc == MYL_ECLOSED ? 0 : 1;
}

/* Takes one event. *done counts the jobs that are done. */
static int take(myl_scheduler *scheduler, unsigned *done)
{
    myl_fabric_event event;
    uint64_t square;
    int rc = myl_scheduler_next(scheduler, &event, MYL_SEC(60));
    if (rc != MYL_OK)
        return rc;
    if (event.kind == MYL_EVENT_WORKER_DIED)
        printf("worker %" PRIu32 " died; %" PRIu32 " jobs go to others\n", event.worker, event.kept);
    if (event.kind == MYL_EVENT_REPLY) {
        memcpy(&square, event.data, sizeof square);
        *done += square == event.tag * event.tag;
    }
    return myl_scheduler_release(scheduler, &event);
}

static int be_scheduler(myl_scheduler *scheduler, pid_t victim, unsigned *done)
{
    int rc = myl_scheduler_wait_workers(scheduler, 0, NULL, MYL_SEC(60));
    for (uint64_t job = 1; rc == MYL_OK && job <= JOBS; job++) {
        uint64_t request;
        const myl_request_options options = {.size = sizeof options,
                                             .tag = job,
                                             .flags = MYL_REQUEST_ONE | MYL_REQUEST_AT_LEAST_ONCE};
        rc = myl_scheduler_request(scheduler, &options, &job, sizeof job, &request, MYL_SEC(60));
        if (job == JOBS / 2)
            (void)kill(victim, SIGKILL);
    }
    while (rc == MYL_OK && *done < JOBS)
        rc = take(scheduler, done);
    return rc;
}

int main(int argc, char **argv)
{
    myl_fabric_config config = {.size = sizeof config, .workers = WORKERS};
    myl_scheduler *scheduler = NULL;
    pid_t child[WORKERS];
    unsigned done = 0;
    if (argc > 1)
        (void)snprintf(config.label, sizeof config.label, "%.31s", argv[1]);
    else
        (void)snprintf(config.label, sizeof config.label, "queue-%ld", (long)getpid());
    for (uint32_t rank = 0; rank < WORKERS; rank++) {
        child[rank] = fork(); /* before any handle is open */
        if (child[rank] == 0)
            return be_worker(config, rank);
    }
    int rc = myl_scheduler_open(&scheduler, &config, NULL);
    if (rc == MYL_OK)
        rc = be_scheduler(scheduler, child[0], &done);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_scheduler_close(scheduler);
    for (uint32_t rank = 0; rank < WORKERS; rank++)
        (void)waitpid(child[rank], NULL, 0);
    printf("%u of %d jobs are done\n", done, JOBS);
    return done != JOBS;
}
