#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Rust program of the interoperability tests: build.sh BUILD-DIRECTORY. It is built in
# BUILD-DIRECTORY/interop from a copy of tests/interop/rust, so that nothing is written to the source tree. Needs cargo,
# and once a network for the crates.
set -eu
build=${1:?usage: build.sh BUILD-DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
command -v cargo >/dev/null 2>&1 || {
    echo "interop: there is no cargo; install a Rust tool chain" >&2
    exit 77
}
mkdir -p "$build/interop/rust"
cp -R "$here/rust/." "$build/interop/rust/"
cd "$build/interop/rust"
CARGO_TARGET_DIR=$PWD/target cargo build --release --quiet -j1
echo "$PWD/target/release/interop-peer"
