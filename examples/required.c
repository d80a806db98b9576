/* SPDX-License-Identifier: MIT
 * A required consumer: waited for at the start, an alert when it stands still, a failure when it stays so, patience
 * when it asks for it, and the verdict in words. Producer and worker are one process here, to be seen together. */
#include <myelon/myelon.h>
#include <stdio.h>
#include <unistd.h>

static void tell(const myl_alert *alert, void *user)
{
    (void)user;
    printf("alert: %s %s, %llu events behind\n", alert->id,
           alert->kind == MYL_ALERT_STALLED ? "stands still"
           : alert->kind == MYL_ALERT_DIED  ? "is dead"
                                            : "is back",
           (unsigned long long)alert->behind);
}

/* Publishes until a call does not succeed. */
static int publish_all(myl_producer *producer)
{
    int rc = MYL_OK;
    for (uint64_t n = 0; rc == MYL_OK; n++)
        rc = myl_producer_put(producer, &n, sizeof n, MYL_SEC(20));
    printf("%s: %s\n", myl_errname(rc), myl_error_detail());
    return rc;
}

static int run(const char *name)
{
    static const char *const required[] = {"worker"};
    myl_producer_options po = {.size = sizeof po, .event_size = sizeof(uint64_t), .capacity = 64};
    myl_consumer_options co = {.size = sizeof co, .id = "worker"};
    myl_liveness_options lo = {.size = sizeof lo,
                               .required = required,
                               .required_count = 1,
                               .startup_wait_ns = MYL_MSEC(50),
                               .progress_timeout_ns = MYL_MSEC(100),
                               .shutdown_grace_ns = MYL_MSEC(200),
                               .alert = tell};
    myl_producer *producer = NULL;
    myl_consumer *worker = NULL;
    myl_verdict *verdict = NULL;
    int good = myl_producer_open(&producer, name, &po) == MYL_OK && myl_producer_manage(producer, &lo) == MYL_OK &&
               publish_all(producer) == MYL_ESTARTUP && /* nobody is there yet */
               myl_consumer_open(&worker, name, &co) == MYL_OK &&
               publish_all(producer) == MYL_ESTALLED; /* the worker reads nothing */
    if (good) {
        myl_producer_clear(producer);
        myl_consumer_busy(worker, "compiling a model", MYL_SEC(60));
        uint64_t n = 0;
        good = myl_producer_put(producer, &n, sizeof n, MYL_MSEC(500)) == MYL_ETIMEDOUT && /* not ESTALLED */
               myl_producer_why(producer, 0, &verdict) == MYL_OK;
    }
    for (uint32_t i = 0; good && i < verdict->parties; i++)
        printf("%s is %s; %s\n", i == 0 ? "the producer" : verdict->party[i].id,
               myl_condition_name(verdict->party[i].condition), verdict->party[i].doing);
    if (!good)
        fprintf(stderr, "unexpected: %s\n", myl_error_detail());
    myl_verdict_free(verdict);
    myl_consumer_close(worker);
    myl_producer_close(producer);
    return good ? 0 : 1;
}

int main(void)
{
    char name[64];
    snprintf(name, sizeof name, "example-required-%ld", (long)getpid());
    return run(name);
}
