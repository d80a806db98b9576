#!/bin/sh
# SPDX-License-Identifier: MIT
# pub reports on a terminal that it waits for a reader, and by its exit code that a reader could not write.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

: "${MYL_TEST_LAUNCH:?the path of tests/support/launch}"
seq 100000 >"$dir/text"

pub_on_a_terminal_reports_its_waits() {
    ring=$prefix-terminal
    mkfifo "$dir/keys"
    "$MYL_TEST_LAUNCH" terminal sh -c "'$MYELON_CLI' pub --ring 64K '$ring' <'$dir/text'" <"$dir/keys" >"$dir/screen" &
    pub=$!
    exec 3>"$dir/keys"
    wait_until "the wait for the first reader" has_line "$dir/screen" "waiting for 1 reader: start 'myelon sub $ring'"
    "$MYELON_CLI" sub --attach 30 "$ring" 2>"$dir/err" 3>&- | head -n 3 >"$dir/out"
    wait_until "the wait for the next reader" has_line "$dir/screen" "last reader has left and the ring is full"
    "$MYELON_CLI" sub -q "$ring" >"$dir/out" 3>&- || fail "the next reader ended with $?"
    exec 3>&-
    expect_end 0 "pub on a terminal" $pub "$dir/screen"
    [ "$(grep -c 'last reader has left' "$dir/screen")" -eq 1 ] || fail "pub repeats itself"
    rm -f "$dir/keys" "$dir/screen"
}

end_with_readers_ends_pub() {
    ring=$prefix-end
    "$MYELON_CLI" pub --end-with-readers --ring 64K "$ring" <"$dir/text" 2>"$dir/pub.err" &
    pub=$!
    "$MYELON_CLI" sub --attach 30 "$ring" 2>"$dir/err" | head -n 3 >"$dir/out"
    expect_end 0 "pub --end-with-readers that publishes" $pub "$dir/pub.err"
    [ "$(cat "$dir/out")" = "$(seq 3)" ] || fail "its reader got $(cat "$dir/out")"
    # The same while there is nothing to publish.
    ring=$prefix-idle
    mkfifo "$dir/fifo"
    "$MYELON_CLI" pub -e "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    rm -f "$dir/out" # an older output must not pass for this one
    "$MYELON_CLI" sub -q --attach 30 "$ring" >"$dir/out" 3>&- &
    sub=$!
    echo one >&3
    wait_until "a line" reached "$dir/out" 4
    kill -TERM $sub
    expect_end 143 "its reader" $sub
    expect_end 0 "pub --end-with-readers that waits for its input" $pub "$dir/pub.err"
    exec 3>&-
    rm -f "$dir/fifo"
}

pub_reports_a_reader_that_could_not_write() {
    ring=$prefix-full
    [ -c /dev/full ] || return 0
    mkfifo "$dir/fifo"
    "$MYELON_CLI" pub "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    "$MYELON_CLI" sub --attach 30 "$ring" >/dev/full 2>"$dir/err" 3>&- &
    sub=$!
    echo one >&3
    expect_end 1 "a reader that cannot write" $sub "$dir/err"
    exec 3>&-
    expect_end 7 "its pub" $pub "$dir/pub.err"
    expect_text "$dir/pub.err" "could not write its output" "its pub"
    rm -f "$dir/fifo"
}

# With an id it stays registered, and can come back for what it has not read.
pub_reports_a_reader_with_an_id_that_could_not_write() {
    ring=$prefix-full-id
    [ -c /dev/full ] || return 0
    mkfifo "$dir/fifo"
    "$MYELON_CLI" pub "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    "$MYELON_CLI" sub --attach 30 --id r1 "$ring" >/dev/full 2>"$dir/err" 3>&- &
    sub=$!
    echo one >&3
    expect_end 1 "a reader with an id that cannot write" $sub "$dir/err"
    exec 3>&-
    expect_end 7 "its pub" $pub "$dir/pub.err"
    expect_text "$dir/pub.err" "stays for the next 'myelon sub --id r1'" "its pub"
    myelon sub -q --id r1 "$ring" >"$dir/out" || fail "the reader that comes back ended with $?"
    [ "$(cat "$dir/out")" = one ] || fail "the reader that comes back got $(cat "$dir/out")"
    rm -f "$dir/fifo"
}

# A reader of an earlier publisher, which reported it, does not count for the next one.
the_next_pub_reports_its_own_readers_only() {
    ring=$prefix-next
    [ -c /dev/full ] || return 0
    mkfifo "$dir/fifo"
    "$MYELON_CLI" pub --leave "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    "$MYELON_CLI" sub --attach 30 "$ring" >/dev/full 2>"$dir/err" 3>&- &
    sub=$!
    echo one >&3
    expect_end 1 "a reader that cannot write" $sub "$dir/err"
    exec 3>&-
    expect_end 7 "its pub" $pub "$dir/pub.err"
    "$MYELON_CLI" sub --attach 30 "$ring" >"$dir/out" 2>"$dir/err" &
    sub=$!
    echo two | myelon pub "$ring" 2>"$dir/pub.err" || fail "the next pub ended with $?: $(cat "$dir/pub.err")"
    expect_end 0 "its reader" $sub "$dir/err"
    # The same with an id: that reader stays registered.
    ring=$prefix-next-id
    "$MYELON_CLI" pub --leave "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    "$MYELON_CLI" sub --attach 30 --id x "$ring" >/dev/full 2>"$dir/err" 3>&- &
    sub=$!
    echo one >&3
    expect_end 1 "a reader with an id that cannot write" $sub "$dir/err"
    exec 3>&-
    expect_end 7 "its pub" $pub "$dir/pub.err"
    echo two | myelon pub --wait 0 "$ring" 2>"$dir/pub.err" || fail "the next pub ended with $?: $(cat "$dir/pub.err")"
    myelon sub -q --id x "$ring" >"$dir/out" || fail "the reader that comes back ended with $?"
    [ "$(cat "$dir/out")" = "one
two" ] || fail "the reader that comes back got $(cat "$dir/out")"
    rm -f "$dir/fifo"
}

# shellcheck disable=SC2317 # wait_until calls it
published() { # RING CELLS
    myelon inspect "$1" >"$dir/inspect" 2>&1 && grep -q "^published *$2 cell" "$dir/inspect"
}

# A reserved id that is evicted before it came is no reader that left.
evicting_a_reserved_id_does_not_end_pub() {
    ring=$prefix-reserved
    mkfifo "$dir/fifo"
    "$MYELON_CLI" pub -e --reserve a "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
    pub=$!
    exec 3>"$dir/fifo"
    echo one >&3
    wait_until "a message" published "$ring" 1
    myelon evict "$ring" a || fail "evict ended with $?"
    echo two >&3
    "$MYELON_CLI" sub -q "$ring" >"$dir/out" 3>&- &
    sub=$!
    wait_until "both messages" reached "$dir/out" 8
    exec 3>&-
    expect_end 0 "pub" $pub "$dir/pub.err"
    expect_end 0 "sub" $sub "$dir/err"
    rm -f "$dir/fifo"
}

filters_end_quietly() {
    ring=$prefix-filter
    # shellcheck disable=SC2016 # the inner shell's
    expect 0 "sub | head" sh -c '"$1" pub --ring 64K -e "$2" <"$3" & { "$1" sub -a 30 "$2"; echo $? >"$4"; } | head -n 1; wait' \
        sh "$MYELON_CLI" "$ring" "$dir/text" "$dir/status"
    [ ! -s "$dir/err" ] || fail "sub | head prints: $(cat "$dir/err")"
    [ "$(cat "$dir/status")" = 141 ] || fail "sub | head: status $(cat "$dir/status")"
}

if "$MYL_TEST_LAUNCH" terminal true </dev/null >/dev/null 2>&1; then
    pub_on_a_terminal_reports_its_waits
fi
end_with_readers_ends_pub
pub_reports_a_reader_that_could_not_write
pub_reports_a_reader_with_an_id_that_could_not_write
the_next_pub_reports_its_own_readers_only
evicting_a_reserved_id_does_not_end_pub
filters_end_quietly
finish
