#!/bin/sh
# SPDX-License-Identifier: MIT
# Standard streams: a Ctrl-C that ends the writer of a pipe is not the end of input, and non-blocking descriptors
# lose no data.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

: "${MYL_TEST_LAUNCH:?the path of tests/support/launch}"
ring=$prefix-stream
rounds=${MYL_STREAM_ROUNDS:-12}

# on_terminal COMMAND: runs it as the foreground job of a pseudo terminal, with $dir/keys as keyboard input.
on_terminal() {
    "$MYL_TEST_LAUNCH" terminal sh -c "$1" <"$dir/keys" >"$dir/screen" 2>&1
}

# interrupt_pipeline COMMAND READER WHAT: in "yes | COMMAND", Ctrl-C also ends yes. COMMAND must end by the
# signal, whatever it read last, and READER must report that the stream is incomplete.
interrupt_pipeline() {
    for round in $(seq "$rounds"); do
        rm -f "$dir"/*
        mkfifo "$dir/keys"
        # shellcheck disable=SC2086 # words
        "$MYELON_CLI" $2 --attach 30 "$ring" >"$dir/out" 2>"$dir/err" &
        reader=$!
        on_terminal "yes line | (trap : INT; '$MYELON_CLI' $1; echo \$? >'$dir/status')" &
        terminal=$!
        exec 3>"$dir/keys"
        wait_until "the first bytes" reached "$dir/out" 5
        printf '\003' >&3
        wait_until "$3 ends" test -s "$dir/status"
        exec 3>&-
        wait $terminal
        expect_end 7 "the reader of $3 (round $round)" $reader "$dir/err"
        [ "$(cat "$dir/status")" = 130 ] || fail "$3 after Ctrl-C (round $round): status $(cat "$dir/status")"
    done
}

ctrl_c_in_a_pipeline_cuts_the_stream() {
    interrupt_pipeline "pub -q $ring" "sub -q" "pub"
    interrupt_pipeline "cp -q - $ring" "cat -q" "cp"
}

# The input is a non-blocking pipe that is empty for a while.
nonblocking_input_loses_nothing() {
    mkfifo "$dir/fifo"
    for pair in "pub:sub" "cp -:cat"; do
        rm -f "$dir/out" "$dir/err" # an older output must not pass for this one
        "$MYELON_CLI" "${pair#*:}" -q --attach 30 "$ring" >"$dir/out" 2>"$dir/err" &
        reader=$!
        # shellcheck disable=SC2086 # "cp -" is two words
        "$MYL_TEST_LAUNCH" nonblock 0 "$MYELON_CLI" ${pair%:*} -q "$ring" <"$dir/fifo" 2>"$dir/err1" &
        sender=$!
        exec 3>"$dir/fifo"
        head -n 1000 "$dir/text" >&3
        wait_until "the first part" reached "$dir/out" 1000 # from here the pipe is empty
        tail -n +1001 "$dir/text" >&3
        exec 3>&-
        expect_end 0 "${pair%:*} from a pipe that does not block" $sender "$dir/err1"
        expect_end 0 "${pair#*:}" $reader "$dir/err"
        expect_same "$dir/text" "$dir/out" "${pair%:*} from a pipe that does not block"
    done
    rm "$dir/fifo"
}

# shellcheck disable=SC2317 # wait_until calls it
producer_waits() {
    myelon why --watch 0.02 "$ring" 2>/dev/null | grep -q '^(producer)  *waiting'
}

# The pipe is read only after it and the ring are full.
nonblocking_output_loses_nothing() {
    mkfifo "$dir/fifo"
    for pair in "pub --ring 64K:sub" "cp --chunk 4K --capacity 4 -:cat"; do
        exec 3<>"$dir/fifo"
        "$MYL_TEST_LAUNCH" nonblock 1 "$MYELON_CLI" "${pair#*:}" -q --attach 30 "$ring" >"$dir/fifo" 2>"$dir/err" 3>&- &
        reader=$!
        # shellcheck disable=SC2086 # words
        "$MYELON_CLI" ${pair%:*} -q "$ring" <"$dir/text" 2>"$dir/err1" 3>&- &
        sender=$!
        wait_until "a full ring" producer_waits
        cat <"$dir/fifo" >"$dir/out" 3>&- &
        copier=$!
        exec 3>&-
        expect_end 0 "${pair#*:} to a pipe that does not block" $reader "$dir/err"
        expect_end 0 "${pair%:*}" $sender "$dir/err1"
        wait $copier
        expect_same "$dir/text" "$dir/out" "${pair#*:} to a pipe that does not block"
    done
    rm "$dir/fifo"
}

# A report longer than the pipe's buffer is written completely.
nonblocking_output_of_a_report_loses_nothing() {
    echo x | myelon pub --leave --wait 0 "$ring" || fail "pub ended with $?"
    for round in $(seq 40); do
        echo "$round" | myelon pub --leave --wait 0 "$ring"
    done
    myelon log "$ring" >"$dir/whole"
    mkfifo "$dir/fifo"
    exec 3<>"$dir/fifo"
    head -c 65000 /dev/zero >&3
    "$MYL_TEST_LAUNCH" nonblock 1 "$MYELON_CLI" log "$ring" >"$dir/fifo" 2>"$dir/err" 3>&- &
    report=$!
    head -c 65000 >/dev/null <&3
    head -c "$(size_of "$dir/whole")" <&3 >"$dir/out"
    exec 3>&-
    expect_end 0 "log to a pipe that does not block" $report "$dir/err"
    expect_same "$dir/whole" "$dir/out" "log to a pipe that does not block"
    myelon rm "$ring"
    rm -f "$dir/fifo"
}

if "$MYL_TEST_LAUNCH" terminal true </dev/null >/dev/null 2>&1; then
    ctrl_c_in_a_pipeline_cuts_the_stream
fi
seq 300000 >"$dir/text"
nonblocking_input_loses_nothing
nonblocking_output_loses_nothing
nonblocking_output_of_a_report_loses_nothing
finish
