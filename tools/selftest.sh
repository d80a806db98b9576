#!/bin/sh
# SPDX-License-Identifier: MIT
# Plants one violation of each kind in a copy of the sources and expects the check in question to see it:
# selftest.sh [LIBRARY]; with the library the check of its symbols too.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
work=$(mktemp -d "${MYL_TEST_DIR:-/tmp}/selftest.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

fresh() {
    rm -rf "$work/tree"
    mkdir "$work/tree"
    for part in src include tools docs cli bench examples tests cmake run .ci .clang-format; do
        [ ! -e "$root/$part" ] || cp -R "$root/$part" "$work/tree/"
    done
}

# expect PATTERN WHAT CHECK [ARGUMENT...]: the check must fail, and say why.
expect() {
    pattern=$1 what=$2
    shift 2
    if (cd "$work/tree" && "$@") >"$work/out" 2>&1; then
        echo "not seen by $1: $what"
        failed=1
    elif ! grep -q -e "$pattern" "$work/out"; then
        echo "$1 failed for another reason than \"$what\":"
        sed 's/^/    /' "$work/out"
        failed=1
    fi
}

fresh
# shellcheck disable=SC2016 # a row of a table
printf '| a | b | c | d | e | `unit.liveness/test_nothing_of_the_kind` |\n' >>"$work/tree/docs/liveness.md"
expect 'no test unit.liveness/test_nothing' "a row whose test is not there" tools/check-tested.sh
fresh
printf '| a | b | c | d | e | |\n' >>"$work/tree/docs/liveness.md"
expect 'row without a test' "a row without a test" tools/check-tested.sh

fresh
printf '#include "ring/ring.h"\n' >>"$work/tree/src/os/os.h"
expect 'os.h:.*layer above' "a lower layer includes an upper one" tools/check-layers.sh
fresh
printf '#include <myelon/ring.h>\n' >>"$work/tree/src/segment/segment.h"
expect 'segment.h:.*layer above' "a lower layer includes an upper one's public header" tools/check-layers.sh
fresh
mkdir "$work/tree/src/elsewhere"
echo 'int myl_elsewhere;' >"$work/tree/src/elsewhere/a.c"
expect 'not one of the layers' "a folder that is no layer" tools/check-layers.sh

fresh
printf 'static uint64_t f(const uint64_t *p)\n{\n    return __atomic_load_n(p, 0);\n}\n' >>"$work/tree/src/ring/gate.c"
expect 'bare atomic' "a bare atomic access" tools/check-atomics.sh
fresh
printf 'static volatile int flag;\n' >>"$work/tree/src/ring/gate.c"
expect 'volatile orders nothing' "a volatile" tools/check-atomics.sh
fresh
printf '\n\n\n\n\nstatic uint64_t f(const myl_au64 *p)\n{\n    return myl_load_acq(p);\n}\n' >>"$work/tree/src/ring/gate.c"
expect 'without an id' "an atomic site without an id" tools/check-atomics.sh
fresh
printf '\n\n\n\n\nstatic void f(void *to, const void *from)\n{\n    myl_copy_rlx(to, from, 8);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'without an id' "a copy of shared words without an id" tools/check-atomics.sh
fresh
printf 'static uint64_t f(const myl_au64 *p)\n{\n    (void)myl_load_acq(p); /* A8 */\n    (void)myl_load_acq(p);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'without an id' "an id that is another line's" tools/check-atomics.sh
fresh
printf 'static uint64_t f(const myl_au64 *p)\n{\n    return myl_load_acq(p); /* A8, A4 */\n}\n' \
    >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: ids A8 A4 for 1 access' "two ids for one access" tools/check-atomics.sh
fresh
printf 'static uint64_t planted(const myl_au64 *p)\n{\n    /* A8. Pairs: A7. */\n    return myl_load_acq(p);\n}\n' \
    >>"$work/tree/src/ring/gate.c"
# shellcheck disable=SC2016 # a message with a name
expect 'gate.c:[0-9]*: A8 in planted .*add `planted` at "ring/gate.c:"' "a site that the table has not" \
    tools/check-atomics.sh
fresh
printf '#define PLANTED(p) \\\n    myl_load_acq(p) /* A8 */\n' >>"$work/tree/src/ring/gate.c"
expect 'gate.c:[0-9]*: A8 in PLANTED ' "a site in a macro that the table has not" tools/check-atomics.sh
fresh
sed 's/^int myl_gate_minimum(/int myl_gate_least(/' src/ring/gate.c >"$work/tree/src/ring/gate.c"
expect 'A8 in myl_gate_least is not in' "a function by another name" tools/check-atomics.sh
# shellcheck disable=SC2016 # a message with a name
expect 'memory-model.md:[0-9]*: A8: `myl_gate_minimum` of ring/gate.c has no such site' "a function that is gone" \
    tools/check-atomics.sh
fresh
sed '/^| A8 /s|ring/gate.c: |ring/producer.c: |' docs/memory-model.md >"$work/tree/docs/memory-model.md"
expect 'A8 in myl_gate_minimum is not in' "a function under another file" tools/check-atomics.sh
# shellcheck disable=SC2016 # a message with a name
expect 'A8: `myl_gate_minimum` of ring/producer.c has no' "a function in a file that has it not" tools/check-atomics.sh
fresh
sed '/^| A8 /s|ring/gate.c: |the gate: |' docs/memory-model.md >"$work/tree/docs/memory-model.md"
# shellcheck disable=SC2016 # a message with names
expect 'is not "file: `function`, ..."' "a cell that names no file" tools/check-atomics.sh
fresh
printf '/* A99999 */\n' >>"$work/tree/src/ring/gate.c"
expect 'does not explain A99999' "an id that is not explained" tools/check-atomics.sh
fresh
printf '| A99999 | of no site |\n' >>"$work/tree/docs/memory-model.md"
expect 'A99999, which the code does not have' "an explanation of no site" tools/check-atomics.sh

fresh
yes ';' | head -n 701 >"$work/tree/src/ring/long.c"
expect 'long.c: 701 lines' "a file of 701 lines" tools/check-length.sh

fresh
printf '#ifndef X_H\n#define X_H\nextern myl_sequence myl_x;\n#endif\n' >"$work/tree/include/myelon/x.h"
expect 'does not stand alone as c11' "a header that needs another one before it" tools/check-headers.sh
fresh
printf '#ifndef X_H\n#define X_H\nstatic inline int *f(void *p)\n{\n    return p;\n}\n#endif\n' >"$work/tree/include/myelon/x.h"
expect 'does not stand alone as c++17' "a header that is not C++" tools/check-headers.sh

if [ $# -eq 1 ]; then
    fresh
    printf '#ifdef X\n#endif\nMYL_API int\nmyl_not_there(int (*f)(void));\n' >>"$work/tree/include/myelon/base.h"
    expect 'myl_not_there is in the headers' "a function of the headers that the list has not" tools/check-symbols.sh "$1"
    fresh
    sed 's/^    myl_version;$/    myl_version;\n    myl_versiona;/' src/libmyelon.map >"$work/tree/src/libmyelon.map"
    expect 'myl_versiona is in src/libmyelon.map' "a listed function that is not there" tools/check-symbols.sh "$1"
    fresh
    grep -v '^    myl_version;$' src/libmyelon.map >"$work/tree/src/libmyelon.map"
    expect 'myl_version is in .*, but not in src/libmyelon.map' "an exported function that is not listed" \
        tools/check-symbols.sh "$1"
fi
exit "$failed"
