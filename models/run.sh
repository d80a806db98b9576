#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the protocol models exhaustively with spin. variants.tsv lists the variants and the expected results; each
# planted bug must be found. Then compares the step names of models and code. Exit status: 0 all as expected; 1 not;
# 77 spin or a C compiler is missing.
set -u

usage() {
    cat <<'END'
usage: models/run.sh [--long] [--jobs N] [MODEL...]
  Runs the quick variants (a minute on two cores); with --long also the others (up to an hour).
  MODEL: join, park, waitset, room, close, name, observer, framed, mp_cell. Default: all models.
END
}

here=$(cd "$(dirname "$0")" && pwd) || exit 1
list=$here/variants.tsv
tab=$(printf '\t')
compiler=
for candidate in gcc cc clang; do
    if command -v "$candidate" >/dev/null 2>&1; then
        compiler=$candidate
        break
    fi
done

# --- one variant -----------------------------------------------------------------------------------------------------

# check MODEL SPIN-DEFINES CC-DEFINES PAN-FLAGS SECONDS: runs one variant in directory $work. Sets got, states and
# seconds. got=none: the search did not complete.
check() {
    got=none
    cp "$here/$1.pml" "$work/"
    limit=
    command -v timeout >/dev/null 2>&1 && limit="timeout $5"
    (
        cd "$work" || exit 1
        # shellcheck disable=SC2086 # lists of flags
        nice -n 19 spin -a $2 "$1.pml" && [ -f pan.c ] &&
            nice -n 19 "$compiler" -w -DCOLLAPSE -DMEMLIM=6000 $3 -o pan pan.c &&
            nice -n 19 $limit ./pan -m400000 -w20 $4
    ) >"$work/out" 2>&1
    status=$?
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/out" | head -n 1)
    seconds=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds.*/\1/p' "$work/out" | head -n 1)
    if grep -q 'errors: [1-9]' "$work/out"; then
        got=fail
    elif [ "$status" -eq 0 ] && grep -q 'errors: 0$' "$work/out" &&
        ! grep -qE 'max search depth too small|out of memory|Search not completed' "$work/out"; then
        got=pass
    fi
}

explain() {
    echo "  $1 $2: expected $3, got $got. From its output:"
    grep -v '^$' "$work/out" | grep -E '^pan:|rror|limit|depth' | head -n 5 | sed 's/^/    /'
    echo "  To print the steps: copy $1.pml to an empty directory, then"
    echo "    spin -a $4 $1.pml && gcc -w -DCOLLAPSE $5 -o pan pan.c && ./pan -m400000 $6; spin -t -p -g -l $4 $1.pml"
}

# run_line N: checks line N of variants.tsv. Prints the result in one write, because several variants run at once.
run_line() {
    sed -n "$1p" "$list" >"$work/line"
    IFS=$tab read -r model name spin cc pan expected lane plants <"$work/line"
    [ "$spin" != - ] || spin=
    [ "$cc" != - ] || cc=
    [ "$pan" != - ] || pan=
    # The limit ends a search that hangs. It is long, because the machine may be busy and the search runs at nice 19.
    limit_seconds=1000
    [ "$lane" = quick ] || limit_seconds=3000
    check "$model" "$spin" "$cc" "$pan" "$limit_seconds"
    row=$(printf '%-9s %-22s %-8s %-5s %10s %8s  %s' "$model" "$name" "$expected" "$got" "${states:--}" \
        "${seconds:--}" "$plants")
    [ "$got" = "$expected" ] || row=$(printf '%s\n' "$row" && explain "$model" "$name" "$expected" "$spin" "$cc" "$pan")
    printf '%s\n' "$row"
    [ "$got" != "$expected" ] || echo ok >>"$MYL_MODELS_GOOD"
}

if [ "${1:-}" = --line ]; then
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    run_line "$2"
    exit 0
fi

# --- all variants ----------------------------------------------------------------------------------------------------

long=no
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
wanted=
while [ $# -gt 0 ]; do
    case $1 in
        --long) long=yes ;;
        --jobs)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            jobs=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*)
            usage >&2
            exit 2
            ;;
        *)
            model=${1##*/}
            model=${model%.pml}
            if [ ! -f "$here/$model.pml" ]; then
                echo "run.sh: there is no model \"$1\"" >&2
                usage >&2
                exit 2
            fi
            wanted="$wanted $model"
            ;;
    esac
    shift
done

if ! command -v spin >/dev/null 2>&1; then
    echo "models not checked: spin is not installed. Debian, Ubuntu: apt-get install spin. macOS: brew install spin."
    exit 77
fi
if [ -z "$compiler" ]; then
    echo "models not checked: there is no C compiler. Debian, Ubuntu: apt-get install gcc libc6-dev."
    exit 77
fi

lines=$(mktemp) || exit 1
MYL_MODELS_GOOD=$(mktemp) || exit 1
export MYL_MODELS_GOOD
trap 'rm -f "$lines" "$MYL_MODELS_GOOD"' EXIT
trap 'exit 1' HUP INT TERM

awk -F '\t' -v long="$long" -v wanted="$wanted " '
    /^#/ || NF < 8 || ($7 != "quick" && long != "yes") { next }
    wanted == " " || index(wanted, " " $1 " ") { print NR }' "$list" >"$lines"
total=$(wc -l <"$lines")
started=$(date +%s)
printf '%-9s %-22s %-8s %-5s %10s %8s  %s\n' model variant expected got states seconds "variant, or planted bug"
xargs -P "$jobs" -n 1 sh "$here/run.sh" --line <"$lines"
good=$(wc -l <"$MYL_MODELS_GOOD")

echo "In $(($(date +%s) - started)) s."
echo "$((good)) of $((total)) as expected"
"$here/check-steps.sh" || exit 1
[ "$good" -eq "$total" ] && [ "$total" -gt 0 ]
