#!/usr/bin/env bash
# Builds the module of the npm package:
#
#   plan-wasm/build.sh OUT [FEATURES]
#
# puts OUT/plan.wasm there, with all of the crate's features or with those that are named.
# Sets up what is missing for WebAssembly (tests/setup-wasm.sh)
# and says so; `wasm-opt` is that of npm/node_modules. Nothing is built twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:?usage: plan-wasm/build.sh OUT [FEATURES]}
features=()
if [ $# -gt 1 ]; then features=(--no-default-features --features "$2"); fi
mkdir -p "$out"
out=$(cd "$out" && pwd)

sh tests/setup-wasm.sh
# The Debian toolchain of the set-up, where rustup has no target.
if [ -x .cache/wasm-toolchain/bin/cargo ] &&
    [ ! -d "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ]; then
    wasm_cargo() { PATH="$PWD/.cache/wasm-toolchain/bin:$PATH" cargo "$@"; }
else
    wasm_cargo() { cargo "$@"; }
fi
# The digest's rounds in a loop: unrolled, they take four times the room.
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS='--cfg sha2_backend_soft="compact"'
wasm_cargo build --quiet -p plan-wasm --profile wasm --target wasm32-unknown-unknown "${features[@]}"
target=${CARGO_TARGET_DIR:-target}
module=$target/wasm32-unknown-unknown/wasm/plan_wasm.wasm
stamp=$out/plan.wasm.from
if [ -f "$out/plan.wasm" ] && cmp -s "$module" "$stamp"; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet -p bindgen -- module "$module" "$work"
# The stack ends at address 0, and what overruns it traps: nothing is at the low addresses.
# Functions that are put into their only caller, or stand far from those that look like them,
# compress worse: together that is a fifteenth of what is downloaded.
npm/node_modules/.bin/wasm-opt -O3 --low-memory-unused --one-caller-inline-max-function-size 0 \
    --reorder-functions-by-name --strip-debug --strip-producers --strip-target-features \
    "$work/plan_wasm_bg.wasm" -o "$out/plan.wasm"
cp "$module" "$stamp"
