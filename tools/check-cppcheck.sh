#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck over the library and the command: check-cppcheck.sh BUILD-DIRECTORY (for its cache).
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || {
    echo "usage: check-cppcheck.sh BUILD-DIRECTORY" >&2
    exit 2
}

cache=$1/cppcheck
mkdir -p "$cache"
folders=src
for file in cli/*.c; do
    [ ! -f "$file" ] || folders="src cli"
done
# One configuration, the one that is built: -U removes the others. Handles are opaque to users, so functions without a
# caller here are the interface. constParameter and the like would change signatures of callbacks.
# shellcheck disable=SC2086 # folders are words
cppcheck --quiet --error-exitcode=1 --cppcheck-build-dir="$cache" -j "$(getconf _NPROCESSORS_ONLN)" \
    --std=c11 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective \
    -D__GNUC__=12 -D__GCC_ATOMIC_LLONG_LOCK_FREE=2 -D__GCC_ATOMIC_INT_LOCK_FREE=2 -D__linux__=1 -D__x86_64__=1 \
    -D_GNU_SOURCE= -UMYL_SIM -UMYL_TEST_STEPS -U__cplusplus -UMYL_OS_POSIX \
    -DMYL_HAVE_CRYPTO=1 -DMYL_HAVE_CJSON=1 -Iinclude -Isrc -Icli $folders
echo "cppcheck: no findings in $folders"
