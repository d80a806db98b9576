/* SPDX-License-Identifier: MIT
 * Peer zmq: ZeroMQ over ipc, at abstract addresses, which leave no file. Requests: XPUB with ZMQ_XPUB_NODROP, and SUB.
 * Replies: PUSH and PULL. Messages are written and read in memory of ZeroMQ. The calls block. */
#include "fabric.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

enum { ADDRESS = 96, DEPTH = 8 };

struct zmq_end {
    struct bench_stage *stage;
    int self, expected; /* subscriptions that the scheduler has not received yet */
    void *context, *out, *in;
    zmq_msg_t sent, received;
};

static void check(struct zmq_end *end, int bad, const char *call)
{
    if (bad)
        bench_die(end->stage, end->self, "%s: %s", call, zmq_strerror(zmq_errno()));
}

static void *make_socket(struct zmq_end *end, int type, const char *way)
{
    char address[ADDRESS];
    int depth = DEPTH, one = 1;
    void *socket = zmq_socket(end->context, type);
    check(end, socket == NULL, "zmq_socket");
    check(end, zmq_setsockopt(socket, ZMQ_SNDHWM, &depth, sizeof depth) != 0, "ZMQ_SNDHWM");
    check(end, zmq_setsockopt(socket, ZMQ_RCVHWM, &depth, sizeof depth) != 0, "ZMQ_RCVHWM");
    if (type == ZMQ_XPUB) {
        check(end, zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &one, sizeof one) != 0, "ZMQ_XPUB_NODROP");
        check(end, zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &one, sizeof one) != 0, "ZMQ_XPUB_VERBOSE");
    } else if (type == ZMQ_SUB)
        check(end, zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) != 0, "ZMQ_SUBSCRIBE");
    snprintf(address, sizeof address, "ipc://@%s-%s", end->stage->name, way);
    check(end, (end->self == 0 ? zmq_bind(socket, address) : zmq_connect(socket, address)) != 0,
          "zmq_bind or zmq_connect");
    return socket;
}

static void *zmq_open(const struct fabric_job *job, struct bench_stage *stage, int self)
{
    struct zmq_end *end = fabric_buffer(stage, self, sizeof *end);
    *end = (struct zmq_end){.stage = stage, .self = self, .expected = self == 0 ? job->shape->workers : 0};
    end->context = zmq_ctx_new();
    check(end, end->context == NULL, "zmq_ctx_new");
    end->out = make_socket(end, self == 0 ? ZMQ_XPUB : ZMQ_PUSH, self == 0 ? "requests" : "replies");
    end->in = make_socket(end, self == 0 ? ZMQ_PULL : ZMQ_SUB, self == 0 ? "replies" : "requests");
    return end;
}

static void receive(struct zmq_end *end, void *socket)
{
    check(end, zmq_msg_init(&end->received) != 0, "zmq_msg_init");
    while (zmq_msg_recv(&end->received, socket, 0) < 0)
        check(end, zmq_errno() != EINTR, "zmq_msg_recv");
}

static void *zmq_claim(void *any, size_t bytes)
{
    struct zmq_end *end = any;
    for (; end->expected > 0; end->expected--) {
        receive(end, end->out);
        zmq_msg_close(&end->received);
    }
    check(end, zmq_msg_init_size(&end->sent, bytes) != 0, "zmq_msg_init_size");
    return zmq_msg_data(&end->sent);
}

static void zmq_commit(void *any, size_t bytes)
{
    struct zmq_end *end = any;
    (void)bytes;
    while (zmq_msg_send(&end->sent, end->out, 0) < 0)
        check(end, zmq_errno() != EINTR, "zmq_msg_send");
}

static const void *zmq_next(void *any, size_t bytes)
{
    struct zmq_end *end = any;
    receive(end, end->in);
    if (zmq_msg_size(&end->received) != bytes)
        bench_die(end->stage, end->self, "a message of %zu bytes, expected %zu", zmq_msg_size(&end->received), bytes);
    return zmq_msg_data(&end->received);
}

static void zmq_release(void *any)
{
    zmq_msg_close(&((struct zmq_end *)any)->received);
}

static void zmq_leave(void *any)
{
    struct zmq_end *end = any;
    zmq_close(end->out);
    zmq_close(end->in);
    zmq_ctx_term(end->context);
}

const struct fabric_peer fabric_zmq = {.name = "zmq",
                                       .open = zmq_open,
                                       .claim = zmq_claim,
                                       .commit = zmq_commit,
                                       .next = zmq_next,
                                       .release = zmq_release,
                                       .close = zmq_leave};
