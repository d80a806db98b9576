#!/bin/sh
# SPDX-License-Identifier: MIT
# What is left of rings whose parties were killed, of damaged and unfinished ones: found, explained, kept if somebody may
# come back for it, removed when told. What is alive, and what is not ours, stays.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

shm=/dev/shm
[ -d $shm ] || shm=/tmp

# leave_ring NAME [OPTION...]: three lines that nobody has come for; the producer has left.
leave_ring() {
    leave_name=$1
    shift
    printf 'one\ntwo\nthree\n' | myelon pub --quiet --wait 0 --leave "$@" "$leave_name" || fail "leave_ring $leave_name"
}

# shellcheck disable=SC2317 # wait_until calls it
parties() { # NAME COUNT
    myelon ls 2>/dev/null | grep -q "^$1  *[a-z]*  *$2/"
}

# shellcheck disable=SC2317 # wait_until calls it
has_acknowledged() { # NAME ID: everything
    myelon inspect "$1" 2>/dev/null | awk -v id="$2" '$1 == id && $6 == 0 { found = 1 } END { exit !found }'
}

# gc [OPTION...]: of our names only.
gc() {
    expect 0 "gc $*" myelon gc --prefix "$prefix" "$@"
}

# 1. Alive: not a word about it.
mkfifo "$dir/pipe"
"$MYELON_CLI" pub --quiet --wait 0 "$prefix-alive" <"$dir/pipe" 2>"$dir/pub.err" &
alive=$!
exec 9>"$dir/pipe"
wait_until "the living ring" ring_exists "$prefix-alive"
gc --unread
expect_text "$dir/out" "Nothing is stale" "a living ring"

# 2. A reader that has read everything, and is killed; its producer has left.
leave_ring "$prefix-read"
"$MYELON_CLI" sub --quiet --id reader "$prefix-read" >"$dir/read" 2>"$dir/sub.err" &
reader=$!
wait_until "the lines" reached "$dir/read" 14
wait_until "the reader" parties "$prefix-read" 1
wait_until "its acknowledgement" has_acknowledged "$prefix-read" reader
gc
expect_text "$dir/out" "Nothing is stale" "a living consumer"
kill -KILL "$reader"
wait "$reader" 2>/dev/null
gc
expect_text "$dir/out" "^$prefix-read  *left .* 0  would go" "read, and dead"
expect_text "$dir/out" "producer [0-9]*, reader $reader dead" "the last parties"
expect_text "$dir/out" "^1 would go, .*--yes does it" "the sum"
ring_exists "$prefix-read" || fail "a dry run removes something"

# 3. Nobody has come for it: kept, and named. Too young: kept too.
leave_ring "$prefix-unread"
gc --yes
expect_text "$dir/out" "^$prefix-read .* removed" "removed"
expect_text "$dir/out" "^$prefix-unread  *left .* [1-9][0-9]*  kept: unread" "unread"
expect_text "$dir/out" "no consumer ever came" "unread"
expect_text "$dir/out" "^1 kept for events" "unread"
if ring_exists "$prefix-read"; then fail "gc --yes does not remove"; fi
ring_exists "$prefix-unread" || fail "gc --yes removes unread events"
gc --yes --unread --older 3600
expect_text "$dir/out" "^$prefix-unread .* kept: young" "young"
ring_exists "$prefix-unread" || fail "gc --older removes a young one"

# 4. A header that is damaged, one of another version, one that was cut short: told by their names, and removed.
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
    expect_text "$dir/out" "^$prefix-$line .*  would go" "what cannot be read"
done
expect_text "$dir/out" "layout version 255" "what cannot be read"
expect_text "$dir/out" "cut short" "what cannot be read"
expect_text "$dir/out" "whose maker died" "what cannot be read"
if has_line "$dir/out" "not-ours"; then fail "gc lists what is not ours"; fi
if has_line "$dir/out" "text.tmp"; then fail "gc lists a text file"; fi
expect 0 "rm of a damaged ring" myelon rm "$prefix-damaged"
expect 1 "rm of what is not ours" myelon rm --force "$prefix-not-ours"
expect_text "$dir/err" "is not a ring" "rm of what is not ours"
if myelon gc --json --prefix "$prefix-foreign" >"$dir/json" 2>/dev/null; then
    expect_text "$dir/json" '"what":.*"foreign"' "gc --json"
    expect_text "$dir/json" '"fate":.*"remove"' "gc --json"
    expect_text "$dir/json" '"why":.*layout version' "gc --json"
fi
gc --yes --unread
for what in foreign short made.tmp-77-0123456789abcdef unread; do
    [ ! -e "$shm/$prefix-$what" ] || fail "gc --yes leaves $prefix-$what"
done
for what in not-ours text.tmp-77-0123456789abcdef alive; do
    [ -e "$shm/$prefix-$what" ] || fail "gc --yes removes $prefix-$what"
done
rm -f "$shm/$prefix-not-ours" "$shm/$prefix-text.tmp-77-0123456789abcdef"

# 5. Files in a directory; shared memory is not looked at then.
mkdir "$dir/rings"
printf 'x\n' | myelon pub --quiet --wait 0 --leave --file "$dir/rings/one"
printf 'no ring\n' >"$dir/rings/text"
expect 0 "gc --dir" myelon gc --dir "$dir/rings" --unread
expect_text "$dir/out" "^$dir/rings/one  *left .* would go" "gc --dir"
expect 0 "gc --dir --yes" myelon gc --dir "$dir/rings" --unread --yes
[ ! -e "$dir/rings/one" ] || fail "gc --dir --yes removes nothing"
[ -e "$dir/rings/text" ] || fail "gc --dir --yes removes a text"
rm -r "$dir/rings"

# 6. Wrong on purpose.
expect 1 "gc of no directory" myelon gc --dir "$dir/nothing"
expect_text "$dir/err" "cannot be read" "gc of no directory"
expect 2 "gc --older soon" myelon gc --older soon
expect_text "$dir/err" "wants seconds" "gc --older soon"
expect 2 "gc NAME" myelon gc "$prefix-alive"
expect 2 "gc --dir=" myelon gc --dir=
expect 2 "gc --frob" myelon gc --frob
expect_text "$dir/err" "'--frob'" "gc --frob"

exec 9>&-
expect_end 0 "pub" "$alive" "$dir/pub.err"
myelon rm "$prefix-alive" 2>/dev/null
finish
