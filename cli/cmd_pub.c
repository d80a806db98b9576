/* SPDX-License-Identifier: MIT
 * myelon pub: publishes standard input as messages to any number of `myelon sub`. */
#define _POSIX_C_SOURCE 200809L
#include "blob.h"
#include "json.h"
#include "pub_schema.h"
#include "readers.h"
#include "stream.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES   ((size_t)256 << 10)
#define SLICE_NS     MYL_MSEC(200)
#define READERS_GONE (-1)
#define JSON_LINE_MAX ((uint64_t)16 << 20) /* bytes of a line; the message has fewer */
#define BAD_SHOWN    10                   /* with --skip-bad: lines that are reported one by one */

enum { KEY_SCHEMA = CLI_LONG_ONLY, KEY_CODEC, KEY_SKIP_BAD };

static const struct cli_option options[] = {
    {"blobs", 'b', NULL, "read messages that each follow their length (4 bytes, little-endian) instead of lines"},
    {"json", 'j', NULL, "encode each line, a JSON value of the ring's type; a line that is none ends the command"},
    {"schema", KEY_SCHEMA, "FILE", "with --json: the type of a new ring, as 'myelon inspect' prints it"},
    {"codec", KEY_CODEC, "NAME", "with --schema: pod, bincode1, bincode2, rkyv, msgpack, msgpack_array or flatbuffers"},
    {"skip-bad", KEY_SKIP_BAD, NULL, "with --json: report a line that is no value, and go on after it"},
    {"wait", 'w', "N", "wait for N readers before the first message (default: 1, with --reserve 0: do not wait)"},
    {"reserve", 'R', "ID,...",
     "keep every message for the readers with these ids, and do not wait for them (see --wait)"},
    {"end-with-readers", 'e', NULL, "end when the last reader has left (default: wait for the next one)"},
    {"leave", 'l', NULL, "do not end the stream at the end of standard input: the next 'myelon pub' continues it"},
    {"lanes", 'n', "N", "for N publishers at once, at most 64, each with its lane (default: as the ring is, or 1)"},
    {"lane", 'L', "ID", "take the lane with this id, to continue after a kill; at most 31 of A-Z a-z 0-9 . _ -"},
    {"ring", 'r', "SIZE", "room in each lane (default: half of a core's cache, at least 1M)"},
    {"max", 'm', "SIZE", "longest message (default: as the ring is, or 16M)"},
    {"timeout", 't', "SEC", "give up after SEC seconds without room in the ring or without readers (default: never)"},
    {"type", 'T', "ID", "type id of the ring (default: none)"},
    CLI_OPTION_FILE,
    {"quiet", 'q', NULL, "no figures, only errors"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "pub [OPTION]... NAME\n"
             "pub [OPTION]... --file PATH",
    .about = "Publishes each line of standard input, with its newline, as a message to every 'myelon sub"
             " NAME', at the pace of the slowest. The end of standard input ends the stream.",
    .options = options,
    .notes = "On a terminal it reports that it waits for a reader.",
    .exit_codes = "Exit codes: 1 failed, 5 another publisher is alive or all lanes are taken, 6 timed out, 7 "
                  "a reader could not write its output, 128 + n ended by signal n.",
};

struct pub {
    struct cli_target target;
    myl_frame_producer_options ring;
    int64_t timeout_ns;
    int blobs, json, skip_bad, leave, quiet, end_with_readers;
    struct pub_schema schema; /* --json */
    uint64_t lines;      /* --json: read so far */
    uint64_t bad, first_bad; /* lines that were no values, and the number of the first */
    uint64_t wait, lanes;
    int waits;           /* 1: --wait was given */
    char *reserved;      /* the text of --reserve, cut into ids */
    const char *reserve[MYL_CONSUMERS_MAX];
    uint64_t most;       /* longest message; 0: as in the existing ring */
    uint64_t fits;       /* messages up to this length fit in the ring: published completely or not at all */
    struct readers readers;
    struct tally tally;
};

static myl_frame_producer *own; /* for the signal handler */
static myl_typed_producer *typed; /* --json: `own` is its */

static void wake(void)
{
    if (own != NULL)
        myl_frame_producer_interrupt(own);
}

/* The library checks the ids. */
static int set_reserved(struct pub *pub, const char *list)
{
    free(pub->reserved);
    pub->ring.ring.reserve_count = 0;
    pub->ring.ring.reserve = pub->reserve;
    pub->reserved = strdup(list);
    if (pub->reserved == NULL)
        return cli_fail(CLI_FAILED, "out of memory for %zu bytes of --reserve", strlen(list));
    for (char *id = pub->reserved; id != NULL;) {
        if (pub->ring.ring.reserve_count == MYL_CONSUMERS_MAX)
            return cli_fail(CLI_USAGE, "--reserve has more than %d ids", MYL_CONSUMERS_MAX);
        pub->reserve[pub->ring.ring.reserve_count++] = id;
        id = strchr(id, ',');
        if (id != NULL)
            *id++ = '\0';
    }
    return 0;
}

static int set_option(struct pub *pub, int option, const char *value, const char **file)
{
    switch (option) {
    case 'b':
        pub->blobs = 1;
        return 0;
    case 'j':
        pub->json = 1;
        return json_available();
    case KEY_SCHEMA:
        pub->schema.file = value;
        return 0;
    case KEY_CODEC:
        return pub_schema_codec(&pub->schema, value);
    case KEY_SKIP_BAD:
        pub->skip_bad = 1;
        return 0;
    case 'w':
        pub->waits = 1;
        return cli_parse_number("--wait", value, 0, MYL_CONSUMERS_MAX, &pub->wait);
    case 'R':
        return set_reserved(pub, value);
    case 'e':
        pub->end_with_readers = 1;
        return 0;
    case 'l':
        pub->leave = 1;
        return 0;
    case 'n':
        return cli_parse_number("--lanes", value, 1, MYL_LANES_MAX, &pub->lanes);
    case 'L':
        pub->ring.lane = value;
        return 0;
    case 'r':
        return cli_parse_size("--ring", value, 65536, UINT64_C(1) << 38, &pub->ring.config.ring_bytes);
    case 'm':
        return cli_parse_size("--max", value, 64, UINT64_C(1) << 31, &pub->most);
    case 't':
        return cli_parse_timeout("--timeout", value, &pub->timeout_ns);
    case 'T':
        return cli_parse_type("--type", value, &pub->ring.config.type_id);
    case 'f':
        *file = value;
        return 0;
    default:
        pub->quiet = 1;
        return 0;
    }
}

static int timed_out(const struct pub *pub)
{
    return cli_fail(CLI_TIMEOUT, "no reader made room within %s; raise --timeout, or see 'myelon why'",
                    cli_duration(pub->timeout_ns).s);
}

/* Returns the lag of the slowest reader in bytes. */
static uint64_t lag_of(const myl_producer *ring)
{
    return (uint64_t)(myl_producer_last_published(ring) - myl_producer_last_consumed(ring)) * CLI_CELL;
}

/* A dead reader blocks the ring until it comes back or is evicted. The call blocks meanwhile, since a message longer
 * than the ring may be begun. The death is therefore reported from the liveness callback. */
static void alert_user(const myl_alert *alert, void *user)
{
    const struct pub *pub = user;
    if (alert->kind == MYL_ALERT_ABSENT)
        cli_notice("the ring is full, and consumer %s, for which it is reserved, has not come: start 'myelon sub %s "
                   "--id %s', or remove its entry with 'myelon evict %s %s'",
                   alert->id, cli_target_text(&pub->target), alert->id, cli_target_text(&pub->target), alert->id);
    if (alert->kind == MYL_ALERT_DIED)
        cli_notice("consumer %s (process %d) died with lag %s and blocks the ring: start it again with its id, or "
                   "remove its entry with 'myelon evict %s %s'",
                   alert->id, (int)alert->pid, cli_bytes(alert->lag * CLI_CELL).s, cli_target_text(&pub->target),
                   alert->id);
}

/* Handles a full ring. Returns 0 to wait on, or an exit code. READERS_GONE: end because of --end-with-readers. */
static int check_progress(struct pub *pub, int64_t since_ns)
{
    readers_glance(&pub->readers);
    readers_report_full(&pub->readers);
    if (pub->end_with_readers && pub->readers.left)
        return READERS_GONE;
    return pub->timeout_ns > 0 && cli_now_ns() - since_ns >= pub->timeout_ns ? timed_out(pub) : 0;
}

/* Publishes one message. If it fits in the ring, the wait is split into slices with a check of the readers after each.
 * A longer message is one call: its first fragments may be published, so it cannot be started again. */
static int publish(struct pub *pub, const unsigned char *message, uint64_t length)
{
    int64_t began_ns = cli_now_ns(), slice_ns = pub->timeout_ns;
    int rc, code = 0, sliced = length <= pub->fits && slice_ns > SLICE_NS;
    if (sliced)
        slice_ns = SLICE_NS;
    do {
        rc = myl_frame_producer_publish(own, message, (size_t)length, 0, slice_ns);
        if (rc == MYL_ETIMEDOUT && sliced)
            code = check_progress(pub, began_ns);
        if (code != 0)
            return code;
    } while ((rc == MYL_EINTERRUPTED && cli_stop_signal() == 0) || (rc == MYL_ETIMEDOUT && sliced));
    if (rc == MYL_EINTERRUPTED)
        return 128 + cli_stop_signal();
    if (rc == MYL_ETIMEDOUT)
        return timed_out(pub);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    if (tally_add(&pub->tally, length))
        tally_draw(&pub->tally, lag_of(myl_frame_producer_ring(own)));
    return 0;
}

static int is_blank(const unsigned char *line, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n')
            return 0;
    }
    return 1;
}

/* Publishes the value of a line. One that is none is not published. */
static int publish_json(struct pub *pub, const unsigned char *line, uint64_t length)
{
    char reason[JSON_REASON_MAX];
    const void *bytes;
    size_t count;
    pub->lines++;
    if (is_blank(line, length))
        return 0;
    length -= line[length - 1] == '\n';
    if (typed_encode(&pub->schema.typed, (const char *)line, (size_t)length, &bytes, &count, reason) == 0) {
        if (count <= pub->most)
            return publish(pub, bytes, count);
        (void)snprintf(reason, sizeof reason, "a message of %zu bytes is longer than %llu; raise --max", count,
                       (unsigned long long)pub->most);
    }
    pub->bad++;
    if (pub->bad == 1)
        pub->first_bad = pub->lines;
    if (!pub->skip_bad)
        return cli_fail(CLI_FAILED, "line %llu: %s", (unsigned long long)pub->lines, reason);
    if (pub->bad <= BAD_SHOWN)
        cli_notice("line %llu: %s", (unsigned long long)pub->lines, reason);
    return 0;
}

static int too_long(const struct pub *pub)
{
    if (pub->json)
        return cli_fail(CLI_FAILED, "line %llu is longer than %llu bytes; send its parts in several lines",
                        (unsigned long long)pub->lines + 1, (unsigned long long)JSON_LINE_MAX);
    return cli_fail(CLI_FAILED, "message %llu is longer than %llu bytes; raise --max",
                    (unsigned long long)pub->tally.messages + 1, (unsigned long long)pub->most);
}

/* Publishes the complete messages in `bytes`; *used receives their total size. `ended`: no input follows. */
static int publish_whole(struct pub *pub, const unsigned char *bytes, size_t count, int ended, size_t *used)
{
    const uint64_t most = pub->json ? JSON_LINE_MAX : pub->most;
    int code = 0;
    for (*used = 0; code == 0 && *used < count;) {
        const unsigned char *at = bytes + *used;
        size_t left = count - *used, skip = 0;
        uint64_t length;
        if (pub->blobs) {
            if (left < BLOB_HEAD)
                break;
            length = blob_length(at);
            skip = BLOB_HEAD;
            if (length <= most && length > left - skip)
                break;
        } else {
            const unsigned char *end = memchr(at, '\n', left);
            if (end == NULL && !ended && left <= most)
                break;
            length = end != NULL ? (uint64_t)(end - at) + 1 : left;
        }
        if (length > most)
            return too_long(pub);
        code = pub->json ? publish_json(pub, at, length) : publish(pub, at + skip, length);
        *used += skip + (size_t)length;
    }
    return code;
}

static int read_some(struct pub *pub, unsigned char *to, size_t room, size_t *got)
{
    while (pub->end_with_readers && !stream_ready(STDIN_FILENO, (int)(SLICE_NS / MYL_MSEC(1)))) {
        readers_scan(&pub->readers);
        if (pub->readers.left)
            return READERS_GONE;
    }
    ssize_t count = stream_read(STDIN_FILENO, to, room);
    if (count == STREAM_STOPPED)
        return 128 + cli_stop_signal();
    if (count == STREAM_FAILED)
        return cli_fail(CLI_FAILED, "cannot read standard input: %s", strerror(errno));
    *got = (size_t)count;
    return 0;
}

static int publish_all(struct pub *pub)
{
    size_t room = READ_BYTES, filled = 0, got = 1, used;
    unsigned char *buffer = malloc(room);
    int code = 0;
    if (buffer == NULL)
        return cli_fail(CLI_FAILED, "out of memory for %zu bytes of standard input", room);
    while (code == 0 && got > 0) {
        if (filled == room) { /* the buffer holds no complete message: enlarge it */
            unsigned char *larger = realloc(buffer, room * 2);
            if (larger == NULL) {
                code = cli_fail(CLI_FAILED, "out of memory for a message longer than %zu bytes", room);
                break;
            }
            buffer = larger;
            room *= 2;
        }
        code = read_some(pub, buffer + filled, room - filled, &got);
        if (code != 0)
            break;
        filled += got;
        code = publish_whole(pub, buffer, filled, got == 0, &used);
        filled -= used;
        memmove(buffer, buffer + used, filled);
    }
    if (code == 0 && filled > 0)
        code = cli_fail(CLI_FAILED, "standard input ends within a blob");
    free(buffer);
    return code;
}

/* Takes the limits from the ring, which another process may have created; then waits for readers. */
static int begin(struct pub *pub)
{
    const myl_liveness_options policy = {.size = sizeof policy, .alert = alert_user, .user = pub};
    myl_info info = {.size = sizeof info};
    int rc = myl_producer_info(myl_frame_producer_ring(own), &info);
    pub->most = info.max_message;
    if (rc == MYL_OK)
        pub->fits = info.capacity * info.cell_size / 2;
    readers_start(&pub->readers, &pub->target, pub->quiet);
    myl_frame_producer_set_activity(own, NULL, 0);
    if (rc == MYL_OK)
        rc = myl_frame_producer_set_liveness(own, &policy);
    if (rc != MYL_OK || pub->wait == 0)
        return rc;
    rc = myl_frame_producer_wait_consumers(own, NULL, (uint32_t)pub->wait, MYL_TRY);
    if (rc == MYL_OK)
        return rc;
    if (pub->readers.talks)
        cli_notice("waiting for %s: start 'myelon sub %s'", cli_count(pub->wait, "reader").s,
                   cli_target_text(&pub->target));
    return myl_frame_producer_wait_consumers(own, NULL, (uint32_t)pub->wait, pub->timeout_ns);
}

/* A reader that could not write its output must not count as one that left on purpose. */
static int judge_readers(struct pub *pub, int code)
{
    if (code != 0 && code != READERS_GONE)
        return code;
    readers_scan(&pub->readers);
    if (pub->readers.failed[0] != '\0')
        return cli_fail(CLI_UNFINISHED,
                        pub->readers.stays ? "reader %s could not write its output; what it has not read stays for the "
                                             "next 'myelon sub --id %s'"
                                           : "reader %s could not write its output and left with messages unread",
                        pub->readers.failed, pub->readers.failed);
    if (code == READERS_GONE && pub->readers.talks)
        cli_notice("the last reader has left");
    return 0;
}

static int open_ring(struct pub *pub)
{
    int rc = pub->json ? pub_schema_publish(&pub->schema, &pub->target, &pub->ring, &typed)
                       : myl_frame_producer_open(&own, pub->target.name, &pub->ring);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    if (pub->json)
        own = myl_typed_producer_frames(typed);
    return 0;
}

static void close_ring(const struct pub *pub, int code)
{
    myl_frame_producer *producer = own;
    own = NULL;
    if (code != 0 && code != CLI_UNFINISHED)
        myl_frame_producer_set_activity(producer, BLOB_GAVE_UP, 0); /* otherwise readers take this for the end of the
                                                                     * input */
    if (pub->json && pub->leave)
        myl_typed_producer_leave(typed);
    else if (pub->json)
        myl_typed_producer_close(typed);
    else if (pub->leave)
        myl_frame_producer_leave(producer);
    else
        myl_frame_producer_close(producer);
}

static void report_bad(const struct pub *pub)
{
    if (pub->skip_bad && pub->bad > 0)
        cli_notice("%llu of %s are no values of the ring's type and were not published; the first is line %llu",
                   (unsigned long long)pub->bad, cli_count(pub->lines, "line").s, (unsigned long long)pub->first_bad);
}

static int run(struct pub *pub)
{
    int code = pub->json ? pub_schema_open(&pub->schema, &pub->target) : 0;
    if (code != 0)
        return code;
    pub->ring.ring.backend = pub->target.backend;
    pub->ring.ring.on_death = MYL_DEATH_WAIT;
    pub->ring.config.max_message = pub->most;
    pub->ring.config.lanes = (uint32_t)pub->lanes;
    if (!pub->waits && pub->ring.ring.reserve_count > 0)
        pub->wait = 0;
    pub->ring.config.max_consumers =
        cli_consumers_for(pub->wait > pub->ring.ring.reserve_count ? pub->wait : pub->ring.ring.reserve_count);
    code = open_ring(pub);
    if (code != 0)
        return code;
    cli_stop_on_signals(wake);
    int rc = begin(pub);
    if (rc == MYL_ETIMEDOUT)
        code = cli_fail(CLI_TIMEOUT, "fewer than %s joined within --timeout", cli_count(pub->wait, "reader").s);
    else if (rc == MYL_EINTERRUPTED)
        code = 128 + cli_stop_signal();
    else if (rc != MYL_OK)
        code = cli_ring_error(rc);
    tally_start(&pub->tally, pub->quiet);
    if (code == 0)
        code = publish_all(pub);
    tally_end(&pub->tally, "published");
    report_bad(pub);
    code = judge_readers(pub, code);
    readers_end(&pub->readers);
    close_ring(pub, code);
    return code;
}

static int check_options(const struct pub *pub)
{
    if (pub->json && pub->blobs)
        return cli_usage("--blobs and --json are two forms of the input: pass one of them");
    if (pub->json && pub->ring.config.type_id != 0)
        return cli_usage("--type is not for --json: the type id follows from the schema");
    if (!pub->json && (pub->schema.file != NULL || pub->schema.codec != NULL || pub->skip_bad))
        return cli_usage("--schema, --codec and --skip-bad are for --json: pass it, too");
    if ((pub->schema.file != NULL) != (pub->schema.codec != NULL))
        return cli_usage("--schema and --codec are needed together");
    return 0;
}

static void free_options(struct pub *pub)
{
    free(pub->reserved);
    pub_schema_close(&pub->schema);
}

int cmd_pub(int argc, char **argv)
{
    struct pub pub = {.wait = 1, .timeout_ns = MYL_FOREVER};
    const char *file = NULL;
    int code = 0, option;
    pub.ring.size = sizeof pub.ring;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'h') {
            free_options(&pub); /* of the options before --help */
            cli_help(&help);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&pub, option, optarg, &file);
    }
    if (code == 0)
        code = check_options(&pub);
    if (code == 0)
        code = cli_target(&pub.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    if (code == 0)
        code = run(&pub);
    free_options(&pub);
    return code;
}
