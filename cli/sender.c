/* SPDX-License-Identifier: MIT
 * The sending side of `cp`. */
#include "sender.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SLICE_NS       MYL_MSEC(100) /* the longest wait between two checks */
#define DRAIN_SLICE_NS MYL_MSEC(10)  /* shorter at the end: a consumer that leaves does not wake the sender */

/* --- waiting --------------------------------------------------------------------------------------------- */

static void begin_wait(struct sender *s)
{
    s->give_up_at = myl_deadline_after(cli_now_ns(), s->options->timeout_ns);
    s->gating = myl_producer_last_consumed(s->below);
}

/* Runs after an unsuccessful wait: reports changes. Returns 0 to wait on, or an exit code. */
static int check_progress(struct sender *s, const char *what)
{
    progress_update(&s->progress, s->offset);
    int code = watch_glance(&s->watch);
    if (code != 0)
        return code;
    if (cli_stop_signal() != 0)
        return sender_stopped();
    if (myl_producer_last_consumed(s->below) != s->gating)
        begin_wait(s);
    if (myl_deadline_has_passed(s->give_up_at, cli_now_ns()))
        return cli_fail(CLI_TIMEOUT, "waited %s for %s without success", cli_duration(s->options->timeout_ns).s, what);
    return 0;
}

/* Handles a final failure of a call on the ring. */
static int ring_failed(struct sender *s, int code)
{
    s->lost = code == MYL_ESUPERSEDED || code == MYL_ELOCKLOST;
    return cli_ring_error(code);
}

/* A new stream waits for its consumers. A continued one does not: some may have finished and left. */
static int wait_for_consumers(struct sender *s)
{
    uint32_t wanted = (uint32_t)s->options->wait;
    int shown = s->options->quiet;
    if (wanted == 0 || myl_producer_last_published(s->below) != MYL_SEQUENCE_NONE)
        return 0;
    begin_wait(s);
    for (;;) {
        int code = myl_frame_producer_wait_consumers(s->producer, NULL, wanted, SLICE_NS);
        if (code == MYL_OK)
            return 0;
        if (code != MYL_ETIMEDOUT && code != MYL_ESTARTUP && code != MYL_EINTERRUPTED)
            return ring_failed(s, code);
        if (!shown)
            cli_notice("waiting for %s: start 'myelon cat %s'", cli_count(wanted, "consumer").s,
                       cli_target_text(&s->options->target));
        shown = 1;
        code = check_progress(s, "consumers");
        if (code != 0)
            return code;
    }
}

/* Waits for room for a message with up to `most` bytes after its head. Returns where they go, or NULL with the exit
 * code in *code. */
static unsigned char *claim(struct sender *s, size_t most, int *code)
{
    int shown = s->options->quiet;
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
        *code = check_progress(s, "room in the ring");
        if (*code != 0)
            return NULL;
        if (watch_abandoned(&s->watch)) {
            s->give_up = "all receivers left before the end";
            *code = cli_fail(CLI_UNFINISHED, "all consumers left before the end; start the transfer again");
            return NULL;
        }
        if (s->watch.gating == 0 && !shown)
            cli_notice("the ring is full: waiting for a consumer; start 'myelon cat %s'",
                       cli_target_text(&s->options->target));
        shown |= s->watch.gating == 0;
    }
}

/* Sleeps to hold --rate. A signal ends the sleep; the caller checks for it. */
static void pace(const struct sender *s)
{
    if (s->options->rate == 0)
        return;
    double due = (double)(s->offset - s->resumed_at) / (double)s->options->rate * 1e9;
    /* Limits the range of the multiplication: beyond it, any file is due. */
    int64_t due_ns = due < (double)(INT64_MAX / 2) ? (int64_t)due : MYL_FOREVER;
    int64_t ahead = myl_deadline_left(myl_deadline_after(s->started_ns, due_ns), cli_now_ns());
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

/* Reads into the ring and publishes. Sets *end at the end of a stream. */
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
    while (!end && s->offset < s->source.size) { /* the size of a stream is CHUNK_TOTAL_UNKNOWN */
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
    return cli_fail(CLI_FAILED, "%s %s; the receivers report it; send it again", s->source.path, changed);
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

/* Waits until every registered consumer has acknowledged everything. */
static int drain(struct sender *s)
{
    begin_wait(s);
    for (;;) {
        int code = watch_scan(&s->watch);
        if (code != 0)
            return code;
        if (watch_abandoned(&s->watch))
            return 0;
        code = myl_frame_producer_wait_consumed(s->producer, DRAIN_SLICE_NS);
        if (code == MYL_OK)
            return watch_scan(&s->watch);
        if (code != MYL_ETIMEDOUT && code != MYL_EINTERRUPTED)
            return ring_failed(s, code);
        code = check_progress(s, "the last acknowledgement");
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
        cli_notice("sent %s%s in %s (%s) to %s, sha256 %s", cli_count(s->offset, "byte").s, part, cli_duration(took).s,
                   cli_rate(sent, took).s, cli_count(s->watch.complete, "consumer").s, digest_hex(s->hash).s);
    if (s->watch.complete >= wanted)
        return CLI_OK;
    return cli_fail(CLI_UNFINISHED, "only %" PRIu32 " of %s got the whole file; the others left early",
                    s->watch.complete, cli_count(wanted, "consumer").s);
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
