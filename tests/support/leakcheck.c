/* SPDX-License-Identifier: MIT
 * Runs one test and fails it if it leaves anything behind: leakcheck [--timeout SECONDS] PROGRAM [ARGUMENT...].
 *
 * The test runs in its own process group. MYL_TEST_TAG is a number: the names of the test's rings start with
 * myl-test-TAG-. MYL_TEST_DIR is a directory for its files. After the test there must be no process, no entry of
 * /dev/shm with the tag in its name, and no file in the directory. Anything left is reported and removed, and the test
 * fails. Exit status: the test's; 124 after the timeout; 125 if anything was left; 128 + n after signal n. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { EXIT_TIMEOUT = 124, EXIT_LEAK = 125, EXIT_BROKEN = 126, GRACE_MS = 2000 };

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int signal)
{
    asked_to_stop = signal;
}

static void report_leak(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void report_leak(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("leakcheck: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until a child changes state (SIGCHLD, blocked), a signal asks this process to stop, or `ms` have passed. */
static void wait_for_child(const sigset_t *set, int64_t ms)
{
    if (ms > 100)
        ms = 100; /* limits the delay after a SIGCHLD that another child consumed */
#ifdef __APPLE__
    (void)set; /* macOS has no sigtimedwait */
    struct timespec t = {.tv_nsec = 2000000};
    nanosleep(&t, NULL);
#else
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    sigtimedwait(set, NULL, &t);
#endif
}

/* Waits for the test itself, and reaps orphans that have become children of this process. Returns 0 after the test's
 * end, -1 after the timeout. */
static int wait_for_test(pid_t test, int timeout_s, const sigset_t *set, int *status)
{
    int64_t deadline = now_ms() + (int64_t)timeout_s * 1000;
    for (;;) {
        int one;
        pid_t pid = waitpid(-1, &one, WNOHANG);
        if (pid == test) {
            *status = one;
            return 0;
        }
        if (pid > 0)
            continue;
        int64_t left = deadline - now_ms();
        if (left <= 0 || asked_to_stop)
            return -1;
        wait_for_child(set, left);
    }
}

/* Prints the remaining children (orphans are reparented to this process). Kills them if `kill_them`. */
static int each_child(int kill_them)
{
    int count = 0;
#ifdef __linux__
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    int pid;
    while (file && fscanf(file, "%d", &pid) == 1) {
        char name[64] = "?";
        char comm[64];
        snprintf(comm, sizeof comm, "/proc/%d/comm", pid);
        FILE *c = fopen(comm, "re");
        if (c) {
            if (fgets(name, sizeof name, c))
                name[strcspn(name, "\n")] = 0;
            fclose(c);
        }
        count++;
        if (kill_them) {
            report_leak("process %d (%s) was left running", pid, name);
            kill(pid, SIGKILL);
        }
    }
    if (file)
        fclose(file);
#else
    (void)kill_them;
#endif
    return count;
}

/* Prints the first line of /proc/PID/WHAT, with NULs as spaces. Prints nothing if the file does not exist. */
static void show_line(int pid, const char *what)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return;
    for (ssize_t i = 0; i < n; i++)
        if (text[i] == 0)
            text[i] = ' ';
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    fprintf(stderr, " %s", text);
}

/* After the timeout: prints the processes of the test's group, and what each waits for according to the kernel
 * (Linux). */
static void show_group(pid_t group)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        int pid = atoi(e->d_name);
        if (pid <= 0 || getpgid(pid) != group)
            continue;
        fprintf(stderr, "leakcheck:   process %d:", pid);
        show_line(pid, "cmdline");
        fputs(" in", stderr);
        show_line(pid, "wchan");
        fputs(", system call", stderr);
        show_line(pid, "syscall");
        fputc('\n', stderr);
    }
    if (dir)
        closedir(dir);
}

/* Ends the test's remaining processes. They first get `grace_ms` to end by themselves, because a killed child may not
 * be gone yet. Then they are killed and counted as left behind. Returns their number. */
static int end_children(pid_t group, const sigset_t *set, int64_t grace_ms)
{
    int64_t deadline = now_ms() + grace_ms;
    int killed = 0;
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid > 0)
            continue;
        if (pid < 0 && errno == ECHILD && kill(-group, 0) != 0)
            return killed;
        if (now_ms() < deadline) {
            wait_for_child(set, 10);
            continue;
        }
        int here = each_child(1);
        if (kill(-group, SIGKILL) == 0 && here == 0)
            here = 1;
        killed += here;
        deadline = now_ms() + 100;
    }
}

/* Removes `directory`/`name` and reports it; a directory is removed with its contents. Returns the number of entries
 * that were not directories. */
static int remove_tree(int parent, const char *name, const char *shown)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (!S_ISDIR(st.st_mode)) {
        report_leak("%s/%s (%lld bytes) was left behind", shown, name, (long long)st.st_size);
        unlinkat(parent, name, 0);
        return 1;
    }
    int count = 0;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    char inner[PATH_MAX];
    snprintf(inner, sizeof inner, "%s/%s", shown, name);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            count += remove_tree(dirfd(dir), e->d_name, inner);
    if (dir)
        closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
    return count;
}

/* Removes all entries of /dev/shm that have the tag in their names, with or without the prefix. */
static int remove_shm(const char *tag)
{
    int count = 0;
    DIR *dir = opendir("/dev/shm");
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strstr(e->d_name, tag))
            count += remove_tree(dirfd(dir), e->d_name, "/dev/shm");
    if (dir)
        closedir(dir);
    return count;
}

static void run_test(char **argv, const sigset_t *old)
{
    char tag[32];
    snprintf(tag, sizeof tag, "%d", (int)getpid());
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, old, NULL);
    setenv("MYL_TEST_TAG", tag, 1);
    execvp(argv[0], argv);
    report_leak("cannot run %s: %s", argv[0], strerror(errno));
    _exit(EXIT_BROKEN);
}

static int exit_status(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    report_leak("the test was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return 128 + WTERMSIG(status);
}

static int check(char **argv, int timeout_s)
{
    char directory[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/myl-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(directory)) {
        report_leak("cannot make %s: %s", directory, strerror(errno));
        return EXIT_BROKEN;
    }
    setenv("MYL_TEST_DIR", directory, 1);
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
#endif
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid_t test = fork();
    if (test == 0)
        run_test(argv, &old);
    if (test < 0) {
        report_leak("cannot fork: %s", strerror(errno));
        rmdir(directory);
        return EXIT_BROKEN;
    }
    setpgid(test, test); /* parent and child both call it, so the order does not matter */
    int status = 0;
    int in_time = wait_for_test(test, timeout_s, &set, &status) == 0;
    if (!in_time && !asked_to_stop) {
        report_leak("did not end within %d s: killed", timeout_s);
        show_group(test);
    }
    int leaks = end_children(test, &set, in_time ? GRACE_MS : 0);
    char tag[48];
    snprintf(tag, sizeof tag, "myl-test-%d-", (int)test);
    leaks += remove_shm(tag);
    leaks += remove_tree(AT_FDCWD, directory, "");
    if (!in_time)
        return EXIT_TIMEOUT;
    int result = exit_status(status);
    return result == 0 && leaks != 0 ? EXIT_LEAK : result;
}

int main(int argc, char **argv)
{
    int timeout_s = 60;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--timeout") == 0) {
        timeout_s = atoi(argv[2]);
        first = 3;
    }
    if (first >= argc || timeout_s <= 0) {
        fputs("usage: leakcheck [--timeout SECONDS] PROGRAM [ARGUMENT...]\n", stderr);
        return EXIT_BROKEN;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return check(argv + first, timeout_s);
}
