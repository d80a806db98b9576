/* SPDX-License-Identifier: MIT
 * The version of this library, and the features it was built with. */
#include <myelon/base.h>

#include <string.h>

const char *myl_version(void)
{
#define MYL_TEXT2(x) #x
#define MYL_TEXT(x) MYL_TEXT2(x)
    return MYL_TEXT(MYL_VERSION_MAJOR) "." MYL_TEXT(MYL_VERSION_MINOR) "." MYL_TEXT(MYL_VERSION_PATCH);
}

/* Names are added and never removed. docs/ffi.md lists them. */
static const char *const features[] = {
    "events",       "frames",          "lanes",        "liveness",
    "fixed-frames", "event-log",       "log-callback", "error-participant",
    "release-to",   "release-message", "poll",         "peek",
    "reserve",      "ticket",          "on-signal",    "typed",
    "schema",       "msgpack",         "waitset",      "flatbuffers",
    "fabric",
#ifdef MYL_OS_POSIX
    "os-posix",
#else
    "os-linux",     "memfd",           "robust-locks",
#endif
#ifndef NDEBUG
    "assertions",
#endif
};

int myl_has_feature(const char *name)
{
    MYL_I_NOT_NULL(name);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (strcmp(features[i], name) == 0)
            return 1;
    }
    return 0;
}
