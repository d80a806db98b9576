/* SPDX-License-Identifier: MIT
 * The types that MessagePack cannot carry. */
#include "codec/msgpack.h"

/* Returns 1 if an option in this type, down to the next struct or union, contains an option. */
static int has_nested_option(const struct myl_node *node)
{
    for (int is_some = 0; node != NULL; node = node->element) {
        if (node->kind == MYL_KIND_OPTION && is_some)
            return 1;
        is_some = node->kind == MYL_KIND_OPTION || (node->kind == MYL_KIND_BOX && is_some);
    }
    return 0;
}

int myl_msgpack_check(const myl_schema *schema, const char *name)
{
    static const char why[] = "is an option of an option, and MessagePack has one nil: put the inner option into a "
                              "struct, or use another codec";
    if (MYL_LIKELY(!schema->nested_option))
        return MYL_OK;
    for (uint32_t i = 0; i < schema->nodes; i++) {
        const struct myl_node *node = &schema->root[i];
        for (uint32_t k = 0; node->parts != NULL && k < node->count; k++) {
            if (has_nested_option(node->parts[k].node))
                return myl_fail(MYL_ESCHEMA, "%s: %s.%s %s", name, node->name, node->parts[k].name, why);
        }
    }
    return myl_fail(MYL_ESCHEMA, "%s: the root %s", name, why);
}
