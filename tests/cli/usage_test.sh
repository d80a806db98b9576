#!/bin/sh
# SPDX-License-Identifier: MIT
# Wrong command lines print one sentence on stderr, return their exit code, and change nothing.
set -u
here=$(dirname "$0")
# shellcheck source=tests/cli/lib.sh
. "$here/lib.sh"

ring=$prefix-usage
file=$dir/file
make_file "$file" 1000

# refused STATUS PATTERN ARGUMENT...: prints one line that matches PATTERN.
refused() {
    status=$1 pattern=$2
    shift 2
    expect "$status" "myelon $*" myelon "$@"
    expect_text "$dir/err" "$pattern" "myelon $*"
    [ "$(wc -l <"$dir/err")" -eq 1 ] || fail "myelon $*: not one line on stderr"
    [ ! -s "$dir/out" ] || fail "myelon $*: something on stdout"
}

refused 2 "no command"

# Without descriptors no ring can be read: that is not a list without rings.
# shellcheck disable=SC2317,SC3045 # expect calls it; -n is in every sh that has ulimit
limited() {
    limit=$1
    shift
    (exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- && ulimit -n "$limit" && ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 myelon "$@")
}
expect 0 "a ring" myelon pub --quiet --leave --wait 0 "$ring" </dev/null
for command in "4 ls" "4 top -1 -i 0.01" "5 gc"; do
    # shellcheck disable=SC2086 # words
    expect 1 "$command without descriptors" limited $command
    expect_text "$dir/err" "Too many open files" "$command without descriptors"
done
expect 0 "rm" myelon rm "$ring"

refused 2 "'copy'" copy
refused 2 "'--frob'" ls --frob
refused 2 "'-Z'" inspect -Z
refused 2 "too many" ls extra
refused 2 "name is missing" inspect
refused 2 "name is missing" rm
refused 2 "id is missing" evict "$ring"
refused 2 "too many" rm "$ring" extra
refused 2 "needs a value" cat --output
refused 2 "'-t' needs a value" cp "$file" "$ring" -t
refused 2 "takes no value" ls --json=yes
refused 2 "file to send is missing" cp
refused 2 "is empty" cp "" "$ring"
refused 2 "name is missing" cp "$file"
refused 2 "too many" cp "$file" "$ring" extra
refused 2 "contains a slash" cp "$file" a/b
refused 2 "starts with a dot" cp "$file" .hidden
refused 2 "path after --file is empty" cp "$file" --file=
refused 2 "is a directory" cp "$dir" "$ring"
refused 1 "No such file" cp "$dir/nothing" "$ring"
refused 2 "out of range" cp --chunk 63 "$file" "$ring"
refused 2 "out of range" cp --chunk 17M "$file" "$ring"
refused 2 "needs a size" cp --chunk 1Q "$file" "$ring"
refused 2 "needs a size" cp --chunk 99999999999999999G "$file" "$ring"
refused 2 "needs a ring of" cp --chunk 16M --capacity 1000000 "$file" "$ring"
refused 2 "out of range" cp --capacity 4294967297 "$file" "$ring"
refused 2 "out of range" cp --capacity 1 "$file" "$ring"
refused 2 "whole number" cp --capacity -4 "$file" "$ring"
refused 2 "whole number" cp --wait all "$file" "$ring"
refused 2 "out of range" cp --wait 1025 "$file" "$ring"
refused 2 "needs seconds" cp --timeout soon "$file" "$ring"
refused 2 "needs seconds" cp --timeout nan "$file" "$ring"
refused 2 "other than 0" cp --type 0 "$file" "$ring"
refused 2 "out of range" cp --rate 0 "$file" "$ring"
refused 2 "leave --output" cat --verify-only -o "$dir/x" "$ring"
refused 2 "file name after --output is empty" cat -o "" "$ring"
refused 2 "consumer id" cat --id "a b" --attach 0 "$ring"
refused 2 "consumer id" cat --id "" --attach 0 "$ring"
refused 4 "no ring" cat --attach 0.05 "$ring"
refused 4 "no ring" inspect "$ring"
refused 4 "no ring" rm "$ring"
refused 4 "no ring" evict "$ring" a
refused 4 "no ring" why "$ring"
refused 4 "no ring" log "$ring"
refused 4 "no ring" role "$ring" a alert
refused 2 "id is missing" role "$ring"
refused 2 "role is missing" role "$ring" a
refused 2 "not a role" role "$ring" a king
refused 2 "needs seconds" role "$ring" a alert --grace soon
refused 2 "needs seconds" why --watch now "$ring"
refused 1 "not a ring" inspect --file "$file"
refused 6 "without success" cp --quiet --timeout 0.05 "$file" "$ring"

# ls continues with the remaining files.
expect 4 "ls --file of nothing" myelon ls --file "$dir/nothing"
expect_text "$dir/err" "no ring" "ls --file of nothing"

for command in ls inspect why top log role cp cat pub sub rm evict gc doctor; do
    expect 0 "$command --help" myelon "$command" --help
    expect_text "$dir/out" "usage: myelon $command" "$command --help"
    [ ! -s "$dir/err" ] || fail "$command --help: something on stderr"
done
expect 0 "--help" myelon --help
expect 0 "--version" myelon --version
expect_text "$dir/out" "^myelon [0-9]*\.[0-9]*\.[0-9]*$" "--version"
# shellcheck disable=SC2016 # the inner shell's
[ ! -e /dev/full ] || expect 1 "--help to a full device" sh -c '"$MYELON_CLI" --help >/dev/full'
finish
