/* SPDX-License-Identifier: MIT
 * Finds the type of the values that `pub --json` publishes. */
#include "pub_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"

int pub_schema_codec(struct pub_schema *schema, const char *name)
{
    schema->codec = myl_codec_by_name(name);
    return schema->codec != NULL
               ? 0
               : cli_usage(
                     "--codec wants pod, bincode1, bincode2, rkyv, msgpack, msgpack_array or flatbuffers, not '%s'",
                     name);
}

/* Reads at most one byte more than a text can have. */
static int read_file(const char *path, char *text, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd >= 0 ? 1 : STREAM_FAILED;
    *length = 0;
    while (count > 0 && *length <= MYL_SCHEMA_TEXT_MAX) {
        count = stream_read(fd, text + *length, MYL_SCHEMA_TEXT_MAX + 1 - *length);
        *length += count > 0 ? (size_t)count : 0;
    }
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    return count >= 0 ? 0 : cli_fail(CLI_FAILED, "cannot read the schema file %s: %s", path, strerror(error));
}

static int open_file(struct pub_schema *schema)
{
    char source[320];
    size_t length;
    char *text = malloc(MYL_SCHEMA_TEXT_MAX + 1);
    if (text == NULL)
        return cli_fail(CLI_FAILED, "out of memory for a schema");
    (void)snprintf(source, sizeof source, "file %.300s", schema->file);
    int code = read_file(schema->file, text, &length);
    if (code == 0)
        code = typed_open(&schema->typed, schema->codec, text, length, source);
    free(text);
    return code;
}

static int open_ring(struct pub_schema *schema, const struct cli_target *target)
{
    myl_snapshot *snapshot;
    int rc = myl_snapshot_take(target->name, target->backend, &snapshot);
    if (rc == MYL_ENOTFOUND)
        return cli_ring_error_advised(rc, "to make it pass --schema FILE and --codec NAME");
    if (rc != MYL_OK)
        return cli_ring_error(rc);
    int code = typed_open_ring(&schema->typed, target, snapshot->info.codec, snapshot->schema_text);
    myl_snapshot_free(snapshot);
    return code;
}

int pub_schema_open(struct pub_schema *schema, const struct cli_target *target)
{
    return schema->file != NULL ? open_file(schema) : open_ring(schema, target);
}

void pub_schema_close(struct pub_schema *schema)
{
    typed_close(&schema->typed);
}

int pub_schema_publish(const struct pub_schema *schema, const struct cli_target *target,
                       const myl_frame_producer_options *options, myl_typed_producer **producer)
{
    const struct typed *typed = &schema->typed;
    const myl_typed_options types = {.size = sizeof types,
                                     .type = myl_schema_type(typed->schema),
                                     .codec = typed->codec};
    return myl_typed_producer_open(producer, target->name, &types, options);
}
