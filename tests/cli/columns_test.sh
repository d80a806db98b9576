#!/bin/sh
# SPDX-License-Identifier: MIT
# `inspect`, `why`, `top` and `log` agree about the same ring: the consumer that its producer waits for, and the units.
# Tables fit 80 columns, and so does `ls` with a long name.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

ring=$prefix-columns

# Endless lines to two readers. The first is stopped, then the second is killed. Both gate the producer; the dead one
# is reported.
mkfifo "$dir/fifo"
yes >"$dir/fifo" 2>/dev/null &
yes=$!
"$MYELON_CLI" pub --quiet --wait 2 --ring 64K "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
pub=$!
wait_until "the ring" ring_exists "$ring"
"$MYELON_CLI" sub --quiet --id first "$ring" >"$dir/first" 2>"$dir/first.err" &
first=$!
"$MYELON_CLI" sub --quiet --id second "$ring" >"$dir/second" 2>"$dir/second.err" &
second=$!
wait_until "the first reader" reached "$dir/first" 1000
wait_until "the second reader" reached "$dir/second" 1000
kill -STOP "$first" "$second"
# shellcheck disable=SC2317 # wait_until calls it
waits_for() { # IDS
    myelon why --watch 0.02 "$ring" >"$dir/why" 2>&1 && has_line "$dir/why" "^(producer) *waiting .* $1\$"
}
# The producer waits for both only once both lag by the whole ring: let the slower one continue until then.
# shellcheck disable=SC2317 # wait_until calls it
waits_for_both() {
    waits_for "\(first, second\|second, first\)" && return 0
    if has_line "$dir/why" " first\$"; then
        kill -CONT "$first" && kill -STOP "$first"
    elif has_line "$dir/why" " second\$"; then
        kill -CONT "$second" && kill -STOP "$second"
    fi
    return 1
}
wait_until "a producer that waits for both" waits_for_both
kill -KILL "$second"
wait "$second" 2>/dev/null
# shellcheck disable=SC2317 # wait_until calls it
dead_is_named() {
    myelon "$@" "$ring" >"$dir/out" 2>&1 && has_line "$dir/out" 'has been waiting for .*; "second", .* is dead'
}
wait_until "why reports the dead one" dead_is_named why --watch 0.02
wait_until "inspect reports the same one" dead_is_named inspect
# shellcheck disable=SC2317 # wait_until calls it
top_names() {
    myelon top --once --interval 0.05 "$ring" >"$dir/out" 2>&1 && has_line "$dir/out" "waits for second"
}
wait_until "top shows the same one" top_names

# Tables fit 80 columns; sentences may be longer.
fits() { # WHAT
    awk 'length > 80 && /[^ ]   *[^ ]/ && !/cannot be read/ { bad = 1; print "    " $0 } END { exit bad }' "$dir/out" || fail "$1: wider than 80"
}
# Messages are counted in cells, and lag in bytes of the ring: column titles name the unit.
expect 0 "inspect" myelon inspect "$ring"
expect_text "$dir/out" "^CONSUMER .* CELLS ACKED  *CELLS LAG " "inspect of messages"
fits "inspect"
expect 0 "why" myelon why "$ring"
expect_text "$dir/out" "^PARTICIPANT .* BYTES LAG " "why of messages"
if has_line "$dir/out" "[^0-9.]0 ms"; then
    fail "why: a participant is shown as stalled for 0 ms"
fi
expect 0 "log" myelon log "$ring"
expect_text "$dir/out" "^WHEN .* AT CELL " "log of messages"
expect 0 "ls" myelon ls
expect_text "$dir/out" "^NAME .* PUBLISHED *LAG  *SIZE\$" "ls"
expect_text "$dir/out" "^$ring .* alive  *1/2  *[0-9.]* [KM]iB  *[0-9]*%  *[0-9.]* [KM]iB\$" "ls of messages"
kill -KILL "$first" "$yes"
wait "$first" "$yes" 2>/dev/null
myelon rm --force "$ring"
wait "$pub"

# Events are counted as events. A name longer than its column gets a line of its own.
long=$prefix-a-name-that-is-longer-than-its-column-is-wide
"$MYL_TEST_ODD_RING" "$long" label text || fail "no ring of events"
expect 0 "inspect" myelon inspect "$long"
expect_text "$dir/out" "^CONSUMER .* EVENTS ACKED  *EVENTS LAG " "inspect of events"
expect_text "$dir/out" "^cells  *[0-9]* bytes, 1 event in each, " "inspect of events"
expect_text "$dir/out" "^producer .*; parked 0 times\$" "inspect of events"
expect_text "$dir/out" "^published  *0 events\$" "inspect before any event may be overwritten"
expect_text "$dir/out" ", lag 0 of [0-9]* events: start it again" "inspect of events"
expect 0 "why" myelon why "$long"
expect_text "$dir/out" "^PARTICIPANT .* EVENTS LAG " "why of events"
expect 0 "log" myelon log "$long"
expect_text "$dir/out" "^WHEN .* AT EVENT " "log of events"
fits "log"
expect 0 "ls" myelon ls
expect_text "$dir/out" "^$long\$" "ls of a long name"
expect_text "$dir/out" "^  *left  *0/1  *0 B  *0%  *[0-9.]* [KM]iB\$" "ls of a long name"
fits "ls"
myelon rm "$long"

# One message is one cell; the ends of a closed ring have the same unit.
echo line | myelon pub --quiet --leave --wait 0 --lane a --lanes 2 "$long" || fail "pub ended with $?"
expect 0 "inspect" myelon inspect "$long"
expect_text "$dir/out" "^published  *1 cell\$" "inspect of one message"
expect 0 "pub" myelon pub --quiet --wait 0 --lane a "$long" </dev/null
expect 0 "inspect" myelon inspect "$long"
expect_text "$dir/out" "^ended  *after 1 cell\$" "inspect of a closed lane"
expect_text "$dir/out" "^producer  *left; epoch 2;" "inspect of a closed lane"
myelon rm "$long"
finish
