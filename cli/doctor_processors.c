/* SPDX-License-Identifier: MIT
 * myelon doctor: compares processors with spinning participants; checks the clock. */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Returns how many processors a list such as "0-3,8" has; 0: not a list. */
static uint64_t count_list(const char *text)
{
    uint64_t count = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        uint64_t from = strtoull(text, &end, 10), to = from;
        if (*end == '-')
            to = strtoull(end + 1, &end, 10);
        if (to < from || to - from > 65536)
            return 0;
        count += to - from + 1;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

/* The smallest quota of the control groups, in hundredths of a processor; 0: no quota. */
static int use_quota(const struct doctor *doctor, const char *path, int version, void *user)
{
    uint64_t *least = user, quota = 0, period = 0;
    char text[64], beside[2048];
    if (doctor_read(doctor, path, text, sizeof text) != 0)
        return 0;
    if (version == 2) { /* "max 100000" or "150000 100000" */
        if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2)
            return 0;
    } else {
        const char *slash = strrchr(path, '/');
        snprintf(beside, sizeof beside, "%.*s/cpu.cfs_period_us", (int)(slash - path), path);
        if (text[0] == '-' || doctor_read_number(doctor, beside, &period) != 0)
            return 0;
        quota = strtoull(text, NULL, 10);
    }
    if (period == 0 || quota == 0 || quota > UINT64_MAX / 100)
        return 0;
    uint64_t hundredths = quota * 100 / period;
    if (*least == 0 || hundredths < *least)
        *least = hundredths > 0 ? hundredths : 1;
    return 0;
}

struct census {
    uint64_t participants, never_park, rings;
};

static int count_ring(const char *name, void *user)
{
    struct census *census = user;
    myl_snapshot *ring;
    if (myl_snapshot_take(name, MYL_BACKEND_SHM, &ring) != MYL_OK)
        return 0;
    uint64_t participants = ring->live_consumers + (ring->producer_alive != 0);
    census->rings += participants > 0;
    census->participants += participants;
    if (!ring->info.parkable)
        census->never_park += participants;
    myl_snapshot_free(ring);
    return 0;
}

static void judge_spinners(struct doctor *doctor, const struct census *census, uint64_t hundredths)
{
    uint64_t spinners = doctor->spinners_known ? doctor->spinners : census->never_park;
    struct doctor_finding *finding =
        doctor->spinners_known
            ? doctor_add(doctor, "spinners", "%" PRIu64 " planned", spinners)
            : doctor_add(doctor, "spinners",
                         "%" PRIu64 " of %" PRIu64 " live participants, in %" PRIu64 " rings, never park", spinners,
                         census->participants, census->rings);
    if (spinners * 100 > hundredths) {
        doctor_judge(
            finding, DOCTOR_WARNING,
            "more than processors: a spinning participant without a processor of its own delays the one it waits "
            "for by whole time slices");
        doctor_remedy(finding,
                      "%" PRIu64 " processors  (a container: --cpus=%" PRIu64 "; systemd: CPUQuota=%" PRIu64
                      "00%%), or MYELON_WAIT=adaptive and no spin_only",
                      spinners, spinners, spinners);
    } else if (!doctor->spinners_known && census->participants * 100 > hundredths) {
        doctor_judge(
            finding, DOCTOR_NOTE,
            "more participants than processors: the default strategy learns to park, busy-spin and spin-hint do "
            "not");
        doctor_remedy(finding,
                      "MYELON_WAIT=adaptive, the default, or MYELON_WAIT=block; or %" PRIu64
                      " processors  (a container: --cpus=%" PRIu64 "; systemd: CPUQuota=%" PRIu64 "00%%)",
                      census->participants, census->participants, census->participants);
    }
}

static void check_processors(struct doctor *doctor)
{
    char list[512] = "";
    uint64_t hundredths = 0, allowed = 0;
    struct census census = {0, 0, 0};
    if (doctor_read_key(doctor, "/proc/self/status", "Cpus_allowed_list", list, sizeof list) == 0)
        allowed = count_list(list);
    if (allowed == 0) {
        struct doctor_finding *unknown = doctor_add(doctor, "processors", "no Cpus_allowed_list in /proc/self/status");
        doctor_judge(unknown, DOCTOR_NOTE, "the number of usable processors is unknown");
        doctor_remedy(unknown, "mount -t proc proc /proc");
        return;
    }
    doctor_each_group(doctor, "cpu", "cpu.cfs_quota_us", "cpu.max", use_quota, &hundredths);
    struct doctor_finding *finding = doctor_add(doctor, "processors", "%" PRIu64 " (%.60s)", allowed, list);
    if (hundredths > 0 && hundredths < allowed * 100) {
        snprintf(finding->found, sizeof finding->found, "%" PRIu64 " (%.60s), a quota of %" PRIu64 ".%02" PRIu64,
                 allowed, list, hundredths / 100, hundredths % 100);
        doctor_judge(finding, DOCTOR_NOTE,
                     "spinning uses up the quota; then every process of the group stops for the rest of the period, "
                     "usually 100 ms");
        doctor_remedy(finding, "dedicated processors instead of a quota  (a container: --cpuset-cpus; systemd: "
                               "AllowedCPUs=), or MYELON_WAIT=block");
    } else {
        hundredths = allowed * 100;
        if (allowed == 1) {
            doctor_judge(finding, DOCTOR_NOTE, "participants take turns on one processor: spinning has no benefit");
            doctor_remedy(finding, "MYELON_WAIT=block");
        }
    }
    (void)myl_list(count_ring, &census);
    judge_spinners(doctor, &census, hundredths);
}

/* Returns the cost of reading the clock, in ns. */
static int64_t clock_cost(void)
{
    enum { CHECKS = 1000 };
    int64_t best = INT64_MAX;
    for (int turn = 0; turn < 5; turn++) {
        int64_t start = cli_now_ns(), end = start;
        for (int i = 0; i < CHECKS; i++)
            end = cli_now_ns();
        if (end - start < best)
            best = end - start;
    }
    return best / CHECKS;
}

static void check_clock(struct doctor *doctor)
{
    static const char *const slow[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"};
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/";
    char name[64], file[128], others[128] = "";
    snprintf(file, sizeof file, "%scurrent_clocksource", path);
    if (doctor_read(doctor, file, name, sizeof name) != 0)
        snprintf(name, sizeof name, "unknown source");
    struct doctor_finding *finding = doctor_add(doctor, "clock", "%s, %lld ns a read", name, (long long)clock_cost());
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        if (strcmp(name, slow[i]) != 0)
            continue;
        doctor_judge(finding, DOCTOR_WARNING,
                     "every read of the clock is a system call of about a microsecond: waits, and messages with "
                     "sending times, are slower");
        snprintf(file, sizeof file, "%savailable_clocksource", path);
        if (doctor_read(doctor, file, others, sizeof others) == 0 && strstr(others, "tsc") != NULL)
            doctor_remedy(finding, "echo tsc > %scurrent_clocksource", path);
        else
            doctor_remedy(finding, "boot with clocksource=tsc tsc=reliable, if the processor's counter can be trusted");
    }
}

void doctor_processors(struct doctor *doctor)
{
    check_processors(doctor);
    check_clock(doctor);
}
