/* SPDX-License-Identifier: MIT
 * Classifies an object whose header cannot be read, or whose name is a temporary one. */
#define _POSIX_C_SOURCE 200809L
#include "segment/kind.h"

#include "base/error.h"

#include <string.h>

static bool all_of(const char *text, size_t length, const char *allowed)
{
    return length > 0 && strspn(text, allowed) >= length;
}

/* NAME.tmp-PID-RANDOM of src/os/linux/object.c, and .myelon-XXXXXX of src/os/posix/object.c. Check for both: the
 * library that created the object may have been built for the other. */
bool myl_name_is_temporary(const char *path)
{
    static const char tag[] = ".tmp-", portable[] = ".myelon-";
    enum { RANDOM_DIGITS = 16, PORTABLE_CHARACTERS = 6 };
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (strncmp(name, portable, sizeof portable - 1) == 0)
        return strlen(name + sizeof portable - 1) == PORTABLE_CHARACTERS;
    const char *random = strrchr(name, '-');
    if (random == NULL || strlen(random + 1) != RANDOM_DIGITS || !all_of(random + 1, RANDOM_DIGITS, "0123456789abcdef"))
        return false;
    const char *pid = random;
    while (pid > name && pid[-1] >= '0' && pid[-1] <= '9')
        pid--;
    return pid < random && pid - name > (ptrdiff_t)sizeof tag - 1 &&
           strncmp(pid - (sizeof tag - 1), tag, sizeof tag - 1) == 0;
}

/* Reads the first bytes of the object. Missing bytes are zero. */
static int read_start(const struct myl_segment *segment, struct myl_header *head)
{
    uint64_t got;
    memset(head, 0, sizeof *head);
    return myl_os_object_read(segment->fd, 0, head, sizeof *head, &got);
}

static bool is_blank(const struct myl_header *head)
{
    const unsigned char *bytes = (const unsigned char *)head;
    size_t at = 0;
    while (at < sizeof *head && bytes[at] == 0)
        at++;
    return at == sizeof *head;
}

enum myl_object_kind myl_segment_kind(const struct myl_segment *segment, int reason)
{
    struct myl_header head;
    /* A failure of the system says nothing about the object. */
    if (reason != MYL_OK && myl_errclass(reason) != MYL_CLASS_CORRUPT)
        return MYL_OBJECT_OTHER;
    if (!segment->shared->object.regular || read_start(segment, &head) != 0)
        return MYL_OBJECT_OTHER;
    int ours = head.magic == MYL_MAGIC || head.magic == __builtin_bswap64(MYL_MAGIC);
    if (segment->path != NULL && myl_name_is_temporary(segment->path))
        return ours || is_blank(&head) ? MYL_OBJECT_UNFINISHED : MYL_OBJECT_OTHER;
    if (!ours)
        return MYL_OBJECT_OTHER;
    if (reason == MYL_OK)
        return MYL_OBJECT_RING;
    return reason == MYL_EVERSION || reason == MYL_EBYTEORDER ? MYL_OBJECT_FOREIGN : MYL_OBJECT_DAMAGED;
}

int myl_segment_is_used(const struct myl_segment *segment)
{
    int held = myl_os_any_lock_held(segment->fd, 0, MYL_LANES_MAX * (MYL_LOCK_ENTRY_0 + MYL_CONSUMERS_MAX));
    if (held < 0)
        return myl_fail_errno(-held, "the participant locks of ring \"%s\" cannot be queried", segment->name);
    return held;
}
