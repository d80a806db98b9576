/* SPDX-License-Identifier: MIT
 * Disabling handles in fork children: a list of handles and one atfork handler. */
#include "os/os.h"

#include <pthread.h>

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

/* Handles belong to the parent. In the child, descriptors are closed and never unlocked (the parent owns the locks),
 * and each call on such a handle fails with MYL_EFORKED. */
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
