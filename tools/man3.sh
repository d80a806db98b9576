#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the pages of section 3 into a directory: one page per public header, one per group of calls in it (a comment
# "--- GROUP ---" within MYL_BEGIN_DECLS), and a link page for every function and type. man3.sh DIRECTORY
set -eu
[ $# -eq 1 ] || {
    echo "usage: man3.sh DIRECTORY" >&2
    exit 2
}
tools=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
directory=$(cd "$1" && pwd)
cd "$tools/.."

rm -f "$directory"/*.3
# The bodies of the inline calls declare nothing new, and atomic.h has no calls. The codes are needed by all pages.
headers=$(find include/myelon -name '*.h' ! -name '*_inline.h' ! -name atomic.h | LC_ALL=C sort)
# The pages are as old as the command's.
date=$(sed -n 's/^\.Dd //p' man/myelon.1)
# shellcheck disable=SC2086 # one header a word
LC_ALL=C awk -v directory="$directory" -v date="$date" -f tools/man3.awk $headers
