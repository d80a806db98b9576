#!/bin/sh
# SPDX-License-Identifier: MIT
# Rings of killed participants, damaged rings and unfinished ones are found and described. They are kept if a consumer
# may come back, and removed with --yes. Live rings and other objects stay.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

shm=/dev/shm
[ -d $shm ] || shm=/tmp

# leave_ring NAME [OPTION...]: three unread lines; no consumer has joined, the producer has left.
leave_ring() {
    leave_name=$1
    shift
    printf 'one\ntwo\nthree\n' | myelon pub --quiet --wait 0 --leave "$@" "$leave_name" || fail "leave_ring $leave_name"
}

# shellcheck disable=SC2317 # wait_until calls it
participants() { # NAME COUNT
    myelon ls 2>/dev/null | grep -q "^$1  *[a-z]*  *$2/"
}

# shellcheck disable=SC2317 # wait_until calls it
has_acknowledged() { # NAME ID: all events
    myelon inspect "$1" 2>/dev/null | awk -v id="$2" '$1 == id && $6 == 0 { found = 1 } END { exit !found }'
}

# gc [OPTION...]: only names of this test.
gc() {
    expect 0 "gc $*" myelon gc --prefix "$prefix" "$@"
}

# 1. Alive: not listed.
mkfifo "$dir/pipe"
"$MYELON_CLI" pub --quiet --wait 0 "$prefix-alive" <"$dir/pipe" 2>"$dir/pub.err" &
alive=$!
exec 9>"$dir/pipe"
wait_until "the live ring" ring_exists "$prefix-alive"
gc --unread
expect_text "$dir/out" "Nothing is stale" "a live ring"

# 2. A reader that has read everything is killed; its producer has left.
leave_ring "$prefix-read"
"$MYELON_CLI" sub --quiet --id reader "$prefix-read" >"$dir/read" 2>"$dir/sub.err" &
reader=$!
wait_until "the lines" reached "$dir/read" 14
wait_until "the reader" participants "$prefix-read" 1
wait_until "its acknowledgement" has_acknowledged "$prefix-read" reader
gc
expect_text "$dir/out" "Nothing is stale" "a live consumer"
kill -KILL "$reader"
wait "$reader" 2>/dev/null
gc
expect_text "$dir/out" "^$prefix-read  *left .* 0 B  to remove" "read, and dead"
expect_text "$dir/out" "producer [0-9]*, reader $reader dead" "the last participants"
expect_text "$dir/out" "^1 would be removed, .*pass --yes" "the total"
ring_exists "$prefix-read" || fail "gc without --yes removes a ring"

# 3. Unread by any consumer: kept and listed. Too young: kept too.
leave_ring "$prefix-unread"
gc --yes
expect_text "$dir/out" "^$prefix-read .* removed" "removed"
expect_text "$dir/out" "^$prefix-unread  *left .* [1-9][0-9.]* [KMi]*B  kept: unread" "unread"
expect_text "$dir/out" "no consumer ever joined" "unread"
expect_text "$dir/out" "^1 kept for unread events" "unread"
if ring_exists "$prefix-read"; then fail "gc --yes does not remove"; fi
ring_exists "$prefix-unread" || fail "gc --yes removes unread events"
gc --yes --unread --older 3600
expect_text "$dir/out" "^$prefix-unread .* kept: young" "young"
ring_exists "$prefix-unread" || fail "gc --older removes a young one"

# 4. Rings with a damaged header, of another version, truncated: classified and removed.
for what in damaged foreign short; do
    leave_ring "$prefix-$what"
done
printf 'xxxx' | dd of="$shm/$prefix-damaged" bs=1 seek=64 conv=notrunc 2>/dev/null
printf '\377' | dd of="$shm/$prefix-foreign" bs=1 seek=8 conv=notrunc 2>/dev/null
truncate -s 4096 "$shm/$prefix-short"
truncate -s 65536 "$shm/$prefix-made.tmp-77-0123456789abcdef"
truncate -s 65536 "$shm/$prefix-not-ours"
printf 'not a ring\n' >"$shm/$prefix-text.tmp-77-0123456789abcdef"
gc
for line in "damaged  *damaged" "foreign  *foreign" "short  *damaged" "made.tmp-77-0123456789abcdef  *unfinished"; do
    expect_text "$dir/out" "^$prefix-$line .*  to remove" "an unreadable ring"
done
expect_text "$dir/out" "layout version 255" "an unreadable ring"
expect_text "$dir/out" "truncated" "an unreadable ring"
expect_text "$dir/out" "whose creator died" "an unreadable ring"
if has_line "$dir/out" "not-ours"; then fail "gc lists an object that is not a ring"; fi
if has_line "$dir/out" "text.tmp"; then fail "gc lists a text file"; fi
expect 0 "rm of a damaged ring" myelon rm "$prefix-damaged"
expect 1 "rm of an object that is not a ring" myelon rm --force "$prefix-not-ours"
expect_text "$dir/err" "is not a ring" "rm of an object that is not a ring"
if myelon gc --json --prefix "$prefix-foreign" >"$dir/json" 2>/dev/null; then
    expect_text "$dir/json" '"what":.*"foreign"' "gc --json"
    expect_text "$dir/json" '"fate":.*"remove"' "gc --json"
    expect_text "$dir/json" '"reason":.*layout version' "gc --json"
fi
gc --yes --unread
for what in foreign short made.tmp-77-0123456789abcdef unread; do
    [ ! -e "$shm/$prefix-$what" ] || fail "gc --yes leaves $prefix-$what"
done
for what in not-ours text.tmp-77-0123456789abcdef alive; do
    [ -e "$shm/$prefix-$what" ] || fail "gc --yes removes $prefix-$what"
done
rm -f "$shm/$prefix-not-ours" "$shm/$prefix-text.tmp-77-0123456789abcdef"

# 5. Mapped files in a directory; shared memory is not checked then.
mkdir "$dir/rings"
printf 'x\n' | myelon pub --quiet --wait 0 --leave --file "$dir/rings/one"
printf 'no ring\n' >"$dir/rings/text"
expect 0 "gc --dir" myelon gc --dir "$dir/rings" --unread
expect_text "$dir/out" "^$dir/rings/one  *left .* to remove" "gc --dir"
expect 0 "gc --dir --yes" myelon gc --dir "$dir/rings" --unread --yes
[ ! -e "$dir/rings/one" ] || fail "gc --dir --yes removes nothing"
[ -e "$dir/rings/text" ] || fail "gc --dir --yes removes a text"
rm -r "$dir/rings"

# 6. Times in the future, or beyond the range of the clock, do not count as activity: they keep no ring young.
for when in "2090-01-01" "1960-01-01" "2500-01-01"; do
    leave_ring "$prefix-clock"
    printf 'xxxx' | dd of="$shm/$prefix-clock" bs=1 seek=64 conv=notrunc 2>/dev/null
    touch -d "$when" "$shm/$prefix-clock"
    gc --unread --older 3600
    expect_text "$dir/out" "^$prefix-clock  *damaged  *? .*  to remove" "an age from $when"
    if myelon gc --json --prefix "$prefix-clock" >"$dir/json" 2>/dev/null; then
        expect_text "$dir/json" '"age_ns":.*null' "an age from $when"
    fi
    touch "$shm/$prefix-clock"
    gc --unread --older 3600
    expect_text "$dir/out" "^$prefix-clock .* kept: young" "an age from now"
    expect 0 "rm of a damaged ring" myelon rm "$prefix-clock"
done

# 7. Wrong command lines.
expect 1 "gc of no directory" myelon gc --dir "$dir/nothing"
expect_text "$dir/err" "cannot read directory" "gc of no directory"
expect 2 "gc --older soon" myelon gc --older soon
expect_text "$dir/err" "needs seconds" "gc --older soon"
expect 2 "gc NAME" myelon gc "$prefix-alive"
expect 2 "gc --dir=" myelon gc --dir=
expect 2 "gc --frob" myelon gc --frob
expect_text "$dir/err" "'--frob'" "gc --frob"

# 8. ls lists rings that it cannot read, with the reason; rm does not advise what it would refuse.
leave_ring "$prefix-garbled"
printf 'garbled' | dd of="$shm/$prefix-garbled" bs=1 seek=100 conv=notrunc 2>/dev/null
myelon ls >"$dir/out" || fail "ls with a damaged ring ends with $?"
grep "^$prefix-garbled  cannot be read: .*checksum" "$dir/out" >/dev/null || fail "ls skips a damaged ring: $(cat "$dir/out")"
myelon ls --json >"$dir/out" 2>"$dir/err" || fail "ls --json with a damaged ring ends with $?"
grep "$prefix-garbled cannot be read: " "$dir/err" >/dev/null || fail "ls --json does not report a damaged ring: $(cat "$dir/err")"
myelon rm "$prefix-garbled" || fail "rm of a damaged ring ends with $?"
[ ! -e "$shm/$prefix-garbled" ] || fail "rm leaves a damaged ring"

exec 9>&-
expect_end 0 "pub" "$alive" "$dir/pub.err"
myelon rm "$prefix-alive" 2>/dev/null
finish
