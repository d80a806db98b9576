#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header stands alone, twice, as C11 and as C++17, without a warning, casts included; every private one as
# C11. Public macros, which a program expands, cast by MYL_I_CAST. A header
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
    [ "$have_cxx" -eq 0 ] || try "$cxx" c++ c++17 "<${header#include/}>" -Iinclude -Wold-style-cast
done
# The tables of types that the tests describe: what the macros of type.h expand to.
try "$cc" c c11 '"codec/types.h"' -Iinclude -Itests
[ "$have_cxx" -eq 0 ] || try "$cxx" c++ c++17 '"codec/types.h"' -Iinclude -Itests -Wold-style-cast
for header in $(find src -name '*.h' | sort); do
    try "$cc" c c11 "\"${header#src/}\"" -D_GNU_SOURCE= -Iinclude -Isrc
done
if grep -nE '^#define MYL_[A-HJ-Z][A-Z_]*(\([^)]*\))? .*\((u?int[0-9]+_t|size_t|uintptr_t|myl_[a-z_]+|void \*)\) *[-(a-z0-9]' include/myelon/*.h; then
    echo "a cast in a public macro: use MYL_I_CAST, or C++ programs get -Wold-style-cast from it"
    failed=$((failed + 1))
fi
# The compiler looks beside the file first, where the layers of the build (src/CMakeLists.txt) hide nothing.
# shellcheck disable=SC2046 # names without blanks
if grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*\.\./' $(find src include -name '*.[ch]'); then
    echo "include a header by its path from src, not by \"..\""
    failed=$((failed + 1))
fi
[ "$failed" -eq 0 ]
