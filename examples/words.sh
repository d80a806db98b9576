#!/bin/sh
# SPDX-License-Identifier: MIT
# A scheduler and three workers count the words of this example. One worker is killed while shards are on their way, and
# comes back. The counts are those of a process alone. ./run demo does the same with more text.
set -eu
: "${MYELON_EXAMPLES:?the directory of the built examples: ctest sets it}"
words=$MYELON_EXAMPLES/words
text=$(dirname "$0")/words.c
label=words-$$
dir=$(mktemp -d)
pids=''
clean_up() {
    for pid in $pids; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap clean_up EXIT

"$words" count 400 "$text" >"$dir/alone"
"$words" work "$label" 0 &
worker0=$!
"$words" work "$label" 1 &
worker1=$!
"$words" work "$label" 2 &
worker2=$!
"$words" schedule "$label" 3 400 150 "$text" >"$dir/words" 2>"$dir/log" &
scheduler=$!
pids="$worker0 $worker1 $worker2 $scheduler"

# until_reported TEXT: until the scheduler has reported it. It ends only after all shards.
until_reported() {
    until grep -q "$1" "$dir/log"; do
        kill -0 "$scheduler" || give_up "the scheduler ended before it reported \"$1\""
        sleep 0.01
    done
}

give_up() {
    echo "$1" >&2
    cat "$dir/log" >&2
    exit 1
}

# Stopped, the scheduler cannot end before the worker is dead. Then one of the next shards is for the dead worker.
until_reported ' 10 %'
kill -STOP "$scheduler"
kill -KILL "$worker1"
kill -CONT "$scheduler"
until_reported 'worker 1 died'
"$words" work "$label" 1 &
pids="$pids $!"
wait "$scheduler" || give_up "the scheduler failed"
wait "$worker0" "$worker2" || give_up "a worker failed"
cmp "$dir/words" "$dir/alone" || give_up "the counts differ"
