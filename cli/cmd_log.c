/* SPDX-License-Identifier: MIT
 * myelon log: what happened to the parties of a ring, also when all of them are dead. */
#include "json.h"

#include <inttypes.h>
#include <string.h>

static const char help[] =
    "usage: myelon log NAME [--json]\n"
    "       myelon log --file PATH [--json]\n"
    "\n"
    "Shows the last 256 things that happened to the parties of a ring, the oldest first: who joined, left, died,\n"
    "stalled, recovered, was evicted or reaped; who made the ring, took it over, closed it. It is kept in the ring\n"
    "itself and can be read after the death of everybody. A death stands there when it was noticed.\n"
    "\n"
    "  -f, --file PATH  the ring in this mapped file instead of a name in shared memory\n"
    "  -j, --json       the same as JSON\n"
    "  -h, --help       this text\n"
    "\n"
    "EVENT is the party's position: the next event it needs, or will publish. BY is the process that wrote it.\n";

/* What the number of a record says; "" for kinds that have none. */
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
        break;
    }
    return text;
}

/* The day stands in a line of its own, when it changes: so a line fits 80 columns. */
static void print_log(const myl_log *log)
{
    struct cli_text day = {""};
    printf("%-12s  %-13s  %-10s  %7s  %9s  %7s  %s\n", "WHEN", "WHAT", "WHO", "PROCESS", "EVENT", "BY", "REMARK");
    for (uint32_t i = 0; i < log->count; i++) {
        const myl_log_entry *entry = &log->entry[i];
        char lane[24] = "";
        if (entry->lane > 0) /* a ring with lanes: the first one's, and those of rings with one, need no word */
            snprintf(lane, sizeof lane, "  lane %" PRIu32, entry->lane);
        struct cli_text when = cli_clock(entry->time_ns); /* "2024-05-01 12:30:05" */
        char *time = strchr(when.s, ' ');
        if (time != NULL)
            *time++ = '\0';
        if (strcmp(day.s, when.s) != 0)
            printf("%s\n", when.s);
        day = when;
        printf("%s.%03u  %-13s  %-10s  %7" PRId32 "  %9" PRIu64 "  %7" PRId32 "%s%s%s\n", time != NULL ? time : "?",
               (unsigned)(entry->time_ns / 1000000 % 1000), myl_log_kind_name(entry->kind),
               entry->id[0] != '\0' ? entry->id : "(producer)", entry->pid, entry->sequence, entry->by, lane,
               remark(entry).s[0] != '\0' ? "  " : "", remark(entry).s);
    }
    if (log->torn > 0)
        cli_say("%u records are left out: who wrote them died within them", (unsigned)log->torn);
}

int cmd_log(int argc, char **argv)
{
    struct cli_target target;
    myl_log *log;
    int json, code;
    if (!cli_one_ring(argc, argv, help, "json", 'j', &target, &json, &code))
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
        print_log(log);
    myl_log_free(log);
    return code;
}
