/* SPDX-License-Identifier: MIT
 * myelon inspect: everything about one ring. */
#include "json.h"
#include "snapshot.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: myelon inspect [--json] NAME\n"
    "       myelon inspect [--json] --file PATH\n"
    "\n"
    "Shows a ring's shape, its producer, and each consumer with its lag; says who holds the producer back.\n"
    "Looks on without disturbing anybody.\n"
    "\n"
    "  -j, --json       one object, with lanes an array of one each; 64-bit numbers are written in full\n"
    "  -f, --file PATH  the ring in this mapped file instead of a name in shared memory\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit codes: 4 no such ring.\n";

static void print_events(const myl_info *info)
{
    printf("shape       %" PRIu64 " events of %" PRIu32 " bytes, aligned to %" PRIu32 "\n", info->capacity,
           info->event_size, info->event_align);
    printf("cells       %" PRIu32 " bytes, %" PRIu32 " to a cell, the event %" PRIu32 " bytes into it\n",
           info->cell_size, info->events_per_cell, info->event_offset);
}

static void print_shape(const myl_info *info)
{
    printf("ring        %s\n", info->name);
    printf("where       %s, %s in all, made %s\n", info->backend == MYL_BACKEND_FILE ? "mapped file" : "shared memory",
           cli_bytes(info->segment_bytes).s, cli_clock(info->created_ns).s);
    if (info->label[0] != '\0')
        printf("label       %s\n", info->label);
    printf("session     %016" PRIx64 "%016" PRIx64 "\n", info->session[0], info->session[1]);
    if (info->type_id != 0)
        printf("type        0x%016" PRIx64 "\n", info->type_id);
    if (info->kind == MYL_RING_OF_FRAMES) {
        printf("shape       messages in %s", cli_bytes(info->capacity * info->cell_size).s);
        printf(", up to %s in one piece", cli_bytes(info->event_size).s);
        printf(", at most %s\n", cli_bytes(info->max_message).s);
        printf("counted in  cells of %" PRIu32 " bytes\n", info->cell_size);
    } else {
        print_events(info);
    }
    if (info->lanes > 1)
        printf("producers   at most %" PRIu32 ", each in a lane of its own\n", info->lanes);
    printf("consumers   at most %" PRIu32 "; they %s\n", info->max_consumers,
           info->parkable ? "may sleep when idle" : "never sleep (spin only)");
}

/* Events, or the bytes of that many cells. */
static struct cli_text amount(const myl_info *info, uint64_t count)
{
    struct cli_text text;
    if (info->kind == MYL_RING_OF_FRAMES)
        return cli_bytes(count * info->cell_size);
    snprintf(text.s, sizeof text.s, "%" PRIu64 " events", count);
    return text;
}

static void print_producer(const myl_snapshot *snapshot)
{
    printf("producer    ");
    if (snapshot->producer_alive)
        printf("alive, process %" PRId32, snapshot->producer_pid);
    else if (snapshot->producer_left)
        printf("left in order; the next one goes on");
    else
        printf("not there%s", snapshot->closed ? "" : "; started again it goes on where it stopped");
    printf("; number %" PRIu32 " of this ring; slept %" PRIu64 " times\n", snapshot->epoch, snapshot->producer_parks);
    printf("published   %" PRIu64 " %s; those before %" PRIu64 " may be overwritten\n", snapshot->next,
           snapshot->info.kind == MYL_RING_OF_FRAMES ? "cells" : "events", snapshot->gate);
    if (snapshot->superseded)
        printf("ended       by force: this ring's name was given away\n");
    else if (snapshot->closed)
        printf("ended       after %s\n", amount(&snapshot->info, snapshot->closed_at).s);
}

static const char *age_of(uint64_t realtime_ns, struct cli_text *text)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)realtime_ns;
    *text = cli_duration(age > 0 ? age : 0);
    return text->s;
}

/* 80 columns as long as ids are short. */
static void print_consumers(const myl_snapshot *snapshot)
{
    size_t width = sizeof "CONSUMER" - 1;
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        size_t length = strlen(snapshot->entry[i].id);
        width = length > width ? length : width;
    }
    printf("\n%-*s  %-7s  %-10s  %7s  %12s  %7s  %7s  %8s\n", (int)width, "CONSUMER", "STATE", "ROLE", "PROCESS",
           "ACKNOWLEDGED", "LAG", "SLEPT", "JOINED");
    for (uint32_t i = 0; i < snapshot->consumers; i++) {
        const myl_consumer_status *consumer = &snapshot->entry[i];
        struct cli_text age;
        char lag[24] = "-";
        if (snapshot_gates(consumer))
            snprintf(lag, sizeof lag, "%" PRIu64, consumer->lag);
        printf("%-*s  %-7s  %-10s  %7" PRId32 "  %12" PRIu64 "  %7s  %7" PRIu64 "  %8s\n", (int)width, consumer->id,
               snapshot_consumer_state(consumer), myl_role_name(consumer->role), consumer->pid, consumer->cursor, lag,
               consumer->parks, age_of(consumer->start_ns, &age));
    }
}

static void print_gating(const struct cli_target *target, const myl_snapshot *snapshot)
{
    const myl_consumer_status *slowest = snapshot_slowest(snapshot);
    const myl_info *info = &snapshot->info;
    if (slowest == NULL) {
        printf("\nNobody gates: no consumer is registered.\n");
    } else if (!slowest->alive) {
        printf("\n%s is dead and gates, %s of %s behind: start it again with this id, or give it up with "
               "'myelon evict %s %s'.\n",
               slowest->id, amount(info, slowest->lag).s, amount(info, info->capacity).s, cli_target_text(target),
               slowest->id);
    } else if (slowest->lag == 0) {
        printf("\nNobody holds the producer back: every consumer has acknowledged everything.\n");
    } else {
        printf("\n%s gates, %s of %s behind.\n", slowest->id, amount(info, slowest->lag).s,
               amount(info, info->capacity).s);
    }
}

/* One of several producers, and who reads it. */
static int print_lane(const struct cli_target *target, const myl_snapshot *snapshot)
{
    const myl_info *info = &snapshot->info;
    printf("\nlane        %" PRIu32 " of %" PRIu32 ", counted from 0%s%s\n", info->lane, info->lanes,
           info->lane_id[0] != '\0' ? "; its id is " : "", info->lane_id);
    if (snapshot->epoch == 0) {
        printf("producer    nobody yet\n");
    } else {
        print_producer(snapshot);
        print_consumers(snapshot);
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

/* An array, an object for each lane. */
static int print_lanes_json(const struct cli_target *target, uint32_t lanes)
{
    myl_snapshot *snapshot[MYL_LANES_MAX];
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
    if (snapshot->info.lanes > 1)
        return print_lanes(target, snapshot->info.lanes);
    print_producer(snapshot);
    print_consumers(snapshot);
    print_gating(target, snapshot);
    return CLI_OK;
}

int cmd_inspect(int argc, char **argv)
{
    struct cli_target target;
    myl_snapshot *snapshot;
    int json, code;
    if (!cli_one_ring(argc, argv, help, "json", 'j', &target, &json, &code))
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
