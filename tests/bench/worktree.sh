#!/usr/bin/env bash
# Measures 20 trees of a repository with 10 000 files on tmpfs: one `git worktree add` after
# the other, beside trees made in two phases.
#
#   tests/bench/worktree.sh                              # prints the table
#   tests/bench/worktree.sh --write docs/performance.md  # and puts it there
#
# Needs cargo, git and python3. REPS rounds count (5), in a directory of TMPFS (/dev/shm).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d -p "${TMPFS:-/dev/shm}")
trap 'rm -rf "$work"' EXIT
repo=$work/repo
git init -q -b main "$repo"
for dir in $(seq 200); do
    mkdir "$repo/$dir"
    for file in $(seq 50); do
        head -c 4096 /dev/urandom | base64 >"$repo/$dir/$file"
    done
done
git -C "$repo" config gc.auto 0
git -C "$repo" add -A
git -C "$repo" -c user.name=b -c user.email=b@example.org commit -qm files
git -C "$repo" gc -q
export CALLSHEET_DURABILITY=relaxed CALLSHEET_BENCH_TREES=$work
# Git and the system do the work, so how callsheet is compiled matters little.
cargo test --quiet -p exec-native --lib -- --exact worktree::tests::bench::twenty_trees --nocapture |
    grep -E '^\| ' >"$work/table"
cat "$work/table"
if [ "${1:-}" = --write ]; then
    python3 - "$2" "$work/table" <<'PY'
import re
import sys

path, table = sys.argv[1:]
with open(table, encoding="utf-8") as file:
    rows = file.read()
with open(path, encoding="utf-8") as file:
    text = file.read()
begin, end = "<!-- measured worktree -->\n", "<!-- end worktree -->"
text, count = re.subn(f"{begin}.*?{end}", lambda _: begin + rows + end, text, flags=re.DOTALL)
if count != 1:
    sys.exit(f"{path} has no place for the table")
with open(path, "w", encoding="utf-8") as file:
    file.write(text)
PY
fi
