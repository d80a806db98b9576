/* SPDX-License-Identifier: MIT
 * A required consumer: the producer waits for it at the start, alerts when it stalls, and fails when it stays stalled.
 * An activity notice extends the time-out. Prints the diagnosis. Producer and worker are in one process here, to keep
 * the output together. */
#include <myelon/myelon.h>
#include <stdio.h>
#include <unistd.h>

static void print_alert(const myl_alert *alert, void *user)
{
    (void)user;
    printf("alert: %s %s, lag %llu events\n", alert->id,
           alert->kind == MYL_ALERT_STALLED ? "is stalled"
           : alert->kind == MYL_ALERT_DIED  ? "is dead"
                                            : "has recovered",
           (unsigned long long)alert->lag);
}

/* Publishes until a call fails. */
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
    myl_producer_options po = {.size = sizeof po, .config = {.event_size = sizeof(uint64_t), .capacity = 64}};
    myl_consumer_options co = {.size = sizeof co, .ring.id = "worker"};
    myl_liveness_options lo = {.size = sizeof lo,
                               .required = required,
                               .required_count = 1,
                               .startup_wait_ns = MYL_MSEC(50),
                               .progress_timeout_ns = MYL_MSEC(100),
                               .shutdown_grace_ns = MYL_MSEC(200),
                               .alert = print_alert};
    myl_producer *producer = NULL;
    myl_consumer *worker = NULL;
    myl_diagnosis *diagnosis = NULL;
    int good = myl_producer_open(&producer, name, &po) == MYL_OK &&
               myl_producer_set_liveness(producer, &lo) == MYL_OK &&
               publish_all(producer) == MYL_ESTARTUP && /* the worker has not joined yet */
               myl_consumer_open(&worker, name, &co) == MYL_OK &&
               publish_all(producer) == MYL_ESTALLED; /* the worker reads nothing */
    if (good) {
        myl_producer_clear_failure(producer);
        myl_consumer_set_activity(worker, "compiling a model", MYL_SEC(60));
        uint64_t n = 0;
        /* a time-out, not MYL_ESTALLED */
        good = myl_producer_put(producer, &n, sizeof n, MYL_MSEC(500)) == MYL_ETIMEDOUT &&
               myl_producer_diagnose(producer, 0, &diagnosis) == MYL_OK;
    }
    for (uint32_t i = 0; good && i < diagnosis->participants; i++)
        printf("%s is %s; %s\n", i == 0 ? "the producer" : myl_diagnosis_participant_at(diagnosis, i)->id,
               myl_condition_name(myl_diagnosis_participant_at(diagnosis, i)->condition),
               myl_diagnosis_participant_at(diagnosis, i)->activity);
    if (!good)
        fprintf(stderr, "unexpected: %s\n", myl_error_detail());
    myl_diagnosis_free(diagnosis);
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
