/* SPDX-License-Identifier: MIT
 * Formats sizes, times and rates. */
#include "cli.h"

#include <inttypes.h>
#include <time.h>

struct cli_text cli_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct cli_text text;
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text.s, sizeof text.s, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
    return text;
}

struct cli_text cli_count(uint64_t count, const char *noun)
{
    struct cli_text text;
    snprintf(text.s, sizeof text.s, "%" PRIu64 " %.9s%s", count, noun, count == 1 ? "" : "s");
    return text;
}

struct cli_text cli_pid(int32_t pid)
{
    struct cli_text text = {"-"};
    if (pid != 0)
        snprintf(text.s, sizeof text.s, "%" PRId32, pid);
    return text;
}

struct cli_text cli_duration(int64_t nanoseconds)
{
    struct cli_text text;
    double seconds = (double)nanoseconds / 1e9;
    if (nanoseconds > 0 && nanoseconds < MYL_MSEC(1)) {
        snprintf(text.s, sizeof text.s, "%.0f us", seconds < 1e-6 ? 1 : seconds * 1e6);
    } else if (seconds < 1) {
        snprintf(text.s, sizeof text.s, "%.0f ms", seconds * 1e3);
    } else if (seconds < 60) {
        snprintf(text.s, sizeof text.s, "%.2f s", seconds);
    } else {
        long long whole = (long long)seconds;
        if (whole < 3600)
            snprintf(text.s, sizeof text.s, "%lld:%02lld", whole / 60, whole % 60);
        else
            snprintf(text.s, sizeof text.s, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    }
    return text;
}

int64_t cli_age(uint64_t realtime_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t age = now_ns - realtime_ns;
    return realtime_ns > now_ns || age > INT64_MAX ? -1 : (int64_t)age;
}

struct cli_text cli_age_text(int64_t age_ns)
{
    struct cli_text unknown = {.s = "?"};
    return age_ns >= 0 ? cli_duration(age_ns) : unknown;
}

struct cli_text cli_rate(uint64_t bytes, int64_t nanoseconds)
{
    struct cli_text text;
    double seconds = nanoseconds > 0 ? (double)nanoseconds / 1e9 : 1e-9;
    snprintf(text.s, sizeof text.s, "%.1f MB/s", (double)bytes / 1e6 / seconds);
    return text;
}

struct cli_text cli_clock(uint64_t realtime_ns)
{
    struct cli_text text;
    struct tm local;
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    if (localtime_r(&seconds, &local) == NULL || strftime(text.s, sizeof text.s, "%Y-%m-%d %H:%M:%S", &local) == 0)
        snprintf(text.s, sizeof text.s, "?");
    return text;
}

int64_t cli_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
