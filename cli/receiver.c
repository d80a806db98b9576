/* SPDX-License-Identifier: MIT
 * The receiving side of `cat`. A message is acknowledged only after it was written, so that what a killed receiver
 * had not written comes again. */
#include "receiver.h"

#include "chunk.h"
#include "digest.h"
#include "output.h"
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#define SLICE_NS MYL_MSEC(100) /* the longest wait before looking around */

struct receiver {
    const struct receiver_options *options;
    myl_frame_consumer *consumer;
    myl_info info;
    myl_joined joined;
    struct output output;
    struct digest *digest;  /* of the bytes before `offset` */
    uint64_t stream;        /* which one; known with the first message */
    uint64_t offset;        /* the next byte to write */
    uint64_t resumed_at;    /* the byte this process began with */
    uint64_t least;         /* bytes that were surely acknowledged before this process; 0 if and only if none was */
    int begun, finished;
    struct progress progress;
    int64_t started_ns;     /* the first message */
    int64_t moved_ns;       /* the latest message, or the begin of waiting */
    int64_t orphan_ns;      /* since when the sender is gone; 0: it is there */
    char saw[512];          /* what happened to the sender, for the report */
};

/* For the signal handler alone. */
static myl_frame_consumer *volatile to_interrupt;

static void interrupt_consumer(void)
{
    myl_frame_consumer *consumer = to_interrupt;
    if (consumer != NULL)
        myl_frame_consumer_interrupt(consumer);
}

static void saw(struct receiver *r, const char *format, ...) MYL_PRINTF(2, 3);

static void saw(struct receiver *r, const char *format, ...)
{
    size_t used = strlen(r->saw);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->saw + used, sizeof r->saw - used, format, arguments);
    va_end(arguments);
}

/* --- a message ------------------------------------------------------------------------------------------- */

/* A message: its head is a copy, since the original could change under our hands if its writer were hostile or
 * broken. */
struct piece {
    struct chunk_head head;
    const unsigned char *data;
    uint64_t length;        /* of the data */
    uint32_t kind;
};

static int not_as_sent(const struct receiver *r, const char *format, ...) MYL_PRINTF(2, 3);

static int not_as_sent(const struct receiver *r, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return cli_fail(CLI_MISMATCH, "behind byte %" PRIu64 ": %s; %s is not the file that was sent", r->offset, what,
                    r->output.path);
}

static int open_piece(const struct receiver *r, const myl_message *message, struct piece *piece)
{
    if (message->length < CHUNK_HEAD || message->fragments != 1)
        return not_as_sent(r, "a message of %" PRIu64 " bytes came that cannot be from 'cp'", message->length);
    memcpy(&piece->head, message->data, CHUNK_HEAD);
    piece->data = (const unsigned char *)message->data + CHUNK_HEAD;
    piece->length = message->length - CHUNK_HEAD;
    piece->kind = message->kind;
    return 0;
}

static int check_piece(const struct receiver *r, const struct piece *piece)
{
    const struct chunk_head *head = &piece->head;
    if (r->begun && head->stream != r->stream)
        return not_as_sent(r, "a message of another file came");
    if (r->begun && piece->kind != CHUNK_ABORT && head->offset != r->offset)
        return not_as_sent(r, "byte %" PRIu64 " came next", head->offset);
    if (piece->kind == CHUNK_DATA &&
        (piece->length == 0 || head->offset > head->total || piece->length > head->total - head->offset))
        return not_as_sent(r, "%" PRIu64 " bytes came that are not within the file", piece->length);
    if (piece->kind == CHUNK_END && (piece->length != DIGEST_BYTES || head->total != head->offset))
        return not_as_sent(r, "the closing message contradicts itself");
    if (piece->kind < CHUNK_DATA || piece->kind > CHUNK_ABORT)
        return not_as_sent(r, "a message of the unknown kind %" PRIu32 " came", piece->kind);
    return 0;
}

/* The first message tells where we are in the file. */
static int begin(struct receiver *r, const struct chunk_head *head)
{
    if (head->offset < r->least || (r->joined.start == 0 && head->offset > 0))
        return not_as_sent(r, "byte %" PRIu64 " came first, though %" PRIu64 " bytes were acknowledged", head->offset,
                           r->least);
    int code = output_begin(&r->output, head->offset, r->digest);
    if (code != 0)
        return code;
    if (head->offset > 0 && !r->options->quiet)
        cli_say("%s goes on at byte %" PRIu64, r->joined.id, head->offset);
    r->stream = head->stream;
    r->offset = r->resumed_at = head->offset;
    r->begun = 1;
    r->started_ns = cli_now_ns();
    progress_start(&r->progress, r->offset, head->total, r->options->quiet);
    return 0;
}

static int digest_failed(void)
{
    return cli_fail(CLI_FAILED, "the cryptographic library cannot compute a SHA-256");
}

static int take_data(struct receiver *r, const struct piece *piece)
{
    int code = output_write(&r->output, piece->data, (size_t)piece->length, r->offset);
    if (code != 0)
        return code;
    if (digest_add(r->digest, piece->data, (size_t)piece->length) != 0)
        return digest_failed();
    r->offset += piece->length;
    progress_update(&r->progress, r->offset);
    return 0;
}

static void report(const struct receiver *r, const unsigned char hash[DIGEST_BYTES])
{
    uint64_t received = r->offset - r->resumed_at;
    int64_t took = cli_now_ns() - r->started_ns;
    char part[64] = "";
    if (r->resumed_at > 0)
        snprintf(part, sizeof part, ", %" PRIu64 " of them by this process", received);
    cli_say("%s received %" PRIu64 " bytes%s in %s (%s)%s, sha256 %s as sent", r->joined.id, r->offset, part,
            cli_duration(took).s, cli_rate(received, took).s, r->saw, digest_hex(hash).s);
}

/* Only behind this the closing message is acknowledged: until then a killed receiver would be asked to check again. */
static int take_end(struct receiver *r, const struct piece *piece)
{
    unsigned char sent[DIGEST_BYTES], hash[DIGEST_BYTES];
    memcpy(sent, piece->data, sizeof sent);
    if (digest_end(r->digest, hash) != 0)
        return digest_failed();
    if (memcmp(sent, hash, sizeof hash) != 0)
        return cli_fail(CLI_MISMATCH, "sha256 %s was received, but %s was sent; %s is not the file that was sent",
                        digest_hex(hash).s, digest_hex(sent).s, r->output.path);
    int code = output_close(&r->output);
    if (code != 0)
        return code;
    progress_end(&r->progress);
    if (!r->options->quiet)
        report(r, hash);
    r->finished = 1;
    return 0;
}

static int take_abort(const struct receiver *r, const struct piece *piece)
{
    char reason[CHUNK_LEAST + 1] = "";
    size_t length = piece->length < CHUNK_LEAST ? (size_t)piece->length : CHUNK_LEAST;
    memcpy(reason, piece->data, length);
    for (size_t i = 0; i < length; i++)
        reason[i] = reason[i] >= ' ' && reason[i] <= '~' ? reason[i] : '?';
    return cli_fail(CLI_UNFINISHED, "the sender gave up after %" PRIu64 " bytes: %s; %s is not the whole file",
                    piece->head.offset, reason, r->output.path);
}

static int take(struct receiver *r, const myl_message *message)
{
    struct piece piece = {.data = message->data};
    int code = open_piece(r, message, &piece);
    if (code == 0)
        code = check_piece(r, &piece);
    if (code == 0 && !r->begun && piece.kind != CHUNK_ABORT)
        code = begin(r, &piece.head);
    if (code != 0)
        return code;
    switch (piece.kind) {
    case CHUNK_DATA:
        return take_data(r, &piece);
    case CHUNK_END:
        return take_end(r, &piece);
    default:
        return take_abort(r, &piece);
    }
}

/* --- the stream ------------------------------------------------------------------------------------------ */

/* How far it is, for people; before the first message nobody knows exactly. */
static struct cli_text place(const struct receiver *r)
{
    struct cli_text text = {""};
    if (r->begun)
        snprintf(text.s, sizeof text.s, "after %" PRIu64 " bytes", r->offset);
    else
        snprintf(text.s, sizeof text.s, r->least > 0 ? "on the way" : "before the first byte");
    return text;
}

static void sender_gone(struct receiver *r, int code)
{
    const char *how = code == MYL_EPRODUCERDEAD ? "died" : "left";
    if (r->orphan_ns != 0)
        return;
    r->orphan_ns = cli_now_ns();
    saw(r, ", sender %s %s", how, place(r).s);
    if (!r->options->quiet)
        cli_say("%s: the sender %s %s; waiting for the next one: start the same 'myelon cp' again", r->joined.id, how,
                place(r).s);
}

static void sender_back(struct receiver *r)
{
    const struct cli_text after = cli_duration(cli_now_ns() - r->orphan_ns);
    saw(r, " and back after %s", after.s);
    if (!r->options->quiet)
        cli_say("%s: the sender is back after %s", r->joined.id, after.s);
    r->orphan_ns = 0;
}

/* After a wait without a message. 0: wait on, or an exit code. */
static int look_around(struct receiver *r, int code)
{
    progress_update(&r->progress, r->offset);
    if (cli_stop_signal() != 0)
        return 128 + cli_stop_signal();
    switch (code) {
    case MYL_EPRODUCERDEAD:
    case MYL_EUNSEATED:
        sender_gone(r, code);
        break;
    case MYL_ETIMEDOUT:
    case MYL_EINTERRUPTED:
        break;
    case MYL_ESUPERSEDED:
    case MYL_EEVICTED:
        cli_ring_error(code);
        return CLI_UNFINISHED;
    case MYL_ECLOSED:
        return cli_fail(CLI_UNFINISHED, "the sender ended the stream %s without finishing it", place(r).s);
    default:
        return cli_ring_error(code);
    }
    if (r->options->timeout_ns != 0 && cli_now_ns() - r->moved_ns >= r->options->timeout_ns)
        return cli_fail(CLI_TIMEOUT, "waited %s for the sender in vain", cli_duration(r->options->timeout_ns).s);
    return 0;
}

static int receive(struct receiver *r)
{
    while (!r->finished) {
        myl_message message;
        int code = myl_frame_consumer_next(r->consumer, &message, SLICE_NS);
        if (code != MYL_OK) {
            code = look_around(r, code);
            if (code != 0)
                return code;
            continue;
        }
        if (r->orphan_ns != 0)
            sender_back(r);
        code = take(r, &message);
        if (code != 0)
            return code;
        code = myl_frame_consumer_release(r->consumer);
        if (code != MYL_OK)
            return look_around(r, code);
        r->moved_ns = cli_now_ns();
    }
    return 0;
}

/* Can the file become whole from here on? Where exactly that is, the first message tells; that may come when the sender
 * is started again, so what the ring's own count can refuse is not waited for. */
static int check_place(struct receiver *r)
{
    if (chunk_of_ring(&r->info) == 0)
        return CLI_FAILED;
    if (r->joined.start == 0)
        return 0;
    if (!r->joined.resumed)
        return cli_fail(CLI_UNFINISHED, "came too late: the beginning of the file is already overwritten; start the "
                                        "sender with 'cp --wait N', and it waits for N receivers");
    if (r->joined.lost > 0)
        return cli_fail(CLI_UNFINISHED,
                        "consumer %s had left, and %s of the ring were overwritten since; the file cannot become "
                        "whole: start the transfer again",
                        r->joined.id, cli_bytes(r->joined.lost * r->info.cell_size).s);
    if (strncmp(r->info.label, CHUNK_OF_FILE, sizeof CHUNK_OF_FILE - 1) == 0)
        r->least = chunk_place_least(&r->info, r->joined.start);
    r->least = r->least > 0 ? r->least : 1; /* a message has been acknowledged */
    return 0;
}

static int join(struct receiver *r)
{
    const struct receiver_options *o = r->options;
    myl_frame_consumer_options options = {
        .size = sizeof options,
        .max_message = 1, /* 'cp' sends nothing in fragments: no memory to put them together */
        .ring = {.id = o->id,
                 .type_id = o->type_id,
                 .backend = o->target.backend,
                 .attach_timeout_ns = o->attach_ns,
                 .on_death = MYL_DEATH_REPORT},
    };
    int code = myl_frame_consumer_open(&r->consumer, o->target.name, &options);
    if (code != MYL_OK)
        return cli_ring_error(code);
    to_interrupt = r->consumer;
    cli_stop_on_signals(interrupt_consumer);
    const myl_consumer *below = myl_frame_consumer_ring(r->consumer);
    r->info.size = sizeof r->info;
    code = myl_consumer_info(below, &r->info);
    if (code == MYL_OK)
        code = myl_consumer_joined(below, &r->joined);
    if (code != MYL_OK)
        return cli_ring_error(code);
    r->moved_ns = cli_now_ns();
    return check_place(r);
}

/* Can the same command go on later? With an id of its own and a file, and when a known id was started with the wrong
 * output by mistake. */
static int can_go_on(const struct receiver *r, int code)
{
    if (code == CLI_OK || code == CLI_MISMATCH || code == CLI_UNFINISHED)
        return 0;
    return r->begun ? r->options->id != NULL && r->output.regular : r->joined.resumed;
}

/* Leaves the ring, or keeps the place in it: then the handle is not closed, and the end of this process makes it a dead
 * consumer, which the sender waits for. */
static void let_go(const struct receiver *r, int code)
{
    if (r->consumer == NULL)
        return;
    if (can_go_on(r, code)) {
        const char *ring = cli_target_text(&r->options->target);
        cli_say("%s keeps its place: 'myelon cat --id %s -o FILE %s' with the file written so far goes on there, "
                "'myelon evict %s %s' gives it up",
                r->joined.id, r->joined.id, ring, ring, r->joined.id);
        return;
    }
    to_interrupt = NULL;
    myl_frame_consumer_close(r->consumer);
}

static int receive_all(struct receiver *r)
{
    int code = join(r);
    if (code != 0)
        return code;
    if (r->options->verify_only)
        output_none(&r->output);
    else
        code = output_open(&r->output, r->options->output);
    if (code == 0)
        code = output_check(&r->output, r->least);
    if (code == 0)
        code = receive(r);
    progress_end(&r->progress);
    return code;
}

int receiver_run(const struct receiver_options *options)
{
    struct receiver r = {.options = options};
    int code = digest_available();
    if (code != 0)
        return code;
    output_none(&r.output);
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of write */
    r.digest = digest_new();
    code = r.digest != NULL ? receive_all(&r) : digest_failed();
    let_go(&r, code);
    digest_free(r.digest);
    int closed = output_close(&r.output);
    return code != 0 ? code : closed;
}
