/* SPDX-License-Identifier: MIT
 * The sending side of `cp`. */
#include "sender.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SLICE_NS       MYL_MSEC(100) /* the longest wait before looking around */
#define DRAIN_SLICE_NS MYL_MSEC(10)  /* shorter at the end: consumers that acknowledged it and left wake nobody */

/* --- waiting --------------------------------------------------------------------------------------------- */

static void begin_wait(struct sender *s)
{
    s->moved_ns = cli_now_ns();
    s->gating = myl_producer_gating(s->below);
}

/* After a slice of waiting without success: tells what is new. 0: wait on, or an exit code. */
static int look_around(struct sender *s, const char *what)
{
    progress_update(&s->progress, s->offset);
    int code = watch_glance(&s->watch);
    if (code != 0)
        return code;
    if (cli_stop_signal() != 0)
        return sender_stopped();
    if (myl_producer_gating(s->below) != s->gating)
        begin_wait(s);
    if (s->options->timeout_ns != 0 && cli_now_ns() - s->moved_ns >= s->options->timeout_ns)
        return cli_fail(CLI_TIMEOUT, "waited %s for %s in vain", cli_duration(s->options->timeout_ns).s, what);
    return 0;
}

/* A call on the ring failed for good. */
static int ring_failed(struct sender *s, int code)
{
    s->lost = code == MYL_ESUPERSEDED || code == MYL_ESEATLOST;
    return cli_ring_error(code);
}

/* A new stream waits for its audience. One that goes on does not: some may have all they need and be gone. */
static int wait_for_consumers(struct sender *s)
{
    uint32_t wanted = (uint32_t)s->options->wait;
    int said = s->options->quiet;
    if (wanted == 0 || myl_producer_last(s->below) != MYL_SEQUENCE_NONE)
        return 0;
    begin_wait(s);
    for (;;) {
        int code = myl_frame_producer_wait_consumers(s->producer, NULL, wanted, SLICE_NS);
        if (code == MYL_OK)
            return 0;
        if (code != MYL_ETIMEDOUT && code != MYL_ESTARTUP && code != MYL_EINTERRUPTED)
            return ring_failed(s, code);
        if (!said)
            cli_say("waits for %" PRIu32 " consumer%s: 'myelon cat %s'", wanted, wanted == 1 ? "" : "s",
                    cli_target_text(&s->options->target));
        said = 1;
        code = look_around(s, "consumers");
        if (code != 0)
            return code;
    }
}

/* Waits for room for a message with up to `most` bytes behind its head, and hands out where they go; NULL with the exit
 * code in *code. */
static unsigned char *claim(struct sender *s, size_t most, int *code)
{
    int said = s->options->quiet;
    begin_wait(s);
    for (;;) {
        void *message;
        int rc = myl_frame_producer_claim(s->producer, CHUNK_HEAD + most, &message, SLICE_NS);
        if (rc == MYL_OK)
            return (unsigned char *)message + CHUNK_HEAD;
        if (rc != MYL_ETIMEDOUT && rc != MYL_EINTERRUPTED) {
            *code = ring_failed(s, rc);
            return NULL;
        }
        *code = look_around(s, "room in the ring");
        if (*code != 0)
            return NULL;
        if (watch_abandoned(&s->watch)) {
            s->give_up = "every receiver left before the end";
            *code = cli_fail(CLI_UNFINISHED, "every consumer left before the end; start again");
            return NULL;
        }
        if (s->watch.gating == 0 && !said)
            cli_say("the ring is full and waits for a consumer: 'myelon cat %s'", cli_target_text(&s->options->target));
        said |= s->watch.gating == 0;
    }
}

/* Sleeps as long as --rate wants. A signal ends the sleep; the caller notices it. */
static void pace(const struct sender *s)
{
    if (s->options->rate == 0)
        return;
    double due = (double)(s->offset - s->resumed_at) / (double)s->options->rate * 1e9;
    int64_t ahead = s->started_ns + (int64_t)due - cli_now_ns();
    if (ahead > 0) {
        struct timespec pause = {.tv_sec = (time_t)(ahead / 1000000000), .tv_nsec = (long)(ahead % 1000000000)};
        nanosleep(&pause, NULL);
    }
}

/* --- sending --------------------------------------------------------------------------------------------- */

static int digest_failed(void)
{
    return cli_fail(CLI_FAILED, "the cryptographic library cannot compute a SHA-256");
}

int sender_publish(struct sender *s, unsigned char *data, size_t length, enum chunk_kind kind, uint64_t total)
{
    const struct chunk_head head = {.stream = s->source.stream, .offset = s->offset, .total = total};
    memcpy(data - CHUNK_HEAD, &head, CHUNK_HEAD);
    int rc = myl_frame_producer_commit(s->producer, CHUNK_HEAD + length, (uint8_t)kind);
    return rc == MYL_OK ? 0 : ring_failed(s, rc);
}

/* Reads into the ring itself and publishes. A stream that is at its end sets *end. */
static int send_chunk(struct sender *s, int *end)
{
    int code = CLI_FAILED;
    uint64_t left = s->source.size - s->offset;
    size_t most = left < s->chunk ? (size_t)left : s->chunk;
    unsigned char *data = claim(s, most, &code);
    if (data == NULL)
        return code;
    int64_t got = source_read(&s->source, data, most, s->offset);
    if (got > 0 && (!s->source.resumable || got == (int64_t)most)) {
        if (digest_add(s->digest, data, (size_t)got) != 0)
            return digest_failed();
        code = sender_publish(s, data, (size_t)got, CHUNK_DATA, s->source.size);
        s->offset += code == 0 ? (uint64_t)got : 0;
        return code;
    }
    myl_frame_producer_abort(s->producer);
    if (got == SOURCE_STOPPED)
        return sender_stopped();
    if (got == 0 && !s->source.resumable) {
        *end = 1;
        return 0;
    }
    s->give_up = got == SOURCE_FAILED ? "its input could not be read" : "its file became shorter while it was sent";
    return got == SOURCE_FAILED ? CLI_FAILED
                                : cli_fail(CLI_FAILED, "%s became shorter while it was sent", s->source.path);
}

static int send_data(struct sender *s)
{
    int end = 0;
    while (!end && s->offset < s->source.size) { /* a stream's size is the largest number there is */
        int code = send_chunk(s, &end);
        if (code == 0)
            code = watch_glance(&s->watch);
        if (code != 0)
            return code;
        progress_update(&s->progress, s->offset);
        pace(s);
        if (cli_stop_signal() != 0)
            return sender_stopped();
    }
    const char *changed = source_changed(&s->source);
    if (changed == NULL || s->ended)
        return 0;
    s->give_up = "its file was changed while it was sent";
    return cli_fail(CLI_FAILED, "%s %s; the receivers are told so; send it again", s->source.path, changed);
}

static int send_end(struct sender *s)
{
    if (digest_end(s->digest, s->hash) != 0)
        return digest_failed();
    if (s->ended)
        return 0;
    int code = CLI_FAILED;
    unsigned char *data = claim(s, sizeof s->hash, &code);
    if (data == NULL)
        return code;
    memcpy(data, s->hash, sizeof s->hash);
    code = sender_publish(s, data, sizeof s->hash, CHUNK_END, s->offset);
    s->ended = code == 0;
    return code;
}

/* Waits until nobody is left who has not acknowledged everything. */
static int drain(struct sender *s)
{
    begin_wait(s);
    for (;;) {
        int code = watch_look(&s->watch);
        if (code != 0)
            return code;
        if (watch_abandoned(&s->watch))
            return 0;
        code = myl_frame_producer_wait_consumed(s->producer, DRAIN_SLICE_NS);
        if (code == MYL_OK)
            return watch_look(&s->watch);
        if (code != MYL_ETIMEDOUT && code != MYL_EINTERRUPTED)
            return ring_failed(s, code);
        code = look_around(s, "the last acknowledgement");
        if (code != 0)
            return code;
    }
}

static int report(const struct sender *s)
{
    uint64_t sent = s->offset - s->resumed_at, wanted = s->options->wait > 0 ? s->options->wait : 1;
    int64_t took = cli_now_ns() - s->started_ns;
    char part[64] = "";
    if (s->resumed_at > 0)
        snprintf(part, sizeof part, ", %" PRIu64 " of them by this process", sent);
    if (!s->options->quiet)
        cli_say("sent %" PRIu64 " bytes%s in %s (%s) to %" PRIu32 " consumer%s, sha256 %s", s->offset, part,
                cli_duration(took).s, cli_rate(sent, took).s, s->watch.complete, s->watch.complete == 1 ? "" : "s",
                digest_hex(s->hash).s);
    if (s->watch.complete >= wanted)
        return CLI_OK;
    return cli_fail(CLI_UNFINISHED, "%" PRIu32 " consumer%s took everything, not %" PRIu64 "; the others left early",
                    s->watch.complete, s->watch.complete == 1 ? "" : "s", wanted);
}

static int send_all(struct sender *s)
{
    int code = sender_take_ring(s);
    if (code == 0)
        code = wait_for_consumers(s);
    if (code != 0)
        return code;
    s->started_ns = cli_now_ns();
    progress_start(&s->progress, s->offset, s->source.size, s->options->quiet);
    code = send_data(s);
    if (code == 0)
        code = send_end(s);
    if (code == 0)
        code = drain(s);
    progress_end(&s->progress);
    s->drained = code == 0;
    return code == 0 ? report(s) : code;
}

int sender_run(const struct sender_options *options)
{
    struct sender s = {.options = options};
    int code = digest_available();
    if (code == 0)
        code = source_open(&s.source, options->path);
    if (code != 0)
        return code;
    s.digest = digest_new();
    code = s.digest != NULL ? send_all(&s) : digest_failed();
    sender_let_go(&s, code);
    watch_free(&s.watch);
    digest_free(s.digest);
    source_close(&s.source);
    return code;
}
