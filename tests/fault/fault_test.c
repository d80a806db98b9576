/* SPDX-License-Identifier: MIT
 * Injects faults into every call of the library: the n-th call that it makes fails, alone or with all later ones, with
 * each of its plausible errors. Then the result is the right code, the error detail is set, nothing leaked or changed,
 * and the same call succeeds afterwards. */
/* ctest: not-under=thread */
#include "fault/scenario.h"
#include "fault/seam.h"

#include <fcntl.h>
#include <stdlib.h>

enum { MOST_CALLS = 200, DESCRIPTORS = 256, LANES_MOST = 4 };
/* Only in Linux's own layer below the os interface. */
#ifdef MYL_OS_POSIX
enum { CALLS_TRIED = FAULT_open };
#else
enum { CALLS_TRIED = FAULT_CALL_COUNT };
#endif

/* State that a failed call must not change. */
struct ring_state {
    uint64_t next, gate, closed_at;
    int closed, superseded, producer_alive;
    uint32_t epoch, consumers, live;
    struct {
        char id[MYL_ID_MAX + 1];
        enum myl_participant_state state;
        uint64_t cursor;
        int alive;
    } entry[8];
};
struct state {
    int descriptors, mappings, names, side_files;
    int exists;
    struct ring_state lane[LANES_MOST]; /* without lanes: one */
};

static unsigned long hits_of[FAULT_CALL_COUNT], runs, complaints;

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int count_mappings(void)
{
    char line[4096 + 256];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL)
        return 0;
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "myl-test-") != NULL || strstr(line, "memfd:myelon") != NULL ||
                 strstr(line, "/dev/shm") != NULL;
    fclose(maps);
    return count;
}

static void read_ring(const myl_snapshot *s, struct ring_state *state)
{
    state->next = s->next;
    state->gate = s->gate;
    state->closed = s->closed;
    state->closed_at = s->closed_at;
    state->superseded = s->superseded;
    state->producer_alive = s->producer_alive;
    state->epoch = s->epoch;
    state->consumers = s->consumers;
    state->live = s->live_consumers;
    for (uint32_t i = 0; i < s->consumers && i < 8; i++) {
        memcpy(state->entry[i].id, s->entry[i].id, sizeof state->entry[i].id);
        state->entry[i].state = s->entry[i].state;
        state->entry[i].cursor = s->entry[i].cursor;
        state->entry[i].alive = s->entry[i].alive;
    }
}

static void read_state(const struct world *world, struct state *state)
{
    memset(state, 0, sizeof *state);
    state->descriptors = count_descriptors();
    state->mappings = count_mappings();
    state->names = test_shm_entries();
    if (world->backend == MYL_BACKEND_MEMFD)
        return;
    uint32_t lanes = 1;
    for (uint32_t i = 0; i < lanes; i++) {
        myl_snapshot *s;
        int rc = myl_snapshot_take_lane(where(world), world->backend, i, &s);
        state->exists = rc == MYL_OK;
        if (rc == MYL_ENOTFOUND)
            return;
        test_ok(rc);
        lanes = s->info.lanes < LANES_MOST ? s->info.lanes : LANES_MOST;
        read_ring(s, &state->lane[i]);
        myl_snapshot_free(s);
    }
}

/* A required placement that fails has one code, whatever the reason. `madvise` touches the pages. */
static int sets_placement(enum fault_call call)
{
    switch (call) {
    case FAULT_myl_os_memory_prefault:
    case FAULT_myl_os_memory_lock:
    case FAULT_myl_os_memory_huge:
    case FAULT_myl_os_memory_bind:
    case FAULT_myl_os_pin:
    case FAULT_mlock:
    case FAULT_madvise:
        return 1;
    default:
        return 0;
    }
}

/* The code that a failed call's errno value must become. */
static int code_for(enum fault_call call, int err)
{
    static const struct {
        int err, code;
    } codes[] = {
        {EACCES, MYL_EPERMISSION},  {EPERM, MYL_EPERMISSION},   {EROFS, MYL_EPERMISSION},    {ENOSPC, MYL_ENOSPACE},
        {EFBIG, MYL_ENOSPACE},      {ENOMEM, MYL_ENOMEM},       {EMFILE, MYL_ELIMIT},        {ENOLCK, MYL_ELIMIT},
        {EAGAIN, MYL_ELIMIT},       {ENOSYS, MYL_EUNSUPPORTED}, {ENOTSUP, MYL_EUNSUPPORTED}, {ELOOP, MYL_ENAME},
        {ENOLINK, MYL_EFILESYSTEM}, {ENOENT, MYL_ENOTFOUND},
    };
    if (call == FAULT_myl_os_object_create && err == ENOMEM)
        return MYL_ENOSPACE; /* memory that could not be reserved */
    if (sets_placement(call))
        return MYL_EUNSUPPORTED;
    if (call == FAULT_myl_os_random || call == FAULT_getrandom)
        return MYL_ESYSTEM;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].err == err)
            return codes[i].code;
    }
    return MYL_ESYSTEM;
}

static int is_word_of(const char *word, const char *words)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += length) {
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

/* Faults that the library tolerates, or works around. */
static int may_succeed(const struct scenario *scenario, const struct fault *fault)
{
    const char *name = fault_call_names[fault->call];
    if (scenario->void_call || is_word_of(name, scenario->tolerates))
        return 1;
    switch (fault->call) {
    case FAULT_myl_os_barrier_register: /* publishers use fences instead */
    case FAULT_myl_os_barrier:
#ifdef MYL_OS_POSIX
    case FAULT_myl_os_directory_each: /* only cleans up */
    case FAULT_malloc:                /* a lock that cannot be recorded counts as held */
        return 1;
#endif
    case FAULT_madvise:                 /* advice only: handles in forked children are refused anyway */
        return 1;
    case FAULT_openat:                  /* no O_TMPFILE: uses a temporary name */
        return fault->err == EOPNOTSUPP && !fault->for_ever;
    case FAULT_linkat:                  /* uses /proc instead */
        return !fault->for_ever;
    case FAULT_posix_fallocate:
    case FAULT_pread:
    case FAULT_getrandom:
        return fault->err == EINTR;
    default:
        return 0;
    }
}

/* Reports a failure and continues: the pattern shows only in the whole table. */
static void report_failure(const struct scenario *scenario, const struct fault *fault, const char *what)
{
    complaints++;
    print_error("\"%s\" with %s failing at call %u%s (%s): %s; \"%s\"\n", scenario->name, fault_call_names[fault->call],
                fault->nth, fault->for_ever ? " and all later ones" : "", strerror(fault->err), what,
                myl_error_detail());
}

static void expect_same(const struct scenario *scenario, const struct fault *fault, const struct state *before,
                        const struct state *after)
{
    if (before->descriptors != after->descriptors)
        report_failure(scenario, fault,
                       after->descriptors > before->descriptors ? "a descriptor leaked" : "too few descriptors");
    if (before->mappings != after->mappings)
        report_failure(scenario, fault, "a mapping leaked");
    if (before->names != after->names || before->exists != after->exists)
        report_failure(scenario, fault, "the number of names changed");
    if (memcmp(before, after, sizeof *before) != 0)
        report_failure(scenario, fault, "the ring has changed");
}

/* Returns 0 if the call was made fewer than n times. */
static int try_fault(const struct scenario *scenario, const struct fault *fault)
{
    struct world world = {.backend = MYL_BACKEND_SHM, .made_fd = -1};
    struct state before, after;
    scenario->set_up(&world);
    read_state(&world, &before);
    test_code(MYL_ENAME, myl_check_name("a/slash")); /* sets the detail of another error */
    fault_arm(fault);
    int rc = scenario->act(&world);
    unsigned hits = fault_disarm();
    hits_of[fault->call] += hits;
    runs++;
    if (rc != MYL_OK) {
        if (hits == 0)
            report_failure(scenario, fault, "failed without a fault");
        if (fault->err == EINTR)
            report_failure(scenario, fault, "an interrupted call must be repeated");
        int open_refused = fault->call == FAULT_openat && fault->err == EOPNOTSUPP;
        int other = fault->call == FAULT_malloc && rc == MYL_ELIMIT; /* a small allocation below the os layer */
        if (rc != code_for(fault->call, fault->err) && !open_refused && !other)
            report_failure(scenario, fault, myl_errname(rc));
        if (strstr(myl_error_detail(), "a/slash") != NULL || strlen(myl_error_detail()) < 20)
            report_failure(scenario, fault, "no error detail");
        read_state(&world, &after);
        if (scenario->removes_first && !after.exists) {
            assert_int_equal(after.descriptors, before.descriptors);
            assert_int_equal(after.mappings, before.mappings);
            assert_int_equal(after.names, before.names - 1);
        } else {
            expect_same(scenario, fault, &before, &after);
        }
        if (scenario->act(&world) != MYL_OK)
            report_failure(scenario, fault, "the second attempt fails, too");
    } else if (hits > 0 && !may_succeed(scenario, fault)) {
        report_failure(scenario, fault, "the fault had no effect");
    }
    scenario->undo(&world);
    scenario->tear_down(&world);
    return hits > 0;
}

static void check_scenario(const struct scenario *scenario)
{
    for (int call = 0; call < CALLS_TRIED; call++) {
        for (const int *err = fault_call_errors[call]; *err != 0; err++) {
            for (int for_ever = 0; for_ever < 2; for_ever++) {
                struct fault fault = {.call = (enum fault_call)call, .nth = 1, .for_ever = for_ever, .err = *err};
                if (for_ever && *err == EINTR)
                    continue; /* an interrupted call is repeated */
                while (fault.nth < MOST_CALLS && try_fault(scenario, &fault))
                    fault.nth++;
                assert_true(fault.nth < MOST_CALLS);
            }
        }
    }
}

static void run_scenario(void **state)
{
    const struct scenario *scenario = *state;
    int descriptors = count_descriptors(), mappings = count_mappings(), names = test_shm_entries();
    complaints = 0;
    check_scenario(scenario);
    assert_int_equal(complaints, 0);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(count_mappings(), mappings);
    assert_int_equal(test_shm_entries(), names);
}

/* A wrapper that no scenario reaches tests nothing. */
static void every_wrapped_call_has_failed(void **state)
{
    (void)state;
    unsigned never = 0;
    for (int call = 0; call < CALLS_TRIED; call++) {
        int seam = strncmp(fault_call_names[call], "myl_os_", 7) == 0;
#ifdef MYL_OS_POSIX
        seam = seam && call != FAULT_myl_os_pin; /* it always fails there */
#endif
        if (hits_of[call] == 0 && seam) {
            print_message("%s never failed\n", fault_call_names[call]);
            never++;
        }
    }
    print_message("%lu runs\n", runs);
    assert_int_equal(never, 0);
}

int main(void)
{
    size_t count = scenario_count + frame_scenario_count;
    struct CMUnitTest tests[count + 1];
    for (size_t i = 0; i < count; i++) {
        const struct scenario *s = i < scenario_count ? &scenarios[i] : &frame_scenarios[i - scenario_count];
        tests[i] =
            (struct CMUnitTest){.name = s->name, .test_func = run_scenario, .initial_state = (void *)(uintptr_t)s};
    }
    tests[count] =
        (struct CMUnitTest){.name = "every call was made to fail", .test_func = every_wrapped_call_has_failed};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
