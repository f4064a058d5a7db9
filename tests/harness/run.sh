#!/usr/bin/env bash
# Drives real coding agents, claude, codex and opencode, through callsheet: without their makers'
# servers, against a scripted model on loopback. The last line is "harness: N passed, M failed".
# Arguments name test files; all of them by default.
#
# The programs come from package-lock.json, once, into a directory that outlives a checkout:
# CALLSHEET_HARNESS_CACHE, else callsheet/ in the user's cache. Without a registry, and on machines
# for which no programs are pinned, nothing is tested, which is said. CALLSHEET names a callsheet
# to test instead of building it; CALLSHEET_HARNESS_KEEP=1 keeps what the cases leave behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../npm/testing.sh
tests=("$@")
[ $# -gt 0 ] || tests=(test/*.test.js)

skip() {
    printf 'skipped: %s\nharness: 0 passed, 0 failed\n' "$1"
    exit 0
}

# The versions as they stand in package.json, in one word.
versions() {
    node -p 'Object.entries(require("./package.json").dependencies).map(([name, version]) =>
        name.replace(/^@[^/]*\//, "").replace(/(-code)?-linux-x64$/, "") + "-" + version.replace(/^.*@|-linux.*$/g, "")).join("-")'
}

# Installs the programs below $1, all or nothing.
install_programs() {
    local fresh=$1.$$ log
    if cmp -s package-lock.json "$1/package-lock.json"; then return; fi
    printf 'Installing the agents of package.json in %s (0.3 GB to fetch, 0.9 GB in the end).\n' "$1"
    rm -rf "$1" "$fresh"
    mkdir -p "$fresh"
    cp package.json "$fresh"
    cp package-lock.json "$fresh/lock"
    mv "$fresh/lock" "$fresh/package-lock.json"
    if ! log=$(npm ci --prefix "$fresh" --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 2>&1); then
        rm -rf "$fresh"
        if grep -qE 'E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH|NOTCACHED)|SOCKET_TIMEOUT|IDLETIMEOUT' <<<"$log"; then
            skip "the registry of npm cannot be reached, and the agents are not installed"
        fi
        printf '%s\n' "$log" >&2
        return 1
    fi
    mv -T "$fresh" "$1"
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "the agents are pinned for Linux on x86_64 only"
cache=${CALLSHEET_HARNESS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/callsheet}
programs=$cache/harness-$(versions)
install_programs "$programs"

if [ -z "${CALLSHEET:-}" ]; then
    cargo build --quiet -p exec-native --bin callsheet
    CALLSHEET=$(realpath "${CARGO_TARGET_DIR:-../../target}/debug/callsheet")
fi
CALLSHEET_HARNESS_WORK=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/callsheet-harness.XXXXXX")")
[ "${CALLSHEET_HARNESS_KEEP:-}" = 1 ] || trap 'chmod -R u+w "$CALLSHEET_HARNESS_WORK" && rm -rf "$CALLSHEET_HARNESS_WORK"' EXIT
# The native programs alone: their wrappers for Node are not installed.
CALLSHEET_HARNESS_BIN=$CALLSHEET_HARNESS_WORK/bin
mkdir "$CALLSHEET_HARNESS_BIN"
for program in @anthropic-ai/claude-code-linux-x64/claude opencode-linux-x64/bin/opencode \
    @openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex; do
    ln -s "$programs/node_modules/$program" "$CALLSHEET_HARNESS_BIN/"
done
export CALLSHEET CALLSHEET_HARNESS_WORK CALLSHEET_HARNESS_BIN
run_tests harness "${tests[@]}"
