/* SPDX-License-Identifier: MIT
 * Who we are, random bytes, descriptors over sockets, and handles in fork children. POSIX but for getrandom. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

int myl_os_random(void *bytes, size_t count)
{
    ssize_t got;
    do
        got = getrandom(bytes, count, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)count ? 0 : errno;
}

uint32_t myl_os_pid(void)
{
    return (uint32_t)getpid();
}

uint32_t myl_os_user(void)
{
    return (uint32_t)geteuid();
}

uint64_t myl_os_cache_bytes(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0)
        return (uint64_t)bytes;
#endif
    return (uint64_t)512 << 10;
}

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static int watch_failed;
static struct myl_os_fork_node *watched;

static void before_fork(void)
{
    (void)pthread_mutex_lock(&watch_lock);
}

static void after_fork_parent(void)
{
    (void)pthread_mutex_unlock(&watch_lock);
}

/* The child's handles are its parent's: descriptors are closed (never unlocked: the lock is the parent's), the
 * handles answer MYL_EFORKED. */
static void after_fork_child(void)
{
    for (struct myl_os_fork_node *node = watched; node != NULL;) {
        struct myl_os_fork_node *next = node->next;
        node->in_child(node);
        node->previous = node->next = NULL;
        node = next;
    }
    watched = NULL;
    (void)pthread_mutex_unlock(&watch_lock);
}

static void install(void)
{
    watch_failed = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int myl_os_fork_watch(struct myl_os_fork_node *node)
{
    (void)pthread_once(&watch_once, install);
    if (watch_failed != 0)
        return watch_failed;
    (void)pthread_mutex_lock(&watch_lock);
    node->previous = NULL;
    node->next = watched;
    if (watched != NULL)
        watched->previous = node;
    watched = node;
    (void)pthread_mutex_unlock(&watch_lock);
    return 0;
}

void myl_os_fork_forget(struct myl_os_fork_node *node)
{
    (void)pthread_mutex_lock(&watch_lock);
    if (node->previous != NULL)
        node->previous->next = node->next;
    else if (watched == node)
        watched = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    node->previous = node->next = NULL;
    (void)pthread_mutex_unlock(&watch_lock);
}
