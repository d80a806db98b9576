#!/bin/sh
# SPDX-License-Identifier: MIT
# For each library, three lists are the same: the functions that the headers declare, the symbol list, and what the library
# exports. libmyelon has the MYL_API functions; libmyelon-ffi the MYL_API_INLINE ones.
# check-symbols.sh LIBRARY [FFI-LIBRARY]
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || [ $# -eq 2 ] || {
    echo "usage: check-symbols.sh LIBRARY [FFI-LIBRARY]" >&2
    exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed=0
compare() { # compare FILE-A NAME-A FILE-B NAME-B
    for symbol in $(LC_ALL=C comm -23 "$work/$1" "$work/$3"); do
        echo "$symbol is in $2, but not in $4"
        failed=1
    done
}

check_library() { # check_library MARK MAP LIBRARY
    # Declarations may take several lines; comments and the definition of the mark itself do not count.
    cat include/myelon/*.h | sed -e '/^[[:space:]]*#/d' | tr '\n' ' ' | sed -E 's|/\*([^*]\|\*+[^*/])*\*+/||g' |
        grep -oE "$1 [^;{}]*[;{]" | sed -E 's/^[^(]*[^A-Za-z0-9_(]([a-z][a-z0-9_]*)[[:space:]]*\(.*/\1/' |
        grep -v '^_' | LC_ALL=C sort -u >"$work/headers"
    sed -n 's/^    \(myl_[a-z0-9_]*\);$/\1/p' "$2" >"$work/map.unsorted"
    LC_ALL=C sort "$work/map.unsorted" >"$work/map"
    nm -D --defined-only "$3" | awk '$2 ~ /[TDBRVWi]/ { sub(/@.*/, "", $3); print $3 }' | grep -v '^MYELON_' |
        grep -vE '^(__(asan|ubsan|tsan|odr_asan)|__bss_start|_edata|_end)' | LC_ALL=C sort >"$work/library" || true
    compare headers "the headers" map "$2"
    compare map "$2" headers "the headers"
    compare map "$2" library "$3"
    compare library "$3" map "$2"
    cmp -s "$work/map" "$work/map.unsorted" || {
        echo "$2 is not in alphabetical order"
        failed=1
    }
    [ -s "$work/headers" ] || {
        echo "no $1 function found: the check looks in the wrong place"
        failed=1
    }
    echo "${3##*/}: $(wc -l <"$work/library") symbols exported"
}

check_library MYL_API src/libmyelon.map "$1"
[ $# -eq 1 ] || check_library MYL_API_INLINE src/ffi/libmyelon-ffi.map "$2"
exit "$failed"
