#!/usr/bin/env bash
# Measures a fleet of 16 stand-ins: up, up again, status and down as whole processes, beside
# what tmux itself takes for 16 sessions of `sleep`.
#
#   tests/bench/fleet.sh                              prints the table
#   tests/bench/fleet.sh --write docs/performance.md  puts it into the document too
#
# Needs cargo, tmux and python3. REPS rounds count (7).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/fleet.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cargo build --quiet --release -p exec-native -p examples --bins
release=$(realpath "${CARGO_TARGET_DIR:-target}/release")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 tests/bench/fleet.py "$release" "$work" "${REPS:-7}" "$document"
