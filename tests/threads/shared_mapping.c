/* SPDX-License-Identifier: MIT
 * One mapping for all handles of this process. ThreadSanitizer tracks addresses, so it sees no race between two
 * mappings of the same memory. The linker replaces the library's functions by these two (--wrap). */
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

int __real_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
void __real_myl_os_unmap(void *address, uint64_t bytes);
int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address);
void __wrap_myl_os_unmap(void *address, uint64_t bytes);

struct mapping {
    struct mapping *next;
    uint64_t device, inode, offset, bytes;
    void *address;
    unsigned users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapping *mappings;

/* Maps through a separate description: a mapping keeps its description alive, and with it the locks acquired through
 * it. */
static int map_once(int fd, uint64_t offset, uint64_t bytes, void **address)
{
    int own;
    int err = myl_os_object_reopen(fd, &own);
    if (err != 0)
        return err;
    err = __real_myl_os_map(own, offset, bytes, 1, address);
    myl_os_object_close(own);
    return err;
}

int __wrap_myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    struct myl_os_object object;
    int err = myl_os_object_stat(fd, &object);
    if (err != 0 || offset == 0) /* the header is copied once and unmapped */
        return err != 0 ? err : __real_myl_os_map(fd, offset, bytes, writable, address);
    (void)pthread_mutex_lock(&lock);
    struct mapping *mapping = mappings;
    while (mapping != NULL && (mapping->device != object.device || mapping->inode != object.inode ||
                               mapping->offset != offset || mapping->bytes != bytes))
        mapping = mapping->next;
    if (mapping == NULL) {
        mapping = calloc(1, sizeof *mapping);
        err = mapping == NULL ? ENOMEM : map_once(fd, offset, bytes, &mapping->address);
        if (err == 0) {
            mapping->device = object.device;
            mapping->inode = object.inode;
            mapping->offset = offset;
            mapping->bytes = bytes;
            mapping->next = mappings;
            mappings = mapping;
        } else {
            free(mapping);
        }
    }
    if (err == 0) {
        mapping->users++;
        *address = mapping->address;
    }
    (void)pthread_mutex_unlock(&lock);
    return err;
}

void __wrap_myl_os_unmap(void *address, uint64_t bytes)
{
    if (address == NULL)
        return;
    (void)pthread_mutex_lock(&lock);
    struct mapping **at = &mappings;
    while (*at != NULL && (*at)->address != address)
        at = &(*at)->next;
    struct mapping *mapping = *at;
    if (mapping == NULL) {
        __real_myl_os_unmap(address, bytes);
    } else if (--mapping->users == 0) {
        *at = mapping->next;
        __real_myl_os_unmap(address, bytes);
        free(mapping);
    }
    (void)pthread_mutex_unlock(&lock);
}
