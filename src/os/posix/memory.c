/* SPDX-License-Identifier: MIT
 * Mapping memory with POSIX calls only. Placement is not supported. */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "os/os.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t myl_os_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void keep_from_children(void *address, uint64_t bytes)
{
#ifdef __APPLE__
    (void)minherit(address, bytes, VM_INHERIT_NONE);
#elif defined(MADV_DONTFORK)
    (void)madvise(address, bytes, MADV_DONTFORK);
#else
    (void)address;
    (void)bytes;
#endif
}

int myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    void *mapped = mmap(NULL, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)offset);
    if (mapped == MAP_FAILED)
        return errno;
    keep_from_children(mapped, bytes);
    *address = mapped;
    return 0;
}

int myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    if (bytes > SIZE_MAX / 2)
        return ENOMEM;
    char *both = mmap(NULL, bytes * 2, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (both == MAP_FAILED)
        return errno;
    for (int i = 0; i < 2; i++) {
        if (mmap(both + (size_t)i * bytes, bytes, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) ==
            MAP_FAILED) {
            int err = errno;
            (void)munmap(both, bytes * 2);
            return err;
        }
    }
    keep_from_children(both, bytes * 2);
    *address = both;
    return 0;
}

void myl_os_unmap(void *address, uint64_t bytes)
{
    if (address != NULL)
        (void)munmap(address, bytes);
}

int myl_os_memory_prefault(void *address, uint64_t bytes, int writable)
{
    (void)writable; /* the memory is reserved: reading a page maps it */
    uint64_t page = myl_os_page_size();
    for (uint64_t at = 0; at < bytes; at += page)
        (void)*((const volatile unsigned char *)address + at);
    return 0;
}

int myl_os_memory_lock(void *address, uint64_t bytes)
{
    return mlock(address, bytes) == 0 ? 0 : errno;
}

int myl_os_memory_huge(void *address, uint64_t bytes)
{
    (void)address;
    (void)bytes;
    return ENOSYS;
}

int myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node)
{
    (void)address;
    (void)bytes;
    (void)numa_node;
    return ENOSYS;
}

void myl_os_affinity_get(struct myl_os_affinity *affinity)
{
    affinity->known = 0;
}

void myl_os_affinity_set(const struct myl_os_affinity *affinity)
{
    (void)affinity;
}

int myl_os_pin(int cpu)
{
    (void)cpu;
    return ENOSYS;
}
