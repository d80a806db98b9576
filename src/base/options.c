/* SPDX-License-Identifier: MIT
 * Copies structures between the size of the caller's version and that of this library. */
#include "base/options.h"

#include "base/error.h"

#include <string.h>

static size_t size_of(const void *structure)
{
    size_t size;
    memcpy(&size, structure, sizeof size);
    return size;
}

static int check_size(size_t size, const struct myl_options_type *type)
{
    if (size < type->least)
        return myl_fail(MYL_EOPTIONS, "%s has size %zu, expected at least %zu; set .size = sizeof(%s)", type->name,
                        size, type->least, type->name);
    if (size > MYL_OPTIONS_MOST)
        return myl_fail(MYL_EOPTIONS, "%s has size %zu, expected at most %zu; set .size = sizeof(%s)", type->name, size,
                        MYL_OPTIONS_MOST, type->name);
    return MYL_OK;
}

/* `size` has been checked. */
static int take(void *own, const unsigned char *given, size_t size, const struct myl_options_type *type)
{
    for (size_t i = type->size; i < size; i++) {
        if (given[i] != 0)
            return myl_fail(
                MYL_EOPTIONS,
                "%s has size %zu, of which this library knows %zu, and its byte at offset %zu is not 0; set "
                "members of later versions to 0, or use a later library",
                type->name, size, type->size, i);
    }
    memset(own, 0, type->size);
    memcpy(own, given, size < type->size ? size : type->size);
    memcpy(own, &type->size, sizeof type->size);
    return MYL_OK;
}

static int take_defaults(void *own, const struct myl_options_type *type)
{
    memset(own, 0, type->size);
    memcpy(own, &type->size, sizeof type->size);
    return MYL_OK;
}

int myl_options_take(void *own, const void *given, const struct myl_options_type *type)
{
    if (given == NULL)
        return take_defaults(own, type);
    int rc = check_size(size_of(given), type);
    return rc == MYL_OK ? take(own, given, size_of(given), type) : rc;
}

int myl_reserved_check(const void *reserved, size_t bytes, const char *what)
{
    const unsigned char *byte = reserved;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != 0)
            return myl_fail(MYL_EOPTIONS,
                            "the byte at offset %zu of the reserved members of %s is not 0; set the whole structure to "
                            "0 first, or use a later library",
                            i, what);
    }
    return MYL_OK;
}

int myl_result_check(const void *to, const struct myl_options_type *type)
{
    return check_size(to == NULL ? 0 : size_of(to), type);
}

int myl_result_give(void *to, const void *result, const struct myl_options_type *type)
{
    int rc = myl_result_check(to, type);
    if (rc != MYL_OK)
        return rc;
    size_t size = size_of(to);
    memset(to, 0, size);
    memcpy(to, result, size < type->size ? size : type->size);
    memcpy(to, &size, sizeof size);
    return MYL_OK;
}
