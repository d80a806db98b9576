#!/bin/sh
# SPDX-License-Identifier: MIT
# A broadcast pipe, shown: the lines of a real text go through one `myelon pub` to four `myelon sub`, each before a
# standard tool; the tools say the same as when they read the text themselves. "./run demo pub" calls this.
# MYELON_CLI is the command; MYELON_DEMO_TEXT a text or log to take (default: the documentation of this machine).
set -u

: "${MYELON_CLI:?the path of the myelon command: ./run demo sets it}"
ring=myelon-demo-$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/myelon-demo.XXXXXX") || exit 1
pids=''

clean_up() {
    trap '' INT TERM HUP
    for pid in $pids; do
        kill -KILL "$pid" 2>/dev/null
    done
    wait
    "$MYELON_CLI" rm --force "$ring" >/dev/null 2>&1
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum | cut -d' ' -f1; else shasum -a 256 | cut -d' ' -f1; fi
}

# reader NAME COMMAND...: a sub before the command.
reader() {
    name=$1
    shift
    "$MYELON_CLI" sub --id "$name" --attach 30 "$ring" | "$@" >"$dir/$name" &
    pids="$pids $!"
}

# Texts and logs; no more than some megabytes, so that one need not wait.
text=${MYELON_DEMO_TEXT:-}
if [ -z "$text" ]; then
    text=$dir/text
    find /usr/share/doc /usr/share/common-licenses /var/log -type f \( -name '*.log' -o -name copyright -o -name '[A-Z]*' \) \
        -exec cat {} + 2>/dev/null | head -c 32000000 >"$text"
fi
[ -s "$text" ] || {
    echo "There is no text to take; say which: MYELON_DEMO_TEXT=FILE ./run demo pub" >&2
    exit 1
}

echo "One 'myelon pub', four 'myelon sub' with standard tools behind them:"
echo "   $(wc -c <"$text") bytes, $(wc -l <"$text") lines"
reader lines wc -l
reader words wc -w
reader digest digest
reader the grep -c the
"$MYELON_CLI" pub --wait 4 "$ring" <"$text" || {
    echo "The demonstration failed: pub ended with $?" >&2
    exit 1
}
for pid in $pids; do
    wait "$pid" || {
        echo "The demonstration failed: a reader ended with $?" >&2
        exit 1
    }
done
pids=''

failed=0
compare() { # WHAT THROUGH DIRECT
    if [ "$2" = "$3" ]; then
        printf '   %-10s %s\n' "$1" "$2"
    else
        printf '   %-10s through the ring %s, directly %s\n' "$1" "$2" "$3"
        failed=1
    fi
}
echo "What they say, the same through the ring and directly:"
compare "wc -l" "$(cat "$dir/lines")" "$(wc -l <"$text")"
compare "wc -w" "$(cat "$dir/words")" "$(wc -w <"$text")"
compare "sha256" "$(cat "$dir/digest")" "$(digest <"$text")"
compare "grep -c" "$(cat "$dir/the")" "$(grep -c the <"$text")"
! "$MYELON_CLI" inspect "$ring" >/dev/null 2>&1 || {
    echo "The ring is still there." >&2
    failed=1
}
[ "$failed" -eq 0 ] || exit 1
echo "Four readers, each with every line, and nothing left behind."
