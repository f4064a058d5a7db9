#!/usr/bin/env bash
# Measures the WebAssembly module, whole and with parts of its features.
#
#   tests/bench/wasm-size.sh                              prints the table
#   tests/bench/wasm-size.sh --write docs/performance.md  puts it into the document too
#
# Fails when a module is larger than its budget, or imports anything. Needs what
# plan-wasm/build.sh needs, node and gzip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
document=
case "${1:-}" in
'') ;;
--write) document=${2:?--write needs a file} ;;
*)
    printf 'usage: tests/bench/wasm-size.sh [--write FILE]\n' >&2
    exit 64
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Features, and the budget in bytes as gzip -9 makes them.
sets=(
    'persona -'
    'fleet -'
    'workflow -'
    'persona,fleet 90000'
    'persona,resolve -'
    'persona,lint -'
    'persona,schema -'
    'persona-kit -'
    'all 200000'
)
for set in "${sets[@]}"; do
    name=${set% *}
    if [ "$name" = all ]; then
        plan-wasm/build.sh "$work/$name"
    else
        plan-wasm/build.sh "$work/$name" "$name"
    fi
done
node -e '
const { readFileSync, writeFileSync } = require("node:fs");
const { execFileSync } = require("node:child_process");
const zlib = require("node:zlib");
const [work, document, ...sets] = process.argv.slice(1);
const number = (bytes) => (bytes / 1000).toFixed(1);
const rows = ["| features | raw kB | gzip -9 kB | brotli kB | budget, gzip kB |", "| --- | --- | --- | --- | --- |"];
const problems = [];
for (const set of sets) {
  const [name, budget] = set.split(" ");
  const bytes = readFileSync(`${work}/${name}/plan.wasm`);
  // The zlib of Node is another one, which compresses less.
  const gzip = execFileSync("gzip", ["-9c"], { input: bytes, maxBuffer: 1 << 24 }).length;
  const brotli = zlib.brotliCompressSync(bytes).length;
  const limit = budget === "-" ? "" : number(Number(budget));
  rows.push(`| ${name} | ${number(bytes.length)} | ${number(gzip)} | ${number(brotli)} | ${limit} |`);
  if (gzip > Number(budget)) problems.push(`${name}: ${gzip} bytes with gzip -9, the budget is ${budget}`);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  if (imports.length > 0) problems.push(`${name}: imports ${imports.map(({ name }) => name).join(", ")}`);
}
console.log(rows.join("\n"));
if (document) {
  const [start, end] = ["<!-- measured module -->\n", "<!-- end module -->"];
  const [head, rest] = readFileSync(document, "utf8").split(start);
  if (rest === undefined) throw new Error("no place for the table");
  writeFileSync(document, head + start + rows.join("\n") + "\n" + end + rest.split(end)[1]);
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
' "$work" "$document" "${sets[@]}"
