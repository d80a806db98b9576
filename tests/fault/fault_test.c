/* SPDX-License-Identifier: MIT
 * Every call of the library, while every call that it makes fails in turn: the n-th, alone or with all that come
 * behind it, with each of its plausible errors. Then the code is the right one, a sentence says what happened, nothing
 * leaked, nothing changed, and the same call succeeds afterwards. */
/* ctest: timeout=120 not-under=thread */
#include "fault/scenario.h"
#include "fault/seam.h"

#include <fcntl.h>
#include <stdlib.h>

enum { MOST_CALLS = 200, DESCRIPTORS = 256, LANES_MOST = 4 };
/* Below the seam only Linux's own layer. */
#ifdef MYL_OS_POSIX
enum { CALLS_TRIED = FAULT_open };
#else
enum { CALLS_TRIED = FAULT_CALL_COUNT };
#endif

/* What a failed call must leave as it was. */
struct ring_state {
    uint64_t next, gate, closed_at;
    int closed, superseded, producer_alive;
    uint32_t epoch, consumers, live;
    struct {
        char id[MYL_ID_MAX + 1];
        enum myl_party_state state;
        uint64_t cursor;
        int alive;
    } entry[8];
};
struct state {
    int descriptors, mappings, names, side_files;
    int exists;
    struct ring_state lane[LANES_MOST]; /* one, if it has none */
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

static void look_at_ring(const myl_snapshot *s, struct ring_state *state)
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

static void look(const struct world *world, struct state *state)
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
        look_at_ring(s, &state->lane[i]);
        myl_snapshot_free(s);
    }
}

/* A placement that is required and refused has one code, whatever the reason. `madvise` is how pages are touched. */
static int places(enum fault_call call)
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

/* The code that a failed call's errno value has to become. */
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
        return MYL_ENOSPACE; /* memory that was to be reserved */
    if (places(call))
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

/* What the library does without, or does another way. */
static int may_succeed(const struct scenario *scenario, const struct fault *fault)
{
    const char *name = fault_call_names[fault->call];
    if (scenario->void_call || is_word_of(name, scenario->bears))
        return 1;
    switch (fault->call) {
    case FAULT_myl_os_barrier_register: /* publishers fence instead */
    case FAULT_myl_os_barrier:
#ifdef MYL_OS_POSIX
    case FAULT_myl_os_directory_each: /* tidying up */
    case FAULT_malloc:                /* a seat that cannot be remembered is as good as taken */
        return 1;
#endif
    case FAULT_madvise:                 /* advice: handles in fork children are dead anyway */
        return 1;
    case FAULT_open:                    /* no O_TMPFILE: under a temporary name */
        return fault->err == EOPNOTSUPP && !fault->for_ever;
    case FAULT_linkat:                  /* by /proc instead */
        return !fault->for_ever;
    case FAULT_posix_fallocate:
    case FAULT_getrandom:
        return fault->err == EINTR;
    default:
        return 0;
    }
}

/* Says it and goes on: a table shows its pattern only as a whole. */
static void complain(const struct scenario *scenario, const struct fault *fault, const char *what)
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
        complain(scenario, fault, after->descriptors > before->descriptors ? "a descriptor leaked" : "one too few");
    if (before->mappings != after->mappings)
        complain(scenario, fault, "a mapping leaked");
    if (before->names != after->names || before->exists != after->exists)
        complain(scenario, fault, "a name came or went");
    if (memcmp(before, after, sizeof *before) != 0)
        complain(scenario, fault, "the ring has changed");
}

/* 0: the call was not reached that often. */
static int try_fault(const struct scenario *scenario, const struct fault *fault)
{
    struct world world = {.backend = MYL_BACKEND_SHM, .made_fd = -1};
    struct state before, after;
    scenario->set_up(&world);
    look(&world, &before);
    test_code(MYL_ENAME, myl_check_name("a/slash")); /* a sentence that is not the call's */
    fault_arm(fault);
    int rc = scenario->act(&world);
    unsigned hits = fault_disarm();
    hits_of[fault->call] += hits;
    runs++;
    if (rc != MYL_OK) {
        if (hits == 0)
            complain(scenario, fault, "failed without a fault");
        int open_refused = fault->call == FAULT_open && fault->err == EOPNOTSUPP;
        int other = fault->call == FAULT_malloc && rc == MYL_ELIMIT; /* a bookkeeper's few bytes below the seam */
        if (rc != code_for(fault->call, fault->err) && !open_refused && !other)
            complain(scenario, fault, myl_errname(rc));
        if (strstr(myl_error_detail(), "a/slash") != NULL || strlen(myl_error_detail()) < 20)
            complain(scenario, fault, "no sentence");
        look(&world, &after);
        if (scenario->removes_first && !after.exists) {
            assert_int_equal(after.descriptors, before.descriptors);
            assert_int_equal(after.mappings, before.mappings);
            assert_int_equal(after.names, before.names - 1);
        } else {
            expect_same(scenario, fault, &before, &after);
        }
        if (scenario->act(&world) != MYL_OK)
            complain(scenario, fault, "the second attempt fails too");
    } else if (hits > 0 && !may_succeed(scenario, fault)) {
        complain(scenario, fault, "it was not noticed");
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
                    continue; /* whoever is interrupted tries again */
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

/* A wrapper that nothing reaches tests nothing. */
static void test_every_call_was_made_to_fail(void **state)
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
        (struct CMUnitTest){.name = "every call was made to fail", .test_func = test_every_call_was_made_to_fail};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
