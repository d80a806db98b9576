/* SPDX-License-Identifier: MIT
 * myelon doctor: checks the memory and limits that rings need. */
#include "doctor.h"

#include "base/align.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
/* A header, a control area for few consumers and the smallest data area, each rounded up to 64 KiB. */
#define SMALLEST_RING (192 * KIB)
/* The size of /dev/shm that containers have by default. */
#define CONTAINER_SHM (64 * MIB)

static void judge_shm(const struct doctor *doctor, struct doctor_finding *finding, uint64_t total, uint64_t left)
{
    const char *directory = myl_shm_directory();
    uint64_t least = doctor->needs > 0 ? doctor->needs : SMALLEST_RING;
    uint64_t wanted = doctor->needs > 0 ? total - left + doctor->needs : total + 1024 * MIB;
    unsigned long long size = myl_divide_up(wanted, MIB);
    if (left < least) {
        doctor_judge(finding, DOCTOR_PROBLEM, "%s of %s does not fit: creating it fails with MYL_ENOSPACE",
                     doctor->needs > 0 ? "the ring" : "even the smallest ring", cli_bytes(least).s);
        doctor_remedy(finding, "mount -o remount,size=%lluM %s  (a container: --shm-size=%llum; or 'myelon gc')", size,
                      directory, size);
    } else if (doctor->needs == 0 && total <= CONTAINER_SHM) {
        doctor_judge(finding, DOCTOR_WARNING,
                     "small, as containers have it by default: rings of large messages do not "
                     "fit");
        doctor_remedy(finding, "mount -o remount,size=%lluM %s  (a container: --shm-size=%llum)", size, directory,
                      size);
    }
}

static void check_shm(struct doctor *doctor)
{
    const char *directory = myl_shm_directory();
    struct statvfs file_system;
    if (statvfs(directory, &file_system) != 0) {
        struct doctor_finding *none = doctor_add(doctor, "shared memory", "%s: %s", directory, strerror(errno));
        doctor_judge(none, DOCTOR_PROBLEM, "named rings cannot be created; mapped files and memfds can");
        doctor_remedy(none, "mkdir -p %s && mount -t tmpfs -o size=1G,mode=1777 tmpfs %s", directory, directory);
        return;
    }
    uint64_t total = (uint64_t)file_system.f_blocks * file_system.f_frsize,
             left = (uint64_t)file_system.f_bavail * file_system.f_frsize;
    struct doctor_finding *finding =
        doctor_add(doctor, "shared memory", "%s: %s, %s free", directory, cli_bytes(total).s, cli_bytes(left).s);
    if (access(directory, W_OK | X_OK) != 0) {
        doctor_judge(finding, DOCTOR_PROBLEM, "not writable (%s): rings cannot be created there", strerror(errno));
        doctor_remedy(finding, "chmod 1777 %s, or mount -o remount,rw %s", directory, directory);
    } else if (file_system.f_files > 0 && file_system.f_favail == 0) {
        doctor_judge(finding, DOCTOR_PROBLEM, "no free inodes: creating a ring fails");
        doctor_remedy(finding, "mount -o remount,nr_inodes=%llu %s, or 'myelon gc'",
                      2ULL * (unsigned long long)file_system.f_files, directory);
    } else {
        judge_shm(doctor, finding, total, left);
    }
}

/* The smallest amount that a control group with a limit has left. */
struct left {
    uint64_t bytes;
    int limited;
};

static int use_memory_limit(const struct doctor *doctor, const char *path, int version, void *user)
{
    struct left *left = user;
    uint64_t limit, used;
    char text[64], beside[2048];
    const char *slash = strrchr(path, '/');
    if (doctor_read(doctor, path, text, sizeof text) != 0 || strcmp(text, "max") == 0)
        return 0;
    limit = strtoull(text, NULL, 10);
    if (limit >= UINT64_C(1) << 60) /* how version 1 shows "no limit" */
        return 0;
    snprintf(beside, sizeof beside, "%.*s/%s", (int)(slash - path), path,
             version == 2 ? "memory.current" : "memory.usage_in_bytes");
    if (doctor_read_number(doctor, beside, &used) != 0)
        used = 0;
    used = used < limit ? limit - used : 0;
    if (!left->limited || used < left->bytes)
        left->bytes = used;
    left->limited = 1;
    return 0;
}

/* The pages of a ring count as memory of the process that touches them first. */
static void check_memory(struct doctor *doctor)
{
    char text[64];
    struct left left = {0, 0};
    uint64_t least = doctor->needs > 0 ? doctor->needs : 16 * MIB;
    if (doctor_read_key(doctor, "/proc/meminfo", "MemAvailable", text, sizeof text) != 0) {
        struct doctor_finding *unknown = doctor_add(doctor, "memory", "no MemAvailable in /proc/meminfo");
        doctor_judge(unknown, DOCTOR_NOTE, "the available memory is unknown");
        doctor_remedy(unknown, "mount -t proc proc /proc");
        return;
    }
    uint64_t available = strtoull(text, NULL, 10) * KIB;
    doctor_each_group(doctor, "memory", "memory.limit_in_bytes", "memory.max", use_memory_limit, &left);
    struct doctor_finding *finding = doctor_add(doctor, "memory", "%s available", cli_bytes(available).s);
    if (left.limited)
        snprintf(finding->found, sizeof finding->found, "%s available, the control group leaves %s",
                 cli_bytes(available).s, cli_bytes(left.bytes).s);
    if (left.limited && left.bytes < least) {
        doctor_judge(finding, DOCTOR_PROBLEM, "a ring of %s is charged to its creator, which may be killed",
                     cli_bytes(least).s);
        doctor_remedy(finding, "raise the limit by %lluM  (a container: --memory; systemd: MemoryMax=)",
                      (unsigned long long)myl_divide_up(least - left.bytes, MIB));
    } else if (available < least) {
        doctor_judge(finding, DOCTOR_PROBLEM, "a ring of %s does not fit, or swaps other programs out",
                     cli_bytes(least).s);
        doctor_remedy(finding, "a smaller capacity, or %lluM more memory",
                      (unsigned long long)myl_divide_up(least - available, MIB));
    }
}

void doctor_memory(struct doctor *doctor)
{
    check_shm(doctor);
    check_memory(doctor);
}

/* --- huge pages ------------------------------------------------------------------------------------------------ */

static void check_hugetlb(struct doctor *doctor)
{
    char total[32], available[32], size[32];
    if (doctor_read_key(doctor, "/proc/meminfo", "HugePages_Total", total, sizeof total) != 0 ||
        doctor_read_key(doctor, "/proc/meminfo", "HugePages_Free", available, sizeof available) != 0 ||
        doctor_read_key(doctor, "/proc/meminfo", "Hugepagesize", size, sizeof size) != 0) {
        struct doctor_finding *none = doctor_add(doctor, "huge page pool", "this kernel has none");
        doctor_judge(
            none, DOCTOR_NOTE,
            "a memfd ring that requires huge pages cannot be made; MYL_REQUEST_PREFER falls back to small pages");
        doctor_remedy(none, "memory.huge = MYL_REQUEST_PREFER; or a kernel with CONFIG_HUGETLBFS, and /proc mounted");
        return;
    }
    uint64_t page = strtoull(size, NULL, 10) * KIB, pages = strtoull(available, NULL, 10);
    uint64_t needs = doctor->needs > 0 ? doctor->needs : 128 * MIB;
    struct doctor_finding *finding =
        doctor_add(doctor, "huge page pool", "%s pages of %s, %s free", total, cli_bytes(page).s, available);
    if (page == 0 || pages > UINT64_MAX / page || (pages * page >= doctor->needs && pages > 0))
        return;
    doctor_judge(
        finding, DOCTOR_NOTE,
        "%s memfd ring that requires huge pages cannot be created; MYL_REQUEST_PREFER falls back to small pages; "
        "other rings do not need the pool",
        pages == 0 ? "a" : "a so large");
    doctor_remedy(finding, "sysctl -w vm.nr_hugepages=%llu",
                  (unsigned long long)(strtoull(total, NULL, 10) - pages + myl_divide_up(needs, page)));
}

static void check_transparent(struct doctor *doctor)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    char text[160], mode[32] = "?";
    if (doctor_read(doctor, path, text, sizeof text) != 0) {
        struct doctor_finding *none = doctor_add(doctor, "transparent huge", "not for shared memory in this kernel");
        doctor_judge(none, DOCTOR_NOTE, "named rings have small pages; creating one that requires huge pages fails");
        doctor_remedy(none,
                      "memory.huge = MYL_REQUEST_PREFER, or a memfd; or a kernel with CONFIG_TRANSPARENT_HUGEPAGE, and "
                      "/sys mounted");
        return;
    }
    const char *bracket = strchr(text, '[');
    if (bracket != NULL)
        snprintf(mode, sizeof mode, "%.*s", (int)strcspn(bracket + 1, "]"), bracket + 1);
    struct doctor_finding *finding = doctor_add(doctor, "transparent huge", "shmem_enabled is \"%s\"", mode);
    if (strcmp(mode, "never") != 0 && strcmp(mode, "deny") != 0)
        return;
    doctor_judge(finding, DOCTOR_NOTE,
                 "named rings have small pages: requiring huge pages fails, MYL_REQUEST_PREFER falls back");
    doctor_remedy(finding, "echo advise > %s", path);
}

void doctor_pages(struct doctor *doctor)
{
    check_hugetlb(doctor);
    check_transparent(doctor);
}

/* --- limits ---------------------------------------------------------------------------------------------------- */

/* CAP_IPC_LOCK, bit 14, overrides the limit. */
static int may_lock_all(const struct doctor *doctor)
{
    char text[32];
    return doctor_read_key(doctor, "/proc/self/status", "CapEff", text, sizeof text) == 0 &&
           (strtoull(text, NULL, 16) >> 14 & 1) != 0;
}

static void check_locked(struct doctor *doctor)
{
    struct rlimit limit;
    uint64_t needs = doctor->needs > 0 ? doctor->needs : SMALLEST_RING;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY || may_lock_all(doctor)) {
        doctor_add(doctor, "locked memory", "%s", limit.rlim_cur == RLIM_INFINITY ? "no limit" : "no limit for root");
        return;
    }
    struct doctor_finding *finding = doctor_add(doctor, "locked memory", "%s", cli_bytes(limit.rlim_cur).s);
    if (limit.rlim_cur >= needs)
        return;
    doctor_judge(
        finding, DOCTOR_NOTE,
        "creating a ring of %s that requires mlock fails; MYL_REQUEST_PREFER goes on without; rings that do not "
        "request mlock need none",
        cli_bytes(needs).s);
    doctor_remedy(finding, "ulimit -l %llu  (systemd: LimitMEMLOCK=; a container: --ulimit memlock=-1)",
                  (unsigned long long)myl_divide_up(needs, KIB));
}

static void check_descriptors(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY) {
        doctor_add(doctor, "descriptors", "no limit");
        return;
    }
    struct doctor_finding *finding = doctor_add(doctor, "descriptors", "%llu", (unsigned long long)limit.rlim_cur);
    if (limit.rlim_cur >= 64)
        return;
    doctor_judge(finding, limit.rlim_cur < 8 ? DOCTOR_PROBLEM : DOCTOR_WARNING,
                 "each handle needs one, and a second one during open");
    doctor_remedy(finding, "ulimit -n 1024  (systemd: LimitNOFILE=)");
}

static void check_file_size(struct doctor *doctor)
{
    struct rlimit limit;
    uint64_t needs = doctor->needs > 0 ? doctor->needs : SMALLEST_RING;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return; /* the common case: no finding */
    struct doctor_finding *finding = doctor_add(doctor, "file size", "%s", cli_bytes(limit.rlim_cur).s);
    if (limit.rlim_cur >= needs)
        return;
    doctor_judge(finding, DOCTOR_PROBLEM, "a ring of %s is larger than the files that this process may create",
                 cli_bytes(needs).s);
    doctor_remedy(finding, "ulimit -f unlimited  (systemd: LimitFSIZE=infinity)");
}

static void check_mappings(struct doctor *doctor)
{
    uint64_t most;
    if (doctor_read_number(doctor, "/proc/sys/vm/max_map_count", &most) != 0)
        return;
    struct doctor_finding *finding = doctor_add(doctor, "mappings", "vm.max_map_count is %" PRIu64, most);
    if (most >= 1024)
        return;
    doctor_judge(finding, DOCTOR_WARNING, "each handle needs two, or three for frames");
    doctor_remedy(finding, "sysctl -w vm.max_map_count=65530");
}

void doctor_limits(struct doctor *doctor)
{
    check_locked(doctor);
    check_descriptors(doctor);
    check_file_size(doctor);
    check_mappings(doctor);
}
