/* SPDX-License-Identifier: MIT
 * myelon doctor: tries the system calls that rings need. Leaves nothing in the file system. */
#define _GNU_SOURCE
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* The kernel's interface, see futex(2) and membarrier(2). */
#define FUTEX_OP_WAKE_OP                  5
#define ADD_4_NEVER_EQUAL                 ((1U << 28) | (4U << 12) | 0xfffU)
#define BARRIER_GLOBAL_EXPEDITED          (1 << 1)
#define BARRIER_REGISTER_GLOBAL_EXPEDITED (1 << 2)
#define FIRST_PID_NAMESPACE               "pid:[4026531836]"

static void check_version(struct doctor *doctor)
{
    char release[128];
    unsigned major = 0, minor = 0;
    if (doctor_read(doctor, "/proc/sys/kernel/osrelease", release, sizeof release) != 0 ||
        sscanf(release, "%u.%u", &major, &minor) != 2) {
        doctor_judge(doctor_add(doctor, "kernel", "cannot read /proc/sys/kernel/osrelease"), DOCTOR_WARNING,
                     "without /proc, memfds cannot be passed on, and older kernels cannot name a ring");
        doctor_remedy(&doctor->finding[doctor->count - 1], "mount -t proc proc /proc");
        return;
    }
    struct doctor_finding *finding = doctor_add(doctor, "kernel", "%.100s", release);
    if (major < 3 || (major == 3 && minor < 17)) {
        doctor_judge(finding, DOCTOR_PROBLEM, "rings need Linux 3.17, for open file description locks and memfds");
        doctor_remedy(finding, "Linux 4.16 or later; or build with -DMYELON_OS=posix");
    } else if (major < 4 || (major == 4 && minor < 16)) {
        doctor_judge(finding, DOCTOR_NOTE,
                     "no expedited membarrier before Linux 4.16: producers fence at every publish");
        doctor_remedy(finding, "Linux 4.16 or later");
    }
}

static const char *file_system_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } known[] = {
        {0x01021994, "tmpfs"},  {0x858458f6L, "ramfs"},  {0xef53, "ext4"},      {0x58465342, "xfs"},
        {0x9123683eL, "btrfs"}, {0x794c7630, "overlay"}, {0x6969, "nfs"},       {0x65735546, "fuse"},
        {0x01021997, "9p"},     {0x517b, "smb"},         {0xff534d42L, "cifs"}, {0xfe534d42L, "smb2"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (((unsigned long)known[i].type & 0xffffffffUL) == ((unsigned long)type & 0xffffffffUL))
            return known[i].name;
    }
    return "another kind";
}

static void check_file_system(struct doctor *doctor)
{
    static const char *const refused[] = {"nfs", "fuse", "9p", "smb", "cifs", "smb2"};
    const char *directory = myl_shm_directory();
    struct statfs file_system;
    if (statfs(directory, &file_system) != 0)
        return; /* check_memory reports it */
    const char *name = file_system_name((long)file_system.f_type);
    struct doctor_finding *finding = doctor_add(doctor, "file system", "%s is %s", directory, name);
    if (strcmp(name, "tmpfs") == 0)
        return;
    doctor_judge(finding, DOCTOR_NOTE, "not tmpfs: pages may be written to a disk, or have no limit (ramfs)");
    doctor_remedy(finding, "mount -t tmpfs -o size=1G,mode=1777 tmpfs %s", directory);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strcmp(name, refused[i]) == 0)
            doctor_judge(finding, DOCTOR_PROBLEM,
                         "locks and shared mappings are not reliable there: rings are "
                         "refused with MYL_EFILESYSTEM");
    }
}

/* Links to an existing name: EEXIST proves that the call is allowed, and creates nothing. */
static int can_be_named(int fd)
{
    char self[64];
    if (linkat(fd, "", AT_FDCWD, myl_shm_directory(), AT_EMPTY_PATH) != 0 && errno == EEXIST)
        return 1;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, myl_shm_directory(), AT_SYMLINK_FOLLOW) != 0 && errno == EEXIST ? 2 : 0;
}

/* Sets the remedy for `err`, the reason why no file can be created in `directory`. */
static void mend_directory(struct doctor_finding *finding, const char *directory, int err)
{
    switch (err) {
    case EACCES:
        doctor_remedy(finding, "chmod 1777 %s", directory);
        break;
    case EROFS:
        doctor_remedy(finding, "mount -o remount,rw %s", directory);
        break;
    case ENOSPC:
    case EDQUOT:
        doctor_remedy(finding, "myelon gc --yes; or mount -o remount,nr_inodes=1M %s", directory);
        break;
    case EMFILE:
        doctor_remedy(finding, "ulimit -n 1024  (systemd: LimitNOFILE=)");
        break;
    case ENFILE:
        doctor_remedy(finding, "sysctl -w fs.file-max=1000000");
        break;
    case ENOENT:
    case ENOTDIR:
        doctor_remedy(finding, "mkdir -p %s && mount -t tmpfs -o size=1G,mode=1777 tmpfs %s", directory, directory);
        break;
    case EPERM:
    case ENOSYS:
        doctor_remedy(finding, "allow openat with O_TMPFILE in the seccomp profile");
        break;
    default:
        doctor_remedy(finding, "mount -t tmpfs -o size=1G,mode=1777 tmpfs %s", directory);
    }
}

/* Returns a descriptor of an object without a name: in the directory of rings, or a memfd if that fails. */
static int check_nameless(struct doctor *doctor)
{
    static const char subject[] = "nameless objects";
    const char *directory = myl_shm_directory();
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        int way = can_be_named(fd);
        struct doctor_finding *finding =
            doctor_add(doctor, subject, "%s",
                       way == 1 ? "O_TMPFILE, named by linkat" : "O_TMPFILE, named through /proc/self/fd");
        if (way != 0)
            return fd;
        snprintf(finding->found, sizeof finding->found, "O_TMPFILE, but it cannot be named: %s", strerror(errno));
        doctor_judge(finding, DOCTOR_PROBLEM, "rings cannot be named");
        doctor_remedy(finding, "mount -t proc proc /proc; allow linkat in the seccomp profile");
        return fd;
    }
    int err = errno;
    struct doctor_finding *finding = doctor_add(doctor, subject, "O_TMPFILE on %s: %s", directory, strerror(err));
    if (err == EOPNOTSUPP || err == EISDIR) {
        doctor_judge(finding, DOCTOR_NOTE,
                     "rings are created under a temporary name, NAME.tmp-PID-RANDOM, which a killed creator leaves");
        doctor_remedy(finding, "myelon gc --yes, from time to time");
    } else {
        doctor_judge(finding, DOCTOR_PROBLEM, "rings cannot be created there");
        mend_directory(finding, directory, err);
    }
    return memfd_create("myelon-doctor", MFD_CLOEXEC);
}

/* A lock taken through one open file description must conflict with a lock through another. */
static void check_locks(struct doctor *doctor, int fd)
{
    static const char subject[] = "locks";
    char self[64];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)1 << 40, .l_len = 1};
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int other = open(self, O_RDWR | O_CLOEXEC);
    if (other < 0) {
        doctor_judge(doctor_add(doctor, subject, "cannot open a second description: %s", strerror(errno)),
                     DOCTOR_WARNING, "locks were not tested; passing a ring by descriptor does not work");
        doctor_remedy(&doctor->finding[doctor->count - 1], "mount -t proc proc /proc");
        return;
    }
    int err = fcntl(fd, F_OFD_SETLK, &lock) != 0 ? errno : 0;
    int kept_out = err == 0 && fcntl(other, F_OFD_SETLK, &lock) != 0;
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)1 << 40, .l_len = 1};
    int seen = err == 0 && fcntl(other, F_OFD_GETLK, &asked) == 0 && asked.l_type == F_WRLCK;
    (void)close(other);
    struct doctor_finding *finding = doctor_add(doctor, subject, "of open file descriptions");
    if (kept_out && seen)
        return;
    snprintf(finding->found, sizeof finding->found, "of open file descriptions: %s",
             err != 0 ? strerror(err) : "a second lock on the same byte succeeds");
    doctor_judge(finding, DOCTOR_PROBLEM, "rings cannot detect which participants are alive, so they cannot be used");
    doctor_remedy(finding, "Linux 3.15 or later with a local file system; or build with -DMYELON_OS=posix");
}

static void check_futex(struct doctor *doctor)
{
    uint32_t word = 8;
    long woken = syscall(SYS_futex, &word, FUTEX_OP_WAKE_OP, 1, (void *)0, &word, ADD_4_NEVER_EQUAL);
    int err = errno;
    struct doctor_finding *finding = doctor_add(doctor, "futex", "FUTEX_WAKE_OP works");
    if (woken == 0 && word == 12)
        return;
    snprintf(finding->found, sizeof finding->found, "FUTEX_WAKE_OP: %s", woken < 0 ? strerror(err) : "does not add");
    doctor_judge(finding, DOCTOR_PROBLEM,
                 "parked participants are not woken: they check only after a millisecond or more");
    doctor_remedy(finding, "allow futex in the seccomp profile; or MYELON_WAIT=sleep for all participants");
}

static void check_membarrier(struct doctor *doctor)
{
    long commands = syscall(SYS_membarrier, 0, 0, 0);
    int err = commands < 0 ? errno : ENOTSUP;
    if (commands >= 0 && (commands & BARRIER_GLOBAL_EXPEDITED) != 0) {
        err = syscall(SYS_membarrier, BARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0) != 0 ? errno : 0;
        if (err == 0 && syscall(SYS_membarrier, BARRIER_GLOBAL_EXPEDITED, 0, 0) != 0)
            err = errno;
    }
    struct doctor_finding *finding = doctor_add(doctor, "membarrier", "GLOBAL_EXPEDITED, registered");
    if (err == 0)
        return;
    snprintf(finding->found, sizeof finding->found, "GLOBAL_EXPEDITED: %s", strerror(err));
    doctor_judge(finding, DOCTOR_WARNING, "producers fence at every publish, which costs 10 to 20 ns");
    doctor_remedy(finding, "Linux 4.16 or later; allow membarrier in the seccomp profile");
}

static void check_confinement(struct doctor *doctor)
{
    char text[64], path[4096];
    snprintf(path, sizeof path, "%s/proc/self/ns/pid", doctor->root);
    ssize_t length = readlink(path, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    struct doctor_finding *finding =
        doctor_add(doctor, "process numbers", "%s",
                   strcmp(text, FIRST_PID_NAMESPACE) == 0 ? "of the whole machine" : "of a namespace");
    if (length <= 0) {
        snprintf(finding->found, sizeof finding->found, "cannot read /proc/self/ns/pid");
        doctor_judge(finding, DOCTOR_NOTE, "'myelon why' cannot detect stopped participants; it detects dead ones");
        doctor_remedy(finding, "mount -t proc proc /proc");
    } else if (strcmp(text, FIRST_PID_NAMESPACE) != 0) {
        doctor_judge(finding, DOCTOR_NOTE,
                     "participants outside the namespace are shown with their own pids, and 'myelon why' cannot detect "
                     "that they are stopped; it detects dead ones");
        doctor_remedy(finding, "a container: --pid=host, or --pid=container:NAME; only if you need this");
    }
    if (doctor_read_key(doctor, "/proc/self/status", "Seccomp", text, sizeof text) != 0)
        return;
    finding = doctor_add(doctor, "seccomp", "%s", strcmp(text, "0") == 0 ? "no filter" : "a filter");
    if (strcmp(text, "0") == 0)
        return;
    doctor_judge(finding, DOCTOR_NOTE,
                 "the lines above report the calls that rings need; other processes may have other filters");
    doctor_remedy(finding, "run myelon doctor in the container or unit of each participant");
}

void doctor_kernel(struct doctor *doctor)
{
    check_version(doctor);
    check_file_system(doctor);
    int fd = check_nameless(doctor);
    if (fd >= 0) {
        check_locks(doctor, fd);
        (void)close(fd);
    }
    check_futex(doctor);
    check_membarrier(doctor);
    check_confinement(doctor);
}

#else

void doctor_kernel(struct doctor *doctor)
{
    doctor_judge(doctor_add(doctor, "kernel", "not Linux"), DOCTOR_OK,
                 "the portable layer needs no system call that must be tested; see docs/building.md");
}

#endif
