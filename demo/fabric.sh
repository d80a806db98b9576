#!/bin/sh
# SPDX-License-Identifier: MIT
# One scheduler and four workers, each a process, count the words of this repository's pages and sources. One worker is
# busy at first and says so; one is killed and comes back. In the end the counts are those of a single process. "./run
# demo" builds the programs and calls this. MYELON_CLI is the command, MYELON_WORDS the program examples/words.c;
# MYELON_DEMO_SHARDS the number of shards (6000).
set -u

# shellcheck source=demo/lib.sh
. "$(dirname "$0")/lib.sh"
: "${MYELON_CLI:?the path of the myelon command: ./run demo sets it}"
: "${MYELON_WORDS:?the path of the example words: ./run demo sets it}"
shards=${MYELON_DEMO_SHARDS:-6000}
rate=1000 # shards a second, so that there is time to watch
label=demo-$$
root=$(dirname "$0")/..
dir=$(mktemp -d "${TMPDIR:-/tmp}/myelon-demo.XXXXXX") || exit 1
scheduler='' w0='' w1='' w2='' w3='' reader=''

clean_up() {
    trap '' INT TERM HUP
    for pid in $scheduler $w0 $w1 $w2 $w3 $reader; do
        kill -KILL "$pid" 2>/dev/null
    done
    wait
    for ring in $rings; do
        "$MYELON_CLI" rm --force "$ring" >/dev/null 2>&1
    done
    rm -rf "$dir"
}
rings=$("$MYELON_WORDS" rings "$label") || exit 1
dispatch=${rings% *} replies=${rings#* }
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start_worker() { # RANK [WARM_UP_MS]
    "$MYELON_WORDS" work "$label" "$@" 2>>"$dir/worker_$1.log" &
    eval "w$1=\$!"
}

# Prints what the scheduler reports while it reports it, and keeps it.
show() {
    while IFS= read -r line; do
        tell "${line#words: }"
        printf '%s\n' "$line" >>"$dir/scheduler.log"
    done
}

# Why a worker does not answer: the diagnosis of its lane.
ask_why() { # RANK
    tell "\$ myelon why $replies"
    "$MYELON_CLI" why "$replies" 2>&1 | grep "^lane .* worker_$1:" | fold -s -w 100 | sed 's/^/   | /'
}

is_busy() { # RANK
    "$MYELON_CLI" why "$replies" 2>/dev/null | sed -n "/^lane .* worker_$1:/,/^(producer)/p" | grep -q '^(producer) *busy'
}

has_done() { # PERCENT, a multiple of 10
    [ "$(sed -n 's/^words: *\([0-9]*\) %.*/\1/p' "$dir/scheduler.log" | tail -n 1)" -ge "$1" ] 2>/dev/null
}

started=$(date +%s)
echo "${bold}myelon: one scheduler, four workers; one is busy, one gets killed and comes back.$plain"

step "A text: the pages and sources of this repository, cut into $shards shards of 16 KiB"
find "$root/docs" "$root/include" "$root/src" -type f -name '*.[mch]*' | LC_ALL=C sort >"$dir/files"
tell "$(wc -l <"$dir/files") files; a process alone counts their words, to compare with later"
# The names contain no white space.
# shellcheck disable=SC2046
"$MYELON_WORDS" count "$shards" $(cat "$dir/files") >"$dir/alone" || give_up "words count failed"
tell "$(wc -l <"$dir/alone") different words"

step "A scheduler and four workers start. Worker 3 needs 1.5 s to warm up; the deadline is 0.5 s, but it says so"
: >"$dir/scheduler.log"
mkfifo "$dir/progress" || give_up "no room in $dir"
show <"$dir/progress" &
reader=$!
# shellcheck disable=SC2046
"$MYELON_WORDS" schedule "$label" 4 "$shards" "$rate" $(cat "$dir/files") >"$dir/words" 2>"$dir/progress" &
scheduler=$!
for rank in 0 1 2; do
    start_worker $rank
done
start_worker 3 1500
wait_until "the notice of worker 3" is_busy 3
ask_why 3
wait_until "the workers" says "$dir/scheduler.log" "are warm"

step "After 30 % worker 1 is killed with SIGKILL"
wait_until "30 %" has_done 30
kill -KILL "$w1"
wait "$w1" 2>/dev/null
wait_until "the report of the death" says "$dir/scheduler.log" "worker 1 died"
ask_why 1

step "After 60 % worker 1 is started again, with the same command"
wait_until "60 %" has_done 60
start_worker 1
wait_until "the return of worker 1" says "$dir/scheduler.log" "worker 1 joined: process $w1"

step "The end: every shard was counted once"
for name in scheduler w0 w1 w2 w3; do
    eval "pid=\$$name"
    wait "$pid" || give_up "$name ended with status $?"
done
wait "$reader"
scheduler='' w0='' w1='' w2='' w3='' reader=''
cmp "$dir/words" "$dir/alone" || give_up "the workers' counts are not those of the process alone"
tell "$(wc -l <"$dir/words") different words, each with the count of the process alone; the five most frequent:"
head -n 5 "$dir/words" | sed 's/^/   | /'
for ring in $dispatch $replies; do
    ! "$MYELON_CLI" inspect "$ring" >/dev/null 2>&1 || give_up "ring $ring is still there"
done
tell "no ring is left in 'myelon ls'"

printf '\n%sThe same counts, in %d s: no shard lost, none counted twice, although a worker was killed.%s\n' \
    "$green" $(($(date +%s) - started)) "$plain"
