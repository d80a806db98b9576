#!/bin/sh
# SPDX-License-Identifier: MIT
# A transfer whose receiver is stopped, then killed: `why` reports it, `role` changes the policy, `log` shows all of it
# after every participant is dead.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

ring=$prefix-why
# More than the test can send; a sparse file.
dd if=/dev/null of="$dir/sent" bs=1 seek=4000000000 2>/dev/null

# shellcheck disable=SC2317 # wait_until calls it
waits_for() { # TEXT
    myelon why --watch 0.02 "$ring" >"$dir/why" 2>&1 && has_line "$dir/why" "$1"
}

"$MYELON_CLI" cp --quiet --rate 1 --wait 1 --chunk 1K --capacity 16 "$dir/sent" "$ring" 2>"$dir/cp.err" &
sender=$!
wait_until "the ring" ring_exists "$ring"
wait_until "a sender that waits for the first receiver" waits_for "has been waiting for .*; absent: 1 of 1 consumer; start the rest"

"$MYELON_CLI" cat --quiet --id slow --output "$dir/got" "$ring" 2>"$dir/cat.err" &
receiver=$!
wait_until "data" reached "$dir/got" 1000
kill -STOP "$receiver"
wait_until "a stopped receiver is reported" waits_for '"slow", lagging by [0-9]* bytes, has been stopped by a signal'
wait_until "a sender that waits for it" waits_for "^(producer) *waiting .* slow"
# A sample may be taken while the sender does not wait: try again.
# shellcheck disable=SC2317 # wait_until calls it
json_has() { # TEXT
    myelon why --json "$ring" >"$dir/json" 2>/dev/null && has_line "$dir/json" "$1"
}
expect 0 "why" myelon why "$ring"
expect_text "$dir/out" "^slow *stopped" "why: slow is stopped"
if myelon why --json "$ring" >"$dir/json" 2>/dev/null; then
    wait_until "a diagnosis in JSON" json_has '"diagnosis":.*has been stopped by a signal'
    expect_text "$dir/json" '"condition":.*"stopped"' "why --json"
fi

# Tables with short names fit 80 columns; sentences may be longer.
fits() { # WHAT
    awk 'length > 80 && ($0 ~ /^[^ ]+  /) { bad = 1; print "    " $0 } END { exit bad }' "$dir/out" || fail "$1: wider than 80"
}
fits "why"
expect 0 "inspect" myelon inspect "$ring"
fits "inspect"
expect 0 "log" myelon log "$ring"
fits "log"

expect 0 "role" myelon role "$ring" slow expendable --grace 600
expect 0 "inspect" myelon inspect "$ring"
expect_text "$dir/out" "^slow *active *expendable" "inspect: the role"
kill -KILL "$receiver"
wait "$receiver" 2>/dev/null
wait_until "a dead receiver is reported" waits_for '"slow", lagging by [0-9]* bytes, is dead'
expect 5 "rm while the sender lives" myelon rm "$ring"
kill -KILL "$sender"
wait "$sender" 2>/dev/null
expect 0 "why, all dead" myelon why "$ring"
expect_text "$dir/out" "The producer of .* is dead; restart it" "why, all dead"

expect 0 "log" myelon log "$ring"
for line in "created  *(producer)" "joined  *slow" "role  *slow .*expendable" "died  *slow .*unread"; do
    expect_text "$dir/out" " $line" "log"
done
if myelon log --json "$ring" >"$dir/json" 2>/dev/null; then
    expect_text "$dir/json" '"kind":.*"died"' "log --json"
fi
expect 0 "evict" myelon evict "$ring" slow
expect 0 "log" myelon log "$ring"
expect_text "$dir/out" " evicted  *slow .*given up" "log of an eviction"
expect 0 "rm" myelon rm "$ring"
finish
