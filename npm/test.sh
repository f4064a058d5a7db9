#!/usr/bin/env bash
# Builds the native program and the package, then runs the package's tests. The last line
# is "npm: N passed, M failed". Arguments name test files; all of them by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tests=("$@")
[ $# -gt 0 ] || tests=(test/*.test.js)

cargo build --quiet -p exec-native --bin callsheet
CALLSHEET_BIN=$(realpath "${CARGO_TARGET_DIR:-../target}/debug/callsheet")
export CALLSHEET_BIN
if ! cmp -s package-lock.json node_modules/.lock; then
    npm ci --no-audit --no-fund
    cp package-lock.json node_modules/.lock
fi
npm run --silent build

log=$(mktemp "${TMPDIR:-/tmp}/callsheet-npm.XXXXXX")
trap 'rm -f "$log"' EXIT
ended=0
node --test --test-reporter=spec "${tests[@]}" 2>&1 | tee "$log" || ended=$?
number() { awk -v word="$1" '$2 == word { found = $3 } END { print found + 0 }' "$log"; }
failed=$(($(number fail) + $(number cancelled)))
# A runner that stopped before its summary.
if [ "$ended" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
printf 'npm: %s passed, %s failed\n' "$(number pass)" "$failed"
exit "$ended"
