#!/bin/sh
# SPDX-License-Identifier: MIT
# Shared words are touched only through include/myelon/atomic.h, and every such site says who it is: an id A<number> in
# a comment on its line or on the four lines above. Ids and docs/memory-model.md agree: each id of the code is
# explained there, and none is that the code has not. Allowed beside it: a compiler barrier, volatile sig_atomic_t, asm
# volatile, and a volatile read whose value is thrown away (it touches a page).
set -eu
cd "$(dirname "$0")/.."

model=docs/memory-model.md
[ -f "$model" ] || {
    echo "$model is missing: it has to explain every atomic site"
    exit 1
}

# shellcheck disable=SC2016 # the program is awk's
find src include \( -name '*.c' -o -name '*.h' \) -type f ! -path include/myelon/atomic.h |
    sort | xargs awk -v model="$model" '
    # Every id of `text` is noted as used; 1 if there is one.
    function note(text, found) {
        found = 0
        while (match(text, /(^|[^A-Za-z0-9_])A[0-9]+/)) {
            id = substr(text, RSTART, RLENGTH)
            sub(/^[^A]/, "", id)
            ids[id] = 1
            found = 1
            text = substr(text, RSTART + RLENGTH)
        }
        return found
    }
    # The comment part of a line; a line in the middle of a comment starts with a star or is all text.
    function comment(line) {
        if (line ~ /^[ \t]*\*/) return line
        return match(line, /\/\*|\/\//) ? substr(line, RSTART) : ""
    }
    BEGIN {
        while ((getline line < model) > 0) {
            while (match(line, /(^|[^A-Za-z0-9_])A[0-9]+/)) {
                id = substr(line, RSTART, RLENGTH)
                sub(/^[^A]/, "", id)
                known[id] = 1
                line = substr(line, RSTART + RLENGTH)
            }
        }
    }
    FNR == 1 { for (i = 1; i <= 4; i++) above[i] = "" }
    {
        code = $0
        gsub(/\/\*.*\*\//, "", code)
        sub(/\/\*.*|\/\/.*/, "", code)
        if (code ~ /^[ \t]*\*/) code = ""
        gsub(/"[^"]*"/, "\"\"", code)
        if (code ~ /__atomic_|__sync_|_Atomic|atomic_(load|store|fetch|exchange|compare|thread_fence)/ &&
            code !~ /__atomic_signal_fence/) {
            print FILENAME ":" FNR ": a bare atomic access: use include/myelon/atomic.h"
            bad++
        }
        if (code ~ /(^|[^A-Za-z0-9_])volatile([^A-Za-z0-9_]|$)/ && code !~ /asm(__)?[ ]+volatile/ &&
            code !~ /sig_atomic_t/ && code !~ /\(void\)\*/) {
            print FILENAME ":" FNR ": volatile orders nothing: use include/myelon/atomic.h"
            bad++
        }
        if (code ~ /myl_(load|store|add|cas)(32)?_(rlx|acq|rel|acq_rel|sc)\(/) {
            sites++
            said = note(comment($0))
            for (i = 1; i <= 4 && !said; i++) said = note(comment(above[i]))
            if (!said) {
                print FILENAME ":" FNR ": an atomic access without an id (A<number>) on its line or the four above"
                bad++
            }
        }
        note(comment($0))
        for (i = 4; i > 1; i--) above[i] = above[i - 1]
        above[1] = $0
    }
    END {
        for (id in ids) if (!(id in known)) { print model ": does not explain " id; bad++ }
        for (id in known) if (!(id in ids)) { print model ": explains " id ", which the code does not have"; bad++ }
        if (sites == 0) { print "no atomic site found: the check looks in the wrong place"; bad++ }
        print sites " sites, " (bad + 0) " problems"
        exit bad != 0
    }'
