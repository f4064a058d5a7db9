#!/usr/bin/env bash
# Measures what lies between Node and the native executor.
#
#   tests/bench/bridge.sh                              prints the tables
#   tests/bench/bridge.sh --write docs/performance.md  puts them into the document too
#
# Needs cargo, node and npm; the npm package is built unless it is there. The directories
# lie on /dev/shm (CALLSHEET_BENCH_DIR); ROUNDS says how often a process is started (41).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/bridge.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cargo build --quiet --release -p exec-native -p tests --bins
release=$(realpath "${CARGO_TARGET_DIR:-target}/release")
if [ ! -f npm/execute/index.js ] || [ ! -f npm/plan/plan.wasm ]; then
    (cd npm && npm ci --silent --no-audit --no-fund && npm run --silent build)
fi
place=$(mktemp -d "${CALLSHEET_BENCH_DIR:-/dev/shm}/callsheet-bench-XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir "$place/native"
# Neighbours disturb less at a higher priority, where that is allowed.
first=()
if nice -n -10 true 2>/dev/null; then first=(nice -n -10); fi

rounds=${ROUNDS:-41}
native=$(${first[@]+"${first[@]}"} "$release/bench_mount" edit "$place/native" "$place/native-state" $((rounds * 5)))
tables=$(${first[@]+"${first[@]}"} node tests/bench/bridge.mjs --binary "$release/callsheet" \
    --native "$native" --place "$place" --rounds "$rounds")
printf '%s\n' "$tables"
if [ -n "$document" ]; then
    printf '%s\n' "$tables" | node tests/bench/put.mjs "$document" bridge
fi
