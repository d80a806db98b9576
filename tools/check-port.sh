#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/port-0.2.sh makes a program of 0.1 one of 0.2: tests/port/names.c and names.cpp have every old name, and compile
# afterwards; what cannot be decided is reported; wrong use is refused. Its table names what the headers declare.
set -eu
cd "$(dirname "$0")/.."
cc=${CC:-cc}
work=$(mktemp -d "${MYL_TEST_DIR:-/tmp}/port.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0
complain() {
    echo "$*"
    bad=1
}

# expect STATUS WHAT ARGUMENT...: runs the script; its output is in $work/out.
expect() {
    wanted=$1 what=$2
    shift 2
    status=0
    tools/port-0.2.sh "$@" >"$work/out" 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || {
        complain "$what: exit status $status, expected $wanted"
        sed 's/^/    /' "$work/out"
    }
}

reports() { # reports WHAT TEXT
    grep -q -F -e "$2" "$work/out" || complain "$1: does not report \"$2\""
}

# --- the table and the headers ---

awk -F '\t' '
    FILENAME ~ /\.h$/ {
        line = $0
        while (match(line, /[A-Za-z_][A-Za-z0-9_]*/)) {
            known[substr(line, RSTART, RLENGTH)] = 1
            line = substr(line, RSTART + RLENGTH)
        }
        if (match($0, /^ +X\([A-Z]+,/)) {
            line = substr($0, RSTART, RLENGTH - 1)
            sub(/.*\(/, "MYL_", line)
            known[line] = 1
        }
        next
    }
    /^#/ { next }
    { rows++ }
    NF != 4 || $3 !~ /^(type|constant|call|field|value)$/ { print FILENAME ":" FNR ": not a row"; bad = 1; next }
    {
        n = split($2, part, /[.\/]+/)
        for (i = 1; i <= n; i++)
            if (part[i] != "" && !(part[i] in known)) { print FILENAME ":" FNR ": " $2 " is not in the headers"; bad = 1 }
    }
    $3 !~ /^(field|value)$/ && $1 in known { print FILENAME ":" FNR ": " $1 " is still in the headers"; bad = 1 }
    END { if (!rows) { print "no rows"; bad = 1 } exit bad }' include/myelon/*.h tools/port-0.2.tsv || bad=1

# --- programs ---

cp tests/port/names.c tests/port/names.cpp tests/port/undecided.c "$work"
expect 0 "a dry run" --dry-run "$work/names.c" "$work/names.cpp"
cmp -s tests/port/names.c "$work/names.c" || complain "a dry run writes"
sed -n 's/^[^ ]*: \([^ ]*\) -> .*/\1/p' "$work/out" | grep -v '\.size$' | LC_ALL=C sort -u >"$work/changed"
sed '/^#/d' tools/port-0.2.tsv | cut -f 1 | LC_ALL=C sort -u >"$work/table"
for word in $(LC_ALL=C comm -3 "$work/changed" "$work/table"); do
    complain "$word: tests/port and the table differ"
done

expect 0 "a run" "$work/names.c" "$work/names.cpp"
[ ! -s "$work/out" ] || complain "a run that decides everything prints"
"$cc" -std=c11 -Wall -Wextra -Werror -Iinclude -fsyntax-only "$work/names.c" || complain "names.c does not compile"
! command -v c++ >/dev/null 2>&1 ||
    c++ -std=c++17 -Wall -Wextra -Wold-style-cast -Werror -Iinclude -fsyntax-only "$work/names.cpp" ||
    complain "names.cpp does not compile"
# Comments, strings and members of the program's own structures stay.
for text in 'MYL_ALONE_BLOCK stays here' '"MYL_ESEATLOST or MYL_EUNSEATED"' 'int last, behind, missing;' 'watch->behind +'; do
    grep -q -F -e "$text" "$work/names.c" || complain "changed: $text"
done
grep -q -F -e 'R"raw(myl_why( "MYL_NO" )raw"' "$work/names.cpp" || complain "changed a raw string"

cp "$work/names.c" "$work/again.c"
expect 0 "a second run" --dry-run "$work/names.c" "$work/names.cpp"
[ ! -s "$work/out" ] || complain "a second run changes something"
expect 0 "comments and strings" --text "$work/again.c"
grep -q -F -e '"MYL_ELOCKLOST or MYL_EPRODUCERLEFT"' "$work/again.c" || complain "--text leaves strings"
grep -q -F -e 'MYL_NO_CONSUMERS_BLOCK stays' "$work/again.c" || complain "--text leaves comments"

# --- what cannot be decided, and no program at all ---

# Members that moved have one place, and stay in the order of the initialiser.
tr -s ' \n' ' ' <"$work/names.c" >"$work/lines"
for text in '.config.label = "a", .ring.no_consumers = MYL_NO_CONSUMERS_BLOCK' ' options->ring.use_fd = (options->ring.fd = fd) != 0;' \
    '.ring.set_group = own_group != 0, .ring.group = own_group' \
    'frames->config.label = "b"' 'members->id' '{.size = sizeof joined, .id = "c"}' 'trouble = {.size = sizeof trouble};' \
    'myl_peer peer = {.size = sizeof peer};'; do
    grep -q -F -e "$text" "$work/lines" || complain "not in the changed program: $text"
done
! grep -q -F -e 'ring.size' "$work/names.c" || complain "ring.size is left"

sed '43,$d' tests/port/undecided.c >"$work/before.c" # the rest changes, and has to be completed by hand
expect 1 "undecided" "$work/undecided.c"
sed '43,$d' "$work/undecided.c" | cmp -s - "$work/before.c" || complain "changed what cannot be decided"
# shellcheck disable=SC2016 # names in backquotes
{
    reports undecided 'undecided.c:7: by hand: `behind` is `lag` if it is of myl_alert or myl_why_party'
    reports undecided 'undecided.c:17: by hand: `last` is `last_acknowledged`'
    reports undecided 'undecided.c:17: by hand: `doing` is `activity`'
    reports undecided 'undecided.c:22: by hand: `lock` is of enum myl_grant'
    reports undecided 'undecided.c:31: by hand: `alone` is `ring.no_consumers` if it is of myl_producer_options'
    reports undecided 'undecided.c:36: by hand: `ring` is of myl_ring_options now'
    reports undecided 'undecided.c:37: by hand: `ring` has no `size` any more'
    reports undecided 'undecided.c:41: by hand: `ring` is of myl_reader_options now'
    reports undecided 'undecided.c:45: by hand: `cpu` is the number of a CPU now, not + 1'
    reports undecided 'undecided.c:50: by hand: set `size` of each of these'
    reports undecided 'undecided.c:46: by hand: `fd` has an effect only with `use_fd` now'
}
cp tests/port/undecided.cpp "$work"
expect 1 "undecided C++" "$work/undecided.cpp"
cmp -s tests/port/undecided.cpp "$work/undecided.cpp" || complain "changed what cannot be decided in C++"
# shellcheck disable=SC2016
{
    reports "undecided C++" 'undecided.cpp:5: by hand: `event_size` is `config.event_size` now, which no designator'
    reports "undecided C++" 'undecided.cpp:6: by hand: members of `ring` are in the structure around it now'
}

printf 'int x = list->last; /* no end, MYL_NO\n"myl_why' >"$work/other.c"
cp "$work/other.c" "$work/before"
expect 0 "a file that ends within a comment" "$work/other.c"
cmp -s "$work/before" "$work/other.c" || complain "changed a file that does not use myelon"
printf 'MYL_NO\r\n"MYL_NO \\\nMYL_NO" }})] MYL_NO' >"$work/other.c"
printf 'MYL_REQUEST_OFF\r\n"MYL_NO \\\nMYL_NO" }})] MYL_REQUEST_OFF' >"$work/before"
expect 0 "brackets without partners" "$work/other.c"
cmp -s "$work/before" "$work/other.c" || complain "line ends, a long string or the end of the file changed"

: >"$work/empty.c"
expect 0 "an empty file" "$work/empty.c"
expect 2 "no file"
reports "no file" usage
expect 2 "an unknown option" --all "$work/other.c"
expect 2 "a file that is not there" "$work/other.c" "$work/none.c"
reports "a file that is not there" "none.c: not a file"
expect 2 "a directory" "$work"

mkdir "$work/tools"
cp tools/port-0.2.sh tools/port-0.2.awk "$work/tools"
printf 'myl_why\tmyl_diagnose\tcall\n' >"$work/tools/port-0.2.tsv"
if "$work/tools/port-0.2.sh" "$work/other.c" >/dev/null 2>&1; then
    complain "a table of three columns is accepted"
fi
exit "$bad"
