/* SPDX-License-Identifier: MIT
 * The sending side of `cp`: one file, one ring, any number of receivers. */
#ifndef MYELON_CLI_SENDER_H
#define MYELON_CLI_SENDER_H

#include "chunk.h"
#include "cli.h"
#include "digest.h"
#include "progress.h"
#include "source.h"
#include "watch.h"

struct sender_options {
    struct cli_target target;
    const char *path;
    uint64_t wait;       /* consumers to wait for before the first byte */
    int64_t timeout_ns;  /* without any progress; 0: for ever */
    uint64_t chunk;      /* bytes of the file in a message; 0: the ring's, or 64 KiB for a new one */
    uint64_t capacity;   /* full messages the ring has room for; 0: the ring's, or 64 for a new one */
    uint64_t type_id;
    uint64_t rate;       /* bytes a second at most; 0: as fast as it goes */
    int quiet;
};

struct sender {
    const struct sender_options *options;
    struct source source;
    myl_frame_producer *producer;
    const myl_producer *below; /* of Layer 0, for questions */
    myl_info info;
    uint32_t chunk;         /* bytes of file in a full message */
    struct digest *digest;  /* of the bytes before `offset` */
    unsigned char hash[DIGEST_BYTES];
    uint64_t offset;        /* the next byte to send */
    uint64_t resumed_at;    /* the byte this process began with */
    int ours;               /* the ring is for this very file: we may end it */
    int ended;              /* the closing message is published */
    int drained;            /* and nobody is left who has not acknowledged it */
    int lost;               /* the ring, or the seat in it, was taken away */
    const char *give_up;    /* set: nobody can go on with this stream, and why */
    struct watch watch;
    struct progress progress;
    int64_t started_ns;     /* when sending began */
    int64_t moved_ns;       /* when something moved last, for --timeout */
    myl_sequence gating;    /* what all had acknowledged then */
};

/* Sends the file, or goes on where a dead sender of it stopped. Returns the exit code. */
int sender_run(const struct sender_options *options);

/* Publishes a claim of sender->producer: `data` is what is behind its head, `length` bytes of it count. 0, or an exit
 * code. */
int sender_publish(struct sender *sender, unsigned char *data, size_t length, enum chunk_kind kind, uint64_t total);

/* Makes the ring or takes it over, and finds the place in the file to go on at (sender_ring.c). 0, or an exit code. */
int sender_take_ring(struct sender *sender);

/* Ends the stream where it is finished or nobody can go on with it; otherwise leaves it to a successor. */
void sender_let_go(struct sender *sender, int code);

/* What a command answers that was ended by a signal. */
int sender_stopped(void);

#endif
