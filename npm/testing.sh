# Sourced by the scripts that test the package, this one's test.sh and tests/packaging/run.sh.

# Brings the tools of a directory's lock file, once.
install_tools() {
    if ! cmp -s "$1/package-lock.json" "$1/node_modules/.lock"; then
        printf 'Installing the tools of %s/package-lock.json.\n' "$(basename "$(realpath "$1")")"
        npm ci --prefix "$1" --no-audit --no-fund --ignore-scripts --loglevel=error
        cp "$1/package-lock.json" "$1/node_modules/.lock"
    fi
}

# Builds the native program and the package of this directory, and says by CALLSHEET_BIN where
# the program is. A program that CALLSHEET_BIN names already is taken as it is, and with
# CALLSHEET_SKIP_WASM=1 a plan/plan.wasm that is there.
build_package() {
    local here
    here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
    if [ -z "${CALLSHEET_BIN:-}" ]; then
        cargo build --quiet -p exec-native --bin callsheet
        CALLSHEET_BIN=$(realpath "${CARGO_TARGET_DIR:-$here/../target}/debug/callsheet")
    fi
    export CALLSHEET_BIN
    install_tools "$here"
    if [ "${CALLSHEET_SKIP_WASM:-}" = 1 ] && [ -f "$here/plan/plan.wasm" ]; then
        node "$here/build.mjs" --no-wasm
    else
        node "$here/build.mjs"
    fi
}

# run_tests NAME FILE…: the last line is "NAME: N passed, M failed".
run_tests() {
    local name=$1 log ended=0 failed
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/callsheet-npm.XXXXXX")
    node --test --test-reporter=spec "$@" 2>&1 | tee "$log" || ended=$?
    number() { awk -v word="$1" '$2 == word { found = $3 } END { print found + 0 }' "$log"; }
    failed=$(($(number fail) + $(number cancelled)))
    # A runner that stopped before its summary.
    if [ "$ended" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    printf '%s: %s passed, %s failed\n' "$name" "$(number pass)" "$failed"
    rm -f "$log"
    return "$ended"
}
