/* SPDX-License-Identifier: MIT
 * myelon why: who waits for whom, and what is the matter with those. */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#define NO_LANE UINT64_MAX

static const char help[] =
    "usage: myelon why NAME [--watch SECONDS] [--json]\n"
    "       myelon why --file PATH [--watch SECONDS] [--json]\n"
    "\n"
    "Tells in one sentence why a ring stands still, if it does, and then of each party: how it is (moving, waiting,\n"
    "busy, stalled, stopped, dead, left, absent, closed), how far it is behind, for how long it has not moved, whom\n"
    "it waits for and how long, and what it said last. 'Dead' is the kernel's word; 'stopped' comes from /proc.\n"
    "\n"
    "  -L, --lane N         this lane of a ring for several producers; if not given: one after the other\n"
    "  -w, --watch SECONDS  looks twice, so long apart, to tell who moves; 0.1 if not given, 0: looks once\n"
    "  -f, --file PATH      the ring in this mapped file instead of a name in shared memory\n"
    "  -j, --json           the same as JSON\n"
    "  -h, --help           this text\n";

/* The ids of those that party `index` waits for; cut when there are many. */
static void whom(const myl_verdict *verdict, uint32_t index, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (uint32_t i = 0; i < verdict->edges && used + MYL_ID_MAX + 8 < size; i++) {
        if (verdict->edge[i].waits != index)
            continue;
        uint32_t k = verdict->edge[i].for_whom;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                 k == 0 ? "producer" : verdict->party[k].id);
    }
}

static void duration(int64_t ns, char text[32])
{
    snprintf(text, 32, "%s", ns > 0 ? cli_duration(ns).s : "-");
}

/* What it said, how long ago, and what of its patience is left. */
static void print_said(const myl_why_party *party)
{
    if (party->doing[0] == '\0')
        return;
    printf("    says: %s (%s ago", party->doing, cli_duration(party->doing_ns).s);
    if (party->patience_ns > 0)
        printf(", asks for %s more", cli_duration(party->patience_ns).s);
    else if (party->patience_ns < 0)
        printf(", overdue by %s", cli_duration(-party->patience_ns).s);
    puts(")");
}

/* cell: bytes of one where `behind` counts cells, or 0. */
static void print_party(const myl_verdict *verdict, uint32_t index, int width, uint32_t cell)
{
    const myl_why_party *party = &verdict->party[index];
    char still[32], waiting[32], lag[sizeof(struct cli_text)], names[80];
    /* The clock of who has asked for patience stands: it would say nothing. */
    int64_t still_ns = party->condition == MYL_COND_BUSY ? 0 : party->still_ns;
    duration(party->condition == MYL_COND_DEAD ? party->dead_ns : still_ns, still);
    duration(party->waiting_ns, waiting);
    if (cell != 0 && index != 0)
        snprintf(lag, sizeof lag, "%s", cli_bytes(party->behind * cell).s);
    else
        snprintf(lag, sizeof lag, index == 0 ? "-" : "%" PRIu64, party->behind);
    whom(verdict, index, names, sizeof names);
    printf("%-*s  %-8s  %-10s  %7" PRId32 "  %10s  %7s  %7s  %s\n", width, index == 0 ? "(producer)" : party->id,
           myl_condition_name(party->condition), index == 0 ? "-" : myl_role_name(party->role), party->pid, lag, still,
           waiting, names);
    print_said(party);
}

/* 80 columns as long as names are short. */
static void print_verdict(const myl_verdict *verdict, uint32_t cell)
{
    size_t width = sizeof "(producer)" - 1;
    for (uint32_t i = 1; i < verdict->parties; i++) {
        size_t length = strlen(verdict->party[i].id);
        width = length > width ? length : width;
    }
    printf("%s\n\n%-*s  %-8s  %-10s  %7s  %10s  %7s  %7s  %s\n", verdict->sentence, (int)width, "PARTY", "IS", "ROLE",
           "PROCESS", "BEHIND", "STILL", "WAITS", "FOR");
    for (uint32_t i = 0; i < verdict->parties; i++)
        print_party(verdict, i, (int)width, cell);
}

static int judge_lane(const struct cli_target *target, uint64_t lane, uint32_t cell, int64_t watch_ns, int json)
{
    myl_verdict *verdict;
    int code = myl_why_lane(target->name, target->backend, (uint32_t)lane, watch_ns, &verdict);
    if (code != MYL_OK)
        return cli_ring_error(code);
    if (json)
        code = json_print_verdict(target->name, verdict);
    else
        print_verdict(verdict, cell);
    myl_verdict_free(verdict);
    return code;
}

/* `lane` NO_LANE: all of them, as far as they were used. */
static int judge(const struct cli_target *target, uint64_t lane, int64_t watch_ns, int json)
{
    myl_snapshot *snapshot;
    if (json)
        return judge_lane(target, lane != NO_LANE ? lane : 0, 0, watch_ns, 1);
    int code = myl_snapshot_take(target->name, target->backend, &snapshot);
    if (code != MYL_OK)
        return cli_ring_error(code);
    uint32_t cell = snapshot->info.kind == MYL_RING_OF_FRAMES ? snapshot->info.cell_size : 0;
    uint32_t lanes = snapshot->info.lanes, used = 1;
    if (lane != NO_LANE) {
        myl_snapshot_free(snapshot);
        return judge_lane(target, lane, cell, watch_ns, 0);
    }
    for (uint32_t i = 0; code == CLI_OK && i < lanes; i++) {
        if (i > 0) {
            myl_snapshot_free(snapshot);
            code = myl_snapshot_take_lane(target->name, target->backend, i, &snapshot);
            if (code != MYL_OK)
                return cli_ring_error(code);
            used = snapshot->epoch;
        }
        if (used == 0)
            continue;
        if (lanes > 1)
            printf("%slane %u%s%s: ", i > 0 ? "\n" : "", (unsigned)i, snapshot->info.lane_id[0] != '\0' ? " " : "",
                   snapshot->info.lane_id);
        code = judge_lane(target, i, cell, watch_ns, 0);
    }
    myl_snapshot_free(snapshot);
    return code;
}

int cmd_why(int argc, char **argv)
{
    static const struct option options[] = {
        {"watch", required_argument, NULL, 'w'}, {"lane", required_argument, NULL, 'L'},
        {"json", no_argument, NULL, 'j'},        {"file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    const char *file = NULL;
    int64_t watch_ns = MYL_MSEC(100);
    uint64_t lane = NO_LANE;
    int json = 0, code = 0, option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":w:L:jf:h", options, NULL)) != -1) {
        if (option == 'w') {
            code = cli_parse_seconds("--watch", optarg, &watch_ns);
            if (code != 0)
                return code;
        } else if (option == 'L') {
            code = cli_parse_number("--lane", optarg, 0, MYL_LANES_MAX - 1, &lane);
            if (code != 0)
                return code;
        } else if (option == 'j') {
            json = 1;
        } else if (option == 'f') {
            file = optarg;
        } else if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        } else {
            return cli_bad_option(option, argv);
        }
    }
    struct cli_target target;
    code = cli_target(&target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    if (code == 0 && json)
        code = json_available();
    return code != 0 ? code : judge(&target, lane, watch_ns, json);
}
