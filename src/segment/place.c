/* SPDX-License-Identifier: MIT
 * Placing the memory of a mapped segment, and the thread that opens it. Every refused request gives MYL_EUNSUPPORTED,
 * so that a program can tell a missing capability from a failure. The error sentence has what was refused and what to
 * do. */
#include "segment/place.h"

#include "base/error.h"
#include "base/log.h"
#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int myl_memory_check(const myl_memory_options *memory)
{
    const struct {
        const char *name;
        enum myl_request requested;
    } fields[] = {
        {"huge", memory->huge},
        {"lock", memory->lock},
        {"prefault", memory->prefault},
        {"numa", memory->numa},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if ((unsigned)fields[i].requested > MYL_REQUEST_REQUIRE)
            return myl_fail(
                MYL_EINVAL,
                "memory.%s is %d; use MYL_REQUEST_OFF (0), MYL_REQUEST_PREFER (1) or MYL_REQUEST_REQUIRE (2)",
                fields[i].name, (int)fields[i].requested);
    }
    if (memory->numa_node != 0 && memory->numa == MYL_REQUEST_OFF)
        return myl_fail(MYL_EINVAL,
                        "memory.numa_node is %" PRIu32
                        ", but memory.numa is MYL_REQUEST_OFF; set memory.numa, or leave "
                        "numa_node 0",
                        memory->numa_node);
    return myl_reserved_check(memory->reserved, sizeof memory->reserved, "myl_memory_options");
}

/* Turns `err` into the result of one request. `what` was not granted; `remedy` is the advice. */
static int settle(const struct myl_segment *segment, enum myl_request asked, int err, const char *what,
                  const char *remedy, enum myl_grant *granted)
{
    *granted = MYL_GRANT_GRANTED;
    if (err == 0)
        return MYL_OK;
    (void)myl_fail_errno(err, "ring \"%s\": %s; %s%s", segment->name, what,
                         err == ENOSYS ? "this system has no call for it" : remedy,
                         asked == MYL_REQUEST_REQUIRE
                             ? ", or ask with MYL_REQUEST_PREFER instead of MYL_REQUEST_REQUIRE"
                             : "");
    *granted = MYL_GRANT_REFUSED;
    if (asked != MYL_REQUEST_REQUIRE)
        myl_log_emit(MYL_LOG_WARN, segment->name, "not granted: %s", myl_error_detail());
    return asked == MYL_REQUEST_REQUIRE ? MYL_EUNSUPPORTED : MYL_OK;
}

static int place_numa(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80];
    /* Frames: binding the first mapping is enough, since the second one has the same pages. */
    int err = myl_os_memory_bind(segment->data, segment->head->data_bytes, memory->numa_node);
    const char *remedy = "name one of the nodes in /sys/devices/system/node/has_memory";
    if (err == EPERM)
        remedy = "let the process call mbind (a container: --cap-add SYS_NICE)";
    else if (err == EIO)
        remedy = "others use the ring's pages where they are: place them when the ring is made";
    (void)snprintf(what, sizeof what, "its data cannot be placed on NUMA node %" PRIu32 " (memory.numa_node)",
                   memory->numa_node);
    return settle(segment, memory->numa, err, what, remedy, &segment->granted.numa);
}

static int place_huge(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80];
    int hugetlb = segment->head->control_offset % MYL_HUGE_ALIGN == 0; /* only hugetlb memfds have this alignment */
    int err = hugetlb ? 0 : myl_os_memory_huge(segment->data, myl_segment_span(segment));
    const char *remedy = "`echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`, or take a memfd";
    if (segment->head->data_bytes < MYL_HUGE_ALIGN)
        remedy = "raise its capacity until it fills a huge page of 2048 KiB";
    else if (segment->backend == MYL_BACKEND_MEMFD)
        remedy = "make it with memory.huge, and enough pages in the pool (`sysctl -w vm.nr_hugepages=N`)";
    else if (segment->backend == MYL_BACKEND_FILE)
        remedy = "put it on a tmpfs that is mounted with huge=advise";
    (void)snprintf(what, sizeof what, "its %" PRIu64 " KiB of data get no huge pages (memory.huge)",
                   segment->head->data_bytes >> 10);
    int rc = settle(segment, memory->huge, err, what, remedy, &segment->granted.huge);
    if (segment->granted.huge == MYL_GRANT_GRANTED)
        segment->granted.page_size = MYL_HUGE_ALIGN;
    return rc;
}

static int place_prefault(struct myl_segment *segment, const myl_memory_options *memory)
{
    uint64_t controls = segment->head->data_offset - segment->head->control_offset;
    int err = myl_os_memory_prefault(segment->data, myl_segment_span(segment), segment->data_writable);
    if (err == 0)
        err = myl_os_memory_prefault(segment->controls, controls, segment->control_writable);
    return settle(segment, memory->prefault, err, "its pages cannot be touched in advance (memory.prefault)",
                  "make room in memory (a container: raise its memory limit)", &segment->granted.prefault);
}

static int place_lock(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80], remedy[120];
    uint64_t kib = segment->head->data_bytes >> 10;
    int err = myl_os_memory_lock(segment->data, segment->head->data_bytes);
    (void)snprintf(what, sizeof what, "its %" PRIu64 " KiB of data cannot be locked (memory.lock)", kib);
    (void)snprintf(remedy, sizeof remedy,
                   "raise the limit (`ulimit -l`, %" PRIu64
                   " KiB more; systemd: LimitMEMLOCK=; a container: --ulimit memlock=-1)",
                   kib);
    return settle(segment, memory->lock, err, what, remedy, &segment->granted.lock);
}

int myl_pin_check(int pin, int cpu)
{
    if (!pin && cpu != 0)
        return myl_fail(MYL_EINVAL, "cpu is %d, but pin is 0; set pin = 1, or leave cpu 0", cpu);
    return cpu >= 0 ? MYL_OK : myl_fail(MYL_EINVAL, "cpu is %d; pass the number of a CPU, from 0 on", cpu);
}

/* A pin is always a requirement. */
static int pin(struct myl_segment *segment, int cpu)
{
    myl_os_affinity_get(&segment->shared->before);
    int err = myl_os_pin(cpu);
    segment->granted.pin = MYL_GRANT_GRANTED;
    if (err == 0)
        return MYL_OK;
    const char *remedy = "name one of those that `grep Cpus_allowed_list /proc/self/status` lists";
    if (err == ENOSYS)
        remedy = "this system has no call for it";
    else if (err == EPERM)
        remedy = "let the process call sched_setaffinity";
    (void)myl_fail_errno(err, "ring \"%s\": this thread cannot be pinned to CPU %d (cpu); %s, or set pin = 0",
                         segment->name, cpu, remedy);
    segment->granted.pin = MYL_GRANT_REFUSED;
    return MYL_EUNSUPPORTED;
}

void myl_segment_keep_pin(struct myl_segment *segment)
{
    segment->shared->before.known = 0;
}

int myl_segment_place(struct myl_segment *segment, const myl_memory_options *memory, int cpu)
{
    myl_granted *granted = &segment->granted;
    int rc = MYL_OK;
    granted->huge = granted->lock = granted->prefault = granted->numa = granted->pin = MYL_GRANT_NOT_REQUESTED;
    granted->page_size = myl_os_page_size();
    /* Order: bind before touching the pages, touch before locking them. */
    if (memory->numa != MYL_REQUEST_OFF)
        rc = place_numa(segment, memory);
    if (rc == MYL_OK && memory->huge != MYL_REQUEST_OFF)
        rc = place_huge(segment, memory);
    if (rc == MYL_OK && memory->prefault != MYL_REQUEST_OFF)
        rc = place_prefault(segment, memory);
    if (rc == MYL_OK && memory->lock != MYL_REQUEST_OFF)
        rc = place_lock(segment, memory);
    if (rc == MYL_OK && cpu >= 0)
        rc = pin(segment, cpu);
    return rc;
}
