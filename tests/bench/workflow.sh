#!/usr/bin/env bash
# Measures workflows: what a resumed run pays for again, what a call costs besides its agent,
# what the journal takes, and what a run of 1,000 calls needs.
#
#   tests/bench/workflow.sh                              prints the tables
#   tests/bench/workflow.sh --write docs/performance.md  puts them into the document too
#
# Needs cargo and node. TRIALS of each cell (150), ROUNDS of each figure (15). Journals are
# flushed to the storage of STORAGE (the directory for temporary files); calls without
# durability are measured in TMPFS (/dev/shm).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/workflow.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cargo build --quiet --release -p exec-native --bin callsheet
cargo build --quiet --release -p tests --bin bench_workflow
release=$(realpath "${CARGO_TARGET_DIR:-target}/release")
export CALLSHEET=$release/callsheet CALLSHEET_BIN=$release/callsheet
memory=$(mktemp -d -p "${TMPFS:-/dev/shm}")
storage=$(mktemp -d -p "${STORAGE:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$memory" "$storage"' EXIT

"$release/bench_workflow" waste "${TRIALS:-150}" 1 >"$memory/waste.md"
node tests/bench/workflow.mjs "$release/bench_workflow" "$memory" "$storage" "${ROUNDS:-15}" >"$memory/workflow.md"
for name in waste workflow; do
    cat "$memory/$name.md"
    printf '\n'
    if [ -n "$document" ]; then node tests/bench/put.mjs "$document" "$name" <"$memory/$name.md"; fi
done
