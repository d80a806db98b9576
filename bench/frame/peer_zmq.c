/* SPDX-License-Identifier: MIT
 * Peer zmq: ZeroMQ over ipc, at an abstract address, which leaves no file. One consumer: PAIR sockets. Several: XPUB
 * with ZMQ_XPUB_NODROP, and SUB. Messages are written and read in memory of ZeroMQ. The calls block, because ZeroMQ's
 * I/O threads share the CPUs with the participants. */
#include "loops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { ADDRESS = 96 };

struct zmq_end {
    struct bench_stage *stage;
    int self, expected; /* subscriptions that the sender has not received yet */
    void *context, *socket;
    zmq_msg_t message;
};

static void *zmq_make(const struct frame_job *job, struct bench_stage *stage, int channel)
{
    (void)job;
    char *address = calloc(1, ADDRESS);
    if (address == NULL)
        bench_explain("no memory");
    else
        snprintf(address, ADDRESS, "ipc://@%s-%d", stage->name, channel);
    return address;
}

static void check(struct zmq_end *end, int bad, const char *call)
{
    if (bad)
        bench_die(end->stage, end->self, "%s: %s", call, zmq_strerror(zmq_errno()));
}

static void *zmq_open(void *channel, const struct frame_job *job, struct bench_stage *stage, int self, int sends)
{
    struct zmq_end *end = frame_buffer(stage, self, sizeof *end);
    int fan = job->shape->consumers > 1, depth = (int)job->shape->depth, one = 1;
    end->stage = stage;
    end->self = self;
    end->expected = fan && sends ? job->shape->consumers : 0;
    end->context = zmq_ctx_new();
    check(end, end->context == NULL, "zmq_ctx_new");
    end->socket = zmq_socket(end->context, !fan ? ZMQ_PAIR : sends ? ZMQ_XPUB : ZMQ_SUB);
    check(end, end->socket == NULL, "zmq_socket");
    check(end, zmq_setsockopt(end->socket, ZMQ_SNDHWM, &depth, sizeof depth) != 0, "ZMQ_SNDHWM");
    check(end, zmq_setsockopt(end->socket, ZMQ_RCVHWM, &depth, sizeof depth) != 0, "ZMQ_RCVHWM");
    if (fan && sends) {
        check(end, zmq_setsockopt(end->socket, ZMQ_XPUB_NODROP, &one, sizeof one) != 0, "ZMQ_XPUB_NODROP");
        check(end, zmq_setsockopt(end->socket, ZMQ_XPUB_VERBOSE, &one, sizeof one) != 0, "ZMQ_XPUB_VERBOSE");
    } else if (fan)
        check(end, zmq_setsockopt(end->socket, ZMQ_SUBSCRIBE, "", 0) != 0, "ZMQ_SUBSCRIBE");
    const char *address = fan ? job->channel[0] : channel;
    check(end, (sends ? zmq_bind(end->socket, address) : zmq_connect(end->socket, address)) != 0,
          "zmq_bind or zmq_connect");
    return end;
}

static void receive(struct zmq_end *end)
{
    check(end, zmq_msg_init(&end->message) != 0, "zmq_msg_init");
    while (zmq_msg_recv(&end->message, end->socket, 0) < 0)
        check(end, zmq_errno() != EINTR, "zmq_msg_recv");
}

static void *zmq_claim(void *sender, size_t bytes)
{
    struct zmq_end *end = sender;
    for (; end->expected > 0; end->expected--) {
        receive(end);
        zmq_msg_close(&end->message);
    }
    check(end, zmq_msg_init_size(&end->message, bytes) != 0, "zmq_msg_init_size");
    return zmq_msg_data(&end->message);
}

static void zmq_commit(void *sender, size_t bytes)
{
    (void)bytes;
    struct zmq_end *end = sender;
    while (zmq_msg_send(&end->message, end->socket, 0) < 0)
        check(end, zmq_errno() != EINTR, "zmq_msg_send");
}

static const void *zmq_next(void *receiver, size_t bytes)
{
    struct zmq_end *end = receiver;
    receive(end);
    if (zmq_msg_size(&end->message) != bytes)
        bench_die(end->stage, end->self, "a message of %zu bytes, expected %zu", zmq_msg_size(&end->message), bytes);
    return zmq_msg_data(&end->message);
}

static void zmq_release(void *receiver)
{
    zmq_msg_close(&((struct zmq_end *)receiver)->message);
}

static void zmq_leave(void *any)
{
    struct zmq_end *end = any;
    zmq_close(end->socket);
    zmq_ctx_term(end->context);
}

static const struct frame_ops zmq_ops = {.open = zmq_open,
                                         .claim = zmq_claim,
                                         .commit = zmq_commit,
                                         .next = zmq_next,
                                         .release = zmq_release,
                                         .close = zmq_leave};
FRAME_PARTICIPANTS(zmq)

const struct frame_peer frame_zmq = {.name = "zmq", .make = zmq_make, .drop = free, FRAME_OF(zmq), .fan = zmq_produce};
