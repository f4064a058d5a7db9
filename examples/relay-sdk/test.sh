#!/usr/bin/env bash
# Builds what the SDK needs and runs its tests. The last line is
# "relay-sdk: N passed, M failed". CALLSHEET_BIN and STAND_IN name programs to use instead of
# building them; the npm package is built unless it is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

if [ -z "${CALLSHEET_BIN:-}" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p exec-native --bin callsheet
    export CALLSHEET_BIN=$target/debug/callsheet
fi
if [ -z "${STAND_IN:-}" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p examples --bin stand-in
    export STAND_IN=$target/debug/stand-in
fi
if [ ! -f "$root/npm/plan/plan.wasm" ] || [ ! -f "$root/npm/execute/index.js" ]; then
    (cd "$root/npm" && npm ci --no-audit --no-fund && npm run --silent build)
fi
if ! cmp -s package-lock.json node_modules/.lock; then
    npm ci --no-audit --no-fund
    cp package-lock.json node_modules/.lock
fi

log=$(mktemp "${TMPDIR:-/tmp}/relay-sdk.XXXXXX")
trap 'rm -f "$log"' EXIT
ended=0
node --test --test-reporter=spec test/*.test.js 2>&1 | tee "$log" || ended=$?
number() { awk -v word="$1" '$2 == word { found = $3 } END { print found + 0 }' "$log"; }
failed=$(($(number fail) + $(number cancelled)))
# A runner that stopped before its summary.
if [ "$ended" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
printf 'relay-sdk: %s passed, %s failed\n' "$(number pass)" "$failed"
exit "$ended"
