/* SPDX-License-Identifier: MIT
 * myelon sub: writes what `myelon pub` publishes to standard output. */
#define _POSIX_C_SOURCE 200809L
#include "blob.h"
#include "chunk.h"
#include "json.h"
#include "stream.h"
#include "tally.h"
#include "typed.h"

#include "base/deadline.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTACH_NS     MYL_SEC(5)
#define BUFFER_BYTES  ((size_t)256 << 10)
#define OBSERVED_MOST ((size_t)16 << 20)

static const struct cli_option options[] = {
    {"id", 'i', "ID", "id of this consumer: at most 31 of A-Z a-z 0-9 . _ - (default: automatic)"},
    {"observer", 'o', NULL, "read without gating the publisher; report missed bytes on standard error"},
    {"lane", 'L', "N", "lane that an observer reads (default: 0); consumers read all lanes"},
    {"from", 's', "WHERE",
     "begin at the 'oldest' message in the ring, or 'now' (default: where this id stopped, or oldest)"},
    {"blobs", 'b', NULL, "write each message after its length: 4 bytes, little-endian"},
    {"json", 'j', NULL, "decode the messages of a typed ring, and write each as a line of JSON"},
    {"attach", 'a', "SEC", "wait at most SEC seconds for the ring to appear (default: 5)"},
    {"timeout", 't', "SEC", "give up after SEC seconds without a message (default: never)"},
    {"type", 'T', "ID", "require this type id (default: any)"},
    CLI_OPTION_FILE,
    {"quiet", 'q', NULL, "no figures, only errors"},
    {NULL, 0, NULL, NULL},
};

static const struct cli_help help = {
    .usage = "sub [OPTION]... NAME\n"
             "sub [OPTION]... --file PATH",
    .about = "Writes every message that 'myelon pub NAME' publishes to standard output. The publisher "
             "waits for the slowest reader. With --id, a reader that was killed continues after the last"
             " message it acknowledged.",
    .options = options,
    .exit_codes = "Exit codes: 1 failed, 4 no such ring, 5 a consumer with this id is alive, 6 timed out, 7 "
                  "messages are missing, 128 + n ended by signal n, 141 the reader of standard output closed "
                  "it.",
};

struct sub {
    struct cli_target target;
    myl_frame_consumer_options ring;
    uint64_t lane;
    int64_t timeout_ns;
    int blobs, json, observer, quiet;
    int begun;           /* the ring is open */
    int unwritten;       /* writing the output failed */
    int gone;            /* the producer's absence was reported; no message has arrived since */
    struct myl_deadline give_up_at; /* --timeout after the last message */
    struct tally tally;
    uint64_t missing;    /* messages that their producer aborted, or that are no values (--json) */
    struct typed typed;  /* --json */
    unsigned char *buffer;
    size_t filled;
};

static myl_frame_consumer *own;       /* for the signal handler */
static myl_frame_observer *observing;

static void wake(void)
{
    if (own != NULL)
        myl_frame_consumer_interrupt(own);
    if (observing != NULL)
        myl_frame_observer_interrupt(observing);
}

static int set_option(struct sub *sub, int option, const char *value, const char **file)
{
    switch (option) {
    case 'i':
        sub->ring.ring.id = value;
        return 0;
    case 'o':
        sub->observer = 1;
        return 0;
    case 'L':
        return cli_parse_number("--lane", value, 0, MYL_LANES_MAX - 1, &sub->lane);
    case 's':
        sub->ring.ring.start = strcmp(value, "now") == 0 ? MYL_START_NOW : MYL_START_OLDEST;
        return strcmp(value, "now") == 0 || strcmp(value, "oldest") == 0
                   ? 0
                   : cli_usage("--from wants 'oldest' or 'now', not '%s'", value);
    case 'b':
        sub->blobs = 1;
        return 0;
    case 'j':
        sub->json = 1;
        return json_available();
    case 'a':
        return cli_parse_seconds("--attach", value, &sub->ring.ring.attach_timeout_ns);
    case 't':
        return cli_parse_timeout("--timeout", value, &sub->timeout_ns);
    case 'T':
        return cli_parse_type("--type", value, &sub->ring.type_id);
    case 'f':
        *file = value;
        return 0;
    default:
        sub->quiet = 1;
        return 0;
    }
}

/* --- writing --------------------------------------------------------------------------------------------------- */

/* If the reader of the output has closed it, the command ends without a message, as by SIGPIPE. */
static int write_all(struct sub *sub, const unsigned char *bytes, size_t count)
{
    int code = stream_write(STDOUT_FILENO, bytes, count, NULL);
    if (code == 0)
        return 0;
    if (code == STREAM_STOPPED)
        return 128 + cli_stop_signal();
    if (errno == EPIPE)
        return 128 + SIGPIPE;
    sub->unwritten = 1;
    return cli_fail(CLI_FAILED, "cannot write standard output: %s", strerror(errno));
}

static int flush(struct sub *sub)
{
    size_t count = sub->filled;
    sub->filled = 0;
    return write_all(sub, sub->buffer, count);
}

static int keep(struct sub *sub, const void *bytes, size_t count)
{
    int code = count > BUFFER_BYTES - sub->filled ? flush(sub) : 0;
    if (code == 0 && count > BUFFER_BYTES)
        return write_all(sub, bytes, count);
    if (code == 0 && count > 0) {
        memcpy(sub->buffer + sub->filled, bytes, count);
        sub->filled += count;
    }
    return code;
}

/* A message that is no value is reported, and missing in the output. */
static int keep_json(struct sub *sub, const myl_message *message)
{
    const char *line;
    size_t length;
    int rc = typed_print(&sub->typed, message->data, (size_t)message->length, &line, &length);
    if (rc == MYL_OK)
        return keep(sub, line, length);
    sub->missing++;
    cli_notice("message %llu is no value of the ring's type: %s", (unsigned long long)sub->tally.messages + 1,
               cli_ring_sentence(rc));
    return 0;
}

static int keep_message(struct sub *sub, const myl_message *message)
{
    unsigned char head[BLOB_HEAD];
    sub->gone = 0;
    if (sub->json)
        return keep_json(sub, message);
    if (sub->blobs && message->length > UINT32_MAX)
        return cli_fail(CLI_FAILED, "a message has %llu bytes, too long for the 4-byte length of --blobs",
                        (unsigned long long)message->length);
    blob_set_length(head, (uint32_t)message->length);
    int code = sub->blobs ? keep(sub, head, sizeof head) : 0;
    return code == 0 ? keep(sub, message->data, (size_t)message->length) : code;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static int timed_out(const struct sub *sub)
{
    return cli_fail(CLI_TIMEOUT, "no message within %s", cli_duration(sub->timeout_ns).s);
}

/* The call reports an absent producer on every wait. Prints it once; the timeout keeps running. */
static int wait_for_next_producer(struct sub *sub, int rc)
{
    if (cli_stop_signal() != 0)
        return 128 + cli_stop_signal();
    if (sub->gone)
        return myl_deadline_has_passed(sub->give_up_at, cli_now_ns()) ? timed_out(sub) : 0;
    sub->gone = 1;
    sub->give_up_at = myl_deadline_after(cli_now_ns(), sub->timeout_ns);
    if (rc == MYL_EPRODUCERDEAD)
        cli_notice("%s", cli_ring_sentence(rc));
    return 0;
}

/* Handles a failed call. Returns 0 to go on, -1 at the end of the stream, or an exit code. */
static int after_failure(struct sub *sub, int rc)
{
    switch (rc) {
    case MYL_ECLOSED:
        return -1;
    case MYL_EABORTED:
    case MYL_ETOOBIG:
        sub->missing++;
        cli_notice("%s", cli_ring_sentence(rc));
        return 0;
    case MYL_EPRODUCERDEAD:
    case MYL_EPRODUCERLEFT: /* the producer left; the next one continues the stream */
        return wait_for_next_producer(sub, rc);
    case MYL_ETIMEDOUT:
        return timed_out(sub);
    case MYL_EINTERRUPTED:
        return cli_stop_signal() != 0 ? 128 + cli_stop_signal() : 0;
    case MYL_ESUPERSEDED:
    case MYL_EEVICTED: /* no entry to resume from */
        cli_ring_error(rc);
        return CLI_UNFINISHED;
    default:
        return cli_ring_error(rc);
    }
}

/* Writes before it acknowledges: a reader that is killed in between writes the same messages again. */
static int acknowledge(struct sub *sub)
{
    int code = flush(sub);
    if (code != 0)
        return code;
    int rc = myl_frame_consumer_release(own);
    return rc == MYL_OK ? 0 : cli_ring_error(rc);
}

static void count(struct sub *sub, const myl_message *message)
{
    myl_peer peer = {.size = sizeof peer};
    if (tally_add(&sub->tally, message->length) && myl_frame_consumer_peer(own, &peer) == MYL_OK)
        tally_draw(&sub->tally, peer.available * CLI_CELL);
}

/* At the end of the stream: checks that all of it arrived. */
static void judge_end(struct sub *sub)
{
    myl_peer peer = {.size = sizeof peer};
    myl_joined joined = {.size = sizeof joined};
    uint64_t skipped = myl_frame_consumer_skipped(own);
    if (myl_frame_consumer_peer(own, &peer) == MYL_OK && strcmp(peer.activity, BLOB_GAVE_UP) == 0) {
        sub->missing++;
        cli_notice("the publisher gave up before the end of its input: the rest is missing");
    }
    /* A new reader may begin within a message: it has not missed it. A resumed one has. */
    if (skipped > 0 && myl_consumer_joined(myl_frame_consumer_ring(own), &joined) == MYL_OK && joined.resumed) {
        sub->missing += skipped;
        cli_notice("a message longer than the ring is missing: the previous run of this reader ended within it");
    }
}

static int consume(struct sub *sub)
{
    int code = 0;
    while (code == 0) {
        myl_message message;
        int rc = myl_frame_consumer_next(own, &message, sub->timeout_ns);
        if (rc == MYL_OK) {
            code = keep_message(sub, &message);
            count(sub, &message);
        } else {
            code = rc == MYL_ELEASED ? 0 : after_failure(sub, rc);
        }
        if (code == 0 && (rc != MYL_OK || message.fragments > 1 || sub->filled > BUFFER_BYTES / 2 ||
                          myl_frame_consumer_end_of_batch(own)))
            code = acknowledge(sub);
    }
    return code;
}

static int observe(struct sub *sub)
{
    size_t room = OBSERVED_MOST;
    unsigned char *buffer = malloc(room);
    int code = buffer == NULL ? cli_fail(CLI_FAILED, "out of memory") : 0;
    while (code == 0) {
        myl_message message;
        myl_frame_lost lost;
        int rc = myl_frame_observer_get(observing, buffer, room, &message, &lost,
                                        sub->filled > 0 ? MYL_TRY : sub->timeout_ns);
        if (rc == MYL_EAGAIN) {
            code = flush(sub);
        } else if (rc == MYL_EBUFFER) {
            free(buffer);
            room = (size_t)message.length;
            buffer = malloc(room);
            code = buffer == NULL ? cli_fail(CLI_FAILED, "out of memory for a message of %zu bytes", room) : 0;
        } else if (rc != MYL_OK) {
            code = after_failure(sub, rc);
        } else {
            if (lost.bytes > 0)
                cli_notice("missed %s of the ring", cli_bytes(lost.bytes).s);
            code = keep_message(sub, &message);
            if (tally_add(&sub->tally, message.length))
                tally_draw(&sub->tally, TALLY_NO_LAG);
        }
    }
    free(buffer);
    return code;
}

/* Refuses a ring of `cp`: only `cat` reads it. With --json: also a ring without a schema. */
static int check_type(struct sub *sub)
{
    myl_info info = {.size = sizeof info};
    int rc = sub->observer ? myl_observer_info(myl_frame_observer_ring(observing), &info)
                           : myl_consumer_info(myl_frame_consumer_ring(own), &info);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    if (sub->json)
        return typed_open_ring(&sub->typed, &sub->target, info.codec,
                               sub->observer ? myl_observer_schema_text(myl_frame_observer_ring(observing))
                                             : myl_consumer_schema_text(myl_frame_consumer_ring(own)));
    if (info.type_id != CHUNK_TYPE || sub->ring.type_id == CHUNK_TYPE)
        return 0;
    return cli_fail(CLI_FAILED, "this ring carries a file: receive it with 'myelon cat %s'",
                    cli_target_text(&sub->target));
}

static int open_ring(struct sub *sub)
{
    int rc = sub->observer ? myl_frame_observer_open(&observing, sub->target.name, &sub->ring)
                           : myl_frame_consumer_open(&own, sub->target.name, &sub->ring);
    return rc == MYL_OK ? check_type(sub) : cli_open_error(rc);
}

/* After a leave, the ring does not keep messages for this id: some may be overwritten. */
static void report_lost(struct sub *sub)
{
    myl_joined joined = {.size = sizeof joined};
    if (myl_consumer_joined(myl_frame_consumer_ring(own), &joined) != MYL_OK || joined.lost == 0)
        return;
    sub->missing++;
    cli_notice("%s had left: %s of the ring published since then are missing", joined.id,
               cli_bytes(joined.lost * CLI_CELL).s);
}

/* Leaves the ring, unless this reader can resume: it has an id, and the stream has not ended. Then the handle stays
 * open, the end of the process makes it a dead consumer, and the publisher waits for it. */
static void let_go(const struct sub *sub, int code)
{
    myl_frame_consumer *consumer = own;
    myl_frame_observer *observer = observing;
    const char *ring = cli_target_text(&sub->target), *id = sub->ring.ring.id;
    if (consumer != NULL && sub->unwritten)
        myl_frame_consumer_set_activity(consumer, BLOB_NOT_WRITTEN, 0);
    if (consumer != NULL && id != NULL && sub->begun && code != 0 && code != CLI_UNFINISHED) {
        cli_notice("%s keeps its place: 'myelon sub --id %s %s' continues there, 'myelon evict %s %s' removes it", id,
                   id, ring, ring, id);
        return;
    }
    own = NULL;
    observing = NULL;
    myl_frame_consumer_close(consumer);
    myl_frame_observer_close(observer);
}

static int run(struct sub *sub)
{
    sub->ring.size = sizeof sub->ring;
    sub->ring.observe_lane = (uint32_t)sub->lane;
    sub->ring.ring.backend = sub->target.backend;
    (void)signal(SIGPIPE, SIG_IGN);
    sub->buffer = malloc(BUFFER_BYTES);
    int code = sub->buffer == NULL ? cli_fail(CLI_FAILED, "out of memory") : open_ring(sub);
    if (code == 0) {
        cli_stop_on_signals(wake);
        tally_start(&sub->tally, sub->quiet);
        sub->begun = 1;
        if (!sub->observer)
            report_lost(sub);
        code = sub->observer ? observe(sub) : consume(sub);
        if (code == -1 && !sub->observer)
            judge_end(sub);
        if (code == -1)
            code = sub->observer ? flush(sub) : acknowledge(sub);
        tally_end(&sub->tally, "received");
        if (code == 0 && sub->missing > 0)
            code = CLI_UNFINISHED;
    }
    let_go(sub, code);
    free(sub->buffer);
    typed_close(&sub->typed);
    return code;
}

int cmd_sub(int argc, char **argv)
{
    struct sub sub = {.timeout_ns = MYL_FOREVER, .ring.ring.attach_timeout_ns = ATTACH_NS};
    const char *file = NULL;
    int code = 0, option;
    while (code == 0 && (option = cli_option(&help, argc, argv)) != -1) {
        if (option == 'h') {
            cli_help(&help);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&sub, option, optarg, &file);
    }
    if (code == 0 && sub.blobs && sub.json)
        code = cli_usage("--blobs and --json are two forms of the output: pass one of them");
    if (code == 0 && sub.observer && sub.ring.ring.id != NULL)
        code = cli_usage("an observer has no id: leave --id %s out", sub.ring.ring.id);
    if (code == 0)
        code = cli_target(&sub.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? run(&sub) : code;
}
