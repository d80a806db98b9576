/* SPDX-License-Identifier: MIT
 * Do readers of one type read the values of another one? They do if its structs have more or fewer fields at their end,
 * and each of those may be missing: docs/codecs.md. A table has the fields that its writer knows, and a reader asks for
 * those that it knows. */
#include "codec/flatbuffers.h"

#include <inttypes.h>

static bool same_name(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The expressions of the schema text are equal. */
static bool same_expression(const struct myl_node *a, const struct myl_node *b)
{
    while (a->kind == b->kind && a->element != NULL && b->element != NULL &&
           (a->kind != MYL_KIND_ARRAY || a->count == b->count)) {
        a = a->element;
        b = b->element;
    }
    return a->kind == b->kind && a->element == NULL && b->element == NULL && same_name(a->name, b->name);
}

/* The field has a value if it is missing. */
static bool may_miss(const struct myl_node *field)
{
    const struct myl_node *bare = field->bare;
    return bare->kind <= MYL_KIND_BYTES || bare->kind == MYL_KIND_VECTOR || bare->kind == MYL_KIND_OPTION;
}

static int check_common(const struct myl_node *a, const struct myl_node *b, uint32_t count)
{
    const char *what = a->kind == MYL_KIND_UNION ? "variant" : "field";
    for (uint32_t i = 0; i < count; i++) {
        const struct myl_part *one = &a->parts[i], *other = &b->parts[i];
        if (strcmp(one->name, other->name) != 0)
            return myl_fail(MYL_ESCHEMA, "%s %" PRIu32 " of %s: \"%s\" there, \"%s\" here", what, i + 1, a->name,
                            one->name, other->name);
        if (!same_expression(one->node, other->node))
            return myl_fail(MYL_ESCHEMA, "%s %s.%s: another type there than here", what, a->name, one->name);
    }
    return MYL_OK;
}

/* Two definitions of one name. */
static int check_definition(const struct myl_node *a, const struct myl_node *b)
{
    uint32_t count = a->count < b->count ? a->count : b->count;
    const struct myl_node *longer = a->count > b->count ? a : b;
    if (a->kind != b->kind || a->fixed != b->fixed || a->inline_fields != b->inline_fields)
        return myl_fail(MYL_ESCHEMA, "type %s: another kind there than here", a->name);
    int rc = check_common(a, b, count);
    if (rc != MYL_OK || a->count == b->count)
        return rc;
    if (!myl_flat_is_table(a))
        return myl_fail(MYL_ESCHEMA,
                        "type %s: %" PRIu32 " %s there, %" PRIu32 " here; only a struct that is not fixed "
                        "may get more fields",
                        a->name, a->count, a->kind == MYL_KIND_UNION ? "variants" : "fields", b->count);
    for (uint32_t i = count; i < longer->count; i++) {
        if (!may_miss(longer->parts[i].node))
            return myl_fail(
                MYL_ESCHEMA,
                "field %s.%s: only %s; a field that is added must be a number, string, bytes, vector or option",
                a->name, longer->parts[i].name, longer == a ? "there" : "here");
    }
    return MYL_OK;
}

static const struct myl_node *find_definition(const myl_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->nodes; i++) {
        if (same_name(schema->root[i].name, name))
            return &schema->root[i];
    }
    return NULL;
}

/* Types that one of the two does not have are in fields that only the other one has. */
int myl_flat_reads(const myl_schema *written, const myl_schema *known)
{
    int rc = MYL_OK;
    if (!same_expression(written->root, known->root))
        return myl_fail(MYL_ESCHEMA, "the root: another type there than here");
    for (uint32_t i = 0; rc == MYL_OK && i < written->nodes; i++) {
        const struct myl_node *node = &written->root[i];
        const struct myl_node *other = node->name != NULL ? find_definition(known, node->name) : NULL;
        if (other != NULL)
            rc = check_definition(node, other);
    }
    return rc;
}
