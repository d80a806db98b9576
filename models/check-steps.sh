#!/bin/sh
# SPDX-License-Identifier: MIT
# The steps of models and code are the same. A model's head has a line "Steps: G1..G7 J2r ..."; each of them is named in
# the model's body and in a comment or MYL_STEP of the code, and each step of the code whose letter some model uses
# stands in a head. "Steps not built:" are in the model alone, "Steps not modelled:" in the code alone. A letter that
# the code does not use at all belongs to a protocol that is still to be built: that is said, and passed over.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Names and ranges of names ("G1..G7"), a line each: with the ranges written out.
written_out() {
    awk -F '[.][.]' '
        NF == 1 && /./ { print }
        NF == 2 {
            letter = substr($1, 1, 1)
            for (i = substr($1, 2) + 0; i <= substr($2, 2) + 0; i++)
                print letter i
        }'
}

# steps MODEL KEY: the names behind "KEY:" in the model's head.
steps() {
    sed -n "/\*\//q; s/^ \* $2: //p" "$1" | tr ' ' '\n' | written_out
}

# lacking FILE-A FILE-B: the lines of A that are not in B.
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
[ -n "$letters" ] || complain "no model has a line \"Steps:\""
name="[$letters][0-9][0-9]?[a-z]?"

# C11 is the language.
find src include -name '*.[ch]' -exec grep -ohwE "$name" {} + | grep -vxE 'C11' >"$work/code"
[ -s "$work/code" ] || complain "the code names no step"
code_letters=$(cut -c1 "$work/code" | sort -u | tr -d '\n')

for model in models/*.pml; do
    steps "$model" Steps >"$work/head"
    [ -s "$work/head" ] || complain "$model has no line \"Steps:\""
    steps "$model" "Steps not built" >>"$work/head"
    sed '1,/\*\//d' "$model" | grep -owE "$name(\.\.$name)?" | written_out >"$work/body"
    for step in $(lacking "$work/head" "$work/body"); do
        complain "$step is in the head of $model, and nowhere in its body"
    done
    for step in $(lacking "$work/body" "$work/head"); do
        complain "$step is in the body of $model, and not in its head's \"Steps:\""
    done
done

for step in $(lacking "$work/modelled" "$work/code"); do
    case $step in
        ["$code_letters"]*) complain "$step is in a model, and nowhere in src or include" ;;
        *) echo "$step" >>"$work/later" ;;
    esac
done
cat "$work/modelled" "$work/unmodelled" >"$work/known"
for step in $(lacking "$work/code" "$work/known"); do
    complain "$step is in the code, and in no model's \"Steps:\" or \"Steps not modelled:\""
done
for step in $(lacking "$work/unmodelled" "$work/code"); do
    complain "$step is \"not modelled\", and nowhere in the code either"
done
for step in $(lacking "$work/unbuilt" /dev/null); do
    ! grep -qx "$step" "$work/code" || complain "$step is \"not built\", but the code has it"
done

[ ! -s "$work/later" ] || echo "steps: modelled, not built yet: $(tr '\n' ' ' <"$work/later")"
[ "$bad" -eq 0 ] || exit 1
echo "steps: $(sort -u "$work/modelled" | wc -l) names, the same in models and code"
