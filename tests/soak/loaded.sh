#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: loaded.sh BUILD [CTEST ARGUMENT...]. Runs the tests together with two busy loops for each CPU. A test that
# fails only here depends on its speed. The exit status is that of ctest.
set -eu
build=${1:?usage: loaded.sh BUILD [CTEST ARGUMENT...]}
shift
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
loops=
clean_up() {
    # shellcheck disable=SC2086 # a list of numbers
    kill $loops 2>/dev/null || true
}
trap clean_up EXIT
trap 'exit 130' INT TERM

loop=0
while [ "$loop" -lt $((2 * processors)) ]; do
    sh -c 'while :; do :; done' &
    loops="$loops $!"
    loop=$((loop + 1))
done
ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$processors" "$@"
