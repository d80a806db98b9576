/* SPDX-License-Identifier: MIT
 * Peer nng: pair sockets over its ipc transport, at an abstract address. Messages are written and read in memory of
 * nng. The calls block, because nng's threads share the CPUs with the participants. */
#include "loops.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDRESS = 96, QUEUE = 128 };

struct nng_end {
    struct bench_stage *stage;
    int self;
    nng_socket socket;
    nng_msg *message;
};

static void *nng_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job;
    char *address = calloc(1, ADDRESS);
    if (address == NULL)
        bench_explain("no memory");
    else
        snprintf(address, ADDRESS, "abstract://%s-%d", stage->name, channel);
    return address;
}

static void check(struct nng_end *end, int code, const char *call)
{
    if (code != 0)
        bench_die(end->stage, end->self, "%s: %s", call, nng_strerror(code));
}

static void *nng_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct nng_end *end = frame_buffer(stage, self, sizeof *end);
    int queue = job->shape->depth < QUEUE ? (int)job->shape->depth : QUEUE;
    end->stage = stage;
    end->self = self;
    check(end, nng_pair0_open(&end->socket), "nng_pair0_open");
    check(end, nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, queue), "NNG_OPT_SENDBUF");
    check(end, nng_socket_set_int(end->socket, NNG_OPT_RECVBUF, queue), "NNG_OPT_RECVBUF");
    check(end, nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
    if (sends)
        check(end, nng_listen(end->socket, channel, NULL, 0), "nng_listen");
    else
        check(end, nng_dial(end->socket, channel, NULL, 0), "nng_dial");
    return end;
}

static void *nng_claim(void *sender, size_t bytes)
{
    struct nng_end *end = sender;
    check(end, nng_msg_alloc(&end->message, bytes), "nng_msg_alloc");
    return nng_msg_body(end->message);
}

static void nng_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct nng_end *end = sender;
    check(end, nng_sendmsg(end->socket, end->message, 0), "nng_sendmsg");
}

static const void *nng_next(void *receiver, size_t bytes)
{
    struct nng_end *end = receiver;
    check(end, nng_recvmsg(end->socket, &end->message, 0), "nng_recvmsg");
    if (nng_msg_len(end->message) != bytes)
        bench_die(end->stage, end->self, "a message of %zu bytes, expected %zu", nng_msg_len(end->message), bytes);
    return nng_msg_body(end->message);
}

static void nng_release(void *receiver)
{
    nng_msg_free(((struct nng_end *)receiver)->message);
}

static void nng_leave(void *any)
{
    struct nng_end *end = any;
    check(end, nng_close(end->socket), "nng_close");
}

static const struct frame_ops nng_ops = {.open = nng_open,
                                         .claim = nng_claim,
                                         .commit = nng_commit,
                                         .next = nng_next,
                                         .release = nng_release,
                                         .close = nng_leave};
FRAME_PARTICIPANTS(nng)

const struct frame_peer frame_nng = {.name = "nng", .make = nng_make, .drop = free, FRAME_OF(nng)};
