#!/bin/sh
# SPDX-License-Identifier: MIT
# man/myelon.1 is what tools/man1.sh generates from the command's --help: check-man1.sh MYELON. tools/check-man3.sh reads
# the page for warnings.
set -eu
[ $# -eq 1 ] || {
    echo "usage: check-man1.sh MYELON" >&2
    exit 2
}
myelon=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
if ! tools/man1.sh "$myelon" | diff -u man/myelon.1 -; then
    echo "man/myelon.1 is out of date: tools/man1.sh MYELON >PAGE, then move PAGE there"
    exit 1
fi
