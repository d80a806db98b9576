/* SPDX-License-Identifier: MIT
 * The smallest fabric: a scheduler that asks all workers for the length of a text, and the workers. Start them in any
 * order. Usage: fabric_smallest scheduler LABEL WORKERS | fabric_smallest worker LABEL RANK */
#include <myelon/myelon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int work(const myl_fabric_config *config)
{
    myl_worker *worker = NULL;
    myl_work work;
    int rc = myl_worker_open(&worker, config, NULL); /* waits for the scheduler */
    while (rc == MYL_OK && (rc = myl_worker_next(worker, &work, MYL_FOREVER)) == MYL_OK) {
        if (work.kind != MYL_WORK_REQUEST)
            continue;
        rc = myl_worker_reply(worker, &work, &work.length, sizeof work.length, 0, MYL_REPLY_FINAL, MYL_FOREVER);
        if (rc == MYL_OK)
            rc = myl_worker_release(worker, &work);
    }
    myl_worker_close(worker);
    return rc == MYL_ECLOSED ? MYL_OK : rc; /* the scheduler has ended the session */
}

static int schedule(const myl_fabric_config *config)
{
    static const char *const texts[] = {"one", "scheduler", "many workers"};
    myl_scheduler *scheduler = NULL;
    myl_fabric_event events[MYL_WORKERS_MAX];
    int rc = myl_scheduler_open(&scheduler, config, NULL);
    for (unsigned i = 0; rc == MYL_OK && i < 3; i++) {
        uint64_t request, length;
        uint32_t count = 0;
        rc = myl_scheduler_request(scheduler, NULL, texts[i], strlen(texts[i]), &request, MYL_SEC(60));
        if (rc == MYL_OK)
            rc = myl_scheduler_collect(scheduler, request, 0, events, MYL_WORKERS_MAX, &count, MYL_SEC(60));
        for (uint32_t k = 0; k < count; k++) {
            memcpy(&length, events[k].data, sizeof length);
            printf("%s: worker %u says %llu\n", texts[i], (unsigned)events[k].worker, (unsigned long long)length);
            if (myl_scheduler_release(scheduler, &events[k]) != MYL_OK)
                return MYL_EINVAL;
        }
    }
    myl_scheduler_close(scheduler);
    return rc;
}

int main(int argc, char **argv)
{
    myl_fabric_config config = {.size = sizeof config};
    if (argc != 4 || strlen(argv[2]) > MYL_LABEL_MAX)
        return 2;
    memcpy(config.label, argv[2], strlen(argv[2]) + 1);
    int is_worker = strcmp(argv[1], "worker") == 0;
    *(is_worker ? &config.rank : &config.workers) = (uint32_t)strtoul(argv[3], NULL, 10);
    int rc = is_worker ? work(&config) : schedule(&config);
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    return rc != MYL_OK;
}
