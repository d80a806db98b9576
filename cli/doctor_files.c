/* SPDX-License-Identifier: MIT
 * myelon doctor: reads /proc and /sys, or a copy of them. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

static FILE *open_file(const struct doctor *doctor, const char *path)
{
    char full[4096];
    if ((size_t)snprintf(full, sizeof full, "%s%s", doctor->root, path) >= sizeof full)
        return NULL;
    return fopen(full, "re");
}

int doctor_read(const struct doctor *doctor, const char *path, char *text, size_t size)
{
    FILE *file = open_file(doctor, path);
    if (file == NULL)
        return -1;
    size_t length = fread(text, 1, size - 1, file);
    int bad = ferror(file);
    (void)fclose(file);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    return bad ? -1 : 0;
}

int doctor_read_number(const struct doctor *doctor, const char *path, uint64_t *value)
{
    char text[64], *end;
    if (doctor_read(doctor, path, text, sizeof text) != 0)
        return -1;
    *value = strtoull(text, &end, 10);
    return end != text && text[0] != '-' ? 0 : -1;
}

int doctor_read_key(const struct doctor *doctor, const char *path, const char *key, char *text, size_t size)
{
    FILE *file = open_file(doctor, path);
    size_t length = strlen(key);
    char line[512];
    int found = 0;
    if (file == NULL)
        return -1;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != ':')
            continue;
        const char *value = line + length + 1 + strspn(line + length + 1, " \t");
        snprintf(text, size, "%.*s", (int)strcspn(value, "\n"), value);
        found = 1;
    }
    (void)fclose(file);
    return found ? 0 : -1;
}

/* Returns 1 if the comma-separated `list` contains `controller`. */
static int has_controller(const char *list, const char *controller)
{
    size_t length = strlen(controller);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        if (strcspn(at, ",") == length && strncmp(at, controller, length) == 0)
            return 1;
    }
    return 0;
}

/* Visits the group and its ancestors, since each of them limits it. In a container the outer ones may be hidden. */
static int climb(const struct doctor *doctor, const char *mount, char *group, const char *file, int version,
                 int (*use)(const struct doctor *doctor, const char *path, int version, void *user), void *user)
{
    char path[2048];
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/%s", mount, strcmp(group, "/") == 0 ? "" : group, file);
        if (use(doctor, path, version, user) != 0)
            return 1;
        char *slash = strrchr(group, '/');
        if (slash == NULL || strcmp(group, "/") == 0)
            return 0;
        slash[slash == group] = '\0';
    }
}

void doctor_each_group(const struct doctor *doctor, const char *controller, const char *file1, const char *file2,
                       int (*use)(const struct doctor *doctor, const char *path, int version, void *user), void *user)
{
    char groups[4096], mount[80], *next = groups;
    if (doctor_read(doctor, "/proc/self/cgroup", groups, sizeof groups) != 0)
        return;
    /* Each line is NUMBER:CONTROLLERS:GROUP; version 2 has number 0 and no controllers. */
    for (char *line; (line = strsep(&next, "\n")) != NULL;) {
        char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
        int over = 0;
        if (number == NULL || controllers == NULL || line == NULL || line[0] != '/')
            continue;
        if (controllers[0] == '\0') {
            over = climb(doctor, "", line, file2, 2, use, user);
        } else if (has_controller(controllers, controller)) {
            snprintf(mount, sizeof mount, "/%s", controller);
            over = climb(doctor, mount, line, file1, 1, use, user);
        }
        if (over)
            return;
    }
}
