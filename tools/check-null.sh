#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public call with a handle begins by checking that it is not NULL (MYL_I_NOT_NULL), also inline ones, unless it
# closes, leaves or frees the handle: there NULL does nothing (include/myelon/base.h). tests/crash/null_test.c has each.
set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2046 # no file of ours has a space in its name
awk -v handle='myl_((frame_|typed_)?(producer|consumer|observer|runner)|waitset|scheduler|worker|codec|schema|arena|view|type) ' '
    FILENAME ~ /\.map$/ { sub(/;$/, "", $1); public[$1] = 1; next }
    FILENAME ~ /null_test/ {
        if (match($0, /X\(myl_[a-z_]+,/))
            tested[substr($0, RSTART + 2, RLENGTH - 3)] = 1
        next
    }
    /^[A-Za-z].*\(/ { head = ""; taken = 1 }
    taken { head = head " " $0 }
    taken && /;$/ { taken = 0 }
    taken && /^\{$/ {
        taken = 0
        if (!match(head, /myl_[a-z_]+\(/))
            next
        name = substr(head, RSTART, RLENGTH - 1)
        first = substr(head, RSTART + RLENGTH)
        sub(/[,)].*/, "", first)
        if (name ~ /^myl_i_|_(close|leave|free)$/ || !(name in public || head ~ /MYL_API_INLINE/))
            next
        if (first !~ /^(const )?(struct )?myl_[a-z_]+ \*[a-z]+$/ || first !~ handle)
            next
        sub(/.*\*/, "", first)
        calls++
        if (!(name in tested)) {
            print FILENAME ":" FNR ": " name " has no row in tests/crash/null_test.c"
            bad = 1
        }
        if ((getline line) <= 0 || index(line, "MYL_I_NOT_NULL(" first ");") == 0) {
            print FILENAME ":" FNR ": " name " does not begin with MYL_I_NOT_NULL(" first ")"
            bad = 1
        }
    }
    END {
        if (calls < 100) {
            print calls + 0 " calls with a handle were found: the check is broken"
            exit 1
        }
        exit bad
    }
' src/libmyelon.map tests/crash/null_test.c $(find src include -name '*.c' -o -name '*_inline.h' | sort)
