#!/usr/bin/env bash
# Measures 20 trees of a repository with 10 000 files on tmpfs: one `git worktree add` after
# the other, beside trees made in two phases.
#
#   tests/bench/worktree.sh
#
# Needs cargo and git. REPS rounds count (5), in a directory of TMPFS (/dev/shm).
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
# Git does the work, so how callsheet is compiled does not matter.
cargo test --quiet -p exec-native --lib -- --exact worktree::tests::bench::twenty_trees --nocapture |
    grep -E '^(20|removing|ratio) '
