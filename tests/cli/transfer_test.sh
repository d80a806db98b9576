#!/bin/sh
# SPDX-License-Identifier: MIT
# Transfers between real processes: all kinds, refusals, and how ls, inspect, rm and evict treat them.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

# --- whole transfers ---------------------------------------------------------------------------------------

files_of_all_sizes_arrive() {
    for size in 0 1 4095 4096 4097 100000; do
        ring=$prefix-size$size
        make_file "$dir/in" "$size"
        "$MYELON_CLI" cat -q -o "$dir/a" "$ring" & a=$!
        "$MYELON_CLI" cat -q "$ring" >"$dir/b" & b=$!
        "$MYELON_CLI" cat -q --verify-only "$ring" & c=$!
        expect 0 "cp of $size bytes" myelon cp --wait 3 --chunk 4096 --capacity 4 "$dir/in" "$ring"
        expect_end 0 "cat -o of $size bytes" "$a"
        expect_end 0 "cat of $size bytes" "$b"
        expect_end 0 "cat --verify-only of $size bytes" "$c"
        expect_same "$dir/in" "$dir/a" "cat -o of $size bytes"
        expect_same "$dir/in" "$dir/b" "cat of $size bytes"
        if command -v sha256sum >/dev/null 2>&1; then
            expect_text "$dir/err" "sent $size bytes* .*$(sha256sum <"$dir/in" | cut -d' ' -f1)" "cp's report"
        fi
        rm -f "$dir"/*
    done
}

pipe_is_transferred() {
    ring=$prefix-pipe
    make_file "$dir/in" 300000
    "$MYELON_CLI" cat -q -o "$dir/a" "$ring" & a=$!
    # Two writes to the pipe, so that there are short messages.
    { head -c 5 "$dir/in" && tail -c +6 "$dir/in"; } | expect 0 "cp -" myelon cp -q --chunk 4K - "$ring"
    expect_end 0 "cat of a pipe" "$a"
    expect_same "$dir/in" "$dir/a" "cat of a pipe"
    rm -f "$dir"/*
}

mapped_file_carries_a_transfer() {
    make_file "$dir/in" 300000
    "$MYELON_CLI" cat -q -o "$dir/a" --file "$dir/ring" & a=$!
    expect 0 "cp --file" myelon cp -q --chunk 4K "$dir/in" --file "$dir/ring"
    expect_end 0 "cat --file" "$a"
    expect_same "$dir/in" "$dir/a" "cat --file"
    [ ! -e "$dir/ring" ] || fail "cp --file leaves its ring"
    rm -f "$dir"/*
}

longer_output_is_truncated() {
    ring=$prefix-cut
    make_file "$dir/in" 10000
    make_file "$dir/a" 50000
    "$MYELON_CLI" cat -q -o "$dir/a" "$ring" & a=$!
    expect 0 "cp" myelon cp -q "$dir/in" "$ring"
    expect_end 0 "cat over a longer file" "$a"
    expect_same "$dir/in" "$dir/a" "cat over a longer file"
    rm -f "$dir"/*
}

# --- a running transfer ---------------------------------------------------------------------------------------

# start_slow RATE ID...: transfers $dir/in, 6 MB at RATE MB/s, through $ring to these ids: cp's pid in $cp, the
# cats' in $cat_ID. More has been sent by then than fits in the ring. RATE is 3 if the test waits for the end, and 1 if
# the following steps must happen before the end.
start_slow() {
    rate=$1
    shift
    rm -f "$dir"/*
    make_file "$dir/in" 6000000
    "$MYELON_CLI" cp --wait $# --chunk 4K --capacity 16 --rate "$rate" "$dir/in" "$ring" 2>"$dir/cp.log" & cp=$!
    for id in "$@"; do
        "$MYELON_CLI" cat -o "$dir/$id" --id "$id" "$ring" 2>"$dir/$id.log" &
        eval "cat_$id=$!"
    done
    for id in "$@"; do
        wait_until "the first bytes of $id" reached "$dir/$id" 200000
    done
}

end_all() { # PID...: kills the processes, waits for them, and removes the ring
    kill -KILL "$@" 2>/dev/null
    wait "$@" 2>/dev/null
    myelon rm --force "$ring" 2>/dev/null
    rm -f "$dir"/*
}

commands_are_refused_while_in_use() {
    ring=$prefix-alive
    start_slow 1 a b
    expect 5 "a second sender" myelon cp "$dir/in" "$ring"
    expect_text "$dir/err" "alive" "a second sender"
    expect 5 "a second consumer of an id" myelon cat --id a -o "$dir/x" "$ring"
    expect 5 "rm of a ring in use" myelon rm "$ring"
    # shellcheck disable=SC2154 # set by eval
    for user in "its producer (process $cp)" "consumer a (process $cat_a)" "consumer b (process $cat_b)"; do
        expect_text "$dir/err" "$user" "rm of a ring in use"
    done
    expect 5 "evict of a live consumer" myelon evict "$ring" a
    expect 1 "a ring of another type" myelon cat --type 7 "$ring"
    expect 7 "a consumer that joins too late" myelon cat -q --verify-only "$ring"
    expect_text "$dir/err" "joined too late" "a consumer that joins too late"
    [ ! -e "$dir/x" ] || fail "a refused cat created its output file"

    expect 0 "ls" myelon ls
    expect_text "$dir/out" "^$ring  *alive  *2/2 " "ls"
    expect 0 "ls --json" myelon ls --json
    expect_text "$dir/out" "\"name\":.*\"$ring\"" "ls --json"
    expect 0 "inspect" myelon inspect "$ring"
    expect_text "$dir/out" "^producer  *alive, process $cp;" "inspect"
    expect_text "$dir/out" "^shape  *messages in 128.0 KiB; record max 4.0 KiB, message max 4.0 KiB" "inspect"
    expect 0 "inspect --json" myelon inspect --json "$ring"
    expect_text "$dir/out" "\"live_consumers\":.*2," "inspect --json"
    expect_text "$dir/out" "\"pid\":.*$cp," "inspect --json"

    expect 0 "rm --force" myelon rm --force "$ring"
    expect_end 1 "cp whose ring was removed" "$cp" "$dir/cp.log"
    expect_text "$dir/cp.log" "removed\|ended by force" "cp whose ring was removed"
    ! has_line "$dir/cp.log" "same command" || fail "cp whose ring was removed offers to continue"
    expect_end 7 "a whose ring was removed" "$cat_a" "$dir/a.log"
    expect_end 7 "b whose ring was removed" "$cat_b" "$dir/b.log"
    rm -f "$dir"/*
}

dead_consumer_is_evicted() {
    ring=$prefix-evict
    start_slow 3 a b
    kill -KILL "$cat_b"
    wait "$cat_b" 2>/dev/null
    wait_until "cp's report about b" has_line "$dir/cp.log" "consumer b died"
    expect 0 "inspect" myelon inspect "$ring"
    expect_text "$dir/out" "^b  *dead " "inspect of a dead consumer"
    expect 0 "evict of a dead consumer" myelon evict "$ring" b
    expect_end 7 "cp that lost one of two for good" "$cp" "$dir/cp.log"
    expect_end 0 "the other cat" "$cat_a" "$dir/a.log"
    expect_same "$dir/in" "$dir/a" "the other cat"

    start_slow 3 a
    kill -KILL "$cat_a"
    wait "$cat_a" 2>/dev/null
    wait_until "cp's report about a" has_line "$dir/cp.log" "consumer a died"
    expect 0 "evict of the only consumer" myelon evict "$ring" a
    expect_end 7 "cp that lost its only consumer for good" "$cp" "$dir/cp.log"
    rm -f "$dir"/*
}

cp_without_waiting_fills_the_ring() {
    ring=$prefix-nowait
    make_file "$dir/in" 100000
    "$MYELON_CLI" cp --wait 0 --chunk 4K --capacity 4 "$dir/in" "$ring" 2>"$dir/cp.log" & cp=$!
    wait_until "a full ring" has_line "$dir/cp.log" "waiting for a consumer"
    expect 0 "cat that joins a full ring" myelon cat -q -o "$dir/a" "$ring"
    expect_end 0 "cp --wait 0" "$cp" "$dir/cp.log"
    expect_same "$dir/in" "$dir/a" "cat that joins a full ring"
    rm -f "$dir"/*
}

# --- interrupted and resumed -----------------------------------------------------------------------------------

terminated_transfer_resumes() {
    ring=$prefix-term
    start_slow 1 a b
    kill -TERM "$cat_b"
    expect_end 143 "cat after SIGTERM" "$cat_b" "$dir/b.log"
    expect_text "$dir/b.log" "keeps its place" "cat after SIGTERM"
    kill -TERM "$cp"
    expect_end 143 "cp after SIGTERM" "$cp" "$dir/cp.log"
    expect_text "$dir/cp.log" "same command continues" "cp after SIGTERM"
    wait_until "a's report about cp" has_line "$dir/a.log" "sender left after"

    make_file "$dir/other" 6000000
    expect 1 "cp of another file" myelon cp "$dir/other" "$ring"
    expect_text "$dir/err" "another file" "cp of another file"
    expect 1 "cp of a pipe" myelon cp - "$ring" </dev/null
    expect 1 "cat of a known id to stdout" myelon cat --id b "$ring"
    expect_text "$dir/err" "acknowledged before" "cat of a known id to stdout"
    : >"$dir/empty"
    expect 1 "cat of a known id to another file" myelon cat --id b -o "$dir/empty" "$ring"
    expect_text "$dir/err" "not the file" "cat of a known id to another file"

    "$MYELON_CLI" cat -o "$dir/b" --id b "$ring" 2>"$dir/b.log" & cat_b=$!
    expect 0 "cp that continues" myelon cp "$dir/in" "$ring"
    expect_text "$dir/err" "continues at" "cp that continues"
    expect_end 0 "cat that stayed" "$cat_a" "$dir/a.log"
    expect_end 0 "cat that continues" "$cat_b" "$dir/b.log"
    expect_text "$dir/a.log" "sender left after .* bytes and back after" "cat that stayed"
    expect_text "$dir/b.log" "of them by this process" "cat that continues"
    expect_same "$dir/in" "$dir/a" "cat that stayed"
    expect_same "$dir/in" "$dir/b" "cat that continues"
    rm -f "$dir"/*
}

# Without a sender and unread messages, the position in the file is unknown. A command that cannot succeed must fail at
# once, not after a wait.
cat_fails_at_once_without_a_sender() {
    ring=$prefix-drained
    start_slow 1 a b
    kill -TERM "$cp"
    expect_end 143 "cp after SIGTERM" "$cp" "$dir/cp.log"
    for id in a b; do
        wait_until "the report of $id about cp" has_line "$dir/$id.log" "sender left after"
    done
    kill -TERM "$cat_b"
    expect_end 143 "cat after SIGTERM" "$cat_b" "$dir/b.log"
    expect 1 "cat of a known id to stdout" myelon cat --timeout 20 --id b "$ring"
    expect_text "$dir/err" "acknowledged before" "cat of a known id to stdout"
    expect 1 "cat of a known id without output" myelon cat --timeout 20 --id b --verify-only "$ring"
    : >"$dir/empty"
    expect 1 "cat of a known id to another file" myelon cat --timeout 20 --id b -o "$dir/empty" "$ring"
    expect_text "$dir/err" "not the file" "cat of a known id to another file"
    expect 7 "a consumer that joins too late" myelon cat --timeout 20 "$ring"
    expect_text "$dir/err" "joined too late" "a consumer that joins too late"

    "$MYELON_CLI" cat -o "$dir/b" --id b "$ring" 2>"$dir/b.log" & cat_b=$!
    expect 0 "cp that continues" myelon cp "$dir/in" "$ring"
    expect_end 0 "cat that stayed" "$cat_a" "$dir/a.log"
    expect_end 0 "cat that continues" "$cat_b" "$dir/b.log"
    expect_same "$dir/in" "$dir/a" "cat that stayed"
    expect_same "$dir/in" "$dir/b" "cat that continues"
    rm -f "$dir"/*
}

# A successor finds its position wherever the sender stopped: before the first message, after a full one, after a short
# one with the same number of cells, after a shorter one, after the last one.
sender_resumes_after_every_message() {
    for size in 0 1 24 63 64 65 100 104 105 127 128 100000; do
        ring=$prefix-place$size
        make_file "$dir/in" "$size"
        expect 6 "cp of $size bytes without a receiver" myelon cp --wait 0 --chunk 64 --timeout 0.05 "$dir/in" "$ring"
        "$MYELON_CLI" cat -q -o "$dir/a" "$ring" & a=$!
        expect 0 "cp of $size bytes that continues" myelon cp "$dir/in" "$ring"
        expect_text "$dir/err" "continues at" "cp of $size bytes that continues"
        expect_end 0 "cat of $size bytes" "$a"
        expect_same "$dir/in" "$dir/a" "cat of $size bytes"
        rm -f "$dir"/*
    done
}

changed_output_is_detected() {
    ring=$prefix-meddle
    start_slow 3 a
    kill -KILL "$cat_a"
    wait "$cat_a" 2>/dev/null
    printf 'x' | dd of="$dir/a" bs=1 seek=10 conv=notrunc 2>/dev/null
    expect 3 "cat of a changed output" myelon cat -o "$dir/a" --id a "$ring"
    expect_text "$dir/err" "is not the file that was sent" "cat of a changed output"
    # Its only receiver did not acknowledge the end.
    expect_end 7 "its cp" "$cp" "$dir/cp.log"
    rm -f "$dir"/*
}

changed_input_is_detected() {
    ring=$prefix-change
    start_slow 3 a
    : >"$dir/in"
    expect_end 1 "cp of a file that became shorter" "$cp" "$dir/cp.log"
    expect_text "$dir/cp.log" "became shorter" "cp of a file that became shorter"
    expect_end 7 "its cat" "$cat_a" "$dir/a.log"
    expect_text "$dir/a.log" "gave up after .*became shorter" "its cat"

    start_slow 3 a
    printf 'x' >>"$dir/in"
    expect_end 1 "cp of a file that became longer" "$cp" "$dir/cp.log"
    expect_end 7 "its cat" "$cat_a" "$dir/a.log"
    rm -f "$dir"/*
}

pipe_cannot_be_resumed() {
    ring=$prefix-dead-pipe
    mkfifo "$dir/fifo"
    "$MYELON_CLI" cp -q --wait 0 --chunk 64 "$dir/fifo" "$ring" & cp=$!
    printf 'first' >"$dir/fifo.in"
    { cat "$dir/fifo.in" && wait_until "the ring" ring_exists "$ring" && cat "$dir/fifo.in" && kill -KILL "$cp"; } \
        >"$dir/fifo"
    wait "$cp" 2>/dev/null
    make_file "$dir/in" 100
    expect 1 "cp after a dead pipe" myelon cp "$dir/in" "$ring"
    expect_text "$dir/err" "from a pipe whose sender died" "cp after a dead pipe"
    expect 0 "rm of a dead ring" myelon rm "$ring"
    rm -f "$dir"/*
}

# --- outputs that fail -----------------------------------------------------------------------------------------

full_device_is_reported() {
    [ -c /dev/full ] || return 0
    ring=$prefix-full
    make_file "$dir/in" 10000
    "$MYELON_CLI" cat -o /dev/full "$ring" 2>"$dir/a.log" & a=$!
    expect 7 "cp to a full device" myelon cp -q "$dir/in" "$ring"
    expect_end 1 "cat to a full device" "$a"
    expect_text "$dir/a.log" "No space left" "cat to a full device"
    rm -f "$dir"/*
}

transfer_resumes_after_a_file_limit() {
    ring=$prefix-limit
    make_file "$dir/in" 200000
    # Beyond the limit a write fails with EFBIG, as it does with ENOSPC on a full disk. The write before it is partial.
    (
        trap '' XFSZ
        ulimit -f 100
        exec "$MYELON_CLI" cat -o "$dir/a" --id a "$ring" 2>/dev/null
    ) & a=$!
    "$MYELON_CLI" cp -q --chunk 4000 --capacity 4 "$dir/in" "$ring" & cp=$!
    expect_end 1 "cat beyond the limit" "$a"
    expect 0 "cat that continues" myelon cat -o "$dir/a" --id a "$ring"
    expect_text "$dir/err" "continues at byte" "cat that continues"
    expect_end 0 "cp" "$cp"
    expect_same "$dir/in" "$dir/a" "cat that continues"
    rm -f "$dir"/*
}

closed_pipe_ends_cat() {
    ring=$prefix-epipe
    make_file "$dir/in" 2000000
    { "$MYELON_CLI" cat "$ring" 2>"$dir/a.log"; echo $? >"$dir/status"; } | head -c 10 >/dev/null &
    a=$!
    expect 7 "cp whose only receiver left" myelon cp -q --capacity 2 "$dir/in" "$ring"
    wait "$a"
    [ "$(cat "$dir/status")" -eq 141 ] || fail "cat with a closed pipe: status $(cat "$dir/status")"
    [ ! -s "$dir/a.log" ] || fail "cat with a closed pipe prints: $(cat "$dir/a.log")"
    rm -f "$dir"/*
}

# shellcheck disable=SC2317 # wait_until calls it
ring_is_full() { # NAME: b lags so far that a message of 66 cells does not fit into the 2048 cells
    myelon inspect "$1" 2>/dev/null | awk '$1 == "b" && $6 + 67 > 2048 { full = 1 } END { exit !full }'
}

timeouts_are_reported() {
    ring=$prefix-timeout
    start_slow 1 a b
    kill -STOP "$cat_b"
    wait_until "a full ring" ring_is_full "$ring"
    kill -KILL "$cp"
    wait "$cp" 2>/dev/null
    expect 6 "a blocked cp" myelon cp --timeout 0.3 "$dir/in" "$ring"
    expect_text "$dir/err" "waited 300 ms for room" "a blocked cp"
    kill -KILL "$cat_a"
    wait "$cat_a" 2>/dev/null
    expect 6 "cat without a sender" myelon cat --timeout 0.3 --id a -o "$dir/a" "$ring"
    expect_text "$dir/err" "no message from the sender within 300 ms" "cat without a sender"
    end_all "$cat_b"
}

files_of_all_sizes_arrive
pipe_is_transferred
mapped_file_carries_a_transfer
longer_output_is_truncated
commands_are_refused_while_in_use
dead_consumer_is_evicted
cp_without_waiting_fills_the_ring
terminated_transfer_resumes
cat_fails_at_once_without_a_sender
sender_resumes_after_every_message
changed_output_is_detected
changed_input_is_detected
pipe_cannot_be_resumed
full_device_is_reported
transfer_resumes_after_a_file_limit
closed_pipe_ends_cat
timeouts_are_reported
finish
