#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the build into a directory of its own and uses it as strangers do: by find_package and by pkg-config, shared
# and static, from C and from C++. install_test.sh BUILD-DIRECTORY C-COMPILER
set -eu
build=$1
cc=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${MYL_TEST_DIR:-/tmp}/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
name=myl-test-${MYL_TEST_TAG:-$$}-install

# run_it WHAT PROGRAM: the program must pass its event.
run_it() {
    printf '%s: ' "$1"
    LD_LIBRARY_PATH=$libdir "$2" "$name"
}

cmake --install "$build" --prefix "$prefix" >/dev/null
pc=$(find "$prefix" -name myelon.pc)
[ -n "$pc" ] || {
    echo "no myelon.pc was installed"
    exit 1
}
libdir=$(dirname "$(dirname "$pc")")
[ -f "$libdir/libmyelon.a" ] && [ -e "$libdir/libmyelon.so" ] && [ -e "$libdir/libmyelon.so.0" ]
[ ! -x "$build/bin/myelon" ] || [ -x "$prefix/bin/myelon" ]

if ! cmake -S "$here" -B "$work/user" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >"$work/log" 2>&1 ||
    ! cmake --build "$work/user" >>"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
fi
for program in "$work"/user/consumer_*; do
    [ -f "$program" ] && run_it "find_package, ${program##*_}" "$program"
done

if command -v pkg-config >/dev/null 2>&1; then
    # The tree is moved first: the file must not know where it was installed.
    mv "$prefix" "$work/moved"
    libdir=$work/moved${libdir#"$prefix"}
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 -o "$work/shared" "$here/consumer.c" $(pkg-config --cflags --libs myelon)
    run_it "pkg-config, shared" "$work/shared"
    # shellcheck disable=SC2046
    "$cc" -std=c11 -o "$work/static" "$here/consumer.c" $(pkg-config --cflags myelon) "$libdir/libmyelon.a" -pthread
    run_it "pkg-config, static" "$work/static"
    [ "$(pkg-config --modversion myelon)" = "$("$work/static" "$name" | cut -d' ' -f1)" ]
fi
