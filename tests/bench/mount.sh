#!/usr/bin/env bash
# Measures views of a project and the executor against @relayfile/local-mount, in one run
# and on the same directories.
#
#   tests/bench/mount.sh                              prints the tables
#   tests/bench/mount.sh --write docs/performance.md  puts them into the document too
#
# Needs cargo, node, npm and git. The peer is installed once into .cache/bench
# (CALLSHEET_BENCH_CACHE). The directories lie on /dev/shm (CALLSHEET_BENCH_DIR) and take
# up to 3 GB; REPS runs count (5), and SIZES says how many files (1000 10000 50000).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=0.7.40
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/mount.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cache=${CALLSHEET_BENCH_CACHE:-.cache/bench}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
peer=$cache/local-mount-$version
if [ ! -f "$peer/node_modules/@relayfile/local-mount/dist/index.js" ]; then
    mkdir -p "$peer"
    npm install --silent --no-save --prefix "$peer" "@relayfile/local-mount@$version" >/dev/null
fi
cargo build --quiet --release -p exec-native -p tests --bins
release=${CARGO_TARGET_DIR:-target}/release
place=$(mktemp -d "${CALLSHEET_BENCH_DIR:-/dev/shm}/callsheet-bench-XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir "$place/repos" "$place/tmp"
# Neighbours disturb less at a higher priority, where that is allowed.
first=()
if nice -n -10 true 2>/dev/null; then first=(nice -n -10); fi

sizes=${SIZES:-1000 10000 50000}
for size in $sizes; do
    "$release/bench_mount" generate "$place/repos/$size files" "$size" 0 >/dev/null
done
"$release/bench_mount" generate "$place/repos/10000 files, 500 MB node_modules" 10000 500 >/dev/null
git_repo="$place/repos/10000 files in git"
"$release/bench_mount" generate "$git_repo" 10000 0 >/dev/null
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git -C "$git_repo" init --quiet
git -C "$git_repo" add --all
git -C "$git_repo" -c user.name=bench -c user.email=bench@localhost commit --quiet --message all
"$release/callsheet" -q plan examples/personas/bug-fixer.json --json >"$place/plan.json"

tables=$("${first[@]}" node tests/bench/mount.mjs --peer "$peer/node_modules/@relayfile/local-mount/dist/index.js" \
    --ours "$release" --place "$place" --reps "${REPS:-5}")
printf '%s\n' "$tables"
if [ -n "$document" ]; then
    printf '%s\n' "$tables" | node tests/bench/put.mjs "$document" views
fi
