#!/usr/bin/env bash
# The README's test command: makes ready what is missing, then runs everything.
#
#   tests/run.sh            all steps
#   tests/run.sh --fast     without the npm package, real agents, documentation, wasm32 lints and
#                           the examples
#
# Every test that a runner reports counts; a step without a runner (formatting, lints,
# documentation, the examples) counts as one. The last line is "N passed, N failed".
# CALLSHEET_SKIP_WASM=1 leaves out what needs a WebAssembly target.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
fast=no
[ "${1:-}" = --fast ] && fast=yes

passed=0
failed=0
log=$(mktemp "${TMPDIR:-/tmp}/callsheet-tests.XXXXXX")
trap 'rm -f "$log"' EXIT

say() { printf '\n== %s\n' "$*"; }
skip() { printf '\n-- skipped: %s\n' "$*"; }
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# check NAME COMMAND…: a step that counts as one.
check() {
    say "$1"
    shift
    if "$@"; then
        count 1 0
    else
        printf 'failed: %s\n' "$*" >&2
        count 0 1
    fi
}

# sum PATTERN: adds up the numbers before PATTERN in the runner's summaries.
sum() { grep -oE "[0-9]+ $1" "$log.summary" | awk '{ total += $1 } END { print total + 0 }'; }

# tests NAME SUMMARY COMMAND…: a step whose runner prints lines that match SUMMARY.
tests() {
    local name=$1 summary=$2 ended=0 good bad
    shift 2
    say "$name"
    "$@" 2>&1 | tee "$log" || ended=${PIPESTATUS[0]}
    # Colours would hide the numbers.
    sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E "$summary" >"$log.summary"
    good=$(sum passed)
    bad=$(sum '(failed|timed out|exec failed)')
    rm -f "$log.summary"
    # A runner that failed without naming a test, or stopped before its summary.
    if [ "$ended" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    count "$good" "$bad"
}

finish() {
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}

# --- Set-up. Each tool says what it installs; nothing is installed twice. ---
say "Set-up"
if ! command -v cargo >/dev/null; then
    printf 'cargo is not on PATH. Install Rust from https://rustup.rs and run this again.\n' >&2
    count 0 1
    finish
fi
cargo --version
# The tests with faults stop programs at single system calls, and fleets run in tmux;
# without these they say so.
for tool in strace tmux; do
    if ! command -v "$tool" >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        printf 'Installing %s, which tests use.\n' "$tool"
        apt-get install -qq -y "$tool" >/dev/null || skip "$tool could not be installed"
    fi
done
wasm=no
if [ "${CALLSHEET_SKIP_WASM:-}" = 1 ]; then
    skip "WebAssembly (CALLSHEET_SKIP_WASM=1)"
elif sh tests/setup-wasm.sh; then
    wasm=yes
else
    count 0 1
fi
has_wasm_target() { [ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ]; }

# --- Steps. Everything native is built with the same settings, so it is built once. ---
# `bindgen` needs the core with another feature, and more crates than all the rest.
native=(--workspace --exclude bindgen)
check "Formatting" cargo fmt --all --check
check "Lints" cargo clippy --quiet "${native[@]}" --all-targets -- -D warnings
if [ "$fast" = no ]; then
    check "Lints of the package's tool" cargo clippy --quiet -p bindgen -- -D warnings
fi
if [ "$fast" = no ] && [ "$wasm" = yes ] && has_wasm_target; then
    check "Lints for wasm32" cargo clippy --quiet -p plan-core -p plan-wasm \
        --target wasm32-unknown-unknown -- -D warnings
else
    skip "lints for wasm32 (no target, or --fast)"
fi

# Tests start these often, and would each have to ask cargo whether they are up to date.
check "Programs" cargo build --quiet "${native[@]}" --bins
target=$(cargo metadata --no-deps --format-version 1 | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
export CALLSHEET=$target/debug/callsheet STAND_IN=$target/debug/stand-in

# Unit tests, rules of the repository, conformance, and a short run of the fuzz targets.
if cargo nextest --version >/dev/null 2>&1; then
    tests "Tests" '^ *Summary \[' cargo nextest run "${native[@]}" --no-fail-fast
else
    tests "Tests" '^test result:' cargo test "${native[@]}" --lib --bins --tests --no-fail-fast
fi
# The same test again with its counts by file: the runner above shows failures only.
check "Recordings, by file" cargo test --quiet -p tests --test it conformance:: -- --nocapture
tests "Documentation tests" '^test result:' cargo test "${native[@]}" --doc --no-fail-fast

if [ "$fast" = no ]; then
    node_is() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= +process.argv[1]) ? 0 : 1)' "$1"; }
    if command -v npm >/dev/null && node_is 0; then
        tests "The npm package" '^npm: ' npm/test.sh
        tests "YAML against npm's" '^yaml: ' tests/yaml-differential/run.sh
        tests "The relay SDK" '^relay-sdk: ' examples/relay-sdk/test.sh
    else
        skip "the npm package (needs Node 20 or newer)"
    fi
    # From its tarball, in Node, Deno, Bun, workerd, bundlers and Chromium.
    if [ "$wasm" = yes ] && command -v npm >/dev/null && node_is 19; then
        tests "The npm package, packed" '^packaging: ' tests/packaging/run.sh
    else
        skip "the packed npm package (needs WebAssembly and Node 20.19 or newer)"
    fi
    # claude, codex and opencode against a scripted model; skipped without a registry.
    if command -v npm >/dev/null && node_is 0; then
        tests "Real agents" '^harness: ' tests/harness/run.sh
    else
        skip "real agents (needs npm and Node 20 or newer)"
    fi
    check "Documentation" env RUSTDOCFLAGS="-D warnings" \
        cargo doc --quiet "${native[@]}" --exclude tests --exclude examples --no-deps
    check "Examples: first light of every persona" examples/first-light.sh --all
    check "Examples: a workflow" examples/workflow/workflow.sh
    check "Examples: a fleet of processes" examples/fleet/fleet.sh --transport process
    if command -v tmux >/dev/null; then
        check "Examples: a fleet in tmux" examples/fleet/fleet.sh --transport tmux
    else
        skip "the example's fleet in tmux (not installed)"
    fi
else
    skip "the npm package, packed and not, real agents, documentation and examples (--fast)"
fi
if cargo deny --version >/dev/null 2>&1; then
    check "Supply chain" cargo deny check bans licenses sources
else
    skip "supply chain (cargo-deny is not installed: cargo install cargo-deny)"
fi
finish
