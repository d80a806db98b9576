/* SPDX-License-Identifier: MIT
 * C functions for message_queue of Boost.Interprocess. They return 0, or -1 after an exception; boost_queue_error
 * returns its text. */
#ifndef BENCH_FRAME_BOOST_QUEUE_H
#define BENCH_FRAME_BOOST_QUEUE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
int boost_queue_create(const char *name, size_t messages, size_t bytes);
void boost_queue_remove(const char *name);
void *boost_queue_open(const char *name); /* NULL after an exception */
void boost_queue_close(void *queue);
/* `wait` 1: blocks. `wait` 0: returns 1 instead of blocking. */
int boost_queue_send(void *queue, const void *data, size_t bytes, int wait);
int boost_queue_receive(void *queue, void *data, size_t room, size_t *bytes, int wait);
const char *boost_queue_error(void);
#ifdef __cplusplus
}
#endif

#endif
