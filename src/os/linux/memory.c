/* SPDX-License-Identifier: MIT
 * Mapping and placing memory on Linux. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14; musl 1.2.3 has no name for them */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#define BIND_STRICTLY 2 /* MPOL_BIND */
#define MOVE_OR_FAIL  3U /* MPOL_MF_STRICT | MPOL_MF_MOVE */
#define HUGE_PAGE     ((size_t)2 << 20)

uint64_t myl_os_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

int myl_os_map(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    void *mapped = mmap(NULL, bytes, protection, MAP_SHARED, fd, (off_t)offset);
    if (mapped == MAP_FAILED)
        return errno;
    (void)madvise(mapped, bytes, MADV_DONTFORK); /* a child must not write to its parent's ring */
    *address = mapped;
    return 0;
}

int myl_os_map_twice(int fd, uint64_t offset, uint64_t bytes, int writable, void **address)
{
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    if (bytes > SIZE_MAX / 2 - HUGE_PAGE)
        return ENOMEM;
    /* Reserve addresses for both mappings, aligned for huge pages, and unmap the rest. */
    size_t span = (size_t)bytes * 2, slack = bytes % HUGE_PAGE == 0 ? HUGE_PAGE : 0;
    char *room = mmap(NULL, span + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return errno;
    size_t before = slack != 0 ? (size_t)(-(uintptr_t)room % HUGE_PAGE) : 0;
    char *both = room + before;
    if (before != 0)
        (void)munmap(room, before);
    if (slack != before)
        (void)munmap(both + span, slack - before);
    for (int i = 0; i < 2; i++) {
        if (mmap(both + (size_t)i * bytes, bytes, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) ==
            MAP_FAILED) {
            int err = errno;
            (void)munmap(both, span);
            return err;
        }
    }
    (void)madvise(both, span, MADV_DONTFORK);
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
    if (madvise(address, bytes, writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0)
        return 0;
    if (errno != EINVAL)
        return errno;
    /* Before Linux 5.14: touch each page. The memory is reserved, so reading is enough to map it. */
    uint64_t page = myl_os_page_size();
    for (uint64_t at = 0; at < bytes; at += page)
        (void)*((const volatile unsigned char *)address + at);
    return 0;
}

int myl_os_memory_lock(void *address, uint64_t bytes)
{
    return mlock(address, bytes) == 0 ? 0 : errno;
}

/* Returns how many bytes of the mapping at `address` are backed by huge pages. */
static uint64_t huge_bytes(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    if (maps == NULL)
        return 0;
    char line[512];
    int inside = 0;
    uint64_t found = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, to, kib;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (inside && (sscanf(line, "ShmemPmdMapped: %" SCNu64, &kib) == 1 ||
                            sscanf(line, "FilePmdMapped: %" SCNu64, &kib) == 1))
            found += kib * 1024;
    }
    (void)fclose(maps);
    return found;
}

int myl_os_memory_huge(void *address, uint64_t bytes)
{
    if (madvise(address, bytes, MADV_HUGEPAGE) != 0)
        return errno;
    (void)myl_os_memory_prefault(address, bytes, 0); /* a page becomes huge only when it is touched */
    return huge_bytes(address) > 0 ? 0 : ENOTSUP;
}

int myl_os_memory_bind(void *address, uint64_t bytes, uint32_t numa_node)
{
    unsigned long nodes[16] = {0};
    if (numa_node >= sizeof nodes * 8)
        return EINVAL;
    nodes[numa_node / (8 * sizeof nodes[0])] = 1UL << (numa_node % (8 * sizeof nodes[0]));
    /* The pages exist already (they were reserved), so setting a policy is not enough. mbind moves only pages that this
     * process has mapped: map them first. EIO: other processes have mapped some of them too. */
    int err = myl_os_memory_prefault(address, bytes, 0);
    if (err != 0)
        return err;
    return syscall(SYS_mbind, address, bytes, BIND_STRICTLY, nodes, sizeof nodes * 8, MOVE_OR_FAIL) == 0 ? 0 : errno;
}

void myl_os_affinity_get(struct myl_os_affinity *affinity)
{
    cpu_set_t set;
    _Static_assert(sizeof set == sizeof affinity->cpus, "a set of CPUs has another size");
    affinity->known = sched_getaffinity(0, sizeof set, &set) == 0;
    if (affinity->known)
        memcpy(affinity->cpus, &set, sizeof set);
}

void myl_os_affinity_set(const struct myl_os_affinity *affinity)
{
    cpu_set_t set;
    if (!affinity->known)
        return;
    memcpy(&set, affinity->cpus, sizeof set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

int myl_os_pin(int cpu)
{
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return EINVAL;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}
