#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that models and code have the same steps. A model's head has a line "Steps: G1..G7 J2r ...". Each of them must
# occur in the model's body, and in a comment or MYL_STEP of the code. Each step of the code whose letter a model uses
# must be in a head. Steps after "Steps not built:" are in the model only, after "Steps not modelled:" in the code only.
# A letter that the code does not use belongs to a protocol that is not built: its steps are reported, not refused.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Reads names and ranges ("G1..G7"), one per line, and prints the names, with ranges expanded.
expand() {
    awk -F '[.][.]' '
        NF == 1 && /./ { print }
        NF == 2 {
            letter = substr($1, 1, 1)
            for (i = substr($1, 2) + 0; i <= substr($2, 2) + 0; i++)
                print letter i
        }'
}

# steps MODEL KEY: prints the names after "KEY:" in the model's head.
steps() {
    sed -n "/\*\//q; s/^ \* $2: //p" "$1" | tr ' ' '\n' | expand
}

# lacking FILE-A FILE-B: prints the lines of A that are not in B.
lacking() {
    sort -u "$1" >"$work/a"
    sort -u "$2" >"$work/b"
    comm -23 "$work/a" "$work/b"
}

bad=0
complain() {
    echo "steps: $*"
    bad=1
}

for model in models/*.pml; do
    steps "$model" Steps >>"$work/modelled"
    steps "$model" "Steps not built" >>"$work/unbuilt"
    steps "$model" "Steps not modelled" >>"$work/unmodelled"
done
letters=$(cut -c1 "$work/modelled" | sort -u | tr -d '\n')
[ -n "$letters" ] || complain "no model has a line \"Steps:\" in its head"
name="[$letters][0-9][0-9]?[a-z]?"

# C11 is the language, not a step.
find src include -name '*.[ch]' -exec grep -ohwE "$name" {} + | grep -vxE 'C11' >"$work/code"
[ -s "$work/code" ] || complain "src and include name no step"
code_letters=$(cut -c1 "$work/code" | sort -u | tr -d '\n')

for model in models/*.pml; do
    steps "$model" Steps >"$work/head"
    [ -s "$work/head" ] || complain "$model has no line \"Steps:\" in its head"
    steps "$model" "Steps not built" >>"$work/head"
    sed '1,/\*\//d' "$model" | grep -owE "$name(\.\.$name)?" | expand >"$work/body"
    for step in $(lacking "$work/head" "$work/body"); do
        complain "$step is in the head of $model, but not in its body"
    done
    for step in $(lacking "$work/body" "$work/head"); do
        complain "$step is in the body of $model, but not in the line \"Steps:\" of its head"
    done
done

for step in $(lacking "$work/modelled" "$work/code"); do
    case $step in
        ["$code_letters"]*) complain "$step is in a model, but not in src or include" ;;
        *) echo "$step" >>"$work/later" ;;
    esac
done
cat "$work/modelled" "$work/unmodelled" >"$work/known"
for step in $(lacking "$work/code" "$work/known"); do
    complain "$step is in the code, but in no model's \"Steps:\" or \"Steps not modelled:\""
done
for step in $(lacking "$work/unmodelled" "$work/code"); do
    complain "$step is listed as \"not modelled\", but is not in src or include"
done
for step in $(lacking "$work/unbuilt" /dev/null); do
    ! grep -qx "$step" "$work/code" || complain "$step is listed as \"not built\", but is in src or include"
done

[ ! -s "$work/later" ] || echo "steps: modelled, not built yet: $(tr '\n' ' ' <"$work/later")"
[ "$bad" -eq 0 ] || exit 1
echo "steps: models and code agree on $(sort -u "$work/modelled" | wc -l) names"
