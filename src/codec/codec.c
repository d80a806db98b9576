/* SPDX-License-Identifier: MIT
 * The public calls over a codec's table, and steps within views. */
#include "codec/bytes.h"

#include <inttypes.h>

static const myl_codec *const codecs[] = {&myl_codec_pod,        &myl_codec_bincode1, &myl_codec_bincode2,
                                          &myl_codec_rkyv,       &myl_codec_msgpack,  &myl_codec_msgpack_array,
                                          &myl_codec_flatbuffers};
#define CODECS (sizeof codecs / sizeof codecs[0])

const myl_codec *myl_codec_by_id(uint32_t id)
{
    for (size_t i = 0; i < CODECS; i++) {
        if (codecs[i]->id == id)
            return codecs[i];
    }
    return NULL;
}

const myl_codec *myl_codec_by_name(const char *name)
{
    MYL_I_NOT_NULL(name);
    for (size_t i = 0; i < CODECS; i++) {
        if (strcmp(codecs[i]->name, name) == 0)
            return codecs[i];
    }
    return NULL;
}

int myl_codec_check(const myl_codec *codec, const myl_schema *schema)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    if (codec->struct_size != sizeof *codec)
        return myl_fail(MYL_EINVAL, "a codec has struct_size %zu, expected %zu; set it to sizeof(myl_codec)",
                        codec->struct_size, sizeof *codec);
    if (codec->name == NULL)
        return myl_fail(MYL_EINVAL, "a codec of id %" PRIu32 " has no name; give it one", codec->id);
    if (codec->form != MYL_TEXT_SCHEMA && codec->form != MYL_TEXT_LAYOUT)
        return myl_fail(MYL_EINVAL, "codec %s has form %d; use MYL_TEXT_SCHEMA or MYL_TEXT_LAYOUT", codec->name,
                        (int)codec->form);
    if (codec->id < MYL_CODEC_USER && myl_codec_by_id(codec->id) != codec)
        return myl_fail(MYL_EINVAL, "codec %s has the id %" PRIu32 ", which is the library's; use %d or more",
                        codec->name, codec->id, MYL_CODEC_USER);
    return codec->check != NULL ? codec->check(schema) : MYL_OK;
}

uint64_t myl_codec_hash(const myl_codec *codec, const myl_schema *schema)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    return myl_schema_hash(schema, codec->form);
}

static int lacks(const myl_codec *codec, const char *what)
{
    return myl_fail(MYL_EUNSUPPORTED, "the codec %s does not %s", codec->name, what);
}

int myl_encoded_size(const myl_codec *codec, const myl_schema *schema, const void *value, size_t *bytes)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(value);
    MYL_I_NOT_NULL(bytes);
    return codec->size != NULL ? codec->size(schema, value, bytes) : lacks(codec, "encode");
}

int myl_encode(const myl_codec *codec, const myl_schema *schema, const void *value, void *buffer, size_t room,
               size_t *bytes)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(value);
    MYL_I_NOT_NULL(bytes);
    return codec->encode != NULL ? codec->encode(schema, value, buffer, room, bytes) : lacks(codec, "encode");
}

int myl_decode(const myl_codec *codec, const myl_schema *schema, const void *bytes, size_t length, myl_arena *arena,
               void **value)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(arena);
    MYL_I_NOT_NULL(value);
    if (codec->decode == NULL)
        return lacks(codec, "decode");
    struct myl_arena_mark mark = myl_arena_mark(arena);
    int rc = codec->decode(schema, bytes, length, arena, value);
    if (rc != MYL_OK)
        myl_arena_back(arena, mark);
    return rc;
}

int myl_access(const myl_codec *codec, const myl_schema *schema, const void *bytes, size_t length, myl_view *view)
{
    MYL_I_NOT_NULL(codec);
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(view);
    if (codec->access == NULL)
        return lacks(codec, "read in place; use myl_decode");
    myl_view made = {codec, bytes, length, NULL, schema->root, NULL};
    int rc = codec->access(schema, &made);
    if (rc == MYL_OK)
        *view = made;
    return rc;
}

/* --- views -------------------------------------------------------------------------------------------------- */

myl_view myl_view_of(const myl_schema *schema, const void *value)
{
    MYL_I_NOT_NULL(schema);
    MYL_I_NOT_NULL(value);
    return (myl_view){NULL, value, schema->root->size, value, schema->root, NULL};
}

int myl_view_read(const myl_view *view, myl_item *item)
{
    MYL_I_NOT_NULL(view);
    MYL_I_NOT_NULL(item);
    if (view->codec == NULL)
        return myl_native_read(view, item);
    return view->codec->read != NULL ? view->codec->read(view, item) : lacks(view->codec, "read in place");
}

int myl_view_child(const myl_view *view, uint64_t index, myl_view *child)
{
    MYL_I_NOT_NULL(view);
    MYL_I_NOT_NULL(child);
    myl_item item = {.count = 0};
    int rc = myl_view_read(view, &item);
    if (rc != MYL_OK)
        return rc;
    if (index >= item.count || item.kind < MYL_KIND_ARRAY)
        return myl_fail(MYL_EINVAL, "there is no child %" PRIu64 " of a %s with %" PRIu64, index,
                        myl_kind_word((uint32_t)item.kind), item.kind < MYL_KIND_ARRAY ? 0 : item.count);
    myl_view made = *view;
    if (view->codec == NULL)
        rc = myl_native_child(view, index, &made);
    else
        rc = view->codec->child != NULL ? view->codec->child(view, index, &made) : lacks(view->codec, "read in place");
    if (rc == MYL_OK)
        *child = made;
    return rc;
}

const char *myl_view_name(const myl_view *view, uint64_t index)
{
    MYL_I_NOT_NULL(view);
    const struct myl_node *node = view->node;
    return node != NULL && node->parts != NULL && index < node->count ? node->parts[index].name : NULL;
}

int myl_view_field(const myl_view *view, const char *name, myl_view *field)
{
    MYL_I_NOT_NULL(view);
    MYL_I_NOT_NULL(name);
    MYL_I_NOT_NULL(field);
    const struct myl_node *node = view->node;
    if (node == NULL || node->kind != MYL_KIND_STRUCT)
        return myl_fail(MYL_EINVAL, "a field \"%s\" of what is no struct", name);
    for (uint32_t i = 0; i < node->count; i++) {
        if (strcmp(node->parts[i].name, name) == 0)
            return myl_view_child(view, i, field);
    }
    return myl_fail(MYL_EINVAL, "struct %s has no field \"%s\"", node->name, name);
}
