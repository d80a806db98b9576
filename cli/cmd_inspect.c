/* SPDX-License-Identifier: MIT
 * myelon inspect: shows one ring in full. */
#include "json.h"
#include "snapshot.h"
#include "typed.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const struct cli_option options[] = {
    {"json", 'j', NULL, "print JSON: one object, or an array of one per lane; 64-bit numbers are written in full"},
    CLI_OPTION_FILE,
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "inspect [--json] NAME\n"
             "inspect [--json] --file PATH",
    .about = "Shows the shape of a ring, its producer, each consumer with its lag, and the consumer that"
             " the producer waits for (as 'myelon why'). Positions count events, or in a ring of "
             "messages cells of 64 bytes; column titles name the unit. Takes no lock.",
    .options = options,
    .exit_codes = "Exit codes: 4 no such ring.",
};

static void print_events(const myl_info *info)
{
    cli_line("shape       %s of %s, aligned to %" PRIu32, cli_count(info->capacity, "event").s,
             cli_count(info->event_size, "byte").s, info->event_align);
    cli_line("cells       %s, %s in each, the first at byte %" PRIu32, cli_count(info->cell_size, "byte").s,
             cli_count(info->events_per_cell, "event").s, info->event_offset);
}

static void print_shape(const myl_info *info)
{
    cli_line("ring        %s", info->name);
    cli_line("where       %s, %s in total, created %s",
             info->backend == MYL_BACKEND_FILE ? "mapped file" : "shared memory", cli_bytes(info->segment_bytes).s,
             cli_clock(info->created_ns).s);
    if (info->label[0] != '\0')
        cli_line("label       %s", info->label);
    cli_line("session     %016" PRIx64 "%016" PRIx64, info->session[0], info->session[1]);
    if (info->type_id != 0)
        cli_line("type        0x%016" PRIx64, info->type_id);
    if (info->kind == MYL_RING_OF_FRAMES) {
        cli_line("shape       messages in %s; record max %s, message max %s",
                 cli_bytes(info->capacity * info->cell_size).s, cli_bytes(info->event_size).s,
                 cli_bytes(info->max_message).s);
        cli_line("unit        cells of %" PRIu32 " bytes", info->cell_size);
    } else {
        print_events(info);
    }
    if (info->lanes > 1)
        cli_line("producers   at most %" PRIu32 ", each in a lane of its own", info->lanes);
    cli_line("consumers   at most %" PRIu32 "; they %s", info->max_consumers,
             info->parkable ? "may park" : "never park (spin only)");
}

/* The schema text is one that the library has checked: printable ASCII and line feeds. */
static void print_schema(const myl_snapshot *snapshot)
{
    const char *text = snapshot->schema_text, *head = "schema";
    if (text == NULL)
        return;
    cli_line("codec       %s", typed_codec_name(snapshot->info.codec).s);
    cli_line("hash        0x%016" PRIx64, snapshot->info.schema_hash);
    for (; *text != '\0'; text += *text == '\n', head = "") {
        int length = (int)strcspn(text, "\n");
        cli_line("%-12s%.*s", head, length, text);
        text += length;
    }
}

static void print_producer(const myl_snapshot *snapshot)
{
    char state[64], overwritten[64] = "";
    const char *unit = snapshot->info.kind == MYL_RING_OF_FRAMES ? "cell" : "event";
    if (snapshot->producer_alive)
        snprintf(state, sizeof state, "alive, process %" PRId32, snapshot->producer_pid);
    else if (snapshot->producer_left)
        snprintf(state, sizeof state, "left%s", snapshot->closed ? "" : "; the next one continues");
    else
        snprintf(state, sizeof state, "dead%s", snapshot->closed ? "" : "; if started again it continues");
    cli_line("producer    %s; epoch %" PRIu32 "; parked %s", state, snapshot->epoch,
             cli_count(snapshot->producer_parks, "time").s);
    const uint64_t *counters = snapshot->producer_counters;
    if (snapshot->info.kind == MYL_RING_OF_FRAMES &&
        snapshot_counts(&snapshot->info, snapshot->producer_counters_level))
        cli_line("messages    %" PRIu64 ", of %s", counters[MYL_COUNTER_MESSAGES],
                 cli_count(counters[MYL_COUNTER_BYTES], "byte").s);
    if (snapshot->gate > 0)
        snprintf(overwritten, sizeof overwritten, "; those before %" PRIu64 " may be overwritten", snapshot->gate);
    cli_line("published   %s%s", cli_count(snapshot->next, unit).s, overwritten);
    if (snapshot->superseded)
        cli_line("ended       by force: a newer ring took its name");
    else if (snapshot->closed)
        cli_line("ended       after %s", cli_count(snapshot->closed_at, unit).s);
}

/* The table fits 80 columns if ids are short. */
static void print_consumers(const myl_snapshot *snapshot)
{
    size_t width = sizeof "CONSUMER" - 1;
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        size_t length = strlen(myl_snapshot_entry(snapshot, i)->id);
        width = length > width ? length : width;
    }
    cli_print("\n");
    const char *unit = snapshot_unit(&snapshot->info);
    char acknowledged[24], lag_title[24];
    snprintf(acknowledged, sizeof acknowledged, "%s ACKED", unit);
    snprintf(lag_title, sizeof lag_title, "%s LAG", unit);
    cli_line("%-*s  %-8s  %-10s  %7s  %12s  %10s  %5s %7s", (int)width, "CONSUMER", "STATE", "ROLE", "PROCESS",
             acknowledged, lag_title, "PARKS", "JOINED");
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(snapshot, i);
        char lag[24] = "-";
        if (snapshot_gates(consumer))
            snprintf(lag, sizeof lag, "%" PRIu64, consumer->lag);
        cli_line("%-*s  %-8s  %-10s  %7s  %12" PRIu64 "  %10s  %5" PRIu64 " %7s", (int)width, consumer->id,
                 snapshot_consumer_state(consumer), myl_role_name(consumer->role), cli_pid(consumer->pid).s,
                 consumer->cursor, lag, consumer->parks, cli_age_text(cli_age(consumer->start_ns)).s);
    }
}

/* Prints the counters of a participant that are not 0, in lines of at most 80 columns. */
static void print_counters(const char *id, const uint64_t counters[MYL_COUNTERS_MAX], enum myl_counters_level level,
                           int producer)
{
    char line[81];
    const myl_counter_info *info;
    int used = snprintf(line, sizeof line, "%-11.31s ", id);
    int begun = used;
    for (unsigned i = 0; (info = myl_counter_describe(i)) != NULL; i++) {
        char one[64];
        if ((producer ? info->producer : info->consumer) == 0 || counters[i] == 0)
            continue;
        int length = snprintf(one, sizeof one, "%s %" PRIu64 "%s%s", info->name, counters[i],
                              strcmp(info->unit, "ns") == 0 ? " " : "", strcmp(info->unit, "ns") == 0 ? "ns" : "");
        if (used + length + 3 > 80) {
            cli_line("%s,", line);
            used = begun = snprintf(line, sizeof line, "%-11s ", "");
        }
        used += snprintf(line + used, sizeof line - (size_t)used, "%s%s", used > begun ? ", " : "", one);
    }
    cli_line("%s%s", line, level == MYL_COUNTERS_OFF ? "counters off" : "");
}

static void print_all_counters(const myl_snapshot *snapshot)
{
    cli_print("\n");
    cli_line("COUNTERS    evictions %" PRIu64 ", reaps %" PRIu64, snapshot->evictions, snapshot->reaps);
    print_counters("producer", snapshot->producer_counters, snapshot->producer_counters_level, 1);
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = myl_snapshot_entry(snapshot, i);
        print_counters(consumer->id, consumer->counters, consumer->counters_level, 0);
    }
}

/* Prints the diagnosis if the producer waits: it names the consumer that explains the wait, not always the slowest. */
static int print_diagnosis(const struct cli_target *target, uint32_t lane)
{
    myl_diagnosis *diagnosis;
    if (myl_diagnose_lane(target->name, target->backend, lane, 0, &diagnosis) != MYL_OK)
        return 0;
    int blames = snapshot_blamed(diagnosis) != NULL;
    if (blames)
        cli_line("%s", diagnosis->sentence);
    myl_diagnosis_free(diagnosis);
    return blames;
}

/* Formats "lag 0 of 8 events" or, for messages, "lag 64 B of 8.0 MiB". */
static void lag_text(const myl_info *info, uint64_t lag, char text[80])
{
    struct cli_text capacity = snapshot_amount(info, info->capacity);
    if (info->kind == MYL_RING_OF_FRAMES)
        snprintf(text, 80, "lag %s of %s", snapshot_amount(info, lag).s, capacity.s);
    else
        snprintf(text, 80, "lag %" PRIu64 " of %s", lag, capacity.s);
}

static void print_gating(const struct cli_target *target, const myl_snapshot *snapshot)
{
    char lag[80] = "";
    const myl_consumer_status *slowest = snapshot_slowest(snapshot);
    const myl_info *info = &snapshot->info;
    cli_print("\n");
    if (print_diagnosis(target, info->lane))
        return;
    if (slowest != NULL)
        lag_text(info, slowest->lag, lag);
    if (slowest == NULL)
        cli_line("No consumer is registered.");
    else if (slowest->reserved)
        cli_line("%s is reserved, has not come yet and gates, %s: start it, or remove its entry with 'myelon evict %s "
                 "%s'.",
                 slowest->id, lag, cli_target_text(target), slowest->id);
    else if (!slowest->alive)
        cli_line("%s is dead and gates, %s: start it again with this id, or remove its entry with 'myelon evict %s "
                 "%s'.",
                 slowest->id, lag, cli_target_text(target), slowest->id);
    else if (slowest->lag == 0)
        cli_line("All consumers have acknowledged every event.");
    else
        cli_line("%s is the slowest, %s; the producer does not wait.", slowest->id, lag);
}

/* Prints one lane: its producer and its consumers. */
static int print_lane(const struct cli_target *target, const myl_snapshot *snapshot)
{
    const myl_info *info = &snapshot->info;
    cli_print("\n");
    cli_line("lane        %" PRIu32 " of %" PRIu32 ", counted from 0%s%s", info->lane, info->lanes,
             info->lane_id[0] != '\0' ? "; its id is " : "", info->lane_id);
    if (snapshot->epoch == 0) {
        cli_line("producer    none yet");
    } else {
        print_producer(snapshot);
        print_consumers(snapshot);
        print_all_counters(snapshot);
        print_gating(target, snapshot);
    }
    return CLI_OK;
}

static int print_lanes(const struct cli_target *target, uint32_t lanes)
{
    int code = CLI_OK;
    for (uint32_t lane = 0; code == CLI_OK && lane < lanes; lane++) {
        myl_snapshot *snapshot;
        int rc = myl_snapshot_take_lane(target->name, target->backend, lane, &snapshot);
        if (rc != MYL_OK)
            return cli_ring_error(rc);
        code = print_lane(target, snapshot);
        myl_snapshot_free(snapshot);
    }
    return code;
}

/* Prints an array of one object per lane. */
static int print_lanes_json(const struct cli_target *target, uint32_t lanes)
{
    myl_snapshot *snapshot[MYL_LANES_MAX] = {NULL};
    uint32_t count = 0;
    int rc = MYL_OK, code;
    while (rc == MYL_OK && count < lanes && count < MYL_LANES_MAX) {
        rc = myl_snapshot_take_lane(target->name, target->backend, count, &snapshot[count]);
        count += rc == MYL_OK;
    }
    code = rc == MYL_OK ? json_print_rings(snapshot, count) : cli_ring_error(rc);
    while (count > 0)
        myl_snapshot_free(snapshot[--count]);
    return code;
}

static int print_ring(const struct cli_target *target, const myl_snapshot *snapshot)
{
    print_shape(&snapshot->info);
    print_schema(snapshot);
    if (snapshot->info.lanes > 1)
        return print_lanes(target, snapshot->info.lanes);
    print_producer(snapshot);
    print_consumers(snapshot);
    print_all_counters(snapshot);
    print_gating(target, snapshot);
    return CLI_OK;
}

int cmd_inspect(int argc, char **argv)
{
    struct cli_target target;
    myl_snapshot *snapshot;
    int json, code;
    if (!cli_one_ring(argc, argv, &help, 'j', &target, &json, &code))
        return code;
    if (json)
        code = json_available();
    if (code != 0)
        return code;
    code = myl_snapshot_take(target.name, target.backend, &snapshot);
    if (code != MYL_OK)
        return cli_ring_error(code);
    if (json && snapshot->info.lanes > 1) {
        code = print_lanes_json(&target, snapshot->info.lanes);
    } else if (json) {
        code = json_print_ring(snapshot);
    } else {
        code = print_ring(&target, snapshot);
    }
    myl_snapshot_free(snapshot);
    return code;
}
