/* SPDX-License-Identifier: MIT
 * What the Linux layer reads from the system, with simulated files and calls: available memory, to the byte, and what
 * limits it; huge pages; file systems; the overflow user. */
/* ctest: not-under=portable */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/os.h"
#include "support/test.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

/* --- a simulated system ------------------------------------------------------------------------------------------- */

struct file {
    const char *path, *text;
};

enum { MOST_FILES = 12 };

static struct {
    int active;
    const struct file *file[2];  /* read in both */
    struct statvfs pid_namespace;
    struct statfs type;
    int space_error, type_error;
    uid_t user;
    long cache;
} fake;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_fstatvfs(int fd, struct statvfs *about);
int __wrap_fstatvfs(int fd, struct statvfs *about);
int __real_fstatfs(int fd, struct statfs *about);
int __wrap_fstatfs(int fd, struct statfs *about);
uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
long __real_sysconf(int name);
long __wrap_sysconf(int name);
int __real_madvise(void *address, size_t bytes, int advice);
int __wrap_madvise(void *address, size_t bytes, int advice);

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (!fake.active)
        return __real_fopen(path, mode);
    for (int list = 0; list < 2; list++) {
        for (int i = 0; fake.file[list] != NULL && i < MOST_FILES && fake.file[list][i].path != NULL; i++) {
            const struct file *file = &fake.file[list][i];
            if (strcmp(file->path, path) != 0)
                continue;
            void *text;
            memcpy(&text, &file->text, sizeof text); /* it is only read */
            return fmemopen(text, strlen(file->text), "r");
        }
    }
    errno = ENOENT;
    return NULL;
}

int __wrap_fstatvfs(int fd, struct statvfs *about)
{
    if (!fake.active)
        return __real_fstatvfs(fd, about);
    *about = fake.pid_namespace;
    errno = fake.space_error;
    return fake.space_error == 0 ? 0 : -1;
}

int __wrap_fstatfs(int fd, struct statfs *about)
{
    if (!fake.active)
        return __real_fstatfs(fd, about);
    *about = fake.type;
    errno = fake.type_error;
    return fake.type_error == 0 ? 0 : -1;
}

uid_t __wrap_geteuid(void)
{
    return fake.active ? fake.user : __real_geteuid();
}

long __wrap_sysconf(int name)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    if (fake.active && name == _SC_LEVEL2_CACHE_SIZE)
        return fake.cache;
#endif
    return __real_sysconf(name);
}

int __wrap_madvise(void *address, size_t bytes, int advice)
{
    return fake.active ? 0 : __real_madvise(address, bytes, advice);
}

static void start(const struct file *files, const struct file *more)
{
    memset(&fake, 0, sizeof fake);
    fake.file[0] = files;
    fake.file[1] = more;
    fake.active = 1;
}

static void stop(void)
{
    fake.active = 0;
}

/* --- memory ----------------------------------------------------------------------------------------------------------
 * */

static const struct file machine[MOST_FILES] = {
    {"/proc/meminfo", "MemTotal:       9000000 kB\nMemFree:           5000 kB\nMemAvailable:    100000 kB\n"
                      "SwapTotal:          90 kB\nSwapFree:           40 kB\n"},
};
#define AVAILABLE (100040 * KIB) /* including what can be swapped */
#define SWAP      (40 * KIB)

static void expect_room(const char *what, uint64_t bytes, enum myl_os_scarce scarce, const char *where)
{
    struct myl_os_room room;
    assert_int_equal(myl_os_room(NULL, &room), 0);
    stop();
    if (room.bytes != bytes || (bytes != UINT64_MAX && (room.scarce != scarce || strcmp(room.where, where) != 0)))
        test_fail("%s: %llu bytes, limited by %d \"%s\", expected %llu by %d \"%s\"", what,
                  (unsigned long long)room.bytes, (int)room.scarce, room.where, (unsigned long long)bytes, (int)scarce,
                  where);
}

static void memory_includes_swap(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"MemAvailable: 7 kB\n", 7 * KIB},
        {"MemAvailable: 7 kB\nSwapFree: 3 kB\n", 10 * KIB},
        {"SwapFree: 3 kB\nMemAvailable: 7 kB\n", 10 * KIB},
        {"MemAvailable: 0 kB\nSwapFree: 0 kB\n", 0},
        {"MemFree: 7 kB\nSwapFree: 3 kB\n", UINT64_MAX}, /* an old kernel does not report it */
        {"MemAvailable: 18014398509481983 kB\nSwapFree: 1 kB\n", UINT64_MAX},
        {"MemAvailable: 18014398509481983 kB\nSwapFree: 0 kB\n", UINT64_MAX - 1023},
        {"nothing\n", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file files[MOST_FILES] = {{"/proc/meminfo", cases[i].text}};
        start(files, NULL);
        expect_room(cases[i].text, cases[i].bytes, MYL_OS_SCARCE_MEMORY, "");
    }
    start(NULL, NULL);
    expect_room("no file", UINT64_MAX, MYL_OS_SCARCE_MEMORY, "");
}

#define MOUNTS_2 \
    { \
        "/proc/self/mountinfo", "30 24 0:26 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n" \
    }
#define MOUNTS_1                                                                                                       \
    { \
        "/proc/self/mountinfo", "22 20 0:5 / /proc rw - proc proc rw\nno separator\n" \
                                "31 24 0:27 / /cpu rw - cgroup cgroup rw,cpu\n" \
                                "32 24 0:28 / /cg rw - cgroup cgroup rw,memory\n33 24 0:29 / /x rw - \n" \
    }
#define STAT_2 \
    { \
        "/cg/a/b/memory.stat", "anon 5\nfile 77777\ninactive_file 4096\nactive_file 8192\n" \
                               "total_inactive_file 7\ninactive_file_not 9\n" \
    }
#define STAT_1 \
    { \
        "/cg/a/b/memory.stat", "inactive_file 5\nactive_file 6\ntotal_inactive_file 4096\n" \
                               "total_active_file 8192\ntotal_cache 99\n" \
    }

/* The smallest limit of the cgroup and its parents. Page cache and swap increase the available memory. */
static const struct {
    const char *what;
    struct file files[MOST_FILES];
    uint64_t bytes;
    enum myl_os_scarce scarce;
    const char *where;
} groups[] = {
    {"2: limit less use, and swap",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "10485760\n"},
      {"/cg/a/b/memory.current", "4194304\n"}},
     6 * MIB + SWAP,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: files are given up",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "10485760\n"},
      {"/cg/a/b/memory.current", "4194304\n"},
      STAT_2,
      {"/cg/a/b/memory.swap.max", "0\n"}},
     6 * MIB + 12288,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: swap that the group has left",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "10485760\n"},
      {"/cg/a/b/memory.current", "4194304\n"},
      {"/cg/a/b/memory.swap.max", "8192\n"},
      {"/cg/a/b/memory.swap.current", "3072\n"}},
     6 * MIB + 5120,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: all swap is used",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "4096\n"},
      {"/cg/a/b/memory.swap.max", "8192\n"},
      {"/cg/a/b/memory.swap.current", "8193\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: the machine has less swap",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "4096\n"},
      {"/cg/a/b/memory.swap.max", "1048576\n"}},
     4096 + SWAP,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: above its limit",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "4096\n"},
      {"/cg/a/b/memory.current", "8192\n"},
      {"/cg/a/b/memory.swap.max", "0\n"}},
     0,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: the group above",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "max\n"},
      {"/cg/a/b/memory.swap.max", "max\n"},
      {"/cg/a/memory.max", "5242880\n"},
      {"/cg/a/memory.current", "1048576\n"},
      {"/cg/a/memory.swap.max", "0\n"}},
     4 * MIB,
     MYL_OS_SCARCE_GROUP,
     "/cg/a"},
    {"2: the smaller of two",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "8192\n"},
      {"/cg/a/b/memory.swap.max", "0\n"},
      {"/cg/a/memory.max", "8193\n"},
      {"/cg/a/memory.swap.max", "0\n"}},
     8192,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: the mount itself",
     {MOUNTS_2, {"/proc/self/cgroup", "0::/a/b\n"}, {"/cg/memory.max", "12288\n"}, {"/cg/memory.swap.max", "0\n"}},
     12288,
     MYL_OS_SCARCE_GROUP,
     "/cg"},
    {"2: in the root group",
     {MOUNTS_2, {"/proc/self/cgroup", "0::/\n"}, {"/cg//memory.max", "12288\n"}, {"/cg//memory.swap.max", "0\n"}},
     12288,
     MYL_OS_SCARCE_GROUP,
     "/cg/"},
    {"2: only swap is limited",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/a/b/memory.max", "max\n"},
      {"/cg/a/b/memory.swap.max", "0\n"}},
     AVAILABLE,
     MYL_OS_SCARCE_MEMORY,
     ""},
    {"2: a limit so high that the sum overflows",
     {MOUNTS_2, {"/proc/self/cgroup", "0::/a/b\n"}, {"/cg/a/b/memory.max", "18446744073709551614\n"}, STAT_2},
     AVAILABLE,
     MYL_OS_SCARCE_MEMORY,
     ""},
    {"2: no limit", {MOUNTS_2, {"/proc/self/cgroup", "0::/a/b\n"}}, AVAILABLE, MYL_OS_SCARCE_MEMORY, ""},
    {"2: the groups of version 1 come first in the list",
     {MOUNTS_2,
      {"/proc/self/cgroup", "garbage\n4:memory:/x\n5:cpu\n0::/a/b\n"},
      {"/cg/a/b/memory.max", "4096\n"},
      {"/cg/x/memory.max", "1\n"},
      {"/cg/a/b/memory.swap.max", "0\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"2: a mount that begins below the root",
     {{"/proc/self/mountinfo", "30 24 0:26 /a /cg rw - cgroup2 cgroup2 rw\n"},
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/b/memory.max", "4096\n"},
      {"/cg/b/memory.swap.max", "0\n"},
      {"/cg/a/b/memory.max", "1\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg/b"},
    {"2: a group that is not below the mount",
     {{"/proc/self/mountinfo", "30 24 0:26 /x /cg rw - cgroup2 cgroup2 rw\n"},
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/cg/memory.max", "4096\n"},
      {"/cg/memory.swap.max", "0\n"},
      {"/cg/a/b/memory.max", "1\n"},
      {"/cg/b/memory.max", "1\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg"},
    {"2: a group above the mount",
     {MOUNTS_2,
      {"/proc/self/cgroup", "0::/../b\n"},
      {"/cg/memory.max", "4096\n"},
      {"/cg/memory.swap.max", "0\n"},
      {"/cg/../b/memory.max", "1\n"},
      {"/cg/..", "1\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg"},
    {"1: limit less use, files of all below, and swap",
     {MOUNTS_1,
      {"/proc/self/cgroup", "3:cpu:/c\n4:memory:/a/b\n0::/\n"},
      {"/cg/a/b/memory.limit_in_bytes", "10485760\n"},
      {"/cg/a/b/memory.usage_in_bytes", "4194304\n"},
      STAT_1,
      {"/x/a/b/memory.limit_in_bytes", "1\n"}},
     6 * MIB + 12288 + SWAP,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"1: memory and swap together",
     {MOUNTS_1,
      {"/proc/self/cgroup", "4:hugetlb,memory:/a/b\n"},
      {"/cg/a/b/memory.limit_in_bytes", "10485760\n"},
      {"/cg/a/b/memory.usage_in_bytes", "4194304\n"},
      {"/cg/a/b/memory.memsw.limit_in_bytes", "10485760\n"},
      {"/cg/a/b/memory.memsw.usage_in_bytes", "5242880\n"},
      STAT_1},
     5 * MIB + 12288,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"1: memory and swap together are the smaller limit only if they are smaller",
     {MOUNTS_1,
      {"/proc/self/cgroup", "4:memory:/a/b\n"},
      {"/cg/a/b/memory.limit_in_bytes", "10485760\n"},
      {"/cg/a/b/memory.usage_in_bytes", "4194304\n"},
      {"/cg/a/b/memory.memsw.limit_in_bytes", "20971520\n"}},
     6 * MIB + SWAP,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"1: only both together are limited",
     {MOUNTS_1, {"/proc/self/cgroup", "4:memory:/a/b\n"}, {"/cg/a/b/memory.memsw.limit_in_bytes", "4096\n"}},
     4096,
     MYL_OS_SCARCE_GROUP,
     "/cg/a/b"},
    {"1: a limit that is none",
     {MOUNTS_1, {"/proc/self/cgroup", "4:memory:/a/b\n"}, {"/cg/a/b/memory.limit_in_bytes", "9223372036854771712\n"}},
     AVAILABLE,
     MYL_OS_SCARCE_MEMORY,
     ""},
    {"1: no group with memory",
     {MOUNTS_1,
      {"/proc/self/cgroup", "3:cpu:/a/b\n0::/a/b\n"},
      {"/cg/a/b/memory.limit_in_bytes", "1\n"},
      {"/cpu/a/b/memory.limit_in_bytes", "1\n"},
      {"/cg/memory.limit_in_bytes", "1\n"}},
     AVAILABLE,
     MYL_OS_SCARCE_MEMORY,
     ""},
    {"1: another hierarchy's mount",
     {{"/proc/self/mountinfo",
       "31 24 0:27 / /cg rw - cgroup cgroup rw,cpu\n30 24 0:26 / /cg rw - tmpfs memory memory\n"},
      {"/proc/self/cgroup", "4:memory:/a/b\n0::/a/b\n"},
      {"/cg/a/b/memory.limit_in_bytes", "1\n"},
      {"/cg/a/b/memory.max", "1\n"}},
     AVAILABLE,
     MYL_OS_SCARCE_MEMORY,
     ""},
};

/* A path with many components. The message shows its beginning. */
static void long_paths_of_groups_are_followed(void **state)
{
    (void)state;
    enum { PARTS = 150 };
    char group[2 * PARTS + 16] = "0::", limit[2 * PARTS + 64], above[2 * PARTS + 64], where[128];
    for (int i = 0; i < PARTS; i++)
        strcat(group, "/a");
    snprintf(limit, sizeof limit, "/cg%s/memory.max", group + 3);
    snprintf(above, sizeof above, "/cg%s/memory.swap.max", group + 3);
    snprintf(where, sizeof where, "/cg%.*s", (int)sizeof where - 4, group + 3);
    struct file files[MOST_FILES] = {MOUNTS_2, {"/proc/self/cgroup", group}, {limit, "8192\n"}, {above, "0\n"}};
    start(machine, files);
    expect_room("a long path", 8192, MYL_OS_SCARCE_GROUP, where);
    struct file higher[MOST_FILES] = {MOUNTS_2,
                                      {"/proc/self/cgroup", group},
                                      {"/cg/a/memory.max", "8192\n"},
                                      {"/cg/a/memory.swap.max", "0\n"}};
    start(machine, higher);
    expect_room("far above", 8192, MYL_OS_SCARCE_GROUP, "/cg/a");
}

static void memory_groups_limit_to_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        start(machine, groups[i].files);
        expect_room(groups[i].what, groups[i].bytes, groups[i].scarce, groups[i].where);
    }
}

static void file_systems_limit_to_the_byte(void **state)
{
    (void)state;
    enum { TMPFS = 0x01021994, EXT4 = 0xef53 };
    const long ramfs = (long)0x858458f6UL;
    const struct {
        unsigned blocks, bfree, bavail, files, ffree;
        long type;
        uid_t user;
        uint64_t bytes;
        enum myl_os_scarce scarce;
    } cases[] = {
        {100, 10, 5, 9, 3, EXT4, 0, 40960, MYL_OS_SCARCE_SPACE},
        {100, 10, 5, 9, 3, EXT4, 1000, 20480, MYL_OS_SCARCE_SPACE}, /* the rest is reserved for root */
        {100, 0, 0, 9, 3, EXT4, 1000, 0, MYL_OS_SCARCE_SPACE},
        {0, 0, 0, 9, 3, EXT4, 1000, UINT64_MAX, MYL_OS_SCARCE_SPACE}, /* without a limit */
        {100, 10, 5, 9, 0, EXT4, 0, 0, MYL_OS_SCARCE_INODES},
        {100, 10, 5, 9, 1, EXT4, 0, 40960, MYL_OS_SCARCE_SPACE},
        {100, 10, 5, 0, 0, EXT4, 0, 40960, MYL_OS_SCARCE_SPACE}, /* this file system does not count inodes */
        {100000000, 50000000, 5, 0, 0, EXT4, 0, UINT64_C(204800000000), MYL_OS_SCARCE_SPACE},
        {100000000, 50000000, 5, 0, 0, TMPFS, 0, AVAILABLE, MYL_OS_SCARCE_MEMORY},
        {100, 10, 5, 0, 0, TMPFS, 0, 40960, MYL_OS_SCARCE_SPACE},
        {0, 0, 0, 0, 0, ramfs, 0, AVAILABLE, MYL_OS_SCARCE_MEMORY},
        {0, 0, 0, 9, 0, TMPFS, 0, 0, MYL_OS_SCARCE_INODES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct myl_os_room room;
        struct myl_os_place place = {.directory = 0, .name = ""};
        start(machine, NULL);
        fake.pid_namespace = (struct statvfs){.f_bsize = 512,
                                              .f_frsize = 4096,
                                              .f_blocks = cases[i].blocks,
                                              .f_bfree = cases[i].bfree,
                                              .f_bavail = cases[i].bavail,
                                              .f_files = cases[i].files,
                                              .f_ffree = cases[i].ffree};
        memcpy(&fake.type.f_type, &cases[i].type, sizeof fake.type.f_type);
        fake.user = cases[i].user;
        int err = myl_os_room(&place, &room);
        stop();
        assert_int_equal(err, 0);
        if (room.bytes != cases[i].bytes || (room.bytes != UINT64_MAX && room.scarce != cases[i].scarce))
            test_fail("case %d: %llu bytes, limited by %d", (int)i, (unsigned long long)room.bytes, (int)room.scarce);
    }
}

static void failed_query_of_the_room_is_an_error(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct myl_os_room room;
        struct myl_os_place place = {.directory = 0, .name = ""};
        start(machine, NULL);
        fake.space_error = i == 0 ? EIO : 0;
        fake.type_error = i == 1 ? EBADF : 0;
        int err = myl_os_room(&place, &room);
        stop();
        assert_int_equal(err, i == 0 ? EIO : EBADF);
    }
}

/* Locks and mappings are not coherent between two machines there. */
static void network_file_systems_are_distinguished(void **state)
{
    (void)state;
    static const struct {
        unsigned long type;
        int err;
    } cases[] = {{0x6969, ENOLINK},
                 {0x65735546, ENOLINK},
                 {0x01021997, ENOLINK},
                 {0x517b, ENOLINK},
                 {0xff534d42, ENOLINK},
                 {0xfe534d42, ENOLINK},
                 {0xef53, 0},
                 {0x01021994, 0},
                 {0x58465342, 0},
                 {0x9123683e, 0},
                 {0, 0}};
    char path[TEST_PATH_SIZE];
    int fd = open(test_path(path, "local"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct myl_os_object object;
        start(NULL, NULL);
        memcpy(&fake.type.f_type, &cases[i].type, sizeof fake.type.f_type);
        int err = myl_os_object_stat(fd, &object);
        stop();
        if (err != cases[i].err)
            test_fail("%lx: %d", cases[i].type, err);
    }
    close(fd);
    assert_int_equal(unlink(path), 0);
}

/* --- huge pages
 * --------------------------------------------------------------------------------------------------------- */

static void huge_pages_are_counted_for_the_mapping(void **state)
{
    (void)state;
    enum { BYTES = 1 << 16 };
    unsigned char *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    static const struct {
        long from, to;           /* range of a mapping, relative to `at` */
        const char *line;
        int err;
    } cases[] = {
        {0, BYTES, "ShmemPmdMapped:     2048 kB", 0},       {0, BYTES, "FilePmdMapped:      2048 kB", 0},
        {0, BYTES, "FilePmdMapped:         1 kB", 0},       {-4096, 1, "ShmemPmdMapped:     2048 kB", 0},
        {0, BYTES, "ShmemPmdMapped:        0 kB", ENOTSUP}, {0, BYTES, "FilePmdMapped:         0 kB", ENOTSUP},
        {0, BYTES, "AnonHugePages:      2048 kB", ENOTSUP}, /* not of a shared mapping */
        {-4096, 0, "ShmemPmdMapped:     2048 kB", ENOTSUP}, /* of neighbouring mappings */
        {1, BYTES, "ShmemPmdMapped:     2048 kB", ENOTSUP}, {BYTES, 2 * BYTES, "FilePmdMapped:  2048 kB", ENOTSUP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        uintptr_t here = (uintptr_t)at;
        snprintf(text, sizeof text,
                 "%lx-%lx rw-s 00000000 00:01 2048 /dev/shm/other\nSize: 4 kB\nShmemPmdMapped: 0 kB\n"
                 "%lx-%lx rw-s 00000000 00:01 2048 /dev/shm/ring\nSize: 64 kB\n%s\nLocked: 4 kB\n"
                 "%lx-%lx rw-p 00000000 00:00 0\nSize: 4 kB\nFilePmdMapped: 0 kB\n",
                 (unsigned long)here - 3 * BYTES, (unsigned long)here - 2 * BYTES,
                 (unsigned long)here + (unsigned long)cases[i].from, (unsigned long)here + (unsigned long)cases[i].to,
                 cases[i].line, (unsigned long)here + 4 * BYTES, (unsigned long)here + 5 * BYTES);
        struct file files[MOST_FILES] = {{"/proc/self/smaps", text}};
        start(files, NULL);
        int err = myl_os_memory_huge(at, BYTES);
        stop();
        if (err != cases[i].err)
            test_fail("case %d (%s): %d", (int)i, cases[i].line, err);
    }
    start(NULL, NULL);
    int err = myl_os_memory_huge(at, BYTES); /* nothing is known */
    stop();
    assert_int_equal(err, ENOTSUP);
    munmap(at, BYTES);
}

/* --- who
 * ------------------------------------------------------------------------------------------------------------------ */

static void overflow_user_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *map, *overflow;
        uint32_t nobody;
    } cases[] = {
        {"         0          0 4294967295\n", "65533\n", UINT32_MAX}, /* every user has an id in this namespace */
        {"         0       1000          1\n", "65533\n", 65533},
        {"         0       1000 4294967294\n", "65533\n", 65533},
        {"         1          0 4294967295\n", "65533\n", 65533},
        {"         0       1000          1\n", NULL, 65534},
        {"         0       1000          1\n", "no number\n", 65534},
        {"no map\n", "7\n", 7},
        {NULL, "7\n", 7},
        {NULL, NULL, 65534},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file files[MOST_FILES] = {{NULL, NULL}};
        int count = 0;
        if (cases[i].map != NULL)
            files[count++] = (struct file){"/proc/self/uid_map", cases[i].map};
        if (cases[i].overflow != NULL)
            files[count] = (struct file){"/proc/sys/kernel/overflowuid", cases[i].overflow};
        start(files, NULL);
        uint32_t nobody = myl_os_overflow_user();
        stop();
        if (nobody != cases[i].nobody)
            test_fail("case %d: %u", (int)i, (unsigned)nobody);
    }
}

static void cache_size_is_read(void **state)
{
    (void)state;
    static const struct {
        long notice;
        uint64_t bytes;
    } cases[] = {{1, 1}, {2 << 20, 2 << 20}, {0, 512 * KIB}, {-1, 512 * KIB}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(NULL, NULL);
        fake.cache = cases[i].notice;
        uint64_t bytes = myl_os_cache_bytes();
        stop();
#ifdef _SC_LEVEL2_CACHE_SIZE
        assert_int_equal(bytes, cases[i].bytes);
#else
        assert_int_equal(bytes, 512 * KIB);
#endif
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_includes_swap),
        cmocka_unit_test(long_paths_of_groups_are_followed),
        cmocka_unit_test(memory_groups_limit_to_the_byte),
        cmocka_unit_test(file_systems_limit_to_the_byte),
        cmocka_unit_test(failed_query_of_the_room_is_an_error),
        cmocka_unit_test(network_file_systems_are_distinguished),
        cmocka_unit_test(huge_pages_are_counted_for_the_mapping),
        cmocka_unit_test(overflow_user_is_read),
        cmocka_unit_test(cache_size_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
