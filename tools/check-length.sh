#!/bin/sh
# SPDX-License-Identifier: MIT
# No source file is longer than 700 lines.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2016 # the program is awk's
find src include cli bench examples tests tools cmake run .ci \
    \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt \
    -o -path run -o -path .ci/run \) -type f |
    sort | xargs awk '
    FNR == 1 && NR > 1 { check() }
    { file = FILENAME; lines = FNR }
    function check() {
        if (lines > 700) { print file ": " lines " lines, at most 700: divide it"; bad++ }
    }
    END { check(); exit bad != 0 }'
