/* SPDX-License-Identifier: MIT
 * The receiving side of `cat`. A message is acknowledged after it was written; messages that a killed receiver had not
 * written are delivered again. */
#include "receiver.h"

#include "chunk.h"
#include "digest.h"
#include "output.h"
#include "progress.h"

#include "base/deadline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#define SLICE_NS MYL_MSEC(100) /* the longest wait between two checks */

struct receiver {
    const struct receiver_options *options;
    myl_frame_consumer *consumer;
    myl_info info;
    myl_joined joined;
    struct output output;
    struct digest *digest;  /* of the bytes before `offset` */
    uint64_t stream;        /* its identity; known with the first message */
    uint64_t offset;        /* the next byte to write */
    uint64_t resumed_at;    /* the first byte that this process received */
    uint64_t least;         /* lower bound of the bytes acknowledged before; 0 if and only if none was */
    int begun, finished;
    struct progress progress;
    int64_t started_ns;     /* when the first message arrived */
    struct myl_deadline give_up_at; /* --timeout after the last message, or after the start */
    int64_t orphan_ns;      /* when the sender died or left; 0: it is alive */
    char saw[512];          /* what happened to the sender, for the report */
};

/* Only for the signal handler. */
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

/* A message. The head is a copy, since a hostile or broken writer could change the original. */
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
    return cli_fail(CLI_MISMATCH, "at byte %" PRIu64 ": %s; %s is not the file that was sent", r->offset, what,
                    r->output.path);
}

static int open_piece(const struct receiver *r, const myl_message *message, struct piece *piece)
{
    if (message->length < CHUNK_HEAD || message->fragments != 1)
        return not_as_sent(r, "received a message of %" PRIu64 " bytes that is not from 'cp'", message->length);
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
        return not_as_sent(r, "received a message of another file");
    if (r->begun && piece->kind != CHUNK_ABORT && head->offset != r->offset)
        return not_as_sent(r, "received byte %" PRIu64 " instead", head->offset);
    if (piece->kind == CHUNK_DATA &&
        (piece->length == 0 || head->offset > head->total || piece->length > head->total - head->offset))
        return not_as_sent(r, "received %" PRIu64 " bytes beyond the end of the file", piece->length);
    if (piece->kind == CHUNK_END && (piece->length != DIGEST_BYTES || head->total != head->offset))
        return not_as_sent(r, "the closing message is inconsistent");
    if (piece->kind < CHUNK_DATA || piece->kind > CHUNK_ABORT)
        return not_as_sent(r, "received a message of the unknown kind %" PRIu32, piece->kind);
    return 0;
}

/* Takes the position in the file from the first message. */
static int begin(struct receiver *r, const struct chunk_head *head)
{
    if (head->offset < r->least || (r->joined.start == 0 && head->offset > 0))
        return not_as_sent(r, "received byte %" PRIu64 " first, but %" PRIu64 " bytes were acknowledged before",
                           head->offset, r->least);
    int code = output_begin(&r->output, head->offset, r->digest);
    if (code != 0)
        return code;
    if (head->offset > 0 && !r->options->quiet)
        cli_notice("%s continues at byte %" PRIu64, r->joined.id, head->offset);
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
    cli_notice("%s received %" PRIu64 " bytes%s in %s (%s)%s, sha256 %s matches", r->joined.id, r->offset, part,
               cli_duration(took).s, cli_rate(received, took).s, r->saw, digest_hex(hash).s);
}

/* The closing message is acknowledged after this check: a receiver killed before it checks again. */
static int take_end(struct receiver *r, const struct piece *piece)
{
    unsigned char sent[DIGEST_BYTES], hash[DIGEST_BYTES];
    memcpy(sent, piece->data, sizeof sent);
    if (digest_end(r->digest, hash) != 0)
        return digest_failed();
    if (memcmp(sent, hash, sizeof hash) != 0)
        return cli_fail(CLI_MISMATCH, "sha256 is %s, but that of the sent file is %s; %s is not the file that was sent",
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

/* Returns the position for messages; before the first message it is not exactly known. */
static struct cli_text place(const struct receiver *r)
{
    struct cli_text text = {""};
    if (r->begun)
        snprintf(text.s, sizeof text.s, "after %" PRIu64 " bytes", r->offset);
    else
        snprintf(text.s, sizeof text.s, r->least > 0 ? "within the file" : "before the first byte");
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
        cli_notice("%s: the sender %s %s; waiting for the next one; start the same 'myelon cp' again", r->joined.id,
                   how, place(r).s);
}

static void sender_back(struct receiver *r)
{
    const struct cli_text after = cli_duration(cli_now_ns() - r->orphan_ns);
    saw(r, " and back after %s", after.s);
    if (!r->options->quiet)
        cli_notice("%s: the sender is back after %s", r->joined.id, after.s);
    r->orphan_ns = 0;
}

/* Runs after a wait without a message. Returns 0 to wait on, or an exit code. */
static int check_progress(struct receiver *r, int code)
{
    progress_update(&r->progress, r->offset);
    if (cli_stop_signal() != 0)
        return 128 + cli_stop_signal();
    switch (code) {
    case MYL_EPRODUCERDEAD:
    case MYL_EPRODUCERLEFT:
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
    if (myl_deadline_has_passed(r->give_up_at, cli_now_ns()))
        return cli_fail(CLI_TIMEOUT, "no message from the sender within %s", cli_duration(r->options->timeout_ns).s);
    return 0;
}

static int receive(struct receiver *r)
{
    while (!r->finished) {
        myl_message message;
        int code = myl_frame_consumer_next(r->consumer, &message, SLICE_NS);
        if (code != MYL_OK) {
            code = check_progress(r, code);
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
            return check_progress(r, code);
        r->give_up_at = myl_deadline_after(cli_now_ns(), r->options->timeout_ns);
    }
    return 0;
}

/* Checks whether the file can become complete. The first message has the exact position, but it may arrive only after
 * the sender is started again. What the ring's positions already exclude is therefore reported at once. */
static int check_place(struct receiver *r)
{
    if (chunk_of_ring(&r->info) == 0)
        return CLI_FAILED;
    if (r->joined.start == 0)
        return 0;
    if (!r->joined.resumed)
        return cli_fail(CLI_UNFINISHED,
                        "joined too late: the beginning of the file is overwritten; start the sender with "
                        "'cp --wait N' to let it wait for N receivers");
    if (r->joined.lost > 0)
        return cli_fail(CLI_UNFINISHED,
                        "consumer %s had left, and %s of the ring were overwritten since then; the file would be "
                        "incomplete: start the transfer again",
                        r->joined.id, cli_bytes(r->joined.lost * r->info.cell_size).s);
    if (strncmp(r->info.label, CHUNK_OF_FILE, sizeof CHUNK_OF_FILE - 1) == 0)
        r->least = chunk_place_least(&r->info, r->joined.start);
    r->least = r->least > 0 ? r->least : 1; /* at least one message was acknowledged */
    return 0;
}

static int join(struct receiver *r)
{
    const struct receiver_options *o = r->options;
    myl_frame_consumer_options options = {
        .size = sizeof options,
        .type_id = o->type_id,
        .max_message = 1, /* 'cp' sends no fragments: no reassembly buffer */
        .ring = {.id = o->id,
                 .backend = o->target.backend,
                 .attach_timeout_ns = o->attach_ns,
                 .on_death = MYL_DEATH_REPORT},
    };
    int code = myl_frame_consumer_open(&r->consumer, o->target.name, &options);
    if (code == MYL_ETYPE && o->type_id == CHUNK_TYPE)
        return cli_ring_error_advised(code, "'myelon cp' did not make it: read it with 'myelon sub'");
    if (code != MYL_OK)
        return cli_open_error(code);
    to_interrupt = r->consumer;
    cli_stop_on_signals(interrupt_consumer);
    const myl_consumer *below = myl_frame_consumer_ring(r->consumer);
    r->info.size = sizeof r->info;
    r->joined.size = sizeof r->joined;
    code = myl_consumer_info(below, &r->info);
    if (code == MYL_OK)
        code = myl_consumer_joined(below, &r->joined);
    if (code != MYL_OK)
        return cli_ring_error(code);
    r->give_up_at = myl_deadline_after(cli_now_ns(), r->options->timeout_ns);
    return check_place(r);
}

/* Returns 1 if the same command can continue later: with its own id and a file, or if a known id was started with the
 * wrong output by mistake. */
static int can_go_on(const struct receiver *r, int code)
{
    if (code == CLI_OK || code == CLI_MISMATCH || code == CLI_UNFINISHED)
        return 0;
    return r->begun ? r->options->id != NULL && r->output.regular : r->joined.resumed;
}

/* Leaves the ring, or keeps its place. To keep it, the handle stays open, the end of the process makes it a dead
 * consumer, and the sender waits for it. */
static void let_go(const struct receiver *r, int code)
{
    if (r->consumer == NULL)
        return;
    if (can_go_on(r, code)) {
        const char *ring = cli_target_text(&r->options->target);
        cli_notice("%s keeps its place: 'myelon cat --id %s -o FILE %s' with the file written so far continues there, "
                   "'myelon evict %s %s' removes it",
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
    signal(SIGPIPE, SIG_IGN); /* write returns EPIPE instead */
    r.digest = digest_new();
    code = r.digest != NULL ? receive_all(&r) : digest_failed();
    let_go(&r, code);
    digest_free(r.digest);
    int closed = output_close(&r.output);
    return code != 0 ? code : closed;
}
