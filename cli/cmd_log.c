/* SPDX-License-Identifier: MIT
 * myelon log: shows the event log of a ring. It remains readable when all participants are dead. */
#include "json.h"
#include "snapshot.h"

#include <inttypes.h>
#include <string.h>

static const struct cli_option options[] = {
    CLI_OPTION_FILE,
    CLI_OPTION_JSON,
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "log NAME [--json]\n"
             "log --file PATH [--json]",
    .about = "Shows the last 240 events in the lives of a ring's participants, oldest first: created, "
             "taken over, closed; joined, left, died, stalled, recovered, evicted, reaped. The log is "
             "part of the ring and can be read when all participants are dead. A death is logged when a "
             "participant notices it.",
    .options = options,
    .notes = "AT EVENT is the participant's cursor, or the producer's next sequence; in a ring of messages it "
             "is AT CELL and counts cells of 64 bytes. Unread, lost and given-up amounts have the same unit. "
             "BY is the process that wrote the record.",
};

/* Returns the text for the value of a record; "" for kinds without one. */
static struct cli_text remark(const myl_log_entry *entry)
{
    struct cli_text text = {""};
    switch (entry->kind) {
    case MYL_LOG_CREATED:
    case MYL_LOG_TAKEN_OVER:
        snprintf(text.s, sizeof text.s, "producer %" PRIu64, entry->value);
        break;
    case MYL_LOG_RESUMED:
        if (entry->value > 0)
            snprintf(text.s, sizeof text.s, "lost %" PRIu64, entry->value);
        break;
    case MYL_LOG_DIED:
        snprintf(text.s, sizeof text.s, "%" PRIu64 " unread", entry->value);
        break;
    case MYL_LOG_EVICTED:
    case MYL_LOG_REAPED:
        snprintf(text.s, sizeof text.s, "%" PRIu64 " given up", entry->value);
        break;
    case MYL_LOG_STALLED:
    case MYL_LOG_RECOVERED:
    case MYL_LOG_SHUTDOWN:
    case MYL_LOG_ABSENT:
        snprintf(text.s, sizeof text.s, "after %.24s", cli_duration((int64_t)entry->value).s);
        break;
    case MYL_LOG_ROLE:
        snprintf(text.s, sizeof text.s, "%s", myl_role_name((enum myl_role)entry->value));
        break;
    case MYL_LOG_PRODUCER_LEFT:
    case MYL_LOG_CLOSED:
    case MYL_LOG_PRODUCER_DIED:
    case MYL_LOG_SUPERSEDED:
    case MYL_LOG_JOINED:
    case MYL_LOG_LEFT:
    case MYL_LOG_CLEARED:
    case MYL_LOG_RESERVED:
        break;
    }
    return text;
}

/* The date gets a line of its own whenever it changes, so that a record fits 80 columns. */
static void print_log(const char *position, const myl_log *log)
{
    struct cli_text day = {""};
    cli_line("%-12s  %-13s  %-10s  %7s  %9s  %7s  %s", "WHEN", "WHAT", "ID", "PROCESS", position, "BY", "REMARK");
    for (uint32_t i = 0; i < log->count; i++) {
        const myl_log_entry *entry = myl_log_entry_at(log, i);
        char lane[24] = "";
        if (entry->lane > 0) /* lane 0 is the default: not printed */
            snprintf(lane, sizeof lane, "  lane %" PRIu32, entry->lane);
        struct cli_text when = cli_clock(entry->time_ns); /* "2024-05-01 12:30:05" */
        char *time = strchr(when.s, ' ');
        if (time != NULL)
            *time++ = '\0';
        if (strcmp(day.s, when.s) != 0)
            cli_line("%s", when.s);
        day = when;
        cli_line("%s.%03u  %-13s  %-10s  %7s  %9" PRIu64 "  %7" PRId32 "%s%s%s", time != NULL ? time : "?",
                 (unsigned)(entry->time_ns / 1000000 % 1000), myl_log_kind_name(entry->kind),
                 entry->id[0] != '\0' ? entry->id : "(producer)", cli_pid(entry->pid).s, entry->sequence, entry->by,
                 lane, remark(entry).s[0] != '\0' ? "  " : "", remark(entry).s);
    }
    if (log->torn > 0)
        cli_notice("%s not shown: incomplete, since the writer died", cli_count(log->torn, "record").s);
}

/* The title of the column of positions names their unit, unless the ring can no longer be opened. */
static const char *position_title(const struct cli_target *target)
{
    myl_snapshot *snapshot;
    if (myl_snapshot_take(target->name, target->backend, &snapshot) != MYL_OK)
        return "POSITION";
    const char *title = snapshot->info.kind == MYL_RING_OF_FRAMES ? "AT CELL" : "AT EVENT";
    myl_snapshot_free(snapshot);
    return title;
}

int cmd_log(int argc, char **argv)
{
    struct cli_target target;
    myl_log *log;
    int json, code;
    if (!cli_one_ring(argc, argv, &help, 'j', &target, &json, &code))
        return code;
    if (json)
        code = json_available();
    if (code != 0)
        return code;
    code = myl_log_take(target.name, target.backend, &log);
    if (code != MYL_OK)
        return cli_ring_error(code);
    if (json)
        code = json_print_log(target.name, log);
    else
        print_log(position_title(&target), log);
    myl_log_free(log);
    return code;
}
