#!/bin/sh
# SPDX-License-Identifier: MIT
# send and receive, the programs of README.md, are killed in turns while numbers flow, and restarted. Every number must
# be printed. A number may come twice only if a receiver was killed between printing and releasing it.
set -eu
ring=example-survive-$$
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
count=40000
kills=8

# keep NAME COMMAND...: restarts the command until it ends other than by SIGKILL. Its pid is in $out/NAME.pid, its last
# status in $out/NAME.status.
keep() {
    name=$1
    shift
    while :; do
        "$@" 2>>"$out/$name.err" &
        echo $! >"$out/$name.pid"
        status=0
        wait $! || status=$?
        [ "$status" -eq 137 ] || break
        echo again >>"$out/$name.restarts"
    done
    echo "$status" >"$out/$name.status"
}

# The receiver prints into a pipe, so that neither program can be killed after its last step. At the last kill more
# numbers remain than the pipe (64 KiB) and the ring (4096 events) can hold.
mkfifo "$out/pipe"
keep send "$MYELON_EXAMPLES/send" "$ring" "$count" 2>/dev/null &
sender=$!
keep receive "$MYELON_EXAMPLES/receive" "$ring" >"$out/pipe" 2>/dev/null &
receiver=$!
exec 3<"$out/pipe"

done_kills=0
while [ "$done_kills" -lt "$kills" ]; do
    head -c 10000 <&3 >>"$out/received"
    case $((done_kills % 3)) in
        0) victims=send ;;
        1) victims=receive ;;
        *) victims="send receive" ;;
    esac
    for victim in $victims; do
        kill -KILL "$(cat "$out/$victim.pid")" 2>/dev/null || true
    done
    done_kills=$((done_kills + 1))
done
cat <&3 >>"$out/received"
wait "$sender" "$receiver"

failed=0
for party in send receive; do
    [ "$(cat "$out/$party.status")" -eq 0 ] || {
        echo "$party ended with $(cat "$out/$party.status"): $(cat "$out/$party.err")"
        failed=1
    }
    [ -s "$out/$party.restarts" ] || { echo "$party was never killed" && failed=1; }
done
seq 0 $((count - 1)) >"$out/wanted"
sort -n -u "$out/received" >"$out/got"
cmp "$out/wanted" "$out/got" || failed=1
twice=$(($(wc -l <"$out/received") - count))
restarts=$(wc -l <"$out/receive.restarts")
echo "$count numbers, sender started again $(wc -l <"$out/send.restarts") times, receiver $restarts times, $twice came twice"
[ "$twice" -le "$restarts" ] || failed=1
exit $failed
