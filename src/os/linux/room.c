/* SPDX-License-Identifier: MIT
 * How much can be reserved on Linux: free space of the file system, and if that is memory, what the machine and the
 * cgroups of this process have left. Checked before reserving: the kernel grants more memory than it has and kills
 * processes later. A value that cannot be read sets no limit. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TMPFS 0x01021994
#define RAMFS 0x858458f6
#define LINE_BYTES 8192
#define PATH_BYTES 4096

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t left(uint64_t limit, uint64_t used)
{
    return limit == UINT64_MAX ? limit : limit > used ? limit - used : 0;
}

/* Applies one limit. Keeps the smallest limit and its source. */
static void limit_to(struct myl_os_room *room, uint64_t bytes, enum myl_os_scarce scarce, const char *where)
{
    if (bytes >= room->bytes)
        return;
    room->bytes = bytes;
    room->scarce = scarce;
    (void)snprintf(room->where, sizeof room->where, "%.*s", (int)sizeof room->where - 1, where);
}

/* --- the machine ------------------------------------------------------------------------------------------------- */

static void read_memory(uint64_t *available, uint64_t *swap)
{
    char line[256];
    uint64_t kib;
    FILE *file = fopen("/proc/meminfo", "re");
    *available = UINT64_MAX;
    *swap = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
            *available = kib * 1024;
        else if (sscanf(line, "SwapFree: %" SCNu64, &kib) == 1)
            *swap = kib * 1024;
    }
    if (file != NULL)
        (void)fclose(file);
}

/* --- memory groups ----------------------------------------------------------------------------------------------- */

/* Reads one number of a cgroup. UINT64_MAX: "max", or the file does not exist. */
static uint64_t read_number(const char *group, const char *name)
{
    char path[PATH_BYTES + 64];
    uint64_t value;
    (void)snprintf(path, sizeof path, "%s/%s", group, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX;
    if (fscanf(file, "%" SCNu64, &value) != 1)
        value = UINT64_MAX;
    (void)fclose(file);
    return value;
}

/* Returns the bytes of file pages: the kernel drops them before it enforces a limit. `prefix` is "total_" where the
 * plain values leave out subgroups. */
static uint64_t read_reclaimable(const char *group, const char *prefix)
{
    char path[PATH_BYTES + 64], line[256], name[64];
    uint64_t value, sum = 0;
    size_t length = strlen(prefix);
    (void)snprintf(path, sizeof path, "%s/memory.stat", group);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%63s %" SCNu64, name, &value) == 2 && strncmp(name, prefix, length) == 0 &&
            (strcmp(name + length, "inactive_file") == 0 || strcmp(name + length, "active_file") == 0))
            sum = add(sum, value);
    }
    if (file != NULL)
        (void)fclose(file);
    return sum;
}

static uint64_t used(const char *group, const char *name)
{
    uint64_t bytes = read_number(group, name);
    return bytes == UINT64_MAX ? 0 : bytes;
}

static uint64_t room_of_group(const char *group, int version, uint64_t swap)
{
    uint64_t limit = read_number(group, version == 2 ? "memory.max" : "memory.limit_in_bytes");
    uint64_t with_swap =
        version == 2 ? read_number(group, "memory.swap.max") : read_number(group, "memory.memsw.limit_in_bytes");
    if (limit == UINT64_MAX && with_swap == UINT64_MAX)
        return UINT64_MAX; /* the root group, or no limit */
    uint64_t files = read_reclaimable(group, version == 2 ? "" : "total_");
    if (version == 2) {
        uint64_t swapped = left(with_swap, used(group, "memory.swap.current"));
        return add(left(limit, used(group, "memory.current")), add(files, swapped < swap ? swapped : swap));
    }
    uint64_t memory = add(left(limit, used(group, "memory.usage_in_bytes")), add(files, swap));
    uint64_t both = add(left(with_swap, used(group, "memory.memsw.usage_in_bytes")), files);
    return memory < both ? memory : both;
}

/* Finds the cgroup of this process in the hierarchy of that version, from /proc/self/cgroup. */
static int find_group(int version, char group[PATH_BYTES])
{
    char line[LINE_BYTES];
    int found = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *controllers = strchr(line, ':'), *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL || strlen(path) > PATH_BYTES)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = version == 2 ? controllers[1] == '\0' : strstr(controllers, "memory") != NULL;
        if (found)
            memcpy(group, path, strlen(path) + 1);
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

/* Applies the limits of a cgroup and of all its parents that are mounted. */
static void limit_to_groups(struct myl_os_room *room, const char *mount, const char *root, int version, uint64_t swap)
{
    char group[PATH_BYTES], path[PATH_BYTES];
    if (!find_group(version, group))
        return;
    /* A mount may begin below the hierarchy's root. */
    size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
    const char *below = strncmp(group, root, skip) == 0 ? group + skip : "";
    size_t base = strlen(mount);
    if (strstr(below, "..") != NULL || (size_t)snprintf(path, sizeof path, "%s%s", mount, below) >= sizeof path)
        path[base] = '\0';
    for (;;) {
        limit_to(room, room_of_group(path, version, swap), MYL_OS_SCARCE_GROUP, path);
        char *slash = strrchr(path, '/');
        if (slash == NULL || strlen(path) <= base)
            return;
        *slash = '\0';
    }
}

static void limit_to_all_groups(struct myl_os_room *room, uint64_t swap)
{
    char line[LINE_BYTES], root[PATH_BYTES], mount[PATH_BYTES], type[64], options[PATH_BYTES];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *rest = strstr(line, " - ");
        if (rest == NULL || sscanf(rest, " - %63s %*s %4095s", type, options) != 2 ||
            sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2)
            continue;
        if (strcmp(type, "cgroup2") == 0)
            limit_to_groups(room, mount, root, 2, swap);
        else if (strcmp(type, "cgroup") == 0 && strstr(options, "memory") != NULL)
            limit_to_groups(room, mount, root, 1, swap);
    }
    if (file != NULL)
        (void)fclose(file);
}

static void limit_to_memory(struct myl_os_room *room)
{
    uint64_t available, swap;
    read_memory(&available, &swap);
    limit_to(room, add(available, swap), MYL_OS_SCARCE_MEMORY, "");
    limit_to_all_groups(room, swap);
}

/* --- file systems ------------------------------------------------------------------------------------------------ */

int myl_os_room(const struct myl_os_place *place, struct myl_os_room *room)
{
    struct statvfs info;
    struct statfs type;
    *room = (struct myl_os_room){.bytes = UINT64_MAX};
    if (place == NULL) {
        limit_to_memory(room);
        return 0;
    }
    if (fstatvfs(place->directory, &info) != 0 || fstatfs(place->directory, &type) != 0)
        return errno;
    /* Only root may use the blocks reserved for root. No blocks at all: a tmpfs without a limit. */
    uint64_t blocks = geteuid() == 0 ? info.f_bfree : info.f_bavail;
    if (info.f_blocks != 0)
        limit_to(room, blocks * (uint64_t)info.f_frsize, MYL_OS_SCARCE_SPACE, "");
    if (info.f_files != 0 && info.f_ffree == 0)
        limit_to(room, 0, MYL_OS_SCARCE_INODES, "");
    if (type.f_type == TMPFS || (unsigned long)type.f_type == RAMFS)
        limit_to_memory(room);
    return 0;
}
