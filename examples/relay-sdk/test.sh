#!/usr/bin/env bash
# Builds what the SDK needs and runs its tests. The last line is
# "relay-sdk: N passed, M failed". CALLSHEET_BIN and STAND_IN name programs to use instead of
# building them; CALLSHEET_SKIP_WASM=1 takes a plan/plan.wasm of the npm package that is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../npm/testing.sh

build_package
if [ -z "${STAND_IN:-}" ]; then
    cargo build --quiet -p examples --bin stand-in
    STAND_IN=$(realpath "${CARGO_TARGET_DIR:-../../target}/debug/stand-in")
fi
export STAND_IN
install_tools .
run_tests relay-sdk test/*.test.js
