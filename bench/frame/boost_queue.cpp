/* SPDX-License-Identifier: MIT
 * C functions for message_queue of Boost.Interprocess. */
#include "boost_queue.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdio>

using boost::interprocess::message_queue;

static char error[160];

/* Calls `what` and returns its result; after an exception stores the error text and returns -1. */
template <typename What> static int guarded(What what)
{
    try {
        return what();
    } catch (const std::exception &e) {
        std::snprintf(error, sizeof error, "%s", e.what());
        return -1;
    }
}

int boost_queue_create(const char *name, size_t messages, size_t bytes)
{
    return guarded([&] {
        message_queue queue(boost::interprocess::create_only, name, messages, bytes);
        return 0;
    });
}

void boost_queue_remove(const char *name)
{
    message_queue::remove(name);
}

void *boost_queue_open(const char *name)
{
    message_queue *queue = nullptr;
    guarded([&] {
        queue = new message_queue(boost::interprocess::open_only, name);
        return 0;
    });
    return queue;
}

void boost_queue_close(void *queue)
{
    delete static_cast<message_queue *>(queue);
}

int boost_queue_send(void *queue, const void *data, size_t bytes, int wait)
{
    message_queue *to = static_cast<message_queue *>(queue);
    return guarded([&] {
        if (!wait)
            return to->try_send(data, bytes, 0) ? 0 : 1;
        to->send(data, bytes, 0);
        return 0;
    });
}

int boost_queue_receive(void *queue, void *data, size_t room, size_t *bytes, int wait)
{
    message_queue *from = static_cast<message_queue *>(queue);
    return guarded([&] {
        unsigned priority;
        message_queue::size_type got;
        if (!wait)
            return from->try_receive(data, room, got, priority) ? (*bytes = got, 0) : 1;
        from->receive(data, room, got, priority);
        *bytes = got;
        return 0;
    });
}

const char *boost_queue_error(void)
{
    return error;
}
