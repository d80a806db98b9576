/* SPDX-License-Identifier: MIT
 * How a sender opens and leaves its ring.
 *
 * All state that a restarted sender needs is in the ring: its label names the file, and the positions give the offset
 * in the file. Nothing is saved elsewhere. */
#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define DEFAULT_CHUNK    ((uint64_t)64 << 10)
#define DEFAULT_CAPACITY 64
#define RING_MOST        ((uint64_t)1 << 38) /* bytes: the library's limit */
#define GIVE_UP_NS       MYL_SEC(1)

/* Only for the signal handler. */
static myl_frame_producer *volatile to_interrupt;

static void interrupt_producer(void)
{
    myl_frame_producer *producer = to_interrupt;
    if (producer != NULL)
        myl_frame_producer_interrupt(producer);
}

int sender_stopped(void)
{
    return 128 + cli_stop_signal();
}

static int refuse_other_file(const struct sender *s)
{
    const char *remove = cli_target_text(&s->options->target);
    if (strncmp(s->info.label, CHUNK_OF_PIPE, sizeof CHUNK_OF_PIPE - 1) == 0)
        return cli_fail(
            CLI_FAILED,
            "ring \"%s\" holds a stream from a pipe whose sender died, and no sender can continue it; remove "
            "it with 'myelon rm %s' and start again",
            s->options->target.name, remove);
    return cli_fail(CLI_FAILED,
                    "ring \"%s\" carries another file, or %s was changed meanwhile; send that file to its end, or "
                    "remove the ring with 'myelon rm %s' and start again",
                    s->options->target.name, s->source.path, remove);
}

/* Checks for an unfinished ring with that name. Its shape applies, and its file must match. The check comes before the
 * takeover, so that a wrong file does not disturb the receivers. */
static int find_predecessor(struct sender *s, int *found)
{
    const struct cli_target *target = &s->options->target;
    myl_snapshot *snapshot;
    int code = myl_snapshot_take(target->name, target->backend, &snapshot);
    *found = 0;
    if (code == MYL_ENOTFOUND)
        return 0;
    if (code != MYL_OK)
        return cli_ring_error(code);
    s->info = snapshot->info;
    *found = !snapshot->closed && !snapshot->superseded;
    /* The library refuses a wrong type and a live producer. */
    int vacant = !snapshot->producer_alive && snapshot->info.type_id == s->options->type_id;
    myl_snapshot_free(snapshot);
    return *found && vacant && strcmp(s->info.label, s->source.label) != 0 ? refuse_other_file(s) : 0;
}

/* Sets the shape of the ring. 0: as in the existing ring, which must agree with the other options. */
static int choose_shape(const struct sender *s, int found, myl_frame_producer_options *options)
{
    uint64_t chunk = s->options->chunk, capacity = s->options->capacity;
    if (!found) {
        chunk = chunk != 0 ? chunk : DEFAULT_CHUNK;
        capacity = capacity != 0 ? capacity : DEFAULT_CAPACITY;
    }
    /* One record per message; with fragments the ring's positions would not give the offset in the file. */
    options->config.max_frame = chunk != 0 ? (uint32_t)chunk + CHUNK_HEAD : 0;
    options->config.max_message = options->config.max_frame;
    if (capacity == 0)
        return 0;
    if (chunk == 0)
        chunk = chunk_of_ring(&s->info);
    if (chunk == 0)
        return CLI_FAILED;
    options->config.ring_bytes = chunk_ring_bytes(chunk, capacity);
    if (options->config.ring_bytes > RING_MOST)
        return cli_usage("--capacity %" PRIu64 " with messages of %" PRIu64
                         " bytes needs a ring of %s; the limit is %s",
                         capacity, chunk, cli_bytes(options->config.ring_bytes).s, cli_bytes(RING_MOST).s);
    return 0;
}

static int open_ring(struct sender *s)
{
    const struct sender_options *o = s->options;
    int found;
    myl_frame_producer_options options = {
        .size = sizeof options,
        .config = {.type_id = o->type_id, .label = s->source.label},
        .ring = {.backend = o->target.backend, .on_death = MYL_DEATH_WAIT},
    };
    int code = find_predecessor(s, &found);
    if (code == 0)
        code = choose_shape(s, found, &options);
    if (code != 0)
        return code;
    if (!found) /* a continued stream waits for no consumers and keeps the shape */
        options.config.max_consumers = cli_consumers_for(o->wait);
    code = myl_frame_producer_open(&s->producer, o->target.name, &options);
    if (code == MYL_ETYPE && o->type_id == CHUNK_TYPE)
        return cli_ring_error_advised(code, "'myelon cp' did not make it: choose another name, or remove it with "
                                            "'myelon rm'");
    if (code != MYL_OK)
        return cli_ring_error(code);
    to_interrupt = s->producer;
    cli_stop_on_signals(interrupt_producer);
    s->below = myl_frame_producer_ring(s->producer);
    s->info = (myl_info){.size = sizeof s->info};
    code = myl_producer_info(s->below, &s->info);
    return code == MYL_OK ? 0 : cli_ring_error(code);
}

/* Checks the opened ring again: another ring may have taken the name since the first check. */
static int check_ring(struct sender *s)
{
    if (strcmp(s->info.label, s->source.label) != 0)
        return refuse_other_file(s);
    s->chunk = chunk_of_ring(&s->info);
    if (s->chunk == 0)
        return CLI_FAILED;
    s->ours = 1;
    return watch_start(&s->watch, &s->options->target, s->info.session);
}

/* Finds the offset in the file from the ring's positions, and hashes what was sent before. */
static int find_place(struct sender *s)
{
    uint64_t published = (uint64_t)(myl_producer_last_published(s->below) + 1);
    if (published == 0)
        return 0;
    if (chunk_place(&s->info, published, s->source.size, &s->offset, &s->ended) != 0)
        return cli_fail(CLI_FAILED,
                        "ring \"%s\" is used up to position %" PRIu64
                        ", which does not fit the messages of %s; remove the ring with 'myelon rm %s'",
                        s->info.name, published, s->source.path, cli_target_text(&s->options->target));
    s->resumed_at = s->offset;
    if (!s->options->quiet)
        cli_notice("continues at %s of %s, byte %" PRIu64, cli_bytes(s->offset).s, cli_bytes(s->source.size).s,
                   s->offset);
    switch (digest_add_file(s->digest, s->source.fd, s->offset)) {
    case DIGEST_FILE_DONE:
        return 0;
    case DIGEST_FILE_STOPPED:
        return sender_stopped();
    case DIGEST_FILE_SHORT:
        s->give_up = "its file became shorter while it was sent";
        return cli_fail(CLI_FAILED, "%s became shorter while it was sent", s->source.path);
    case DIGEST_FILE_ERROR:
        break;
    }
    return cli_fail(CLI_FAILED, "cannot read %s again: %s", s->source.path, strerror(errno));
}

int sender_take_ring(struct sender *s)
{
    int code = open_ring(s);
    if (code == 0)
        code = check_ring(s);
    return code == 0 ? find_place(s) : code;
}

/* Publishes the reason why the stream ends, if there is room for it soon. */
static void send_give_up(struct sender *s)
{
    void *message;
    size_t length = strlen(s->give_up);
    length = length < CHUNK_LEAST ? length : CHUNK_LEAST;
    myl_frame_producer_abort(s->producer);
    if (myl_frame_producer_claim(s->producer, CHUNK_HEAD + length, &message, GIVE_UP_NS) != MYL_OK)
        return;
    unsigned char *data = (unsigned char *)message + CHUNK_HEAD;
    memcpy(data, s->give_up, length);
    (void)sender_publish(s, data, length, CHUNK_ABORT, s->source.size); /* cannot fail: it was claimed */
}

void sender_let_go(struct sender *s, int code)
{
    if (s->producer == NULL)
        return;
    int untouched = myl_producer_last_published(s->below) == MYL_SEQUENCE_NONE;
    if (s->ours && code != CLI_OK && !s->source.resumable && !s->ended && s->give_up == NULL)
        s->give_up = "its sender was stopped";
    if (s->ours && s->give_up != NULL)
        send_give_up(s);
    to_interrupt = NULL;
    int over = s->drained || s->give_up != NULL || untouched || !s->source.resumable;
    if (s->ours && over) {
        myl_frame_producer_close(s->producer);
    } else {
        myl_frame_producer_leave(s->producer);
        if (s->ours && !s->lost && !s->watch.gone)
            cli_notice("left at %s of %s; the same command continues there, 'myelon rm %s' removes the ring",
                       cli_bytes(s->offset).s, cli_bytes(s->source.size).s, cli_target_text(&s->options->target));
    }
    s->producer = NULL;
}
