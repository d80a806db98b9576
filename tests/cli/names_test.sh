#!/bin/sh
# SPDX-License-Identifier: MIT
# Names, labels and activity texts come from other processes: no command prints their control characters, a newline
# adds no row, and JSON is always UTF-8.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

: "${MYL_TEST_ODD_RING:?the path of tests/support/odd_ring}"
export MYL_TEST_TAG
escape=$(printf '\033')
newline='
'
rtl=$(printf '\342\200\256') # U+202E, right-to-left override
c1=$(printf '\302\233')      # U+009B, the one-character form of ESC [
label=$(printf 'l\033]0;t\007\302\233')
activity=$(printf 'a\302\2332J\342\200\256\377')

# Printable ASCII and newlines only: this test's locale is C.
expect_plain() { # FILE WHAT
    LC_ALL=C grep -q "[$(printf '\001-\011\013-\037\177-\377')]" "$1" || return 0
    fail "$2 prints control characters: $(LC_ALL=C grep -m 1 "[$(printf '\001-\011\013-\037\177-\377')]" "$1" | cat -v)"
}

# In a UTF-8 locale printable characters are shown, and all others are escaped.
expect_utf8() { # FILE WHAT
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>"$dir/iconv" || fail "$2 is not UTF-8"
    for bad in "$escape" "$rtl" "$c1" "$(printf '\302\205')"; do
        ! grep -q -F "$bad" "$1" || fail "$2 prints $(printf '%s' "$bad" | od -An -c)"
    done
}

# each NAME: runs every command that prints something about a ring.
each() {
    for command in ls inspect why log "gc -u" "top -1 -i 0.05 -w 300" "top -1 -i 0.05" "top -1 -i 0.05 -w 20" \
        "inspect --json" "why --json" "log --json" "ls --json" "gc -u --json"; do
        case $command in
            ls* | gc*) set -- "$1" ;;
            *) set -- "$1" "$1" ;;
        esac
        name=$1
        shift
        # shellcheck disable=SC2086 # words
        "$MYELON_CLI" $command "$@" >"$dir/out" 2>"$dir/err"
        expect_plain "$dir/err" "myelon $command (errors)"
        case $command in
            *json*) expect_utf8 "$dir/out" "myelon $command" ;;
            *) expect_plain "$dir/out" "myelon $command" ;;
        esac
        # shellcheck disable=SC2086 # words
        LC_ALL=C.UTF-8 "$MYELON_CLI" $command "$@" >"$dir/out" 2>&1
        expect_utf8 "$dir/out" "myelon $command (UTF-8)"
        set -- "$name"
    done
    myelon evict "$1" odd >"$dir/out" 2>&1
    expect_plain "$dir/out" "myelon evict"
    myelon sub --attach 0 "$1" >"$dir/out" 2>&1
    expect_plain "$dir/out" "myelon sub"
    myelon rm --file "$1$escape" >"$dir/out" 2>&1
    expect_plain "$dir/out" "myelon rm --file"
    myelon "$1" >"$dir/out" 2>&1
    expect_plain "$dir/out" "an unknown command"
}

ring="$prefix-${escape}[31mred${newline}ghost  alive$(printf '\377')$rtl$c1$(printf '\303\244')"
"$MYL_TEST_ODD_RING" "$ring" "$label" "$activity" || fail "odd_ring ended with $?"
each "$ring"
myelon ls >"$dir/out"
! grep -q '^ghost' "$dir/out" || fail "a name with a newline adds a row"
expect 0 "rm of an old ring with an odd name" myelon rm "$ring"

# Escaped names keep the columns.
ring="$prefix-$(printf '\342\202\254')"
"$MYL_TEST_ODD_RING" "$ring" "" "" || fail "odd_ring ended with $?"
LC_ALL=C "$MYELON_CLI" ls >"$dir/out"
head=$(grep '^NAME' "$dir/out") row=$(grep -F "$prefix-" "$dir/out")
before_column=${head%%PRODUCER*}
row_state=$(printf '%s' "$row" | cut -c$((${#before_column} + 1))-)
case $row_state in
    left*) ;;
    *) fail "ls shifts the row of an escaped name: $row" ;;
esac
expect 0 "rm of a ring with an escaped name" myelon rm "$ring"

# Non-ASCII characters are shown on a UTF-8 terminal and in JSON; elsewhere they are escaped.
ring="$prefix-$(printf 'b\303\244r')"
"$MYL_TEST_ODD_RING" "$ring" "" "" || fail "odd_ring ended with $?"
LC_ALL=C.UTF-8 "$MYELON_CLI" ls >"$dir/out"
locale -a 2>/dev/null | grep -qi '^c\.utf-*8$' && expect_text "$dir/out" "$ring" "ls with UTF-8"
myelon ls >"$dir/out"
grep -q -F "$prefix-b\\xc3\\xa4r" "$dir/out" || fail "ls without UTF-8 does not escape: $(cat "$dir/out")"
if myelon ls --json >"$dir/out" 2>/dev/null; then
    expect_text "$dir/out" "$ring" "ls --json"
fi
myelon rm "$ring"
finish
