#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header stands alone, twice, as C11 and as C++17, without a warning; every private one as C11. A header
# named X_inline.h is the second half of X.h and is tried through it. Compilers: CC and CXX, or cc and c++.
set -eu
cd "$(dirname "$0")/.."

cc=${CC:-cc}
cxx=${CXX:-c++}
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
failed=0

try() { # try COMPILER LANGUAGE STANDARD HEADER-AS-INCLUDED OPTION...
    compiler=$1 language=$2 standard=$3 include=$4
    shift 4
    # shellcheck disable=SC2086 # a compiler may be two words, the warnings are many
    if ! printf '#include %s\n#include %s\n' "$include" "$include" |
        $compiler -x "$language" -std="$standard" $warnings "$@" -fsyntax-only -; then
        echo "$include does not stand alone as $standard"
        failed=$((failed + 1))
    fi
}

have_cxx=1
command -v "${cxx%% *}" >/dev/null 2>&1 || have_cxx=0
[ "$have_cxx" -eq 1 ] || echo "no C++ compiler ($cxx): only C is checked"

for header in include/myelon/*.h include/myelon/*/*.h; do
    [ -f "$header" ] || continue
    case $header in *_inline.h) continue ;; esac
    try "$cc" c c11 "<${header#include/}>" -Iinclude
    [ "$have_cxx" -eq 0 ] || try "$cxx" c++ c++17 "<${header#include/}>" -Iinclude
done
for header in $(find src -name '*.h' | sort); do
    try "$cc" c c11 "\"${header#src/}\"" -D_GNU_SOURCE= -Iinclude -Isrc
done
[ "$failed" -eq 0 ]
