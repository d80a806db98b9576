/* SPDX-License-Identifier: MIT
 * A reply in parts, as a language model gives its tokens: the scheduler prints the parts as they come, and cancels the
 * request after some of them. Usage: fabric_stream [LABEL] */
#include <myelon/myelon.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WANTED = 5 };

/* Sends word after word until the request is cancelled. */
static int stream(myl_worker *worker, myl_work *work)
{
    static const char *const words[] = {"the ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog "};
    int rc = MYL_OK;
    for (unsigned i = 0; rc == MYL_OK && !myl_worker_cancelled(worker, work); i++) {
        const char *word = words[i % (sizeof words / sizeof words[0])];
        rc = myl_worker_reply(worker, work, word, strlen(word), 0, MYL_REPLY_MORE, MYL_SEC(60));
    }
    return rc == MYL_OK ? myl_worker_release(worker, work) : rc;
}

static int be_worker(const myl_fabric_config *config)
{
    myl_worker *worker = NULL;
    myl_work work;
    int rc = myl_worker_open(&worker, config, NULL);
    while (rc == MYL_OK && (rc = myl_worker_next(worker, &work, MYL_SEC(60))) == MYL_OK) {
        if (work.kind == MYL_WORK_REQUEST)
            rc = stream(worker, &work);
    }
    myl_worker_close(worker);
    return rc == MYL_ECLOSED ? 0 : 1;
}

static int be_scheduler(myl_scheduler *scheduler)
{
    myl_fabric_event event;
    uint64_t request;
    unsigned parts = 0;
    int rc = myl_scheduler_request(scheduler, NULL, "tell me", 7, &request, MYL_SEC(60));
    while (rc == MYL_OK && parts < WANTED) {
        rc = myl_scheduler_next(scheduler, &event, MYL_SEC(60));
        if (rc != MYL_OK)
            break;
        if (event.kind == MYL_EVENT_PART) {
            printf("%.*s", (int)event.length, (const char *)event.data);
            parts++;
        }
        rc = myl_scheduler_release(scheduler, &event);
    }
    printf("...\n");
    return rc == MYL_OK ? myl_scheduler_cancel(scheduler, request, MYL_SEC(60)) : rc;
}

int main(int argc, char **argv)
{
    myl_fabric_config config = {.size = sizeof config, .workers = 1};
    myl_scheduler *scheduler = NULL;
    int status = 1;
    if (argc > 1)
        (void)snprintf(config.label, sizeof config.label, "%.31s", argv[1]);
    else
        (void)snprintf(config.label, sizeof config.label, "stream-%ld", (long)getpid());
    pid_t child = fork(); /* before any handle is open */
    if (child == 0)
        return be_worker(&config);
    int rc = myl_scheduler_open(&scheduler, &config, NULL);
    if (rc == MYL_OK)
        rc = be_scheduler(scheduler);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_scheduler_close(scheduler);
    (void)waitpid(child, &status, 0);
    return rc != MYL_OK || status != 0;
}
