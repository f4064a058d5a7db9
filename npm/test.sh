#!/usr/bin/env bash
# Builds the native program and the package, then runs the package's tests. The last line
# is "npm: N passed, M failed". Arguments name test files; all of them by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./testing.sh
tests=("$@")
[ $# -gt 0 ] || tests=(test/*.test.js)

build_package
run_tests npm "${tests[@]}"
