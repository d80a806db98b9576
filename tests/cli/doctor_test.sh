#!/bin/sh
# SPDX-License-Identifier: MIT
# The doctor on this machine, on simulated copies of /proc and /sys, with a /dev/shm of 1 MiB, and under resource limits.
# On systems other than Linux: only the portable findings.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

# Prints files with the doctor's name.
others() {
    find /dev/shm -maxdepth 1 -name '*doctor*' 2>/dev/null
}

# Each finding that is not ok has a remedy: a line with "do:" before the next finding. Checks the last run's output.
expect_remedies() { # WHAT
    without=$(awk '
        /^(ok|note|warning|problem) / || /^$/ { if (finding != "") print finding; finding = "" }
        /^(note|warning|problem) / { finding = $0 }
        /^ +do: [^ ]/ { finding = "" }
        END { if (finding != "") print finding }' "$dir/out")
    [ -z "$without" ] || fail "$1: no \"do:\" after: $without"
}

before=$(others)
"$MYELON_CLI" doctor >"$dir/out" 2>"$dir/err"
here_status=$?
expect_text "$dir/out" "^[a-z]* *shared memory" "doctor"
expect_remedies "doctor"
expect_text "$dir/out" " problems*: rings " "doctor"
[ ! -s "$dir/err" ] || fail "doctor: something on stderr"
if grep -q "^problem " "$dir/out"; then want=1; else want=0; fi
[ "$here_status" -eq "$want" ] || fail "doctor: status $here_status, problems: $want"
[ "$(others)" = "$before" ] || fail "doctor leaves files"
if myelon doctor --json >"$dir/json" 2>/dev/null; then
    expect_text "$dir/json" '"subject":.*"shared memory"' "doctor --json"
    expect_text "$dir/json" '"level":.*"ok"' "doctor --json"
fi

# Requires more memory than the machine has.
expect 1 "doctor --needs 1024G" myelon doctor --needs 1024G
expect_text "$dir/out" "^problem *shared memory" "doctor --needs"
expect_text "$dir/out" "1.0 TiB does not fit" "doctor --needs"
expect_text "$dir/out" "do: mount -o remount,size=[0-9]*M .*--shm-size=[0-9]*m" "doctor --needs"
expect_text "$dir/out" "rings will fail here" "doctor --needs"

# Wrong command lines.
expect 2 "doctor --needs much" myelon doctor --needs much
expect_text "$dir/err" "needs a size" "doctor --needs much"
expect 2 "doctor --needs 0" myelon doctor --needs 0
expect_text "$dir/err" "out of range" "doctor --needs 0"
expect 2 "doctor --spinners -1" myelon doctor --spinners -1
expect_text "$dir/err" "whole number" "doctor --spinners"
expect 2 "doctor --root=" myelon doctor --root=
expect 2 "doctor NAME" myelon doctor "$prefix-x"
expect_text "$dir/err" "too many" "doctor NAME"

[ "$(uname -s)" = Linux ] || finish

# --- simulated machines ---------------------------------------------------------------------------------------------

root=$dir/root

put() { # PATH TEXT
    mkdir -p "$root$(dirname "$1")"
    printf '%b\n' "$2" >"$root$1"
}

# A machine with 8 processors and only ok findings.
machine() {
    rm -rf "$root"
    put /proc/self/status 'Name:\tdoctor\nCapEff:\t0000000000000000\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nSeccomp:\t0'
    put /proc/self/cgroup '0::/'
    put /proc/meminfo 'MemTotal: 99999999 kB\nMemAvailable:   88888888 kB\nHugePages_Total:     100\nHugePages_Free:      100\nHugepagesize:       2048 kB'
    put /proc/sys/vm/max_map_count 65530
    put /proc/sys/kernel/osrelease 6.1.0
    put /sys/kernel/mm/transparent_hugepage/shmem_enabled 'always within_size [advise] never deny force'
    put /sys/devices/system/clocksource/clocksource0/current_clocksource tsc
    put /sys/devices/system/clocksource/clocksource0/available_clocksource 'tsc hpet acpi_pm'
    mkdir -p "$root/proc/self/ns"
    ln -s 'pid:[4026531836]' "$root/proc/self/ns/pid"
}

# finds WHAT PATTERN [OPTION...]: a line of the findings for that machine matches; the status is ignored.
finds() {
    what=$1 pattern=$2
    shift 2
    myelon doctor --root "$root" "$@" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "$pattern" "$what"
    expect_remedies "$what"
}

machine
for subject in "processors  *8 (0-7)" "huge page pool  *100 pages of 2.0 MiB, 100 free" "transparent huge  *shmem_enabled is \"advise\"" \
    "mappings  *vm.max_map_count is 65530" "clock  *tsc, " "kernel  *6.1.0" "process numbers  *of the whole machine" "seccomp  *no filter"; do
    finds "a machine without problems" "^ok  *$subject"
done
finds "few spinners" "^ok  *spinners  *8 planned" --spinners 8
finds "many spinners" "^warning  *spinners  *9 planned" --spinners 9
expect_text "$dir/out" "do: 9 processors .*--cpus=9; systemd: CPUQuota=900%" "many spinners"

put /proc/self/status 'Cpus_allowed_list:\t0,2-3,7\nSeccomp:\t2'
finds "a cpuset" "^ok  *processors  *4 (0,2-3,7)"
finds "a filter" "^note  *seccomp  *a filter"
put /proc/self/status 'Cpus_allowed_list:\t3'
finds "one processor" "^note  *processors  *1 (3)"
put /proc/self/status 'Cpus_allowed_list:\t7-0'
finds "an invalid list of processors" "^note  *processors  *no Cpus_allowed_list in /proc/self/status"

# Quotas: version 2, of the group and of its parent; version 1; a path of the host.
machine
put /proc/self/cgroup '0::/a/b'
put /sys/fs/cgroup/a/b/cpu.max 'max 100000'
put /sys/fs/cgroup/a/cpu.max '150000 100000'
finds "a quota above" "^note  *processors  *8 (0-7), a quota of 1.50"
finds "a quota and spinners" "^warning  *spinners  *2 planned" --spinners 2
finds "a quota and one spinner" "^ok  *spinners  *1 planned" --spinners 1
put /sys/fs/cgroup/a/b/cpu.max '50000 100000'
finds "the smaller quota" "a quota of 0.50"
put /sys/fs/cgroup/a/b/cpu.max 'what is this'
finds "an invalid quota" "a quota of 1.50"
machine
put /proc/self/cgroup '4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n0::/'
put /sys/fs/cgroup/cpu/cpu.cfs_quota_us 250000
put /sys/fs/cgroup/cpu/cpu.cfs_period_us 100000
finds "version 1" "a quota of 2.50"
put /sys/fs/cgroup/cpu/cpu.cfs_quota_us -1
finds "version 1, none" "^ok  *processors  *8 (0-7)$"

# Memory of the control group: only its remaining memory counts.
put /sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712
finds "version 1, no limit" "^ok  *memory  *84.8 GiB available$"
put /sys/fs/cgroup/memory/memory.limit_in_bytes 104857600
put /sys/fs/cgroup/memory/memory.usage_in_bytes 94371840
finds "version 1, a limit" "^problem  *memory .*the control group leaves 10.0 MiB"
expect_text "$dir/out" "do: raise the limit by 6M " "version 1, a limit"
machine
put /sys/fs/cgroup/memory.max 104857600
put /sys/fs/cgroup/memory.current 94371840
finds "version 2, room for it" "^ok  *memory .*leaves 10.0 MiB" --needs 10M
finds "version 2, no room" "^problem  *memory " --needs 11M
put /proc/meminfo 'MemAvailable: 1024 kB'
finds "no memory" "^problem  *memory  *1.0 MiB available"
finds "no huge pages" "^note  *huge page pool  *this kernel has none"

machine
put /proc/meminfo 'MemAvailable: 88888888 kB\nHugePages_Total: 10\nHugePages_Free: 4\nHugepagesize: 2048 kB'
finds "too few huge pages" "do: sysctl -w vm.nr_hugepages=11$" --needs 10M
finds "enough huge pages" "^ok  *huge page pool" --needs 8M
put /sys/kernel/mm/transparent_hugepage/shmem_enabled 'always within_size advise [never] deny force'
finds "small pages" "^note  *transparent huge  *shmem_enabled is \"never\""
expect_text "$dir/out" "do: echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled" "small pages"
rm "$root/sys/kernel/mm/transparent_hugepage/shmem_enabled"
finds "a kernel without transparent huge pages" "^note  *transparent huge  *not for shared memory"
put /proc/sys/vm/max_map_count 100
finds "few mappings" "^warning  *mappings"
expect_text "$dir/out" "do: sysctl -w vm.max_map_count=65530" "few mappings"
put /sys/devices/system/clocksource/clocksource0/current_clocksource hpet
finds "a slow clock" "^warning  *clock  *hpet"
expect_text "$dir/out" "do: echo tsc > /sys/devices/.*/current_clocksource" "a slow clock"
put /proc/sys/kernel/osrelease 3.10.0-el7
finds "an old kernel" "^problem  *kernel  *3.10.0-el7"
put /proc/sys/kernel/osrelease 4.4.0
finds "an older kernel" "^note  *kernel  *4.4.0"
rm "$root/proc/self/ns/pid"
ln -s 'pid:[4026532000]' "$root/proc/self/ns/pid"
finds "a container" "^note  *process numbers  *of a namespace"
rm "$root/proc/self/ns/pid"
finds "no process numbers" "^note  *process numbers  *cannot read /proc/self/ns/pid"
rm -rf "$root"
mkdir "$root"
finds "no /proc" "^warning  *kernel  *cannot read /proc/sys/kernel/osrelease"
expect_text "$dir/out" "do: mount -t proc proc /proc" "no /proc"

# More participants than processors: one producer with half a processor. Other rings may be in use on this machine.
machine
put /proc/self/cgroup '0::/a'
put /sys/fs/cgroup/a/cpu.max '50000 100000'
mkfifo "$dir/fifo"
"$MYELON_CLI" pub --wait 0 "$prefix-spinner" <"$dir/fifo" 2>/dev/null &
producer=$!
exec 3>"$dir/fifo"
wait_until "the producer" ring_exists "$prefix-spinner"
finds "participants and half a processor" "^[nw][a-z]*  *spinners  *[0-9]* of [0-9]* live participants"
expect_text "$dir/out" "do: .*MYELON_WAIT=adaptive" "participants and half a processor"
exec 3>&-
expect_end 0 "the producer" "$producer"

# --- limits of this process -----------------------------------------------------------------------------------------

machine
# shellcheck disable=SC2016,SC3045 # the inner shell's; if it has no such limits, the test reports it
{
    sh -c 'ulimit -n 7 && exec "$MYELON_CLI" doctor --root "$1"' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^problem  *descriptors  *7" "few descriptors"
    expect_remedies "few descriptors"
    sh -c 'ulimit -f 64 && exec "$MYELON_CLI" doctor --root "$1"' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^problem  *file size" "small files"
    expect_text "$dir/out" "do: ulimit -f unlimited" "small files"
    expect_remedies "small files"
    sh -c 'ulimit -l 64 && exec "$MYELON_CLI" doctor --root "$1" --needs 1M' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^note  *locked memory  *64.0 KiB" "a low limit of locked memory"
    expect_text "$dir/out" "do: ulimit -l 1024 " "a low limit of locked memory"
    expect_remedies "a low limit of locked memory"
}

# --- a private /dev/shm ---------------------------------------------------------------------------------------------

# in_shm OPTIONS [ARGUMENT...]: runs the doctor with a tmpfs mounted on /dev/shm; 1 if mounting is not permitted.
in_shm() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -c 'mount -t tmpfs -o "$1" tmpfs /dev/shm 2>/dev/null || exit 77
        shift; "$MYELON_CLI" doctor "$@"; status=$?; [ -z "$(ls /dev/shm)" ] || echo "LEFT: $(ls /dev/shm)"; exit $status' \
        sh "$@" >"$dir/out" 2>"$dir/err"
}
in_shm size=1m
if [ $? -le 1 ] && [ -s "$dir/out" ]; then
    expect_text "$dir/out" "^warning  *shared memory  */dev/shm: 1.0 MiB, 1.0 MiB free" "1 MiB"
    expect_text "$dir/out" "do: mount -o remount,size=1025M /dev/shm" "1 MiB"
    expect_remedies "1 MiB"
    if has_line "$dir/out" LEFT; then fail "the doctor leaves files in /dev/shm"; fi
    in_shm size=1m --needs 4M && fail "4 MiB in 1 MiB: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "4 MiB in 1 MiB"
    expect_text "$dir/out" "do: mount -o remount,size=4M /dev/shm" "4 MiB in 1 MiB"
    in_shm size=64k && fail "64 KiB: status 0"
    expect_text "$dir/out" "even the smallest ring of 192.0 KiB does not fit" "64 KiB"
    in_shm size=1m,ro && fail "read-only: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "read-only"
    expect_text "$dir/out" "^problem  *nameless objects  *O_TMPFILE on /dev/shm: Read-only" "read-only"
    expect_text "$dir/out" "  do: mount -o remount,rw /dev/shm" "read-only"
    expect_remedies "read-only"
    in_shm size=1m,nr_inodes=1 && fail "no inodes: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "no inodes"
    expect_text "$dir/out" "do: myelon gc --yes; or mount -o remount,nr_inodes=1M /dev/shm" "no inodes"
    expect_remedies "no inodes"
else
    echo "no mount namespace: a /dev/shm of 1 MiB is not tested"
fi
finish
