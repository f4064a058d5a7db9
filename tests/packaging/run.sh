#!/usr/bin/env bash
# Packs the npm package as it is published, installs it from the tarball into projects of their own
# and uses it in every host: Node, Deno, Bun, workerd, bundlers, a browser. The last line is
# "packaging: N passed, M failed". Arguments name test files; all of them by default.
#
#   UPDATE_EXPECT=1 tests/packaging/run.sh    also rewrites files.txt and npm/api/
#
# The tools come from package-lock.json by `npm ci`, once. The browser is the one that CHROMIUM
# names, else the system's Chromium, else Debian's package (as root), else the one that
# playwright-core downloads; without any the browser's tests are skipped, which is said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../npm/testing.sh
tests=("$@")
[ $# -gt 0 ] || tests=(test/*.test.js)

system_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# Sets CHROMIUM, or leaves it empty.
find_browser() {
    if [ -n "${CHROMIUM:-}" ] || CHROMIUM=$(system_browser); then return; fi
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        printf 'Installing the Debian package chromium, in which pages are tested.\n'
        if { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1 &&
            CHROMIUM=$(system_browser); then return; fi
    fi
    printf 'Downloading the Chromium of playwright-core, in which pages are tested.\n'
    node_modules/.bin/playwright-core install --no-shell chromium >/dev/null 2>&1 ||
        printf 'It could not be downloaded: pages are not tested.\n'
    CHROMIUM=$(node -p 'require("playwright-core").chromium.executablePath()')
    [ -x "$CHROMIUM" ] || CHROMIUM=
}

build_package
install_tools .
find_browser
export CHROMIUM

CALLSHEET_PACKED=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/callsheet-packaging.XXXXXX")")
export CALLSHEET_PACKED
trap 'rm -rf "$CALLSHEET_PACKED"' EXIT
node pack.js
run_tests packaging "${tests[@]}"
