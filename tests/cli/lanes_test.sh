#!/bin/sh
# SPDX-License-Identifier: MIT
# pub --lanes and sub: several publishers, one of them killed and started again with its lane's id. Every reader gets
# every line of each publisher, in order; inspect, ls and why show the lanes.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

ring=$prefix-lanes

text() { # TAG COUNT
    awk -v tag="$1" -v count="$2" 'BEGIN { for (i = 0; i < count; i++) printf "%s %d\n", tag, i }'
}
lines_of() { # TAG FILE
    grep "^$1 " "$2"
}

for tag in a b c; do
    text $tag 20000 >"$dir/$tag"
done
for i in 1 2; do
    "$MYELON_CLI" sub --attach 30 --id reader$i "$ring" >"$dir/out$i" 2>"$dir/err$i" &
    eval "sub$i=\$!"
done
# Lane b's publisher reads a pipe: it is still alive when the others end, and the readers wait for it.
mkfifo "$dir/fifo"
exec 3<>"$dir/fifo" # also for reading: for a moment no publisher has it open
"$MYELON_CLI" pub --lanes 3 --lane b --wait 2 --ring 64K "$ring" <"$dir/fifo" 2>"$dir/b.err" 3>&- &
pub=$!
text b 1000 >&3
wait_until "the ring" ring_exists "$ring"
"$MYELON_CLI" pub --lanes 3 --lane a --wait 2 --ring 64K "$ring" <"$dir/a" 2>"$dir/a.err" 3>&- & pub_a=$!
"$MYELON_CLI" pub --lanes 3 --lane c --wait 2 --ring 64K "$ring" <"$dir/c" 2>"$dir/c.err" 3>&- & pub_c=$!
wait "$pub_a" || fail "pub a ended with $?: $(cat "$dir/a.err")"
wait "$pub_c" || fail "pub c ended with $?: $(cat "$dir/c.err")"
# shellcheck disable=SC2317 # wait_until calls it
has_read() {
    [ "$(lines_of b "$dir/out1" | wc -l)" -eq 1000 ] && [ "$(lines_of b "$dir/out2" | wc -l)" -eq 1000 ]
}
wait_until "both readers have the first lines of b" has_read
expect 5 "a second publisher for the same lane" myelon pub --lane b --wait 0 "$ring" </dev/null
myelon inspect "$ring" >"$dir/inspect" 3>&- || fail "inspect ended with $?"
for line in "at most 3, each in a lane" "lane        1 of 3" "its id is b" "producer    alive"; do
    grep -q "$line" "$dir/inspect" || fail "inspect does not print \"$line\": $(cat "$dir/inspect")"
done
myelon ls >"$dir/ls" 3>&- || fail "ls ended with $?"
grep "^$ring " "$dir/ls" | grep -q alive || fail "ls does not show it alive: $(cat "$dir/ls")"
myelon why --watch 0 "$ring" >"$dir/why" 3>&- || fail "why ended with $?"
grep -q "^lane 0 b: " "$dir/why" || fail "why does not show lane 0: $(cat "$dir/why")"
if myelon why --watch 0 --json "$ring" >"$dir/why" 2>/dev/null 3>&-; then
    [ "$(tr -d ' \t\n' <"$dir/why" | grep -o '"lane":[0-9]*,"lane_id":"[abc]"' | sort -u | wc -l)" -eq 3 ] ||
        fail "why --json has not each lane: $(cat "$dir/why")"
    [ "$(head -c 1 "$dir/why")" = "[" ] || fail "why --json of all lanes is no array"
    myelon why --watch 0 --json --lane 1 "$ring" >"$dir/why" 3>&- || fail "why --lane ended with $?"
    [ "$(head -c 1 "$dir/why")" = "{" ] || fail "why --json --lane is no object"
    grep -q '"lane":[^0-9]*1,' "$dir/why" || fail "why --json --lane 1 has another lane: $(cat "$dir/why")"
fi
kill -KILL $pub
wait $pub 2>/dev/null
"$MYELON_CLI" pub --lane b --wait 2 "$ring" <"$dir/fifo" 2>"$dir/b.err" 3>&- &
pub=$!
awk 'BEGIN { for (i = 1000; i < 20000; i++) printf "b %d\n", i }' >&3
exec 3>&-
wait $pub || fail "the second pub b ended with $?: $(cat "$dir/b.err")"
for i in 1 2; do
    eval "wait \$sub$i" || fail "sub $i ended with $?: $(cat "$dir/err$i")"
    for tag in a b c; do
        lines_of $tag "$dir/out$i" | cmp -s - "$dir/$tag" || fail "reader $i got other lines of $tag"
    done
    [ "$(wc -l <"$dir/out$i")" -eq 60000 ] || fail "reader $i got $(wc -l <"$dir/out$i") lines"
done
! ring_exists "$ring" || fail "the ring is still there"
expect 2 "a lane id for a new ring without lanes" myelon pub --lane a --wait 0 "$ring" </dev/null
expect 2 "too many lanes" myelon pub --lanes 65 --wait 0 "$ring" </dev/null

# All traffic is in lane 1, of the one publisher that continues: its reader has a rate, and its unread messages keep
# the ring.
exec 3<>"$dir/fifo"
"$MYELON_CLI" pub --lanes 2 --lane quiet --wait 0 "$ring" <"$dir/fifo" 2>"$dir/a.err" 3>&- &
quiet=$!
wait_until "the ring" ring_exists "$ring"
{ while cat "$dir/a" 2>/dev/null; do :; done; } | "$MYELON_CLI" pub --lane busy "$ring" 2>"$dir/b.err" 3>&- &
busy=$!
"$MYELON_CLI" sub --id reader "$ring" >/dev/null 2>"$dir/err1" 3>&- &
sub1=$!
# shellcheck disable=SC2317 # wait_until calls it
reader_has_rate() {
    myelon top --once --interval 0.05 "$ring" >"$dir/top" 2>&1 && grep -q '^  reader .* [1-9][0-9.]* *[kMG]\{0,1\}/s ' "$dir/top"
}
wait_until "a rate of the reader of lane 1" reader_has_rate
kill -KILL $sub1 $quiet
wait $sub1 $quiet 2>/dev/null
kill $busy
wait $busy 2>/dev/null
exec 3>&-
expect 0 "gc of a ring with unread messages in lane 1" myelon gc --prefix "$ring"
expect_text "$dir/out" "^$ring .*kept: unread" "gc of a ring with unread messages in lane 1"
myelon rm "$ring"

finish
