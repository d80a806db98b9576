/* SPDX-License-Identifier: MIT
 * Placing a mapped segment's memory, and the thread that opens it. Whatever is refused has one code, MYL_EUNSUPPORTED,
 * so that a program can tell a machine that has not what it wants from one that is broken; the sentence says what was
 * refused, and what to do. */
#include "base/error.h"
#include "segment/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int myl_memory_check(const myl_memory_options *memory)
{
    const struct {
        const char *name;
        enum myl_grade grade;
    } fields[] = {
        {"huge", memory->huge},
        {"lock", memory->lock},
        {"prefault", memory->prefault},
        {"numa", memory->numa},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if ((unsigned)fields[i].grade > MYL_REQUIRE)
            return myl_fail(MYL_EINVAL, "memory.%s is %d; use MYL_NO (0), MYL_TRY_IT (1) or MYL_REQUIRE (2)",
                            fields[i].name, (int)fields[i].grade);
    }
    return MYL_OK;
}

/* What `err` came to. `what` could not be had; `way_out` is what mends it. */
static int settle(const struct myl_segment *segment, enum myl_grade asked, int err, const char *what,
                  const char *way_out, int *granted)
{
    *granted = MYL_OK;
    if (err == 0)
        return MYL_OK;
    (void)myl_fail_errno(err, "ring \"%s\": %s; %s%s", segment->name, what,
                         err == ENOSYS ? "this system has no call for it" : way_out,
                         asked == MYL_REQUIRE ? ", or ask with MYL_TRY_IT instead of MYL_REQUIRE" : "");
    *granted = MYL_EUNSUPPORTED;
    return asked == MYL_REQUIRE ? *granted : MYL_OK;
}

static int place_numa(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80];
    /* Of frames the second mapping follows the first: they are the same pages. */
    int err = myl_os_memory_bind(segment->data, segment->head.data_bytes, memory->numa_node);
    const char *way_out = "name one of the nodes in /sys/devices/system/node/has_memory";
    if (err == EPERM)
        way_out = "let the process call mbind (a container: --cap-add SYS_NICE)";
    else if (err == EIO)
        way_out = "others use the ring's pages where they are: place them when the ring is made";
    (void)snprintf(what, sizeof what, "its data cannot be placed on NUMA node %" PRIu32 " (memory.numa_node)",
                   memory->numa_node);
    return settle(segment, memory->numa, err, what, way_out, &segment->granted.numa);
}

static int place_huge(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80];
    int hugetlb = segment->head.control_offset % MYL_HUGE_ALIGN == 0; /* only hugetlb memfds are laid out so */
    int err = hugetlb ? 0 : myl_os_memory_huge(segment->data, myl_segment_span(segment));
    const char *way_out = "`echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`, or take a memfd";
    if (segment->head.data_bytes < MYL_HUGE_ALIGN)
        way_out = "raise its capacity until it fills a huge page of 2048 KiB";
    else if (segment->backend == MYL_BACKEND_MEMFD)
        way_out = "make it with memory.huge, and enough pages in the pool (`sysctl -w vm.nr_hugepages=N`)";
    else if (segment->backend == MYL_BACKEND_FILE)
        way_out = "put it on a tmpfs that is mounted with huge=advise";
    (void)snprintf(what, sizeof what, "its %" PRIu64 " KiB of data get no huge pages (memory.huge)",
                   segment->head.data_bytes >> 10);
    int rc = settle(segment, memory->huge, err, what, way_out, &segment->granted.huge);
    if (segment->granted.huge == MYL_OK)
        segment->granted.page_size = MYL_HUGE_ALIGN;
    return rc;
}

static int place_prefault(struct myl_segment *segment, const myl_memory_options *memory)
{
    uint64_t controls = segment->head.lanes * segment->head.control_bytes;
    int err = myl_os_memory_prefault(segment->data, myl_segment_span(segment), segment->data_writable);
    if (err == 0)
        err = myl_os_memory_prefault(segment->controls, controls, segment->control_writable);
    return settle(segment, memory->prefault, err, "its pages cannot be touched in advance (memory.prefault)",
                  "make room in memory (a container: raise its memory limit)", &segment->granted.prefault);
}

static int place_lock(struct myl_segment *segment, const myl_memory_options *memory)
{
    char what[80], way_out[120];
    uint64_t kib = segment->head.data_bytes >> 10;
    int err = myl_os_memory_lock(segment->data, segment->head.data_bytes);
    (void)snprintf(what, sizeof what, "its %" PRIu64 " KiB of data cannot be locked (memory.lock)", kib);
    (void)snprintf(way_out, sizeof way_out,
                   "raise the limit (`ulimit -l`, %" PRIu64
                   " KiB more; systemd: LimitMEMLOCK=; a container: --ulimit memlock=-1)",
                   kib);
    return settle(segment, memory->lock, err, what, way_out, &segment->granted.lock);
}

/* `cpu` has no grade: it is required, and 0 is the way out. */
static int pin(struct myl_segment *segment, int cpu)
{
    int err = myl_os_pin(cpu - 1);
    segment->granted.pin = MYL_OK;
    if (err == 0)
        return MYL_OK;
    const char *way_out = "name one of those that `grep Cpus_allowed_list /proc/self/status` lists, + 1";
    if (err == ENOSYS)
        way_out = "this system has no call for it";
    else if (err == EPERM)
        way_out = "let the process call sched_setaffinity";
    (void)myl_fail_errno(err, "ring \"%s\": this thread cannot be pinned to CPU %d (cpu = %d); %s, or set cpu = 0",
                         segment->name, cpu - 1, cpu, way_out);
    return segment->granted.pin = MYL_EUNSUPPORTED;
}

int myl_segment_place(struct myl_segment *segment, const myl_memory_options *memory, int cpu)
{
    myl_granted *granted = &segment->granted;
    int rc = MYL_OK;
    granted->huge = granted->lock = granted->prefault = granted->numa = granted->pin = MYL_EAGAIN;
    granted->page_size = myl_os_page_size();
    /* Placement before touching, touching before locking. */
    if (memory->numa != MYL_NO)
        rc = place_numa(segment, memory);
    if (rc == MYL_OK && memory->huge != MYL_NO)
        rc = place_huge(segment, memory);
    if (rc == MYL_OK && memory->prefault != MYL_NO)
        rc = place_prefault(segment, memory);
    if (rc == MYL_OK && memory->lock != MYL_NO)
        rc = place_lock(segment, memory);
    if (rc == MYL_OK && cpu != 0)
        rc = pin(segment, cpu);
    return rc;
}
