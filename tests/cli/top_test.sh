#!/bin/sh
# SPDX-License-Identifier: MIT
# One page of `top` as text: no ring, a running ring, a blocked one, a narrow page, a removed ring. And the display, if
# a terminal is available.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

ring=$prefix-top
counted=$prefix-counted
make_file "$dir/sent" 8000000

# shellcheck disable=SC2317 # wait_until calls it
page_shows() { # TEXT [ARGUMENT...]
    text=$1
    shift
    myelon top --once --interval 0.05 "$@" "$ring" >"$dir/page" 2>&1 && has_line "$dir/page" "$text"
}

# Checks all of it on one page, because the participants stop one after the other.
# shellcheck disable=SC2317 # wait_until calls it
page_shows_the_waits() {
    page_shows "^$ring .* waits for slow" && has_line "$dir/page" "^  quick  *waiting" &&
        has_line "$dir/page" "^  slow  *stopped .* \[##############\]  98% <"
}

expect 4 "top of a ring that is not there" myelon top --once --interval 0.01 "$ring"
expect_text "$dir/err" "no ring" "top of a ring that is not there"
expect 2 "too narrow" myelon top --once --width 5 "$ring"
expect 2 "an interval too short" myelon top --once --interval 0.001 "$ring"
# shellcheck disable=SC2016 # the inner shell's
expect 1 "no terminal" sh -c '"$MYELON_CLI" top </dev/null'

"$MYELON_CLI" cp --quiet --rate 1 --wait 2 --chunk 1K --capacity 16 "$dir/sent" "$ring" 2>"$dir/cp.err" &
sender=$!
wait_until "the ring" ring_exists "$ring"
"$MYELON_CLI" cat --quiet --id quick --output "$dir/quick" "$ring" 2>"$dir/quick.err" &
quick=$!
"$MYELON_CLI" cat --quiet --id slow --output "$dir/slow" "$ring" 2>"$dir/slow.err" &
slow=$!
wait_until "data" reached "$dir/slow" 1000
wait_until "a rate" page_shows "alive  *[1-9][0-9.]* *k\{0,1\}/s  *[1-9][0-9.]* [kM]\{0,1\}B/s .* 2/2"
expect_text "$dir/page" "^  quick .*/s " "top: a consumer"
expect_text "$dir/page" "^myelon top   1 ring$" "top: the head"
kill -STOP "$slow"
wait_until "slow is stopped, the producer and the other consumer wait" page_shows_the_waits
wait_until "a narrow page" page_shows "^ slow  *stopped .*\[########\]  98%<" --width 40
[ "$(awk '{ if (length($0) > most) most = length($0) } END { print most }' "$dir/page")" -le 40 ] ||
    fail "a page of 40 columns is wider"
kill -KILL "$slow"
wait "$slow" 2>/dev/null
wait_until "slow is dead" page_shows "^  slow  *dead"

# Messages and their bytes are counted exactly: 1,000 lines of 102 bytes. The rates of one page have the same ratio.
seq 1000 | awk '{ printf "%0101d\n", $1 }' >"$dir/numbers"
"$MYELON_CLI" pub --wait 0 --quiet --leave "$counted" <"$dir/numbers" 2>"$dir/pub.err" || fail "pub: $(cat "$dir/pub.err")"
myelon inspect "$counted" >"$dir/inspected" 2>&1
expect_text "$dir/inspected" "^messages    1000, of 102000 bytes$" "inspect: what was published"
myelon top --once --interval 0.01 --width 120 "$counted" >"$dir/page" 2>&1
expect_text "$dir/page" "^$counted  *left  *0/s  *0 B/s  *1000 " "top: messages so far"
expect 6 "no more messages" myelon sub --quiet --id reader --timeout 0.01 "$counted"
myelon inspect "$counted" >"$dir/inspected" 2>&1
expect_text "$dir/inspected" "^reader  *.*messages 1000, bytes 102000," "inspect: what was delivered"
myelon rm "$counted" >/dev/null 2>&1

# The display starts, continues after the ring was removed, and ends with `q`.
if command -v tmux >/dev/null 2>&1 && tmux -L "$prefix" new-session -d -x 80 -y 10 \
    "\"$MYELON_CLI\" top --interval 0.05 $ring; echo ended with \$?; read -r line" 2>/dev/null; then
    # shellcheck disable=SC2317 # wait_until calls it
    shown() { # TEXT
        tmux -L "$prefix" capture-pane -p >"$dir/screen" 2>/dev/null && has_line "$dir/screen" "$1"
    }
    if wait_until "the display" shown "^q quit\|built without"; then
        if shown "^q quit"; then
            shown "^  slow" || fail "the display does not show slow"
            tmux -L "$prefix" resize-window -x 40 -y 6
            wait_until "the narrow display" shown "MSG/S / LAG"
            tmux -L "$prefix" send-keys '?'
            wait_until "the keys" shown "sorts by name"
            tmux -L "$prefix" send-keys '?' s
            wait_until "the order" shown "by rate"
            kill -KILL "$sender"
            wait "$sender" 2>/dev/null
            kill -KILL "$quick"
            wait "$quick" 2>/dev/null
            myelon rm "$ring"
            wait_until "the ring removed" shown "No rings"
            tmux -L "$prefix" send-keys q
            wait_until "the end" shown "ended with 0"
            echo x | myelon pub --leave --wait 0 "$ring"
            tmux -L "$prefix" respawn-window -k "NO_COLOR=1 \"$MYELON_CLI\" top $ring; echo ended with \$?; read -r line"
            wait_until "the display again" shown "^q quit"
            tmux -L "$prefix" send-keys C-c
            wait_until "the end by Ctrl-C" shown "ended with 130"
        fi
    fi
    tmux -L "$prefix" kill-server
fi
kill -KILL "$sender" "$quick" 2>/dev/null
wait 2>/dev/null
myelon rm "$ring" >/dev/null 2>&1
finish
