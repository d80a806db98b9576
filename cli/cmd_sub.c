/* SPDX-License-Identifier: MIT
 * myelon sub: what `myelon pub` publishes, to standard output. */
#define _POSIX_C_SOURCE 200809L
#include "blob.h"
#include "chunk.h"
#include "tally.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTACH_NS     MYL_SEC(5)
#define BUFFER_BYTES  ((size_t)256 << 10)
#define OBSERVED_MOST ((size_t)16 << 20)

static const char help[] =
    "usage: myelon sub [OPTION]... NAME\n"
    "       myelon sub [OPTION]... --file PATH\n"
    "\n"
    "Writes every message that 'myelon pub NAME' publishes to standard output. The stream waits for the slowest\n"
    "reader; with --id, killed and started again, this one goes on behind the last message it acknowledged.\n"
    "\n"
    "  -i, --id ID        the name of this consumer in the ring, up to 31 of A-Z a-z 0-9 . _ - (default: automatic)\n"
    "  -o, --observer     looks on: nobody waits for this one, and what it misses is told on standard error\n"
    "  -L, --lane N       an observer looks at one lane of a ring for several publishers (default 0); others read all\n"
    "  -s, --from WHERE   begins at the 'oldest' message that is still there, or 'now'; without it, where this id\n"
    "                     stopped, or at the oldest\n"
    "  -b, --blobs        writes each message's length in front of it, 4 bytes, lowest first\n"
    "  -a, --attach SEC   waits so long for the ring to appear (default 5)\n"
    "  -t, --timeout SEC  gives up after SEC seconds without a message (default: never)\n"
    "  -T, --type ID      expects this type id\n"
    "  -f, --file PATH    a ring in this mapped file instead of a name in shared memory\n"
    "  -q, --quiet        no figures, only what went wrong\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit codes: 1 failed, 4 no such ring, 5 a consumer of this id is alive, 6 timed out, 7 messages are missing,\n"
    "128 + n ended by signal n.\n";

struct sub {
    struct cli_target target;
    myl_frame_consumer_options ring;
    uint64_t lane;
    int64_t timeout_ns;
    int blobs, observer, quiet;
    int begun;           /* it reads */
    int64_t gone_ns;     /* when it was told that the producer is gone; nothing has come since. 0: it is there */
    struct tally tally;
    uint64_t missing;    /* messages that were given up by their producer, or lost bytes of an observer */
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
    case 'a':
        return cli_parse_seconds("--attach", value, &sub->ring.ring.attach_timeout_ns);
    case 't':
        return cli_parse_seconds("--timeout", value, &sub->timeout_ns);
    case 'T':
        return cli_parse_type("--type", value, &sub->ring.ring.type_id);
    case 'f':
        *file = value;
        return 0;
    default:
        sub->quiet = 1;
        return 0;
    }
}

/* --- writing --------------------------------------------------------------------------------------------------- */

static int write_all(const unsigned char *bytes, size_t count)
{
    while (count > 0) {
        if (cli_stop_signal() != 0) /* also in the middle of what a slow reader takes bit by bit */
            return 128 + cli_stop_signal();
        ssize_t n = write(STDOUT_FILENO, bytes, count);
        if (n > 0) {
            bytes += n;
            count -= (size_t)n;
        } else if (errno == EPIPE) {
            return cli_fail(CLI_FAILED, "standard output cannot be written: its reader has gone");
        } else if (errno != EINTR) {
            return cli_fail(CLI_FAILED, "standard output cannot be written: %s", strerror(errno));
        }
    }
    return 0;
}

static int flush(struct sub *sub)
{
    size_t count = sub->filled;
    sub->filled = 0;
    return write_all(sub->buffer, count);
}

static int keep(struct sub *sub, const void *bytes, size_t count)
{
    int code = count > BUFFER_BYTES - sub->filled ? flush(sub) : 0;
    if (code == 0 && count > BUFFER_BYTES)
        return write_all(bytes, count);
    if (code == 0 && count > 0) {
        memcpy(sub->buffer + sub->filled, bytes, count);
        sub->filled += count;
    }
    return code;
}

static int keep_message(struct sub *sub, const myl_message *message)
{
    unsigned char head[BLOB_HEAD];
    sub->gone_ns = 0;
    if (sub->blobs && message->length > UINT32_MAX)
        return cli_fail(CLI_FAILED, "a message of %llu bytes is too long for --blobs",
                        (unsigned long long)message->length);
    blob_set_length(head, (uint32_t)message->length);
    int code = sub->blobs ? keep(sub, head, sizeof head) : 0;
    return code == 0 ? keep(sub, message->data, (size_t)message->length) : code;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static int timed_out(const struct sub *sub)
{
    return cli_fail(CLI_TIMEOUT, "no message for %s", cli_duration(sub->timeout_ns).s);
}

/* Told again and again while it is waited for: said once, and the time runs through. */
static int wait_for_next_producer(struct sub *sub, int rc)
{
    if (cli_stop_signal() != 0)
        return 128 + cli_stop_signal();
    if (sub->gone_ns != 0)
        return sub->timeout_ns > 0 && cli_now_ns() - sub->gone_ns >= sub->timeout_ns ? timed_out(sub) : 0;
    sub->gone_ns = cli_now_ns();
    if (rc == MYL_EPRODUCERDEAD)
        cli_say("%s", myl_error_detail());
    return 0;
}

/* A failed call: 0 to go on, -1 at the stream's end, or an exit code. */
static int after_failure(struct sub *sub, int rc)
{
    switch (rc) {
    case MYL_ECLOSED:
        return -1;
    case MYL_EABORTED:
    case MYL_ETOOBIG:
        sub->missing++;
        cli_say("%s", myl_error_detail());
        return 0;
    case MYL_EPRODUCERDEAD:
    case MYL_EUNSEATED: /* it left the stream open for the next one */
        return wait_for_next_producer(sub, rc);
    case MYL_ETIMEDOUT:
        return timed_out(sub);
    case MYL_EINTERRUPTED:
        return cli_stop_signal() != 0 ? 128 + cli_stop_signal() : 0;
    default:
        return cli_ring_error(rc);
    }
}

/* What is written goes before what is acknowledged: a reader that is killed in between writes it again. */
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
    myl_peer peer;
    if (tally_add(&sub->tally, message->length) && myl_frame_consumer_peer(own, &peer) == MYL_OK)
        tally_draw(&sub->tally, peer.unread * CLI_CELL);
}

/* The stream is over. Did all of it come? */
static void judge_end(struct sub *sub)
{
    myl_peer peer;
    myl_joined joined;
    uint64_t skipped = myl_frame_consumer_skipped(own);
    if (myl_frame_consumer_peer(own, &peer) == MYL_OK && strcmp(peer.doing, BLOB_GAVE_UP) == 0) {
        sub->missing++;
        cli_say("its publisher gave up before its input's end: what should follow is missing");
    }
    /* Who begins in the middle of a message has not missed it; who goes on there has. */
    if (skipped > 0 && myl_consumer_joined(myl_frame_consumer_ring(own), &joined) == MYL_OK && joined.resumed) {
        sub->missing += skipped;
        cli_say("a message is missing that is longer than the ring: this reader ended in the middle of it before");
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
    int code = buffer == NULL ? cli_fail(CLI_FAILED, "no memory") : 0;
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
            code = buffer == NULL ? cli_fail(CLI_FAILED, "no memory for a message of %zu bytes", room) : 0;
        } else if (rc != MYL_OK) {
            code = after_failure(sub, rc);
        } else {
            if (lost.bytes > 0)
                cli_say("missed %s of the ring", cli_bytes(lost.bytes).s);
            code = keep_message(sub, &message);
            if (tally_add(&sub->tally, message.length))
                tally_draw(&sub->tally, TALLY_NO_LAG);
        }
    }
    free(buffer);
    return code;
}

/* What `cp` sends is for `cat`: its messages are parts of a file, with heads. */
static int check_type(const struct sub *sub)
{
    myl_info info = {.size = sizeof info};
    int rc = sub->observer ? myl_observer_info(myl_frame_observer_ring(observing), &info)
                           : myl_consumer_info(myl_frame_consumer_ring(own), &info);
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    if (info.type_id != CHUNK_TYPE || sub->ring.ring.type_id == CHUNK_TYPE)
        return 0;
    return cli_fail(CLI_FAILED, "a file is sent through this ring: receive it with 'myelon cat %s'",
                    cli_target_text(&sub->target));
}

static int open_ring(struct sub *sub)
{
    int rc = sub->observer ? myl_frame_observer_open(&observing, sub->target.name, &sub->ring)
                           : myl_frame_consumer_open(&own, sub->target.name, &sub->ring);
    return rc == MYL_OK ? check_type(sub) : cli_ring_error(rc);
}

/* Since it left, somebody else's reading decided what stays. */
static void say_lost(struct sub *sub)
{
    myl_joined joined;
    if (myl_consumer_joined(myl_frame_consumer_ring(own), &joined) != MYL_OK || joined.lost == 0)
        return;
    sub->missing++;
    cli_say("%s had left: %s of the ring that came since are missing", joined.id, cli_bytes(joined.lost * CLI_CELL).s);
}

/* Leaves the ring, unless it has an id to come back by, and something to come back for: then the end of this process
 * makes it a dead consumer, which the publisher waits for. */
static void let_go(const struct sub *sub, int code)
{
    myl_frame_consumer *consumer = own;
    myl_frame_observer *observer = observing;
    const char *ring = cli_target_text(&sub->target), *id = sub->ring.ring.id;
    if (consumer != NULL && id != NULL && sub->begun && code != 0 && code != CLI_UNFINISHED) {
        cli_say("%s keeps its place: 'myelon sub --id %s %s' goes on there, 'myelon evict %s %s' gives it up", id, id,
                ring, ring, id);
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
    int code = sub->buffer == NULL ? cli_fail(CLI_FAILED, "no memory") : open_ring(sub);
    if (code == 0) {
        cli_stop_on_signals(wake);
        tally_start(&sub->tally, sub->quiet);
        sub->begun = 1;
        if (!sub->observer)
            say_lost(sub);
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
    return code;
}

int cmd_sub(int argc, char **argv)
{
    static const struct option options[] = {
        {"id", required_argument, NULL, 'i'},      {"observer", no_argument, NULL, 'o'},
        {"lane", required_argument, NULL, 'L'},    {"from", required_argument, NULL, 's'},
        {"blobs", no_argument, NULL, 'b'},         {"attach", required_argument, NULL, 'a'},
        {"timeout", required_argument, NULL, 't'}, {"type", required_argument, NULL, 'T'},
        {"file", required_argument, NULL, 'f'},    {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct sub sub = {.timeout_ns = MYL_FOREVER, .ring.ring.attach_timeout_ns = ATTACH_NS};
    const char *file = NULL;
    int code = 0, option;
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":i:oL:s:ba:t:T:f:qh", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return CLI_OK;
        }
        code = option == '?' || option == ':' ? cli_bad_option(option, argv) : set_option(&sub, option, optarg, &file);
    }
    if (code == 0 && sub.observer && sub.ring.ring.id != NULL)
        code = cli_usage("an observer has no id: leave --id %s away", sub.ring.ring.id);
    if (code == 0)
        code = cli_target(&sub.target, file, argc, argv);
    if (code == 0)
        code = cli_no_more(argc, argv);
    return code == 0 ? run(&sub) : code;
}
