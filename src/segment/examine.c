/* SPDX-License-Identifier: MIT
 * What lies behind a name, sound or not, and whether anybody alive uses it: for who tidies up. */
#define _POSIX_C_SOURCE 200809L
#include "base/error.h"
#include "segment/segment.h"

#include <stdio.h>
#include <string.h>

static int all_of(const char *text, size_t length, const char *allowed)
{
    return length > 0 && strspn(text, allowed) >= length;
}

/* NAME.tmp-PID-RANDOM, and .myelon-XXXXXX: src/os/linux/object.c and src/os/posix/object.c. Either kind may lie about,
 * whatever this library was built with. */
int myl_name_is_temporary(const char *path)
{
    static const char tag[] = ".tmp-", portable[] = ".myelon-";
    enum { RANDOM_DIGITS = 16, PORTABLE_CHARACTERS = 6 };
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (strncmp(name, portable, sizeof portable - 1) == 0)
        return strlen(name + sizeof portable - 1) == PORTABLE_CHARACTERS;
    const char *random = strrchr(name, '-');
    if (random == NULL || strlen(random + 1) != RANDOM_DIGITS || !all_of(random + 1, RANDOM_DIGITS, "0123456789abcdef"))
        return 0;
    const char *pid = random;
    while (pid > name && pid[-1] >= '0' && pid[-1] <= '9')
        pid--;
    return pid < random && pid - name > (ptrdiff_t)sizeof tag - 1 &&
           strncmp(pid - (sizeof tag - 1), tag, sizeof tag - 1) == 0;
}

/* The first bytes, as many as there are; zeros behind them. */
static int read_start(const struct myl_segment *segment, struct myl_header *head)
{
    void *mapped;
    memset(head, 0, sizeof *head);
    if (segment->object.bytes == 0)
        return 0;
    if (myl_os_map(segment->fd, 0, sizeof *head, 0, &mapped) != 0)
        return -1;
    memcpy(head, mapped, segment->object.bytes < sizeof *head ? segment->object.bytes : sizeof *head);
    myl_os_unmap(mapped, sizeof *head);
    return 0;
}

static int is_blank(const struct myl_header *head)
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
    /* A failure of the machine tells nothing about the object. */
    if (reason != MYL_OK && myl_errclass(reason) != MYL_CLASS_CORRUPT)
        return MYL_OBJECT_OTHER;
    if (!segment->object.regular || read_start(segment, &head) != 0)
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
    for (uint32_t seat = 0; seat < MYL_LANES_MAX * (MYL_SEAT_ENTRY_0 + MYL_CONSUMERS_MAX); seat++) {
        int held = myl_os_seat_held(segment->fd, seat);
        if (held < 0)
            return myl_fail_errno(-held, "the seats of ring \"%s\" cannot be asked for", segment->name);
        if (held > 0)
            return 1;
    }
    return 0;
}

static int examine(struct myl_segment *segment, myl_object *object)
{
    int reason = myl_segment_read_header(segment);
    if (reason != MYL_OK && myl_errclass(reason) != MYL_CLASS_CORRUPT)
        return reason; /* the machine's, not the header's */
    object->reason = reason;
    (void)snprintf(object->detail, sizeof object->detail, "%s", reason == MYL_OK ? "" : myl_error_detail());
    object->kind = myl_segment_kind(segment, reason);
    object->owner = segment->object.owner;
    object->bytes = segment->object.bytes;
    int used = object->kind == MYL_OBJECT_OTHER ? 0 : myl_segment_is_used(segment);
    object->used = used > 0;
    return used < 0 ? used : MYL_OK;
}

int myl_examine(const char *name, enum myl_backend backend, myl_object *object)
{
    struct myl_segment segment;
    struct myl_segment_open how = {.backend = backend, .name = name, .any_owner = 1, .may_read_only = 1};
    if (object == NULL || object->size != sizeof *object)
        return myl_fail(MYL_EOPTIONS, "the size of a myl_object is %zu, not %zu", sizeof *object,
                        object == NULL ? (size_t)0 : object->size);
    if (backend == MYL_BACKEND_MEMFD)
        return myl_fail(MYL_EINVAL, "a memfd has no name to look it up by");
    memset(object, 0, sizeof *object);
    object->size = sizeof *object;
    int rc = myl_segment_reach(&segment, &how);
    if (rc == MYL_OK)
        rc = examine(&segment, object);
    else if (rc == MYL_ENOTRING)
        rc = MYL_OK; /* no regular file */
    myl_segment_close(&segment);
    return rc;
}

const char *myl_shm_directory(void)
{
    return myl_os_shm_directory();
}
