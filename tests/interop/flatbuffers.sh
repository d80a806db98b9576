#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the C++ and Rust programs of interop.flatbuffers: flatbuffers.sh BUILD-DIRECTORY. They are built in
# BUILD-DIRECTORY/interop/flatbuffers with the code that flatc writes for every.fbs. Needs flatc, libflatbuffers and a C++
# compiler; for the Rust program cargo, and once a network. Status 77: one of them is missing.
set -eu
build=${1:?usage: flatbuffers.sh BUILD-DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)/flatbuffers
to=$build/interop/flatbuffers
missing=
for command in flatc "${CXX:-c++}"; do
    command -v "$command" >/dev/null 2>&1 || missing="$missing $command"
done
[ -z "$missing" ] || {
    echo "interop: not found:$missing; on Debian the packages are flatbuffers-compiler, libflatbuffers-dev and g++" >&2
    exit 77
}
mkdir -p "$to"
rm -f "$to/cpp-peer" "$to/rust-peer" # a test must not use old ones
cp -R "$here/." "$to/"
cd "$to"
flatc --cpp --gen-object-api --scoped-enums every.fbs
"${CXX:-c++}" -std=c++17 -O1 -I. peer.cpp -lflatbuffers -o cpp-peer
command -v cargo >/dev/null 2>&1 || {
    echo "interop: there is no cargo; install a Rust tool chain" >&2
    exit 77
}
flatc --rust --gen-object-api -o rust/src every.fbs
cd rust
CARGO_TARGET_DIR=$PWD/target cargo build --release --quiet -j1
cp target/release/flatbuffers-peer ../rust-peer
