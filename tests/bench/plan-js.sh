#!/usr/bin/env bash
# Measures planning from JavaScript, through WebAssembly, against its peer,
# @agentworkforce/persona-kit: in Node, in workerd, and what importing costs. Both must give the
# same before anything is timed.
#
#   tests/bench/plan-js.sh                              prints the tables
#   tests/bench/plan-js.sh --write docs/performance.md  puts them into the document too
#
# Needs cargo, node, npm and python3. The peer is fetched once into .cache/bench
# (CALLSHEET_BENCH_CACHE). Recorded cases are used when they are at CALLSHEET_CONFORMANCE or
# beside the repository. ROUNDS count in each measurement (9), RUNS processes an import (21).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=4.1.59
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/plan-js.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
cache=${CALLSHEET_BENCH_CACHE:-.cache/bench}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
corpus=${CALLSHEET_CONFORMANCE:-../shared/conformance}/persona

# fetch PACKAGE DIRECTORY: a package of the registry without its dependencies, once.
fetch() {
    if [ -f "$2/package.json" ]; then return; fi
    local work
    work=$(mktemp -d "$cache/fetch-XXXXXX")
    (cd "$work" && npm pack --silent "$1" >/dev/null && tar -xzf ./*.tgz)
    mkdir -p "$(dirname "$2")"
    rm -rf "$2"
    mv "$work/package" "$2"
    rm -rf "$work"
}

# The package cannot be installed: @relaycast/a2a is not in the registry, and of
# @relayfile/adapter-core only an older version. For the whole package the older one, whose
# catalogs are all that is used, takes that place, and a stub that of the other: once one that does
# nothing, and once one schema made with zod, which the real one uses for many.
peer=$cache/persona-kit-$version
fetch "@agentworkforce/persona-kit@$version" "$peer"
for stub in nothing zod; do
    whole=$cache/persona-kit-$version-$stub
    if [ -f "$whole/.ready" ]; then continue; fi
    rm -rf "$whole"
    cp -r "$peer" "$whole"
    fetch @relayfile/adapter-core@0.3.39 "$whole/node_modules/@relayfile/adapter-core"
    place=$whole/node_modules/@relaycast/a2a
    mkdir -p "$place"
    printf '{ "name": "@relaycast/a2a", "type": "module", "exports": "./index.js" }\n' >"$place/package.json"
    if [ "$stub" = nothing ]; then
        printf 'export const A2aAgentCardSchema = { parse: (card) => card };\n' >"$place/index.js"
    else
        fetch zod@4.6.7 "$whole/node_modules/zod"
        cat >"$place/index.js" <<'STUB'
import { z } from 'zod';
const skill = z.object({ id: z.string().min(1), name: z.string().min(1), description: z.string() });
export const A2aAgentCardSchema = z.object({
  name: z.string().min(1), description: z.string(), url: z.url(), version: z.string().min(1),
  skills: z.array(skill).min(1),
}).loose();
STUB
    fi
    touch "$whole/.ready"
done

. npm/testing.sh
build_package
install_tools tests/packaging
# Neighbours disturb less at a higher priority, where that is allowed.
first=()
if nice -n -10 true 2>/dev/null; then first=(nice -n -10); fi

persona='{ personaId: "p", harness: "claude", model: "m", systemPrompt: "s", harnessSettings: { reasoning: "low", timeoutSeconds: 60 }, skills: [] }'
plan=$PWD/npm/plan/node.js
load() { printf 'await import(%s);' "'$1'"; }
use() { printf 'const { buildPersonaSpawnPlan } = await import(%s); buildPersonaSpawnPlan(%s, {});' "'$1'" "$persona"; }
module=(node --input-type=module -e)
tables=$(
    printf 'Node %s, workerd %s, %s, %s.\n\n' "$(node --version)" \
        "$(node -p 'require("./tests/packaging/node_modules/workerd/package.json").version')" \
        "$(grep -m1 'model name' /proc/cpuinfo 2>/dev/null | cut -d: -f2 | xargs || uname -m)" "$(nproc) cores"
    "${first[@]}" node tests/bench/plan-js.mjs --peer "$peer" --corpus "$corpus" --rounds "${ROUNDS:-9}"
    "${first[@]}" python3 tests/bench/cpu.py "${RUNS:-21}" --above \
        'an empty module' "${module[@]}" '' --- \
        "\`import 'callsheet/plan'\`" "${module[@]}" "$(load "$plan")" --- \
        "\`import 'callsheet/plan'\` and a first plan" "${module[@]}" "$(use "$plan")" --- \
        "\`import 'callsheet'\`" "${module[@]}" "$(load "$PWD/npm/index.js")" --- \
        'the peer, its missing dependency replaced by nothing' \
        "${module[@]}" "$(load "$peer-nothing/dist/index.js")" --- \
        'the peer, its missing dependency replaced by one zod schema' \
        "${module[@]}" "$(load "$peer-zod/dist/index.js")" --- \
        'the peer with that schema, and a first plan' "${module[@]}" "$(use "$peer-zod/dist/index.js")" --- \
        'its plan module, which it does not export' "${module[@]}" "$(load "$peer/dist/plan.js")"
)
printf '%s\n' "$tables"
if [ -n "$document" ]; then
    TABLES=$tables node -e '
const { readFileSync, writeFileSync } = require("node:fs");
const [start, end] = ["<!-- measured js -->\n", "<!-- end js -->"];
const text = readFileSync(process.argv[1], "utf8");
const [head, rest] = text.split(start);
if (rest === undefined) throw new Error("no place for the tables");
writeFileSync(process.argv[1], head + start + process.env.TABLES + "\n" + end + rest.split(end)[1]);
' "$document"
fi
