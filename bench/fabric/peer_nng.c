/* SPDX-License-Identifier: MIT
 * Peer nng: a pair socket for each worker over nng's ipc transport, at abstract addresses. A request is one message
 * whose memory the workers' sockets share. The replies are read in the order of the workers: all of them are needed.
 * The calls block. */
#include "fabric.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>

enum { ADDRESS = 96, DEPTH = 8 };

struct nng_end {
    struct bench_stage *stage;
    int self, sockets, next;
    nng_socket socket[FABRIC_WORKERS];
    nng_msg *sent, *received;
};

static void check(struct nng_end *end, int code, const char *call)
{
    if (code != 0)
        bench_die(end->stage, end->self, "%s: %s", call, nng_strerror(code));
}

static void open_socket(struct nng_end *end, nng_socket *socket, int worker)
{
    char address[ADDRESS];
    snprintf(address, sizeof address, "abstract://%s-%d", end->stage->name, worker);
    check(end, nng_pair0_open(socket), "nng_pair0_open");
    check(end, nng_socket_set_int(*socket, NNG_OPT_SENDBUF, DEPTH), "NNG_OPT_SENDBUF");
    check(end, nng_socket_set_int(*socket, NNG_OPT_RECVBUF, DEPTH), "NNG_OPT_RECVBUF");
    check(end, nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
    if (end->self == 0)
        check(end, nng_listen(*socket, address, NULL, 0), "nng_listen");
    else
        check(end, nng_dial(*socket, address, NULL, 0), "nng_dial");
}

static void *nng_open(const struct fabric_job *job, struct bench_stage *stage, int self)
{
    struct nng_end *end = fabric_buffer(stage, self, sizeof *end);
    end->stage = stage;
    end->self = self;
    end->sockets = self == 0 ? job->shape->workers : 1;
    for (int i = 0; i < end->sockets; i++)
        open_socket(end, &end->socket[i], self == 0 ? i : self - 1);
    return end;
}

static void *nng_claim(void *any, size_t bytes)
{
    struct nng_end *end = any;
    check(end, nng_msg_alloc(&end->sent, bytes), "nng_msg_alloc");
    return nng_msg_body(end->sent);
}

static void nng_commit(void *any, size_t bytes)
{
    struct nng_end *end = any;
    (void)bytes;
    for (int i = 0; i < end->sockets; i++) {
        nng_msg *message = end->sent;
        if (i < end->sockets - 1)
            check(end, nng_msg_dup(&message, end->sent), "nng_msg_dup");
        check(end, nng_sendmsg(end->socket[i], message, 0), "nng_sendmsg");
    }
    end->next = 0;
}

static const void *nng_next(void *any, size_t bytes)
{
    struct nng_end *end = any;
    int from = end->self == 0 ? end->next++ : 0;
    check(end, nng_recvmsg(end->socket[from], &end->received, 0), "nng_recvmsg");
    if (nng_msg_len(end->received) != bytes)
        bench_die(end->stage, end->self, "a message of %zu bytes, expected %zu", nng_msg_len(end->received), bytes);
    return nng_msg_body(end->received);
}

static void nng_release(void *any)
{
    nng_msg_free(((struct nng_end *)any)->received);
}

static void nng_leave(void *any)
{
    struct nng_end *end = any;
    for (int i = 0; i < end->sockets; i++)
        check(end, nng_close(end->socket[i]), "nng_close");
}

const struct fabric_peer fabric_nng = {.name = "nng",
                                       .open = nng_open,
                                       .claim = nng_claim,
                                       .commit = nng_commit,
                                       .next = nng_next,
                                       .release = nng_release,
                                       .close = nng_leave};
