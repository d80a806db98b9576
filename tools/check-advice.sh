#!/bin/sh
# SPDX-License-Identifier: MIT
# What a command prints of a sentence of the library names no handle, call, constant or option of the library. The first
# row of cli/advice.c whose code and text match the sentence replaces its advice; without such a row, or if the row keeps
# the advice, the advice counts too. Each row is the first match of a sentence. Left out: src/codec, whose advice
# cli/typed.c replaces; src/typed, of which commands meet only the sentences of check.c; src/waitset and src/fabric, which no
# command calls; and those of NOT_REACHED.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Parts of sentences that no command can meet, by what a command never does. Each must be needed.
cat >"$work/not-reached" <<'EOF'
# requests huge pages, or locked or placed memory
memory.%s is %d
with MYL_REQUEST_PREFER instead
the ring needs %
# makes a memfd ring, or passes a descriptor or a ticket
a memfd ring has no name
a memfd has no name
is not a ring's memfd
is not open; pass one
sent %u descriptors
a ticket names a ring
open it by an absolute path to make a ticket
the ticket %s
the ticket is of a memfd
# makes or opens a ring of events
are not larger than a frame's header
packed_cell is
no_consumers is
spin_only is
reserve_count is
existing is %
memory.numa_node is
fd is %
an observer is not registered
on_death is
buffer is
event_size is
packed cell
exists with packed_cell
exists with a capacity of
exists with event size
exists with event alignment
aligns events to
has events of
exceeds the capacity
which needs an event_size
# makes a ring of 2^46 bytes: --ring and --lanes have lower limits
would need %
# passes values of enumerations, times or sizes of structures that are not valid (cmd_role.c checks times)
start is %d
liveness_ns is
wait.strategy is
wait.on_signal is
counters is
wait.spin_ns is
wait.sleep_ns is
role is %d
pass 0 to 49 days
startup_wait_ns is
progress_timeout_ns is
check_interval_ns is
shutdown_grace_ns is
required_count is
a runner needs both
the handler of a poll
and a ticket are given
EOF
sed -i '/^#/d' "$work/not-reached"

# FILE:LINE CODE TEXT, for each call that makes a sentence; a code that is not a constant is "-".
# shellcheck disable=SC2016 # the program is awk's
find src -name '*.c' ! -path 'src/codec/*' ! -path 'src/waitset/*' ! -path 'src/fabric/*' ! \( -path 'src/typed/*' ! -name check.c \) | sort | xargs awk '
    # Returns the strings of a piece of C one after the other.
    function strings(piece, text) {
        text = ""
        gsub(/\\"/, "\001", piece)
        while (match(piece, /"[^"]*"/)) {
            text = text substr(piece, RSTART + 1, RLENGTH - 2)
            piece = substr(piece, RSTART + RLENGTH)
        }
        gsub(/\001/, "\"", text)
        return text
    }
    function flush(count, code, k, text) {
        text = strings(call)
        if (call ~ /MYL_SHAPE_DIFFERS/)
            text = before_what text after_what
        count = 0
        sub(/".*/, "", call)
        while (match(call, /MYL_E[A-Z]+/)) {
            code[++count] = substr(call, RSTART, RLENGTH)
            call = substr(call, RSTART + RLENGTH)
        }
        if (!count)
            code[++count] = "-"
        for (k = 1; k <= count; k++)
            print FILENAME ":" start "\t" code[k] "\t" text
        open = 0
    }
    FILENAME ~ /\.h$/ { # shape.h: the sentence of MYL_SHAPE_DIFFERS
        if ($0 ~ /define MYL_SHAPE_DIFFERS/)
            macro = 1
        if (macro && $0 ~ /" what "/) {
            before_what = strings(substr($0, 1, index($0, " what ")))
            after_what = strings(substr($0, index($0, " what ") + 6))
        } else if (macro)
            after_what = after_what strings($0)
        if ($0 !~ /\\$/)
            macro = 0
        next
    }
    FNR == 1 { open = 0 }
    # A call, from its name to the line that ends it. Several may stand in one statement.
    {
        line = $0
        while (match(line, /(myl_fail(_errno)?|MYL_SHAPE_DIFFERS)\(/)) {
            if (open) {
                call = call substr(line, 1, RSTART - 1)
                flush()
            }
            call = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            start = FNR
            open = 1
        }
        if (open) {
            call = call " " line
            if (line ~ /;$/ && line !~ /^[ \t]*"[^"]*;$/)
                flush()
        }
    }
' src/ring/shape.h >"$work/sentences"

# CODE TEXT ADVICE of each row; an advice that is kept is NULL.
sed -n 's/^ *{\(MYL_E[A-Z]*\), "\(\(\\"\|[^"]\)*\)", \(.*\)},$/\1\t\2\t\4/p' cli/advice.c | sed 's/\\"/"/g' >"$work/rows"

# shellcheck disable=SC2016 # the program is awk's
awk -F '\t' '
    BEGIN {
        api = "(myl_[a-z]|MYL_[A-Z]|[Hh]andle([^r]|$)|call again|close this|open it|any_owner|_ns[^a-z]|event_size|existing)"
        api = api "|(max_(consumers|message|frame)|ring_bytes|packed_cell|spin_only|type_id|`[a-z_]+` |myelon_)|[^-]capacity|NULL|to accept any"
    }
    FILENAME ~ /not-reached$/ { part[++parts] = $0; next }
    FILENAME ~ /rows$/ {
        row_code[++rows] = $1
        row_text[rows] = $2
        row_advice[rows] = $3
        if ($3 != "NULL" && $3 ~ api) {
            print "cli/advice.c: the advice of a command is in words of the library: " $3
            bad = 1
        }
        next
    }
    {
        printed = $3
        for (k = 1; k <= rows; k++)
            if (row_code[k] == $2 && index($3, row_text[k])) {
                met[k] = 1
                if (row_advice[k] != "NULL" && match($3, /.*; /))
                    printed = substr($3, 1, RLENGTH - 2)
                break
            }
        if (k <= rows && row_advice[k] != "NULL")
            gsub(/ring_bytes|max_message|max_frame/, "", printed) # what differs; the advice names the option
        sentences++
        if (printed !~ api)
            next
        for (k = 1; k <= parts; k++)
            if (index($3, part[k])) {
                needed[k] = 1
                next
            }
        print $1 ": a command would print this of the library (" $2 "): " printed
        bad = 1
    }
    END {
        for (k = 1; k <= rows; k++)
            if (!met[k]) {
                print "cli/advice.c: no sentence has this row: " row_code[k] ", \"" row_text[k] "\""
                bad = 1
            }
        for (k = 1; k <= parts; k++)
            if (!needed[k]) {
                print "tools/check-advice.sh: NOT_REACHED is not needed: " part[k]
                bad = 1
            }
        if (sentences < 200 || rows < 20) {
            print sentences + 0 " sentences and " rows + 0 " rows: the check is broken"
            bad = 1
        }
        exit bad
    }
' "$work/not-reached" "$work/rows" "$work/sentences"
