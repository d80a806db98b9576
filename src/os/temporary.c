/* SPDX-License-Identifier: MIT
 * The list of temporary names, by descriptor. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct temporary {
    struct temporary *next;
    int fd, directory;
    char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct temporary *temporaries;

int myl_temporary_add(int fd, int directory, const char *name)
{
    size_t bytes = strlen(name) + 1;
    struct temporary *made = malloc(sizeof *made + bytes);
    if (made == NULL)
        return ENOMEM;
    made->fd = fd;
    made->directory = directory;
    memcpy(made->name, name, bytes);
    (void)pthread_mutex_lock(&lock);
    made->next = temporaries;
    temporaries = made;
    (void)pthread_mutex_unlock(&lock);
    return 0;
}

int myl_temporary_name(int fd, char *name, unsigned long bytes)
{
    int found = 0;
    (void)pthread_mutex_lock(&lock);
    for (const struct temporary *at = temporaries; at != NULL && !found; at = at->next) {
        if (at->fd == fd && strlen(at->name) < bytes) {
            memcpy(name, at->name, strlen(at->name) + 1);
            found = 1;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return found;
}

/* Removes the entry of `fd` from the list and returns it, or NULL. */
static struct temporary *take(int fd)
{
    struct temporary **at = &temporaries;
    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    struct temporary *found = *at;
    if (found != NULL)
        *at = found->next;
    return found;
}

void myl_temporary_drop(int fd)
{
    (void)pthread_mutex_lock(&lock);
    struct temporary *found = take(fd);
    (void)pthread_mutex_unlock(&lock);
    if (found != NULL)
        (void)unlinkat(found->directory, found->name, 0);
    free(found);
}

void myl_temporary_forget(int fd)
{
    free(take(fd)); /* no lock: a fork child has one thread, and another thread of the parent may have held the lock */
}
