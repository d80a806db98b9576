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

#include "base/deadline.h"

struct sender_options {
    struct cli_target target;
    const char *path;
    uint64_t wait;       /* consumers to wait for before the first byte */
    int64_t timeout_ns;  /* without progress; MYL_FOREVER */
    uint64_t chunk;      /* bytes of the file in a message; 0: as in the ring, or 64 KiB for a new one */
    uint64_t capacity;   /* full messages that fit in the ring; 0: as in the ring, or 64 for a new one */
    uint64_t type_id;
    uint64_t rate;       /* most bytes a second; 0: no limit */
    int quiet;
};

struct sender {
    const struct sender_options *options;
    struct source source;
    myl_frame_producer *producer;
    const myl_producer *below; /* the ring's producer, for queries */
    myl_info info;
    uint32_t chunk;         /* bytes of file in a full message */
    struct digest *digest;  /* of the bytes before `offset` */
    unsigned char hash[DIGEST_BYTES];
    uint64_t offset;        /* the next byte to send */
    uint64_t resumed_at;    /* the first byte that this process sent */
    int ours;               /* the ring is for this file: this process may end the stream */
    int ended;              /* the closing message is published */
    int drained;            /* and every registered consumer has acknowledged it */
    int lost;               /* the ring, or its participant lock, is lost */
    const char *give_up;    /* if set: why no sender can continue this stream */
    struct watch watch;
    struct progress progress;
    int64_t started_ns;     /* when sending began */
    struct myl_deadline give_up_at; /* --timeout after the last progress */
    myl_sequence gating;    /* the gate at that moment */
};

/* Sends the file, or continues after a dead sender of the same file. Returns the exit code. */
int sender_run(const struct sender_options *options);

/* Publishes a claim of sender->producer: `data` follows the head, `length` bytes of it are used. Returns 0 or an exit
 * code. */
int sender_publish(struct sender *sender, unsigned char *data, size_t length, enum chunk_kind kind, uint64_t total);

/* Creates the ring or takes it over, and finds the position in the file (sender_ring.c). Returns 0 or an exit code. */
int sender_take_ring(struct sender *sender);

/* Ends the stream if it is finished or no sender can continue it; otherwise leaves it to a successor. */
void sender_let_go(struct sender *sender, int code);

/* Returns the exit code of a command that a signal ended. */
int sender_stopped(void);

#endif
