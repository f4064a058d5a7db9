#!/usr/bin/env bash
# Measures the persona planner against its peer, @agentworkforce/persona-kit, in one run
# and on the same inputs; before that, both must print the same bytes.
#
#   tests/bench/persona.sh                              prints the tables
#   tests/bench/persona.sh --write docs/performance.md  puts them into the document too
#
# Needs cargo, node, npm and python3. The peer is fetched once into .cache/bench
# (CALLSHEET_BENCH_CACHE). Recorded cases are used when they are at
# CALLSHEET_CONFORMANCE or beside the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=4.1.59
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/persona.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cache=${CALLSHEET_BENCH_CACHE:-.cache/bench}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
corpus=${CALLSHEET_CONFORMANCE:-../shared/conformance}/persona

# The package itself cannot be installed, because one of its dependencies is missing in
# the registry; the modules that are measured need none.
peer=$cache/persona-kit-$version
if [ ! -f "$peer/dist/plan.js" ]; then
    (cd "$cache" && npm pack --silent "@agentworkforce/persona-kit@$version" >/dev/null)
    rm -rf "$cache/package"
    tar -xzf "$cache/agentworkforce-persona-kit-$version.tgz" -C "$cache"
    rm -rf "$peer"
    mv "$cache/package" "$peer"
fi

cargo build --quiet --release -p exec-native -p tests --bins
release=${CARGO_TARGET_DIR:-target}/release
# Neighbours disturb less at a higher priority, where that is allowed.
first=()
if nice -n -10 true 2>/dev/null; then first=(nice -n -10); fi

tables=$(
    printf 'Node %s, %s, %s, %s.\n\n' "$(node --version)" "$(rustc --version | cut -d' ' -f1-2)" \
        "$(grep -m1 'model name' /proc/cpuinfo 2>/dev/null | cut -d: -f2 | xargs || uname -m)" \
        "$(nproc) cores"
    "${first[@]}" node tests/bench/persona.mjs --peer "$peer" --ours "$release/bench_persona" --corpus "$corpus"
    printf '\n'
    persona=examples/personas/bug-fixer.json
    "$release/callsheet" persona show --selection --edition persona-kit-4 "$persona" \
        2>/dev/null >"$cache/selection.json"
    script="import { readFileSync } from 'node:fs';
import { buildPersonaSpawnPlan } from '$peer/dist/plan.js';
const plan = buildPersonaSpawnPlan(JSON.parse(readFileSync('$cache/selection.json', 'utf8')), {});
process.stdout.write(JSON.stringify(plan));"
    "${first[@]}" python3 tests/bench/cpu.py 41 \
        '`callsheet plan PERSONA --json`' "$release/callsheet" -q plan "$persona" --json --- \
        '`callsheet plan PERSONA --edition persona-kit-4 --json`' \
        "$release/callsheet" -q plan "$persona" --edition persona-kit-4 --json --- \
        'the peer: `node -e` with its plan module' node --input-type=module -e "$script" --- \
        '`node -e 0`' node -e 0 --- \
        '`true`' true
)
printf '%s\n' "$tables"

if [ -n "$document" ]; then
    tables=$tables python3 - "$document" <<'PYTHON'
import os, re, sys

path = sys.argv[1]
text = open(path, encoding="utf-8").read()
block = f"<!-- measured -->\n{os.environ['tables']}\n<!-- end -->"
text, found = re.subn(r"<!-- measured -->.*<!-- end -->", lambda _: block, text, flags=re.S)
if found != 1:
    sys.exit(f"{path} has no place for the tables: <!-- measured --> … <!-- end -->")
open(path, "w", encoding="utf-8").write(text)
PYTHON
fi
