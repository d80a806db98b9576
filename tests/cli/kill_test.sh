#!/bin/sh
# SPDX-License-Identifier: MIT
# One cp and three cats are killed at random places in the file and restarted each time. Every copy must be complete.
# MYL_KILL_ROUNDS makes the test longer, MYL_KILL_SEED repeats a run.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

rounds=${MYL_KILL_ROUNDS:-8}
kills=8
random=${MYL_KILL_SEED:-$$}
echo "seed $random"

# Sets $random to the next number of a sequence that the seed determines.
next_random() {
    random=$(((random * 1103515245 + 12345) % 2147483648))
}

# keep NAME COMMAND...: restarts the command until it ends other than by SIGKILL. Its pid is in $dir/NAME.pid, its last
# status in $dir/NAME.status.
keep() {
    name=$1
    shift
    while :; do
        "$@" 2>>"$dir/$name.log" &
        echo $! >"$dir/$name.pid"
        wait $! 2>/dev/null
        status=$?
        [ "$status" -eq 137 ] || break
    done
    echo "$status" >"$dir/$name.status"
}

# shellcheck disable=SC2317 # wait_until calls it
all_ended() {
    [ -e "$dir/cp.status" ] && [ -e "$dir/a.status" ] && [ -e "$dir/b.status" ] && [ -e "$dir/c.status" ]
}

# shellcheck disable=SC2317 # wait_until calls it
over_or_reached() { # FILE BYTES
    all_ended || reached "$1" "$2"
}

# Kills at random places in the file, in ascending order; the place is measured in a's copy.
kill_at_random() {
    place=0
    for kill_number in $(seq $kills); do
        next_random
        place=$((place + random / 65536 % (2 * size / kills)))
        # The last kill of a round is as near to the end as can be observed.
        [ "$kill_number" -lt $kills ] || place=$size
        wait_until "byte $place of $size" over_or_reached "$dir/a" "$((place < size ? place : size))" || return
        next_random
        victim=$(echo cp a b c | cut -d' ' -f$((random / 65536 % 4 + 1)))
        kill -KILL "$(cat "$dir/$victim.pid")" 2>/dev/null && done_kills=$((done_kills + 1))
    done
}

# A participant killed after its last step finds no peer when it is restarted. The copies then show whether its work was
# complete. Any other exit status fails the test.
check() {
    for participant in cp a b c; do
        status=$(cat "$dir/$participant.status")
        case $participant.$status in
            *.0 | cp.6 | [abc].[467]) ;;
            *)
                fail "round $round (seed $random): $participant ended with status $status"
                sed 's/^/    /' "$dir/$participant.log" >&2
                ;;
        esac
    done
    for copy in a b c; do
        expect_same "$dir/in" "$dir/$copy" "round $round (seed $random)"
    done
}

done_kills=0
for round in $(seq "$rounds"); do
    ring=$prefix-kill$round
    next_random
    size=$((6000000 + random % 1000000))
    make_file "$dir/in" "$size"
    next_random
    rate=$((10 + random / 65536 % 8 * 10)) capacity=$((2 << random / 65536 % 6))
    keep cp "$MYELON_CLI" cp --wait 3 --chunk 8K --capacity $capacity --rate $rate --timeout 5 "$dir/in" "$ring" & cp=$!
    for copy in a b c; do
        keep $copy "$MYELON_CLI" cat -o "$dir/$copy" --id $copy --attach 5 --timeout 6 "$ring" &
        eval "$copy=$!"
    done
    wait_until "the first bytes" reached "$dir/a" 1
    kill_at_random
    # shellcheck disable=SC2154 # a, b, c are set by eval
    wait "$cp" "$a" "$b" "$c"
    check
    ! ring_exists "$ring" || fail "round $round: the ring still exists"
    rm -f "$dir"/*
done
echo "$done_kills kills in $rounds rounds"
[ "$done_kills" -ge $((rounds * 2)) ] || fail "only $done_kills kills hit a process"
finish
