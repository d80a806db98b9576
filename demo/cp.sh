#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job, shown: one process streams a real file to three others; one of them is killed half way and started
# again, then the sender too; in the end there are three equal digests and nothing is left behind. "./run demo" builds
# the command and calls this. MYELON_CLI is the command; MYELON_DEMO_MIB the file's size (256).
set -u

# shellcheck source=demo/lib.sh
. "$(dirname "$0")/lib.sh"
: "${MYELON_CLI:?the path of the myelon command: ./run demo sets it}"
mebibytes=${MYELON_DEMO_MIB:-256}
rate=120 # MB/s, so that there is a half way to be killed at
ring=myelon-demo-$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/myelon-demo.XXXXXX") || exit 1
cp_pid='' a_pid='' b_pid='' c_pid=''

# What a log says, without the head that every line has.
tell_log() { # LOG [PATTERN]
    grep -e "${2:-.}" "$1" | sed -e 's/^myelon [a-z]*: /   /'
}

clean_up() {
    trap '' INT TERM HUP
    for pid in $cp_pid $a_pid $b_pid $c_pid; do
        kill -KILL "$pid" 2>/dev/null
    done
    wait
    "$MYELON_CLI" rm --force "$ring" >/dev/null 2>&1
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

size_of() {
    if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi
}

# The fastest first: four files of this size take others several seconds.
digest_of() {
    if command -v openssl >/dev/null 2>&1; then
        openssl dgst -sha256 -r <"$1" | cut -d' ' -f1
    elif command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1" | cut -d' ' -f1
    else
        shasum -a 256 <"$1" | cut -d' ' -f1
    fi
}

reached() { # FILE BYTES
    [ "$(size_of "$1")" -ge "$2" ]
}

# Starts the sender, or receiver $1. Started again, it goes on in the same log.
start_cp() {
    "$MYELON_CLI" cp --wait 3 --rate "$rate" "$file" "$ring" 2>>"$dir/cp.log" &
    cp_pid=$!
}

start_cat() {
    "$MYELON_CLI" cat --id "$1" -o "$dir/$1.out" "$ring" 2>>"$dir/$1.log" &
    eval "$1_pid=$!"
}

# The file: this machine's programs and libraries one after the other, again and again until it is large enough. Real
# content, and no two runs of it at the same distance from a chunk's border.
make_file() {
    bytes=$((mebibytes * 1048576 + 12345))
    : >"$file"
    while [ "$(size_of "$file")" -lt "$bytes" ]; do
        before=$(size_of "$file")
        find /usr/bin /usr/lib /usr/share -type f -exec cat {} + 2>/dev/null | head -c $((bytes - before)) >>"$file"
        [ "$(size_of "$file")" -gt "$before" ] || give_up "there are no files in /usr to make one of"
    done
}

started=$(date +%s)
file=$dir/file
echo "${bold}myelon: one sender, three receivers, and two of the four get killed.$plain"

step "A real file: the programs and libraries of this machine, joined to $mebibytes MiB and a bit"
make_file
size=$(size_of "$file")
expected=$(digest_of "$file")
tell "$size bytes, sha256 $expected"

step "One 'myelon cp' and three 'myelon cat' a, b, c, each a process of its own"
start_cp
for id in a b c; do
    start_cat $id
done
tell "sender $cp_pid; receivers a $a_pid, b $b_pid, c $c_pid; paced to $rate MB/s so that one can watch"

step "Half way, receiver b is killed with SIGKILL"
wait_until "half of the file" reached "$dir/b.out" $((size / 2))
kill -KILL "$b_pid"
wait "$b_pid" 2>/dev/null
tell "b had written $(size_of "$dir/b.out") bytes. A strict broadcast waits for it:"
wait_until "the sender's word about b" says "$dir/cp.log" "consumer b died"
tell_log "$dir/cp.log" "consumer b died"
"$MYELON_CLI" inspect "$ring" >"$dir/inspect.log" || give_up "myelon inspect failed"
grep -e '^CONSUMER' -e '^[abc]  ' "$dir/inspect.log" | cut -c1-62 | sed 's/^/   | /'

step "b is started again, with the same command"
start_cat b
wait_until "the return of b" says "$dir/cp.log" "consumer b is back"
tell_log "$dir/b.log" "goes on"
tell_log "$dir/cp.log" "is back"

step "At three quarters, the sender is killed with SIGKILL"
wait_until "three quarters of the file" reached "$dir/a.out" $((size * 3 / 4))
kill -KILL "$cp_pid"
wait "$cp_pid" 2>/dev/null
for id in a b c; do
    wait_until "the word of $id about the sender" says "$dir/$id.log" "the sender died"
done
tell_log "$dir/a.log" "the sender died"

step "The sender is started again, with the same command"
start_cp
for party in a b c cp; do
    eval "pid=\$${party}_pid"
    wait "$pid" || give_up "$party ended with status $?"
done
cp_pid='' a_pid='' b_pid='' c_pid=''
tell_log "$dir/cp.log" "goes on"

step "What each of them says"
tell_log "$dir/cp.log" "^myelon cp: sent"
for id in a b c; do
    tell_log "$dir/$id.log" "received"
done

step "The digests, computed again from the files"
tell "sent        $expected"
for id in a b c; do
    digest=$(digest_of "$dir/$id.out")
    tell "received $id  $digest"
    [ "$digest" = "$expected" ] || give_up "what $id received is not what was sent"
done

step "The same file once more, neither paced nor disturbed, checked at both ends and not written"
for id in a b c; do
    "$MYELON_CLI" cat --id $id --verify-only "$ring" 2>"$dir/$id.log" &
    eval "${id}_pid=$!"
done
"$MYELON_CLI" cp --wait 3 "$file" "$ring" 2>"$dir/cp.log" || give_up "cp failed"
for id in a b c; do
    eval "pid=\$${id}_pid"
    wait "$pid" || give_up "$id ended with status $?"
done
a_pid='' b_pid='' c_pid=''
tell "$(sed -n 's/.* in \([0-9.]* m*s\) (\(.*\)) to 3 consumers.*/\1: \2 to each of three at once/p' "$dir/cp.log")"

step "Nothing is left behind"
! "$MYELON_CLI" inspect "$ring" >/dev/null 2>&1 || give_up "the ring is still there"
if [ -d /dev/shm ]; then
    left=$(find /dev/shm -name "*$ring*")
    [ -z "$left" ] || give_up "left in /dev/shm: $left"
    tell "no segment in /dev/shm, no ring in 'myelon ls'"
else
    tell "no ring in 'myelon ls'"
fi

printf '\n%sThree equal digests, in %d s: nothing lost, nothing twice, although two of four were killed.%s\n' \
    "$green" $(($(date +%s) - started)) "$plain"
