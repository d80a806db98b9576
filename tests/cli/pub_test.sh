#!/bin/sh
# SPDX-License-Identifier: MIT
# pub and sub: every reader writes exactly the input; killed readers continue; observers report lost messages.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

ring=$prefix-pub

# A text with lines of many lengths, empty lines, and no newline at its end.
awk 'BEGIN { for (i = 0; i < 40000; i++) { printf "%d %s\n", i, substr("abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz", 1, i % 60); if (i % 7 == 0) print "" } printf "the end" }' >"$dir/text"

# Four readers, each in a process, one through a pipe.
for i in 1 2 3; do
    "$MYELON_CLI" sub --attach 30 "$ring" >"$dir/out$i" 2>"$dir/err$i" &
    eval "sub$i=\$!"
done
"$MYELON_CLI" sub --attach 30 "$ring" 2>"$dir/err4" | wc -l >"$dir/lines" &
# shellcheck disable=SC2034 # by eval
sub4=$!
myelon pub --wait 4 --ring 64K "$ring" <"$dir/text" || fail "pub ended with $?"
for i in 1 2 3 4; do
    eval "wait \$sub$i" || fail "sub $i ended with $?"
done
for i in 1 2 3; do
    cmp -s "$dir/text" "$dir/out$i" || fail "reader $i got other data"
done
[ "$(cat "$dir/lines")" -eq "$(wc -l <"$dir/text")" ] || fail "wc counted $(cat "$dir/lines") lines"
! ring_exists "$ring" || fail "the ring is still there"

# Blobs: any bytes, lengths from 0 to more than the ring.
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%c%c", i % 255 + 1, int(i / 7) % 120 + 1 }' >"$dir/bytes"
blob() { # LENGTH
    # shellcheck disable=SC2059 # octal escapes
    printf "$(printf '\\%03o\\%03o\\%03o\\000' $(($1 % 256)) $(($1 / 256 % 256)) $(($1 / 65536)))"
    head -c "$1" "$dir/bytes"
}
for length in 0 1 48 49 64 1000 17000 200000 0 3; do
    blob $length
done >"$dir/blobs"
"$MYELON_CLI" sub --blobs --attach 30 "$ring" >"$dir/out1" &
sub1=$!
myelon pub --blobs --ring 64K "$ring" <"$dir/blobs" || fail "pub --blobs ended with $?"
wait $sub1 || fail "sub --blobs ended with $?"
cmp -s "$dir/blobs" "$dir/out1" || fail "the blobs differ"
head -c 1000 "$dir/blobs" >"$dir/cut"
expect 1 "a blob that is cut short" myelon pub --blobs --wait 0 "$ring" <"$dir/cut"
expect 7 "the complete blobs of it" myelon sub --blobs "$ring"
expect_text "$dir/err" "gave up before the end of its input" "the complete blobs"

# Readers with reserved ids get everything, however late they come; pub has ended when the first one starts.
myelon pub -q --reserve left,right --ring 16M "$ring" <"$dir/text" || fail "pub --reserve ended with $?"
myelon inspect "$ring" >"$dir/out1" || fail "inspect ended with $?"
expect_text "$dir/out1" "reserved" "inspect of a ring with reserved ids"
for id in left right; do
    ring_exists "$ring" || fail "the ring is gone before $id has come"
    myelon sub -q --id "$id" "$ring" >"$dir/out1" || fail "sub --id $id ended with $?"
    cmp -s "$dir/text" "$dir/out1" || fail "$id got other data"
done
! ring_exists "$ring" || fail "the ring is still there after both"
expect 2 "pub --reserve of a bad id" myelon pub --reserve 'left,,right' "$ring" </dev/null
expect 2 "pub --reserve of an id twice" myelon pub --reserve left,left "$ring" </dev/null
expect_text "$dir/err" 'consumer "left" is reserved twice' "an id twice"

# A timeout of 0 or below a nanosecond expires at once in every command, and causes no other failure.
for t in 0 0.0000000001 0.000000001; do
    expect 6 "pub --timeout $t" myelon pub -q -t $t "$ring" </dev/null
    expect 6 "cp --timeout $t" myelon cp -q -t $t "$dir/bytes" "$ring-cp"
    myelon rm --force "$ring-cp" >/dev/null 2>&1
    "$MYELON_CLI" pub -q -T 1 -w 0 --leave "$ring" </dev/null || fail "pub --leave ended with $?"
    expect 6 "sub --timeout $t" myelon sub -q -t $t "$ring"
    expect 6 "cat --timeout $t" myelon cat -q -V -T 1 -t $t "$ring"
    myelon rm --force "$ring" >/dev/null 2>&1
done

# A killed reader continues after the last message that it acknowledged: none is missing.
mkfifo "$dir/fifo"
"$MYELON_CLI" pub --wait 1 --ring 64K "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
pub=$!
exec 3>"$dir/fifo"
"$MYELON_CLI" sub --attach 30 --id phoenix "$ring" >"$dir/one" 3>&- &
sub1=$!
head -n 500 "$dir/text" >&3
wait_until "the first lines" reached "$dir/one" "$(head -n 500 "$dir/text" | wc -c)"
kill -KILL $sub1
wait $sub1 2>/dev/null
"$MYELON_CLI" sub --attach 30 --id phoenix "$ring" >"$dir/two" 3>&- &
sub2=$!
tail -n +501 "$dir/text" >&3
exec 3>&-
wait $pub || fail "pub ended with $?"
wait $sub2 || fail "the resumed reader ended with $?"
# Lines that were written and not acknowledged may appear twice, only where the two runs meet.
tail -c "$(tail -n +501 "$dir/text" | wc -c)" "$dir/two" >"$dir/rest"
tail -n +501 "$dir/text" | cmp -s - "$dir/rest" || fail "the resumed reader lacks lines"
[ "$(size_of "$dir/two")" -le "$(size_of "$dir/text")" ] || fail "the resumed reader got too much"

# --leave keeps the stream open for the next pub; --from now skips earlier messages.
printf 'a\nb\n' | myelon pub --leave --wait 0 "$ring" || fail "pub --leave ended with $?"
"$MYELON_CLI" sub --id all "$ring" >"$dir/all" &
sub1=$!
myelon inspect "$ring" >"$dir/inspected" || fail "inspect ended with $?"
expect_text "$dir/inspected" "^shape  *messages in " "inspect"
expect_text "$dir/inspected" "published *2 cells" "inspect"
wait_until "the two lines" reached "$dir/all" 4
"$MYELON_CLI" sub --from now "$ring" >"$dir/now" &
sub2=$!
wait_until "both readers" sh -c "'$MYELON_CLI' inspect '$ring' | grep -q '^auto+[0-9]'"
printf 'c\n' | myelon pub --wait 0 "$ring" || fail "the second pub ended with $?"
wait $sub1 || fail "the first reader ended with $?"
wait $sub2 || fail "the late reader ended with $?"
[ "$(cat "$dir/all")" = "$(printf 'a\nb\nc')" ] || fail "the first reader got $(cat "$dir/all")"
[ "$(cat "$dir/now")" = c ] || fail "the late reader got $(cat "$dir/now")"

# An observer does not gate, and sees only complete lines of the text, in order.
mkfifo "$dir/slow"
echo "0 hello" | myelon pub --ring 64K --leave --wait 0 "$ring" || fail "pub of one line ended with $?"
"$MYELON_CLI" sub --observer "$ring" >"$dir/slow" 2>"$dir/observer.err" &
observer=$!
exec 4<"$dir/slow"
read -r line <&4 || fail "the observer prints nothing"
[ "$line" = "0 hello" ] || fail "the observer saw $line"
"$MYELON_CLI" sub --from now "$ring" >"$dir/out1" 4<&- &
sub1=$!
myelon pub --ring 64K "$ring" <"$dir/text" || fail "pub with an observer ended with $?"
wait $sub1 || fail "the reader with an observer ended with $?"
cat <&4 >"$dir/observed"
exec 4<&-
wait $observer || fail "the observer ended with $?"
cmp -s "$dir/text" "$dir/out1" || fail "the reader with an observer got other data"
grep -v '^$' "$dir/observed" | awk 'NF && $1 != "the" { if ($1 <= last && seen) exit 1; last = $1; seen = 1 }' ||
    fail "the observer saw lines out of order"
grep -Fxvf "$dir/text" "$dir/observed" >"$dir/strange" && fail "the observer saw $(head -n 1 "$dir/strange")"

# A command that waits for a dead participant reports it once, and waits no longer than its timeout.
count_died() { # FILE
    [ "$(grep -c ' died' "$1")" -eq 1 ] || fail "$2: $(grep -c ' died' "$1") times"
}
"$MYELON_CLI" pub --wait 1 --ring 64K "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
pub=$!
exec 3>"$dir/fifo"
rm -f "$dir/one" # an older output must not pass for this one
"$MYELON_CLI" sub --attach 30 --id dying "$ring" >"$dir/one" 3>&- &
sub1=$!
echo hello >&3
wait_until "a line" reached "$dir/one" 6
kill -KILL $pub
wait $pub 2>/dev/null
exec 3>&-
expect 6 "a second reader without a producer" myelon sub --timeout 0.5 "$ring"
count_died "$dir/err" "a reader of a dead producer"
kill -KILL $sub1
wait $sub1 2>/dev/null
expect 6 "a producer that a dead reader blocks" myelon pub --timeout 0.5 --wait 0 "$ring" <"$dir/text"
count_died "$dir/err" "a producer blocked by a dead reader"
myelon evict "$ring" dying || fail "evict ended with $?"
myelon rm "$ring" || fail "rm ended with $?"

# A message longer than the ring: one reader dies in the middle of it, the others get it whole.
{ blob 200000 && blob 3; } >"$dir/blobs"
"$MYELON_CLI" sub --blobs --attach 30 --id lives "$ring" >"$dir/out1" 2>"$dir/err1" &
sub1=$!
"$MYELON_CLI" sub --blobs --attach 30 --id dies "$ring" >"$dir/out2" 2>"$dir/err2" 3>&- &
sub2=$!
"$MYELON_CLI" pub --blobs --wait 2 --ring 64K "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
pub=$!
exec 3>"$dir/fifo"
wait_until "both readers" sh -c "'$MYELON_CLI' inspect '$ring' | grep -c '^\(lives\|dies\) .*active' | grep -q 2"
kill -STOP $sub2
cat "$dir/blobs" >&3 &
wait_until "a ring full of the message" sh -c "'$MYELON_CLI' why --watch 0.02 '$ring' | grep -q '\"dies\", .* has been stopped'"
kill -KILL $sub2
wait $sub2 2>/dev/null
wait_until "the publisher's report" has_line "$dir/pub.err" "consumer dies (process $sub2) died with lag .* and blocks"
"$MYELON_CLI" sub --blobs --id dies "$ring" >"$dir/out2" 2>"$dir/err2" 3>&- &
sub2=$!
exec 3>&-
expect_end 0 "pub of a long message" $pub "$dir/pub.err"
expect_end 0 "the reader that lived" $sub1 "$dir/err1"
cmp -s "$dir/blobs" "$dir/out1" || fail "the live reader got other data"
wait $sub2
status=$?
[ $status -eq 0 ] && cmp -s "$dir/blobs" "$dir/out2" || [ $status -eq 7 ] || fail "the reader that died: status $status"

# A reader that is killed between the last fragment of such a message and its output reports it as missing.
mkfifo "$dir/narrow"
"$MYELON_CLI" pub --blobs --ring 64K "$ring" <"$dir/blobs" 2>"$dir/pub.err" &
pub=$!
"$MYELON_CLI" sub --blobs --attach 30 --id narrow "$ring" >"$dir/narrow" 2>"$dir/err1" &
sub1=$!
exec 5<"$dir/narrow"
head -c 1 <&5 >/dev/null
kill -KILL $sub1
wait $sub1 2>/dev/null
exec 5<&-
expect 7 "a reader that continues after a message it has not written" myelon sub --blobs --id narrow "$ring"
expect_text "$dir/err" "a message longer than the ring is missing" "a reader that continues after a message"
expect_end 0 "its pub" $pub "$dir/pub.err"

# With standard output closed, the output does not go into the ring. A closed pipe ends only its own sub.
printf 'one\ntwo\n' | myelon pub --leave --wait 0 "$ring"
# shellcheck disable=SC2016 # the inner shell's
expect 1 "sub without an output" sh -c '"$1" sub --timeout 5 "$2" >&-' sh "$MYELON_CLI" "$ring"
expect 0 "inspect after it" myelon inspect "$ring"
"$MYELON_CLI" sub --attach 30 --id stays "$ring" >"$dir/out1" 2>"$dir/err1" &
sub1=$!
wait_until "a reader that stays" sh -c "'$MYELON_CLI' inspect '$ring' | grep -q '^stays .*active'"
# Only later messages: the lines in the ring would end it before pub has counted it.
"$MYELON_CLI" sub --from now "$ring" 2>"$dir/err2" | head -n 1 >"$dir/first" &
sub2=$!
myelon pub --wait 2 "$ring" <"$dir/text" 2>"$dir/pub.err" || fail "pub with a reader whose pipe is closed: $?"
wait $sub2
expect_end 0 "the reader that stays" $sub1 "$dir/err1"
[ ! -s "$dir/err2" ] || fail "sub with a closed pipe prints: $(cat "$dir/err2")"

# A reader with an id can continue after a failed write, and reports messages lost since it left.
printf 'one\ntwo\n' | myelon pub --leave --wait 0 "$ring"
[ ! -c /dev/full ] || {
    # shellcheck disable=SC2016 # the inner shell's
    expect 1 "sub to a full device" sh -c '"$1" sub --id full "$2" >/dev/full' sh "$MYELON_CLI" "$ring"
    expect_text "$dir/err" "full keeps its place: 'myelon sub --id full" "sub to a full device"
    rm -f "$dir/out1" "$dir/err1" # an older output must not pass for this one
    "$MYELON_CLI" sub --id full "$ring" >"$dir/out1" 2>"$dir/err1" &
    sub1=$!
    wait_until "the unread lines" reached "$dir/out1" 8
    kill -TERM $sub1
    expect_end 143 "sub after SIGTERM" $sub1 "$dir/err1"
    expect_text "$dir/err1" "keeps its place" "sub after SIGTERM"
}
myelon rm --force "$ring"
myelon cp --quiet --wait 0 --timeout 0.05 "$dir/text" "$ring"
expect 1 "sub of a file" myelon sub "$ring"
expect_text "$dir/err" "receive it with 'myelon cat" "sub of a file"
myelon rm --force "$ring" 2>/dev/null

# The ring's longest message also applies to the next publisher.
echo one | myelon pub --leave --wait 0 --max 1M "$ring" || fail "pub --max ended with $?"
echo two | myelon pub --leave --wait 0 "$ring" || fail "the next pub ended with $?"
expect 1 "another --max" myelon pub --wait 0 --max 2M "$ring" </dev/null
expect_text "$dir/err" "max_message" "another --max"
myelon rm --force "$ring"

# Wrong command lines, and exit codes.
expect 2 "no name" myelon pub
expect 2 "an invalid --from" myelon sub --from there "$ring"
expect 2 "an observer with an id" myelon sub --observer --id x "$ring"
expect 4 "no ring" myelon sub --attach 0 "$ring"
expect 6 "no reader joins" myelon pub --wait 1 --timeout 0.05 "$ring" </dev/null
expect 6 "more readers than a ring has entries by default" myelon pub --wait 65 --timeout 0.05 "$ring" </dev/null
expect 1 "a line beyond --max" myelon pub --wait 0 --max 64 "$ring" <"$dir/bytes"
myelon rm --force "$ring" >/dev/null 2>&1
finish
