/* SPDX-License-Identifier: MIT
 * myelon why: shows which participant waits for which, and why. */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#define NO_LANE UINT64_MAX

static const struct cli_option options[] = {
    {"lane", 'L', "N", "only this lane of a ring for several producers (default: all)"},
    {"watch", 'w', "SECONDS", "time between two samples, which show what moves (default: 0.1; 0: one sample)"},
    CLI_OPTION_FILE,
    {"json", 'j', NULL, "print JSON: one object, or an array of one per lane"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "why NAME [--lane N] [--watch SECONDS] [--json]\n"
             "why --file PATH [--lane N] [--watch SECONDS] [--json]",
    .about = "Prints in one sentence why a ring makes no progress, if it does not. Then for each "
             "participant: its state (moving, waiting, busy, stalled, stopped, dead, left, absent, "
             "closed), its lag, the time since it last moved (STALLED), the participants that it waits for"
             " and how long, and its last activity notice. The kernel reports whether a participant is "
             "dead; /proc, whether it is stopped.",
    .options = options,
};

/* Lists the participants that participant `index` waits for; the list is cut if it is long. */
static void waits_on(const myl_diagnosis *diagnosis, uint32_t index, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (uint32_t i = 0; i < diagnosis->edges && used + MYL_ID_MAX + 8 < size; i++) {
        if (diagnosis->edge[i].waiter != index)
            continue;
        uint32_t k = diagnosis->edge[i].awaited;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                 k == 0 ? "producer" : myl_diagnosis_participant_at(diagnosis, k)->id);
    }
}

static void duration(int64_t ns, char text[32])
{
    snprintf(text, 32, "%s", ns > 0 ? cli_duration(ns).s : "-");
}

/* Prints an activity notice, its age, and the time to its deadline. */
static void print_activity(const myl_diagnosis_participant *participant)
{
    char deadline[64] = "";
    if (participant->activity[0] == '\0')
        return;
    if (participant->activity_left_ns > 0)
        snprintf(deadline, sizeof deadline, ", deadline in %s", cli_duration(participant->activity_left_ns).s);
    else if (participant->activity_left_ns < 0)
        snprintf(deadline, sizeof deadline, ", overdue by %s", cli_duration(-participant->activity_left_ns).s);
    cli_line("    activity: %s (%s ago%s)", participant->activity, cli_duration(participant->activity_age_ns).s,
             deadline);
}

/* cell: the bytes of a cell if `lag` counts cells, or 0. */
static void print_participant(const myl_diagnosis *diagnosis, uint32_t index, int width, uint32_t cell)
{
    const myl_diagnosis_participant *participant = myl_diagnosis_participant_at(diagnosis, index);
    char still_text[32], waiting[32], lag[sizeof(struct cli_text)], names[80];
    /* The stall timer of a participant with an activity notice is paused. */
    int64_t still_ns = participant->condition == MYL_COND_BUSY ? 0 : participant->stalled_ns;
    duration(participant->condition == MYL_COND_DEAD ? participant->dead_ns : still_ns, still_text);
    duration(participant->waiting_ns, waiting);
    if (cell != 0 && index != 0)
        snprintf(lag, sizeof lag, "%s", cli_bytes(participant->lag * cell).s);
    else
        snprintf(lag, sizeof lag, index == 0 ? "-" : "%" PRIu64, participant->lag);
    waits_on(diagnosis, index, names, sizeof names);
    cli_line("%-*s  %-8s  %-10s  %7s  %10s  %7s  %7s  %s", width, index == 0 ? "(producer)" : participant->id,
             myl_condition_name(participant->condition), index == 0 ? "-" : myl_role_name(participant->role),
             cli_pid(participant->pid).s, lag, still_text, waiting, names);
    print_activity(participant);
}

/* `head` begins the sentence. The table fits 80 columns if names are short. */
static void print_diagnosis(const myl_diagnosis *diagnosis, const char *head, uint32_t cell)
{
    size_t width = sizeof "PARTICIPANT" - 1;
    for (uint32_t i = 1; i < diagnosis->participants; i++) {
        size_t length = strlen(myl_diagnosis_participant_at(diagnosis, i)->id);
        width = length > width ? length : width;
    }
    cli_line("%s%s", head, diagnosis->sentence);
    cli_print("\n");
    cli_line("%-*s  %-8s  %-10s  %7s  %10s  %7s  %7s  %s", (int)width, "PARTICIPANT", "STATE", "ROLE", "PROCESS",
             cell != 0 ? "BYTES LAG" : "EVENTS LAG", "STALLED", "WAITS", "FOR");
    for (uint32_t i = 0; i < diagnosis->participants; i++)
        print_participant(diagnosis, i, (int)width, cell);
}

/* The diagnoses of a ring. */
struct why {
    const struct cli_target *target;
    int64_t watch_ns;
    uint32_t lanes;          /* of the ring */
    uint32_t cell;           /* as in print_participant */
    struct json_lane judged[MYL_LANES_MAX];
    size_t count;
};

/* Diagnoses a lane. `all`: only if it was used, or is the first. Returns CLI_OK, or an exit code after a report. */
static int judge_lane(struct why *why, uint32_t lane, int all)
{
    struct json_lane *judged = &why->judged[why->count];
    myl_snapshot *snapshot;
    int rc = myl_snapshot_take_lane(why->target->name, why->target->backend, lane, &snapshot);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    const myl_info *info = &snapshot->info;
    int wanted = !all || lane == 0 || snapshot->epoch > 0;
    why->lanes = info->lanes;
    why->cell = info->kind == MYL_RING_OF_FRAMES ? info->cell_size : 0;
    *judged = (struct json_lane){.ring = why->target->name, .lane = lane};
    memcpy(judged->id, info->lane_id, sizeof judged->id);
    myl_snapshot_free(snapshot);
    if (!wanted)
        return CLI_OK;
    rc = myl_diagnose_lane(why->target->name, why->target->backend, lane, why->watch_ns, &judged->diagnosis);
    why->count += rc == MYL_OK;
    return rc == MYL_OK ? CLI_OK : cli_ring_error(rc);
}

static void print_diagnoses(const struct why *why, int all)
{
    for (size_t i = 0; i < why->count; i++) {
        const struct json_lane *judged = &why->judged[i];
        char head[64] = "";
        if (all && why->lanes > 1)
            snprintf(head, sizeof head, "lane %" PRIu32 "%s%s: ", judged->lane, judged->id[0] != '\0' ? " " : "",
                     judged->id);
        if (i > 0)
            cli_print("\n");
        print_diagnosis(judged->diagnosis, head, why->cell);
    }
}

/* `lane` NO_LANE: all lanes that were used. */
static int judge(struct why *why, uint64_t lane, int json)
{
    int all = lane == NO_LANE;
    uint32_t first = all ? 0 : (uint32_t)lane;
    int code = judge_lane(why, first, all);
    for (uint32_t i = 1; code == CLI_OK && all && i < why->lanes && i < MYL_LANES_MAX; i++)
        code = judge_lane(why, i, all);
    if (code == CLI_OK && !json)
        print_diagnoses(why, all);
    else if (code == CLI_OK)
        code =
            all && why->lanes > 1 ? json_print_diagnoses(why->judged, why->count) : json_print_diagnosis(why->judged);
    while (why->count > 0)
        myl_diagnosis_free(why->judged[--why->count].diagnosis);
    return code;
}

int cmd_why(int argc, char **argv)
{
    const char *file = NULL;
    int64_t watch_ns = MYL_MSEC(100);
    uint64_t lane = NO_LANE;
    int json = 0, code = 0, option;
    while ((option = cli_option(&help, argc, argv)) != -1) {
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
            cli_help(&help);
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
    return code != 0 ? code : judge(&(struct why){.target = &target, .watch_ns = watch_ns}, lane, json);
}
