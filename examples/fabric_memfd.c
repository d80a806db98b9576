/* SPDX-License-Identifier: MIT
 * A fabric without any name: the scheduler starts its worker as a new program, which gets two descriptors and the
 * configuration in its environment. No file is left, however they end. Usage: fabric_memfd */
#include <fcntl.h>
#include <myelon/myelon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int be_worker(void)
{
    myl_fabric_config config = {.size = sizeof config};
    myl_worker *worker = NULL;
    myl_work work;
    int rc = myl_fabric_config_from_environment(&config);
    if (rc == MYL_OK)
        rc = myl_worker_open(&worker, &config, NULL);
    while (rc == MYL_OK && (rc = myl_worker_next(worker, &work, MYL_SEC(60))) == MYL_OK) {
        if (work.kind != MYL_WORK_REQUEST)
            continue;
        rc = myl_worker_reply(worker, &work, "pong", 4, 0, MYL_REPLY_FINAL, MYL_SEC(60));
        if (rc == MYL_OK)
            rc = myl_worker_release(worker, &work);
    }
    myl_worker_close(worker);
    return rc == MYL_ECLOSED ? 0 : 1;
}

/* Starts this program again, as the worker. Returns its process id, or -1. */
static pid_t start_worker(const myl_fabric_config *config, char *program)
{
    char text[MYL_FABRIC_TEXT_MAX], *environment[32], *arguments[] = {program, "worker", NULL};
    unsigned count = 0;
    if (myl_fabric_config_to_environment(config, text, sizeof text, NULL) != MYL_OK)
        return -1;
    for (char *at = text; *at != '\0' && count < 31; at += strlen(at) + 1)
        environment[count++] = at;
    environment[count] = NULL;
    pid_t child = fork();
    if (child != 0)
        return child;
    (void)fcntl(config->dispatch_fd, F_SETFD, 0); /* they stay open in the new program */
    (void)fcntl(config->reply_fd, F_SETFD, 0);
    (void)execve("/proc/self/exe", arguments, environment);
    _exit(127);
}

int main(int argc, char **argv)
{
    myl_fabric_config config = {.size = sizeof config, .backend = MYL_BACKEND_MEMFD, .workers = 1};
    myl_scheduler *scheduler = NULL;
    myl_fabric_event event;
    uint64_t request;
    uint32_t count = 0;
    pid_t child = -1;
    int status = 1;
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return be_worker();
    int rc = myl_scheduler_open(&scheduler, &config, NULL);
    if (rc == MYL_OK)
        rc = myl_scheduler_config(scheduler, 0, &config);
    if (rc == MYL_OK) {
        child = start_worker(&config, argv[0]);
        (void)close(config.dispatch_fd);
        (void)close(config.reply_fd);
        rc = myl_scheduler_request(scheduler, NULL, "ping", 4, &request, MYL_SEC(60));
    }
    if (rc == MYL_OK)
        rc = myl_scheduler_collect(scheduler, request, 0, &event, 1, &count, MYL_SEC(60));
    if (rc == MYL_OK) {
        printf("%.*s\n", (int)event.length, (const char *)event.data);
        rc = myl_scheduler_release(scheduler, &event);
    }
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_scheduler_close(scheduler);
    if (child > 0)
        (void)waitpid(child, &status, 0);
    return rc != MYL_OK || status != 0;
}
