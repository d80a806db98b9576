#!/bin/sh
# SPDX-License-Identifier: MIT
# The doctor on this machine, on copies of /proc and /sys that say what a test wants, in a /dev/shm of 1 MiB, and under
# limits. On systems other than Linux: only what is said everywhere.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

# Prints what is there and bears the doctor's name.
others() {
    find /dev/shm -maxdepth 1 -name '*doctor*' 2>/dev/null
}

# Whatever is not good has its way out: a line with "do:" before the next finding. The last run's output.
expect_ways_out() { # WHAT
    without=$(awk '
        /^(ok|note|warning|problem) / || /^$/ { if (finding != "") print finding; finding = "" }
        /^(note|warning|problem) / { finding = $0 }
        /^ +do: [^ ]/ { finding = "" }
        END { if (finding != "") print finding }' "$dir/out")
    [ -z "$without" ] || fail "$1: no \"do:\" behind: $without"
}

before=$(others)
"$MYELON_CLI" doctor >"$dir/out" 2>"$dir/err"
here_status=$?
expect_text "$dir/out" "^[a-z]* *shared memory" "doctor"
expect_ways_out "doctor"
expect_text "$dir/out" " problems*: rings " "doctor"
[ ! -s "$dir/err" ] || fail "doctor: something on stderr"
if grep -q "^problem " "$dir/out"; then want=1; else want=0; fi
[ "$here_status" -eq "$want" ] || fail "doctor: status $here_status, problems: $want"
[ "$(others)" = "$before" ] || fail "doctor leaves something behind"
if myelon doctor --json >"$dir/json" 2>/dev/null; then
    expect_text "$dir/json" '"subject":.*"shared memory"' "doctor --json"
    expect_text "$dir/json" '"verdict":.*"ok"' "doctor --json"
fi

# What cannot be: more than there is.
expect 1 "doctor --needs 1024G" myelon doctor --needs 1024G
expect_text "$dir/out" "^problem *shared memory" "doctor --needs"
expect_text "$dir/out" "1.0 TiB does not fit" "doctor --needs"
expect_text "$dir/out" "do: mount -o remount,size=[0-9]*M .*--shm-size=[0-9]*m" "doctor --needs"
expect_text "$dir/out" "rings will fail here" "doctor --needs"

# Wrong on purpose.
expect 2 "doctor --needs much" myelon doctor --needs much
expect_text "$dir/err" "wants a size" "doctor --needs much"
expect 2 "doctor --needs 0" myelon doctor --needs 0
expect_text "$dir/err" "out of range" "doctor --needs 0"
expect 2 "doctor --spinners -1" myelon doctor --spinners -1
expect_text "$dir/err" "whole number" "doctor --spinners"
expect 2 "doctor --root=" myelon doctor --root=
expect 2 "doctor NAME" myelon doctor "$prefix-x"
expect_text "$dir/err" "too many" "doctor NAME"

[ "$(uname -s)" = Linux ] || finish

# --- made-up machines ---------------------------------------------------------------------------------------------

root=$dir/root

put() { # PATH TEXT
    mkdir -p "$root$(dirname "$1")"
    printf '%b\n' "$2" >"$root$1"
}

# A machine with 8 processors and nothing to complain of.
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

# says WHAT PATTERN [OPTION...]: a line of the doctor's findings for that machine; its status is not asked.
says() {
    what=$1 pattern=$2
    shift 2
    myelon doctor --root "$root" "$@" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "$pattern" "$what"
    expect_ways_out "$what"
}

machine
for subject in "processors  *8 (0-7)" "huge page pool  *100 pages of 2.0 MiB, 100 free" "transparent huge  *shmem_enabled is \"advise\"" \
    "mappings  *vm.max_map_count is 65530" "clock  *tsc, " "kernel  *6.1.0" "process numbers  *of the whole machine" "seccomp  *no filter"; do
    says "a good machine" "^ok  *$subject"
done
says "few spinners" "^ok  *spinners  *8 planned" --spinners 8
says "many spinners" "^warning  *spinners  *9 planned" --spinners 9
expect_text "$dir/out" "do: 9 processors .*--cpus=9; systemd: CPUQuota=900%" "many spinners"

put /proc/self/status 'Cpus_allowed_list:\t0,2-3,7\nSeccomp:\t2'
says "a cpuset" "^ok  *processors  *4 (0,2-3,7)"
says "a filter" "^note  *seccomp  *a filter"
put /proc/self/status 'Cpus_allowed_list:\t3'
says "one processor" "^note  *processors  *1 (3)"
put /proc/self/status 'Cpus_allowed_list:\t7-0'
says "nonsense" "^note  *processors  */proc/self/status does not say"

# Quotas: version 2, the group's own and the one above it; version 1; a path that is the host's.
machine
put /proc/self/cgroup '0::/a/b'
put /sys/fs/cgroup/a/b/cpu.max 'max 100000'
put /sys/fs/cgroup/a/cpu.max '150000 100000'
says "a quota above" "^note  *processors  *8 (0-7), a quota of 1.50"
says "a quota and spinners" "^warning  *spinners  *2 planned" --spinners 2
says "a quota and one spinner" "^ok  *spinners  *1 planned" --spinners 1
put /sys/fs/cgroup/a/b/cpu.max '50000 100000'
says "the smaller quota" "a quota of 0.50"
put /sys/fs/cgroup/a/b/cpu.max 'what is this'
says "no quota at all" "a quota of 1.50"
machine
put /proc/self/cgroup '4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n0::/'
put /sys/fs/cgroup/cpu/cpu.cfs_quota_us 250000
put /sys/fs/cgroup/cpu/cpu.cfs_period_us 100000
says "version 1" "a quota of 2.50"
put /sys/fs/cgroup/cpu/cpu.cfs_quota_us -1
says "version 1, none" "^ok  *processors  *8 (0-7)$"

# Memory of the group: what is left of it is what counts.
put /sys/fs/cgroup/memory/memory.limit_in_bytes 9223372036854771712
says "version 1, no limit" "^ok  *memory  *84.8 GiB available$"
put /sys/fs/cgroup/memory/memory.limit_in_bytes 104857600
put /sys/fs/cgroup/memory/memory.usage_in_bytes 94371840
says "version 1, a limit" "^problem  *memory .*the control group leaves 10.0 MiB"
expect_text "$dir/out" "do: raise the limit by 6M " "version 1, a limit"
machine
put /sys/fs/cgroup/memory.max 104857600
put /sys/fs/cgroup/memory.current 94371840
says "version 2, room for it" "^ok  *memory .*leaves 10.0 MiB" --needs 10M
says "version 2, no room" "^problem  *memory " --needs 11M
put /proc/meminfo 'MemAvailable: 1024 kB'
says "no memory" "^problem  *memory  *1.0 MiB available"
says "no huge pages" "^note  *huge page pool  *this kernel has none"

machine
put /proc/meminfo 'MemAvailable: 88888888 kB\nHugePages_Total: 10\nHugePages_Free: 4\nHugepagesize: 2048 kB'
says "too few huge pages" "do: sysctl -w vm.nr_hugepages=11$" --needs 10M
says "enough huge pages" "^ok  *huge page pool" --needs 8M
put /sys/kernel/mm/transparent_hugepage/shmem_enabled 'always within_size advise [never] deny force'
says "small pages" "^note  *transparent huge  *shmem_enabled is \"never\""
expect_text "$dir/out" "do: echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled" "small pages"
rm "$root/sys/kernel/mm/transparent_hugepage/shmem_enabled"
says "a kernel without transparent huge pages" "^note  *transparent huge  *not for shared memory"
put /proc/sys/vm/max_map_count 100
says "few mappings" "^warning  *mappings"
expect_text "$dir/out" "do: sysctl -w vm.max_map_count=65530" "few mappings"
put /sys/devices/system/clocksource/clocksource0/current_clocksource hpet
says "a slow clock" "^warning  *clock  *hpet"
expect_text "$dir/out" "do: echo tsc > /sys/devices/.*/current_clocksource" "a slow clock"
put /proc/sys/kernel/osrelease 3.10.0-el7
says "an old kernel" "^problem  *kernel  *3.10.0-el7"
put /proc/sys/kernel/osrelease 4.4.0
says "a middle-aged kernel" "^note  *kernel  *4.4.0"
rm "$root/proc/self/ns/pid"
ln -s 'pid:[4026532000]' "$root/proc/self/ns/pid"
says "a container" "^note  *process numbers  *of a namespace"
rm "$root/proc/self/ns/pid"
says "process numbers of nowhere" "^note  *process numbers  */proc/self/ns/pid cannot be read"
rm -rf "$root"
mkdir "$root"
says "no /proc at all" "^warning  *kernel  */proc/sys/kernel/osrelease does not say"
expect_text "$dir/out" "do: mount -t proc proc /proc" "no /proc at all"

# More parties than processors: a producer, with half of one. Others may be at work here, some of whom never park.
machine
put /proc/self/cgroup '0::/a'
put /sys/fs/cgroup/a/cpu.max '50000 100000'
mkfifo "$dir/fifo"
"$MYELON_CLI" pub --wait 0 "$prefix-party" <"$dir/fifo" 2>/dev/null &
party=$!
exec 3>"$dir/fifo"
wait_until "the producer" ring_exists "$prefix-party"
says "parties and half a processor" "^[nw][a-z]*  *spinners  *[0-9]* of [0-9]* parties alive"
expect_text "$dir/out" "do: .*MYELON_WAIT=adaptive" "parties and half a processor"
exec 3>&-
expect_end 0 "the producer" "$party"

# --- limits of this process -----------------------------------------------------------------------------------------

machine
# shellcheck disable=SC2016,SC3045 # the inner shell's; where it has no such limits, the test says so
{
    sh -c 'ulimit -n 7 && exec "$MYELON_CLI" doctor --root "$1"' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^problem  *descriptors  *7" "few descriptors"
    expect_ways_out "few descriptors"
    sh -c 'ulimit -f 64 && exec "$MYELON_CLI" doctor --root "$1"' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^problem  *file size" "small files"
    expect_text "$dir/out" "do: ulimit -f unlimited" "small files"
    expect_ways_out "small files"
    sh -c 'ulimit -l 64 && exec "$MYELON_CLI" doctor --root "$1" --needs 1M' sh "$root" >"$dir/out" 2>"$dir/err"
    expect_text "$dir/out" "^note  *locked memory  *64.0 KiB" "little to lock"
    expect_text "$dir/out" "do: ulimit -l 1024 " "little to lock"
    expect_ways_out "little to lock"
}

# --- a /dev/shm of one's own ----------------------------------------------------------------------------------------

# in_shm OPTIONS [ARGUMENT...]: the doctor with that over /dev/shm; 1 if it may not be mounted.
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
    expect_ways_out "1 MiB"
    if has_line "$dir/out" LEFT; then fail "the doctor leaves something in /dev/shm"; fi
    in_shm size=1m --needs 4M && fail "4 MiB in 1 MiB: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "4 MiB in 1 MiB"
    expect_text "$dir/out" "do: mount -o remount,size=4M /dev/shm" "4 MiB in 1 MiB"
    in_shm size=64k && fail "64 KiB: status 0"
    expect_text "$dir/out" "even the smallest ring of 192.0 KiB does not fit" "64 KiB"
    in_shm size=1m,ro && fail "read-only: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "read-only"
    expect_text "$dir/out" "^problem  *nameless objects  *O_TMPFILE on /dev/shm: Read-only" "read-only"
    expect_text "$dir/out" "  do: mount -o remount,rw /dev/shm" "read-only"
    expect_ways_out "read-only"
    in_shm size=1m,nr_inodes=1 && fail "no inodes: status 0"
    expect_text "$dir/out" "^problem  *shared memory" "no inodes"
    expect_text "$dir/out" "do: myelon gc --yes; or mount -o remount,nr_inodes=1M /dev/shm" "no inodes"
    expect_ways_out "no inodes"
else
    echo "no mount namespace here: /dev/shm of 1 MiB is not tried"
fi
finish
