/* SPDX-License-Identifier: MIT
 * A configuration as text: environment strings, or a flat JSON object. docs/fabric.md, "Configuration". */
#include "fabric/session.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVIRONMENT_PREFIX "MYELON_FABRIC_"
#define NAME_MAX_BYTES     32U
#define VALUE_MAX_BYTES    (MYL_FABRIC_DIRECTORY_MAX + 1)

enum kind { TEXT, BACKEND, NUMBER_32, NUMBER_64, DESCRIPTOR, SESSION };

/* One member: its name in JSON (upper case: in the environment), and where its value goes. */
static const struct field {
    const char *name;
    enum kind kind;
    size_t offset, size;
} fields[] = {
#define FIELD(member, kind) \
    { \
#member, kind, offsetof(myl_fabric_config, member), sizeof(((myl_fabric_config *)0)->member) \
    }
    FIELD(label, TEXT),
    FIELD(prefix, TEXT),
    FIELD(backend, BACKEND),
    FIELD(directory, TEXT),
    FIELD(workers, NUMBER_32),
    FIELD(rank, NUMBER_32),
    FIELD(dispatch_bytes, NUMBER_64),
    FIELD(reply_bytes, NUMBER_64),
    FIELD(max_message, NUMBER_64),
    FIELD(dispatch_fd, DESCRIPTOR),
    FIELD(reply_fd, DESCRIPTOR),
    FIELD(dispatch_session, SESSION),
    FIELD(reply_session, SESSION),
#undef FIELD
};

#define FIELDS (sizeof fields / sizeof fields[0])

static const char *const backends[] = {"shm", "file", "memfd"}; /* by enum myl_backend */

static void environment_name(const struct field *field, char name[NAME_MAX_BYTES + sizeof ENVIRONMENT_PREFIX])
{
    size_t at = sizeof ENVIRONMENT_PREFIX - 1, i = 0;
    memcpy(name, ENVIRONMENT_PREFIX, at);
    for (; field->name[i] != '\0'; i++)
        name[at + i] =
            (char)(field->name[i] >= 'a' && field->name[i] <= 'z' ? field->name[i] - 'a' + 'A' : field->name[i]);
    name[at + i] = '\0';
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static int wrong(const char *name, const char *value, const char *expected)
{
    return myl_fail(MYL_EINVAL, "%s is \"%.64s\"; expected %s", name, value, expected);
}

/* Reads digits of base 10 or 16, all of `value`, up to `most`. */
static int read_number(const char *value, unsigned base, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (value[0] == '\0')
        return 0;
    for (const char *at = value; *at != '\0'; at++) {
        unsigned digit = base;
        if (*at >= '0' && *at <= '9')
            digit = (unsigned)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            digit = (unsigned)(*at - 'a') + 10U;
        if (digit >= base || *number > (most - digit) / base)
            return 0;
        *number = *number * base + digit;
    }
    return 1;
}

static int set_session(uint64_t *session, const char *name, const char *value)
{
    char half[17] = "";
    if (strlen(value) == 32) {
        for (unsigned i = 0; i < 2; i++) {
            (void)snprintf(half, sizeof half, "%.16s", value + (size_t)16 * i);
            if (!read_number(half, 16, UINT64_MAX, &session[i]))
                return wrong(name, value, "32 hexadecimal digits in lower case");
        }
        return MYL_OK;
    }
    return wrong(name, value, "32 hexadecimal digits in lower case");
}

static int set_number(myl_fabric_config *config, const struct field *field, const char *name, const char *value)
{
    void *to = (char *)config + field->offset;
    uint64_t number, most = field->kind == NUMBER_64 ? UINT64_MAX : field->kind == NUMBER_32 ? UINT32_MAX : INT32_MAX;
    if (!read_number(value, 10, most, &number))
        return wrong(name, value, "a number in decimal digits");
    if (field->kind == NUMBER_64) {
        memcpy(to, &number, sizeof number);
    } else if (field->kind == NUMBER_32) {
        uint32_t small = (uint32_t)number;
        memcpy(to, &small, sizeof small);
    } else {
        int fd = (int)number;
        memcpy(to, &fd, sizeof fd);
        config->use_fds = 1;
    }
    return MYL_OK;
}

/* `name`: as the caller wrote it, for the sentence of a failure. */
static int set_field(myl_fabric_config *config, const struct field *field, const char *name, const char *value)
{
    char *to = (char *)config + field->offset;
    if (field->kind == TEXT) {
        if (strlen(value) >= field->size)
            return myl_fail(MYL_EINVAL, "%s has %zu bytes; give it at most %zu", name, strlen(value), field->size - 1);
        memcpy(to, value, strlen(value) + 1);
        return MYL_OK;
    }
    if (field->kind == BACKEND) {
        for (unsigned i = 0; i < sizeof backends / sizeof backends[0]; i++) {
            if (strcmp(value, backends[i]) == 0) {
                config->backend = (enum myl_backend)i;
                return MYL_OK;
            }
        }
        return wrong(name, value, "\"shm\", \"file\" or \"memfd\"");
    }
    if (field->kind == SESSION) {
        uint64_t session[2] = {0, 0};
        int rc = set_session(session, name, value);
        memcpy(to, session, sizeof session);
        return rc;
    }
    return set_number(config, field, name, value);
}

/* A configuration of this library's size goes to the caller, if it is right. */
static int give(myl_fabric_config *to, const myl_fabric_config *made)
{
    struct myl_session session;
    if (to->size < sizeof *made)
        return myl_fail(MYL_EOPTIONS, "myl_fabric_config has size %zu; set it to the structure's size, %zu", to->size,
                        sizeof *made);
    int rc = myl_session_take(&session, made);
    if (rc == MYL_OK) {
        size_t size = to->size;
        memset(to, 0, size < sizeof *made ? size : sizeof *made);
        memcpy(to, made, sizeof *made);
        to->size = sizeof *made;
    }
    return rc;
}

/* --- the environment --------------------------------------------------------------------------------------------- */

int myl_fabric_config_from_environment(myl_fabric_config *config)
{
    MYL_I_NOT_NULL(config);
    myl_fabric_config made = {.size = sizeof made};
    for (size_t i = 0; i < FIELDS; i++) {
        char name[NAME_MAX_BYTES + sizeof ENVIRONMENT_PREFIX];
        environment_name(&fields[i], name);
        const char *value = getenv(name);
        int rc = value == NULL ? MYL_OK : set_field(&made, &fields[i], name, value);
        if (rc != MYL_OK)
            return rc;
    }
    return give(config, &made);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

struct json {
    const char *text, *at;
};

static int bad_json(const struct json *json, const char *expected)
{
    return myl_fail(MYL_EINVAL, "the configuration is not a flat JSON object at byte %zu; expected %s",
                    (size_t)(json->at - json->text), expected);
}

static void skip_space(struct json *json)
{
    while (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')
        json->at++;
}

static int skip(struct json *json, char byte)
{
    skip_space(json);
    if (*json->at != byte)
        return 0;
    json->at++;
    return 1;
}

/* A string without escapes. */
static int read_string(struct json *json, char *to, size_t size)
{
    size_t length = 0;
    if (!skip(json, '"'))
        return bad_json(json, "a string");
    for (; *json->at != '"'; json->at++) {
        if ((unsigned char)*json->at < ' ' || *json->at == '\\' || length + 1 >= size)
            return bad_json(json, "a short string without escapes");
        to[length++] = *json->at;
    }
    json->at++;
    to[length] = '\0';
    return MYL_OK;
}

/* A string, or a number that is not negative. */
static int read_value(struct json *json, enum kind kind, char *to, size_t size)
{
    size_t length = 0;
    if (kind == TEXT || kind == BACKEND || kind == SESSION)
        return read_string(json, to, size);
    skip_space(json);
    while (*json->at >= '0' && *json->at <= '9' && length + 1 < size)
        to[length++] = *json->at++;
    to[length] = '\0';
    return length > 0 ? MYL_OK : bad_json(json, "a number");
}

static int read_member(struct json *json, myl_fabric_config *config, uint32_t *seen)
{
    char name[NAME_MAX_BYTES] = "", value[VALUE_MAX_BYTES] = "";
    size_t i = 0;
    int rc = read_string(json, name, sizeof name);
    if (rc != MYL_OK)
        return rc;
    while (i < FIELDS && strcmp(fields[i].name, name) != 0)
        i++;
    if (i == FIELDS || (*seen & UINT32_C(1) << i) != 0)
        return myl_fail(MYL_EINVAL, "the configuration has %s member \"%s\"; docs/fabric.md lists the members",
                        i == FIELDS ? "an unknown" : "a second", name);
    *seen |= UINT32_C(1) << i;
    if (!skip(json, ':'))
        return bad_json(json, "a colon");
    rc = read_value(json, fields[i].kind, value, sizeof value);
    return rc == MYL_OK ? set_field(config, &fields[i], name, value) : rc;
}

int myl_fabric_config_from_json(myl_fabric_config *config, const char *text)
{
    MYL_I_NOT_NULL(config);
    myl_fabric_config made = {.size = sizeof made};
    struct json json = {text, text};
    uint32_t seen = 0;
    if (text == NULL || memchr(text, '\0', MYL_FABRIC_TEXT_MAX) == NULL)
        return myl_fail(MYL_EINVAL, "the configuration is missing, or longer than %d bytes", MYL_FABRIC_TEXT_MAX);
    if (!skip(&json, '{'))
        return bad_json(&json, "an opening brace");
    if (!skip(&json, '}')) {
        do {
            int rc = read_member(&json, &made, &seen);
            if (rc != MYL_OK)
                return rc;
        } while (skip(&json, ','));
        if (!skip(&json, '}'))
            return bad_json(&json, "a comma or a closing brace");
    }
    skip_space(&json);
    return *json.at == '\0' ? give(config, &made) : bad_json(&json, "the end");
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

struct out {
    char *text;
    size_t size, used;
};

MYL_PRINTF(2, 3)
static void put(struct out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t left = out->used < out->size ? out->size - out->used : 0;
    int length = vsnprintf(left > 0 ? out->text + out->used : NULL, left, format, args);
    va_end(args);
    out->used += length > 0 ? (size_t)length : 0;
}

static int is_set(const myl_fabric_config *config, const struct field *field)
{
    static const char zero[sizeof *config];
    if (field->kind == DESCRIPTOR)
        return config->use_fds;
    return field->kind == BACKEND || memcmp((const char *)config + field->offset, zero, field->size) != 0;
}

static void put_value(struct out *out, const myl_fabric_config *config, const struct field *field, const char *quote)
{
    const char *from = (const char *)config + field->offset;
    uint64_t number = 0, session[2];
    if (field->kind == TEXT) {
        put(out, "%s%s%s", quote, from, quote);
    } else if (field->kind == BACKEND) {
        put(out, "%s%s%s", quote, backends[config->backend], quote);
    } else if (field->kind == SESSION) {
        memcpy(session, from, sizeof session);
        put(out, "%s%016" PRIx64 "%016" PRIx64 "%s", quote, session[0], session[1], quote);
    } else if (field->kind == NUMBER_64) {
        memcpy(&number, from, sizeof number);
        put(out, "%" PRIu64, number);
    } else {
        uint32_t small;
        memcpy(&small, from, sizeof small);
        put(out, "%" PRIu32, small);
    }
}

static int finish(const struct out *out, size_t *used)
{
    if (used != NULL)
        *used = out->used;
    if (out->used <= out->size)
        return MYL_OK;
    if (out->size > 0)
        out->text[0] = '\0';
    return myl_fail(MYL_EBUFFER, "the configuration takes %zu bytes, and there are %zu; MYL_FABRIC_TEXT_MAX suffices",
                    out->used, out->size);
}

int myl_fabric_config_to_environment(const myl_fabric_config *config, char *text, size_t size, size_t *used)
{
    struct myl_session session;
    struct out out = {text, size, 0};
    int rc = myl_session_take(&session, config);
    if (rc != MYL_OK)
        return rc;
    for (size_t i = 0; i < FIELDS; i++) {
        char name[NAME_MAX_BYTES + sizeof ENVIRONMENT_PREFIX];
        if (!is_set(&session.config, &fields[i]))
            continue;
        environment_name(&fields[i], name);
        put(&out, "%s=", name);
        put_value(&out, &session.config, &fields[i], "");
        out.used++; /* the NUL of this string */
    }
    put(&out, "%s", ""); /* the empty string at the end */
    out.used++;
    return finish(&out, used);
}

int myl_fabric_config_to_json(const myl_fabric_config *config, char *text, size_t size, size_t *used)
{
    struct myl_session session;
    struct out out = {text, size, 0};
    const char *comma = "";
    int rc = myl_session_take(&session, config);
    if (rc == MYL_OK && strpbrk(session.config.label, "\"\\") != NULL)
        rc = myl_fail(MYL_ENAME, "the label has a quote or a backslash, which the JSON form cannot carry; use the "
                                 "environment, or another label");
    if (rc != MYL_OK)
        return rc;
    put(&out, "{");
    for (size_t i = 0; i < FIELDS; i++) {
        if (!is_set(&session.config, &fields[i]))
            continue;
        put(&out, "%s\"%s\": ", comma, fields[i].name);
        put_value(&out, &session.config, &fields[i], "\"");
        comma = ", ";
    }
    put(&out, "}");
    out.used++;
    return finish(&out, used);
}
