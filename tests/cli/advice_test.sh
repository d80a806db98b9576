#!/bin/sh
# SPDX-License-Identifier: MIT
# The advice in a command's message is a command line: no message names a handle, a call or an option of the library.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

ring=$prefix-advice
messages=$dir/messages

# advises STATUS PATTERN ARGUMENT...: the command fails with this status, and its message matches PATTERN.
advises() {
    status=$1 pattern=$2
    shift 2
    expect "$status" "myelon $*" myelon "$@" </dev/null
    expect_text "$dir/err" "$pattern" "myelon $*"
    cat "$dir/err" >>"$messages"
}

# A ring whose publisher has left: the options must agree with it.
expect 0 "a ring" myelon pub --quiet --leave --wait 0 --ring 64K --max 4K "$ring" </dev/null
for pair in "--ring=128K;--ring" "--max=8K;--max" "--lanes=3;--lanes" "--lane=z;leave --lane out" "--type=5;--type" \
    "--wait=1024;--wait"; do
    advises 1 "${pair#*;}" pub --quiet --timeout 0 "${pair%%;*}" "$ring"
done
advises 2 "give --lanes" pub --quiet --wait 0 --lane z "$ring-lane"
advises 1 "give --type" sub --quiet --type 5 "$ring"
advises 2 "has 1, counted from 0" sub --quiet --observer --lane 5 "$ring"
advises 2 "has 1, counted from 0" why --lane 5 "$ring"
advises 4 "myelon inspect" evict "$ring" nobody
advises 4 "myelon inspect" role "$ring" nobody alert
for command in inspect why log rm top; do
    # shellcheck disable=SC2086 # a command with its operands
    advises 4 "check the name ('myelon ls'" $command "$ring-none"
done
advises 4 "start its producer first" sub --quiet --attach 0 "$ring-none"
advises 2 "pass --file a/b" sub --quiet a/b
expect 0 "rm" myelon rm "$ring"
advises 4 "waited 10 ms for it; start its producer first" sub --quiet --attach 0.01 "$ring-none"
# shellcheck disable=SC2317 # expect calls it
limited() {
    (ulimit -f 100 && myelon "$@")
}
expect 1 "a ring beyond the limit" limited pub --quiet --wait 0 --ring 1M "$ring" </dev/null
expect_text "$dir/err" "ulimit -f), or give a smaller --ring" "a ring beyond the limit"
advises 2 "out of range" role --timeout 4233601 "$ring" reader plain

# A name with the words of another sentence, of an advice, and with a quote.
odd="$ring \"; max_message cannot wait for"
expect 0 "an odd ring" myelon pub --quiet --leave --wait 0 --max 4K --type 5 "$odd" </dev/null
advises 2 "for\" has no lane 5; it has 1, counted from 0\$" sub --quiet --observer --lane 5 "$odd"
advises 1 "expected 8192; give the same --max [^;]*\$" pub --quiet --wait 0 --max 8K "$odd"

# cp and cat have a type of their own, so leaving --type out does not help.
advises 1 "0x0*5, expected .*; give --type" sub --quiet --type 6 "$odd"
advises 1 "0x0*5, expected .*; give --type" cat --quiet --type 6 "$odd"
advises 1 "0x0*5, expected .*; 'myelon cp' did not make it: read it with 'myelon sub'" cat --quiet "$odd"
advises 1 "0x0*5, expected .*; 'myelon cp' did not make it: choose another name" cp --quiet --wait 0 "$here/lib.sh" "$odd"
expect 0 "rm" myelon rm "$odd"

# A ring of events is refused by pub and sub.
"$MYL_TEST_ODD_RING" "$ring" label text || fail "no ring of events"
advises 1 "this command is for rings of messages" sub --quiet --attach 0 "$ring"
advises 1 "this command is for rings of messages" pub --quiet --wait 0 "$ring"
expect 0 "rm" myelon rm --force "$ring"

# Live participants, and a session that is superseded.
mkfifo "$dir/fifo"
"$MYELON_CLI" pub --quiet --wait 0 --lanes 2 --lane a "$ring" <"$dir/fifo" 2>"$dir/pub.err" &
pub=$!
exec 3>"$dir/fifo"
wait_until "the ring" ring_exists "$ring"
"$MYELON_CLI" sub --quiet --id reader "$ring" >"$dir/read" 2>"$dir/sub.err" 3>&- &
sub=$!
# shellcheck disable=SC2317 # wait_until calls it
is_read() {
    myelon inspect "$ring" 2>/dev/null | grep -q '^reader'
}
wait_until "its reader" is_read
advises 5 "take another lane" pub --quiet --wait 0 --lane a "$ring"
advises 5 "take another id" sub --quiet --id reader "$ring"
advises 5 "stop it first" evict "$ring" reader
advises 5 "rm --force" rm "$ring"
expect 0 "rm --force" myelon rm --force "$ring"
expect_end 7 "a reader whose session was ended" "$sub" "$dir/sub.err"
expect_text "$dir/sub.err" "run the command again" "a reader whose session was ended"
if has_line "$dir/sub.err" "keeps its place"; then
    fail "a reader whose session was ended must not offer to continue"
fi
echo line >&3
exec 3>&-
expect_end 1 "a publisher whose session was ended" "$pub" "$dir/pub.err"
expect_text "$dir/pub.err" "run the command again" "a publisher whose session was ended"
cat "$dir/sub.err" "$dir/pub.err" >>"$messages"

# Files that are not rings.
head -c 100000 /dev/zero >"$dir/zeros"
for command in inspect why log rm "sub --quiet" "pub --quiet --wait 0"; do
    # shellcheck disable=SC2086 # a command with its options
    advises 1 "is not a ring" $command --file "$dir/zeros"
done

[ "$(wc -l <"$messages")" -ge 25 ] || fail "only $(wc -l <"$messages") messages were checked"
if grep -n -e 'myl_' -e 'MYL_' -e '[Hh]andle' -e 'max_consumers' -e '_open' "$messages" >&2; then
    fail "a message names the library's interface"
fi
finish
