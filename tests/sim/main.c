/* SPDX-License-Identifier: MIT
 * The simulator's command: runs schedules of the profiles, replays a seed, tests itself. See README.md. */
#include "exhaust.h"
#include "litmus.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HUNG_SECONDS 20 /* CPU time after which SIGPROF ends the process */
#define HUNT_SECONDS 10.0 /* per small world */

struct request {
    const char *profile; /* NULL: all */
    uint64_t seed;
    unsigned schedules;
    double seconds;
    int trace, one, verbose;
};

/* CPU time of this process: the limit is one of work, so it does not depend on the machine's load. */
static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Runs the same seed again, with a trace. Returns 1 if it ends in the same way. */
static int replay(const struct profile *profile, uint64_t seed, enum sim_tracing how, struct sim_result *result)
{
    struct sim_result first = *result;
    sim_trace_enable(how);
    world_run(profile, seed, result);
    sim_trace_enable(SIM_TRACE_OFF);
    return first.hash == result->hash;
}

static void report(const struct profile *profile, uint64_t seed, struct sim_result *result)
{
    int same = replay(profile, seed, SIM_TRACE_TAIL, result);
    sim_trace_print_tail();
    printf("\nprofile %s, seed %" PRIu64 ", after %" PRIu64 " points: violation of \"%s\"\n  %s\n", profile->name, seed,
           result->points, result->invariant, result->detail);
    printf("%s\n  ./run sim --profile %s --seed %" PRIu64 "          shows the whole trace\n",
           same ? "The replay is exact:" : "The replay DIFFERS, which is a bug of the simulator:", profile->name, seed);
}

static int run_profile(const struct profile *profile, const struct request *request, uint64_t *points)
{
    struct sim_result result;
    double begin = seconds_now();
    unsigned done = 0;
    *points = 0;
    for (; done < request->schedules; done++) {
        if (request->seconds > 0 && seconds_now() - begin >= request->seconds)
            break;
        world_run(profile, request->seed + done, &result);
        *points += result.points;
        if (result.invariant != NULL) {
            if (request->verbose)
                report(profile, request->seed + done, &result);
            printf("FAILED %s seed=%" PRIu64 " schedules=%u invariant=\"%s\" %s\n", profile->name, request->seed + done,
                   done + 1, result.invariant, result.detail);
            return -1;
        }
    }
    return (int)done;
}

static int run_all(const struct request *request)
{
    unsigned schedules = 0, failed = 0;
    double begin = seconds_now();
    for (unsigned i = 0; i < profiles_count; i++) {
        uint64_t points;
        if (request->profile != NULL && strcmp(request->profile, profiles[i].name) != 0)
            continue;
        double start = seconds_now();
        int done = run_profile(&profiles[i], request, &points);
        failed += done < 0;
        if (done < 0)
            continue;
        schedules += (unsigned)done;
        printf("%-28s %7d schedules, %6.0f a second, %5" PRIu64 " points each\n", profiles[i].name, done,
               done / (seconds_now() - start), done > 0 ? points / (unsigned)done : 0);
    }
    printf("%u schedules in %.1f s, %u profiles failed\n", schedules, seconds_now() - begin, failed);
    return failed != 0;
}

static int run_one(const struct request *request)
{
    const struct profile *profile = profile_find(request->profile);
    struct sim_result result;
    sim_trace_enable(SIM_TRACE_ALL);
    world_run(profile, request->seed, &result);
    printf("\nprofile %s, seed %" PRIu64 ": %" PRIu64 " points, hash %016" PRIx64 "\n", profile->name, request->seed,
           result.points, result.hash);
    if (result.invariant != NULL)
        printf("violation of \"%s\": %s\n", result.invariant, result.detail);
    return result.invariant != NULL;
}

/* Ends the process if the next run uses more CPU time than any correct run. */
static void limit_work(void)
{
    const struct itimerval limit = {.it_value = {.tv_sec = HUNG_SECONDS}};
    (void)setitimer(ITIMER_PROF, &limit, NULL);
}

/* --- hunting a planted bug --------------------------------------------------------------------------------------- */

static int is_listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

/* Runs the small worlds, if "exhaust" is listed; then schedules of the listed profiles in turn; then, if half of the
 * schedules find nothing, of all profiles. Exit status 1: a violation was found. */
static int hunt(const char *list, unsigned most)
{
    unsigned done = 0;
    struct sim_result result;
    if (is_listed(list, "exhaust") && exhaust_run(NULL, 0, HUNT_SECONDS, 0) > 0)
        return 1;
    for (uint64_t seed = 1; done < most; seed++) {
        for (unsigned i = 0; i < profiles_count; i++) {
            if (done < most / 2 && !is_listed(list, profiles[i].name))
                continue;
            limit_work(); /* detects an endless loop in the library */
            world_run(&profiles[i], seed, &result);
            done++;
            if (result.invariant == NULL)
                continue;
            printf("CAUGHT \"%s\" after %u: %s, seed %" PRIu64 ": %.180s\n", result.invariant, done, profiles[i].name,
                   seed, result.detail);
            return 1;
        }
        if (done == 0)
            break; /* no such profile */
    }
    printf("MISSED after %u schedules\n", done);
    return 0;
}

static int usage(void)
{
    fprintf(stderr,
            "sim [--schedules N | --seconds S] [--profile P] [--seed S] [--quiet]   runs schedules; with --profile\n"
            "                    and --seed and without a number: that schedule, with its whole trace\n"
            "sim --exhaust [--world W] [--budget N] [--seconds S]   explores small worlds: all schedules with up to N\n"
            "                    preemptions\n"
            "sim --litmus        tests the simulated memory\n"
            "sim --list          lists the profiles\n");
    return 2;
}

static int list(void)
{
    for (unsigned i = 0; i < profiles_count; i++)
        printf("%-28s %s\n", profiles[i].name, profiles[i].purpose);
    return 0;
}

/* Only the seed may decide: the environment must not change a run. */
static void forget_environment(void)
{
    static const char *const variables[] = {"MYELON_WAIT", "MYELON_SPIN_NS", "MYELON_SLEEP_NS", "MYELON_YIELDS"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        (void)unsetenv(variables[i]);
}

int main(int argc, char **argv)
{
    forget_environment();
    struct request request = {.seed = 1, .verbose = 1};
    const char *prey = NULL, *small = NULL;
    unsigned budget = 0;
    int seeded = 0, exhaust = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--litmus") == 0)
            return litmus_run(1);
        if (strcmp(argv[i], "--list") == 0)
            return list();
        if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "--exhaust") == 0) {
            request.verbose &= strcmp(argv[i], "--quiet") != 0;
            exhaust |= strcmp(argv[i], "--exhaust") == 0;
            continue;
        }
        if (strcmp(argv[i], "--schedules") == 0)
            request.schedules = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            request.seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--seed") == 0)
            request.seed = strtoull(value, NULL, 10), seeded = 1;
        else if (strcmp(argv[i], "--profile") == 0)
            request.profile = value;
        else if (strcmp(argv[i], "--hunt") == 0)
            prey = value;
        else if (strcmp(argv[i], "--world") == 0)
            small = value;
        else if (strcmp(argv[i], "--budget") == 0)
            budget = (unsigned)strtoul(value, NULL, 10);
        else
            return usage();
        i++;
    }
    if (exhaust)
        return exhaust_run(small, budget, request.seconds, request.verbose) != 0;
    if (request.profile != NULL && profile_find(request.profile) == NULL) {
        fprintf(stderr, "sim: no profile \"%s\"; --list lists them\n", request.profile);
        return 2;
    }
    if (seeded && request.profile != NULL && request.schedules == 0 && request.seconds <= 0)
        return run_one(&request);
    if (prey != NULL)
        return hunt(prey, request.schedules);
    if (request.schedules == 0)
        request.schedules = request.seconds > 0 ? UINT32_MAX : 1000;
    return run_all(&request);
}
