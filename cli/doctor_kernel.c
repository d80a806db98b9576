/* SPDX-License-Identifier: MIT
 * myelon doctor: what the kernel, and who filters its calls, let us do. Each call is tried; nothing is left behind. */
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

static void look_at_version(struct doctor *doctor)
{
    char release[128];
    unsigned major = 0, minor = 0;
    if (doctor_read(doctor, "/proc/sys/kernel/osrelease", release, sizeof release) != 0 ||
        sscanf(release, "%u.%u", &major, &minor) != 2) {
        doctor_judge(doctor_add(doctor, "kernel", "/proc/sys/kernel/osrelease does not say"), DOCTOR_WARNING,
                     "is /proc mounted? Without it memfds cannot be handed over, and older kernels cannot name a ring");
        doctor_remedy(&doctor->finding[doctor->count - 1], "mount -t proc proc /proc");
        return;
    }
    struct doctor_finding *finding = doctor_add(doctor, "kernel", "%.100s", release);
    if (major < 3 || (major == 3 && minor < 17)) {
        doctor_judge(finding, DOCTOR_PROBLEM, "no locks of a file description, no memfd: rings need Linux 3.17");
        doctor_remedy(finding, "Linux 4.16 or later; or build with -DMYELON_OS=posix");
    } else if (major < 4 || (major == 4 && minor < 16)) {
        doctor_judge(finding, DOCTOR_NOTE, "no expedited barrier before Linux 4.16: producers fence at every publish");
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

static void look_at_file_system(struct doctor *doctor)
{
    static const char *const refused[] = {"nfs", "fuse", "9p", "smb", "cifs", "smb2"};
    const char *directory = myl_shm_directory();
    struct statfs about;
    if (statfs(directory, &about) != 0)
        return; /* said already */
    const char *name = file_system_name((long)about.f_type);
    struct doctor_finding *finding = doctor_add(doctor, "file system", "%s is %s", directory, name);
    if (strcmp(name, "tmpfs") == 0)
        return;
    doctor_judge(finding, DOCTOR_NOTE, "not memory alone: pages may be written to a disk, or have no limit (ramfs)");
    doctor_remedy(finding, "mount -t tmpfs -o size=1G,mode=1777 tmpfs %s", directory);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strcmp(name, refused[i]) == 0)
            doctor_judge(finding, DOCTOR_PROBLEM,
                         "neither locks nor shared mappings can be trusted there: rings are "
                         "refused with MYL_EFILESYSTEM");
    }
}

/* A name that is there already: EEXIST says that everything before the name went well, and nothing is made. */
static int can_be_named(int fd)
{
    char self[64];
    if (linkat(fd, "", AT_FDCWD, myl_shm_directory(), AT_EMPTY_PATH) != 0 && errno == EEXIST)
        return 1;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, myl_shm_directory(), AT_SYMLINK_FOLLOW) != 0 && errno == EEXIST ? 2 : 0;
}

/* Why nothing can be made in `directory`, as the call said. */
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

/* A descriptor of an object without a name: on the file system of rings, or a memfd where there are none. */
static int look_at_nameless(struct doctor *doctor)
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
        doctor_judge(finding, DOCTOR_PROBLEM, "no ring can be given its name");
        doctor_remedy(finding, "mount -t proc proc /proc; a seccomp profile has to allow linkat");
        return fd;
    }
    int err = errno;
    struct doctor_finding *finding = doctor_add(doctor, subject, "O_TMPFILE on %s: %s", directory, strerror(err));
    if (err == EOPNOTSUPP || err == EISDIR) {
        doctor_judge(finding, DOCTOR_NOTE,
                     "rings are made under a temporary name, NAME.tmp-PID-RANDOM, which a killed maker leaves behind");
        doctor_remedy(finding, "myelon gc --yes, now and then");
    } else {
        doctor_judge(finding, DOCTOR_PROBLEM, "no ring can be made there");
        mend_directory(finding, directory, err);
    }
    return memfd_create("myelon-doctor", MFD_CLOEXEC);
}

/* A lock through one description has to be seen through another, and to refuse it. */
static void look_at_locks(struct doctor *doctor, int fd)
{
    static const char subject[] = "locks";
    char self[64];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)1 << 40, .l_len = 1};
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int other = open(self, O_RDWR | O_CLOEXEC);
    if (other < 0) {
        doctor_judge(doctor_add(doctor, subject, "a second description cannot be opened: %s", strerror(errno)),
                     DOCTOR_WARNING, "locks were not tried; handing a ring over by descriptor does not work");
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
             err != 0 ? strerror(err) : "taken, but others do not see them");
    doctor_judge(finding, DOCTOR_PROBLEM, "who is alive cannot be told: rings cannot be used");
    doctor_remedy(finding, "Linux 3.15 or later with a local file system; or build with -DMYELON_OS=posix");
}

static void look_at_futex(struct doctor *doctor)
{
    uint32_t word = 8;
    long woken = syscall(SYS_futex, &word, FUTEX_OP_WAKE_OP, 1, (void *)0, &word, ADD_4_NEVER_EQUAL);
    int err = errno;
    struct doctor_finding *finding = doctor_add(doctor, "futex", "FUTEX_WAKE_OP works");
    if (woken == 0 && word == 12)
        return;
    snprintf(finding->found, sizeof finding->found, "FUTEX_WAKE_OP: %s", woken < 0 ? strerror(err) : "does not add");
    doctor_judge(finding, DOCTOR_PROBLEM, "who sleeps is not woken, and looks only after a millisecond and more");
    doctor_remedy(finding, "allow futex in the seccomp profile; or MYELON_WAIT=sleep for all parties");
}

static void look_at_membarrier(struct doctor *doctor)
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
    doctor_judge(finding, DOCTOR_WARNING,
                 "producers fence at every publish: some 10 to 20 ns each; otherwise all is the same");
    doctor_remedy(finding, "Linux 4.16 or later; a seccomp profile has to allow membarrier");
}

static void look_at_confinement(struct doctor *doctor)
{
    char text[64], path[4096];
    snprintf(path, sizeof path, "%s/proc/self/ns/pid", doctor->root);
    ssize_t length = readlink(path, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    struct doctor_finding *finding =
        doctor_add(doctor, "process numbers", "%s",
                   strcmp(text, FIRST_PID_NAMESPACE) == 0 ? "of the whole machine" : "of a namespace");
    if (length <= 0) {
        snprintf(finding->found, sizeof finding->found, "/proc/self/ns/pid cannot be read");
        doctor_judge(finding, DOCTOR_NOTE, "'myelon why' cannot tell who is stopped; who is dead it can");
        doctor_remedy(finding, "mount -t proc proc /proc");
    } else if (strcmp(text, FIRST_PID_NAMESPACE) != 0) {
        doctor_judge(finding, DOCTOR_NOTE,
                     "parties outside are shown with their own numbers, and 'myelon why' cannot tell whether they are "
                     "stopped; who is dead it can");
        doctor_remedy(finding, "a container: --pid=host, or --pid=container:NAME; only if you want to see more");
    }
    if (doctor_read_key(doctor, "/proc/self/status", "Seccomp", text, sizeof text) != 0)
        return;
    finding = doctor_add(doctor, "seccomp", "%s", strcmp(text, "0") == 0 ? "no filter" : "a filter");
    if (strcmp(text, "0") == 0)
        return;
    doctor_judge(finding, DOCTOR_NOTE,
                 "what rings need was tried and is told in the lines above; a filter of another process may differ");
    doctor_remedy(finding, "myelon doctor, in the container or unit of each party");
}

void doctor_kernel(struct doctor *doctor)
{
    look_at_version(doctor);
    look_at_file_system(doctor);
    int fd = look_at_nameless(doctor);
    if (fd >= 0) {
        look_at_locks(doctor, fd);
        (void)close(fd);
    }
    look_at_futex(doctor);
    look_at_membarrier(doctor);
    look_at_confinement(doctor);
}

#else

void doctor_kernel(struct doctor *doctor)
{
    doctor_judge(doctor_add(doctor, "kernel", "not Linux"), DOCTOR_OK,
                 "the portable layer needs nothing that would have to be tried; see docs/building.md");
}

#endif
