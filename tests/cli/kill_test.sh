#!/bin/sh
# SPDX-License-Identifier: MIT
# One cp and three cats, each restarted whenever it is killed, and killed again and again at random places in the file:
# every copy must come out right, whoever died where. MYL_KILL_ROUNDS and MYL_KILL_SEED make it longer, or the same again.
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

# keep NAME COMMAND...: runs it until it ends otherwise than by SIGKILL; its pid is in $dir/NAME.pid meanwhile, its last
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

# Kills, in ascending order, at places that are random in the file; the place is measured in a's copy.
kill_at_random() {
    place=0
    for kill_number in $(seq $kills); do
        next_random
        place=$((place + random / 65536 % (2 * size / kills)))
        # The last one of a round comes as near to the end as can be seen from outside.
        [ "$kill_number" -lt $kills ] || place=$size
        wait_until "byte $place of $size" over_or_reached "$dir/a" "$((place < size ? place : size))" || return
        next_random
        victim=$(echo cp a b c | cut -d' ' -f$((random / 65536 % 4 + 1)))
        kill -KILL "$(cat "$dir/$victim.pid")" 2>/dev/null && done_kills=$((done_kills + 1))
    done
}

# A party that was killed behind its last step finds nobody when it is started again; whether its work was done, the copies
# tell. Everything else is a failure.
check() {
    for party in cp a b c; do
        status=$(cat "$dir/$party.status")
        case $party.$status in
            *.0 | cp.6 | [abc].[467]) ;;
            *)
                fail "round $round (seed $random): $party ended with status $status"
                sed 's/^/    /' "$dir/$party.log" >&2
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
    ! ring_exists "$ring" || fail "round $round: the ring is left behind"
    rm -f "$dir"/*
done
echo "$done_kills kills in $rounds rounds"
[ "$done_kills" -ge $((rounds * 2)) ] || fail "only $done_kills kills hit anybody"
finish
